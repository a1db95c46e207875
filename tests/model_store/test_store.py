import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_store import FolderStore, open_store
from model_store.errors import (
    ActiveDamaged,
    FileNotInVersion,
    ManifestError,
    NoPreviousVersion,
    StoreUnavailable,
    VersionDamaged,
    VersionExists,
    VersionMissing,
)
from tests.model_store.conftest import Make

ROOT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX users, links and signals")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


# Opening


def test_versions_are_listed_by_number(make: Make, tmp_path: Path) -> None:
    for version in ("1.10", "1.9", "2.0-rc1", "1.9.1", "exp"):
        make(version)
    (tmp_path / "store" / ".incoming-0011").mkdir()
    (tmp_path / "store" / "notes.txt").write_text("a file is no version")
    store = FolderStore(tmp_path / "store")
    assert store.versions() == ("exp", "1.9", "1.9.1", "1.10", "2.0-rc1")


def test_an_opened_version_has_the_bytes_that_were_verified(store: FolderStore) -> None:
    model = store.open("2.0", files=("model.tflite", "MODEL_CARD.md"))
    (store.path / "2.0" / "model.tflite").write_bytes(b"changed after it was opened")
    assert model.manifest.version == "2.0"
    assert model.read("model.tflite") == b"a small network for LiteRT"
    assert model.read("MODEL_CARD.md") == b"# What it is for\n"


def test_the_active_version_is_opened_unless_another_is_asked(store: FolderStore) -> None:
    store.promote("2.0")
    assert store.open().manifest.version == "2.0"
    assert store.open("3.0").manifest.version == "3.0"


def test_opening_reads_no_file_that_is_not_asked_for(store: FolderStore) -> None:
    (store.path / "1.0" / "model.keras").unlink()
    model = store.open("1.0")
    assert model.read("model.tflite") == b"a small network for LiteRT"
    with pytest.raises(VersionDamaged, match=r"1\.0/model\.keras is missing"):
        model.read("model.keras")


def test_the_path_of_a_file_is_given_only_after_it_was_verified(store: FolderStore) -> None:
    model = store.open("1.0")
    assert model.path("model.keras") == store.path / "1.0" / "model.keras"
    (store.path / "1.0" / "model.keras").write_bytes(b"the same NETWORK for Keras")
    with pytest.raises(VersionDamaged, match="SHA-256"):
        model.path("model.keras")


def test_a_file_that_cannot_be_read_is_named_with_the_cause(store: FolderStore) -> None:
    file = store.path / "1.0" / "model.tflite"
    file.unlink()
    file.symlink_to(file.name)  # for ever, to itself
    message = f"{file} cannot be read: {os.strerror(errno.ELOOP)}."
    with pytest.raises(StoreUnavailable, match=f"^{re.escape(message)}$"):
        store.open("1.0")


def test_a_file_that_the_manifest_does_not_list_is_not_read(store: FolderStore) -> None:
    (store.path / "1.0" / "extra.bin").write_bytes(b"who put this here?")
    with pytest.raises(FileNotInVersion, match=r"has no extra\.bin; it has: MODEL_CARD\.md, model"):
        store.open("1.0", files=("extra.bin",))


@pytest.mark.parametrize("file", ["../2.0/model.tflite", "/etc/passwd", "manifest.json"])
def test_no_file_name_leads_out_of_the_version(store: FolderStore, file: str) -> None:
    with pytest.raises(FileNotInVersion):
        store.open("1.0").read(file)


@pytest.mark.parametrize("version", ["../store/1.0", "..", ".", "", "/", "1.0/", "4.0", "a\0b"])
def test_no_version_name_leads_out_of_the_store(store: FolderStore, version: str) -> None:
    for act in (store.open, store.verify, store.promote, store.manifest):
        with pytest.raises(
            VersionMissing, match=r"There is no version .* it has: 1\.0, 2\.0, 3\.0"
        ):
            act(version)


def test_a_folder_that_holds_another_version_is_refused(store: FolderStore) -> None:
    (store.path / "2.0").rename(store.path / "4.0")
    with pytest.raises(ManifestError, match=r"4\.0/manifest\.json: version is 2\.0; it takes"):
        store.open("4.0")


@POSIX
def test_a_linked_version_opens_by_its_own_name_only(store: FolderStore, tmp_path: Path) -> None:
    (store.path / "3.0").rename(tmp_path / "elsewhere")
    (store.path / "3.0").symlink_to(tmp_path / "elsewhere")
    (store.path / "latest").symlink_to(store.path / "2.0")
    assert store.verify("3.0").version == "3.0"
    with pytest.raises(ManifestError, match=r"latest/manifest\.json: version is 2\.0"):
        store.verify("latest")


# Verifying


@pytest.mark.parametrize("file", ["model.tflite", "model.keras", "MODEL_CARD.md"])
@pytest.mark.parametrize("position", [0, 8, -1])
def test_one_flipped_bit_in_any_file_is_found(store: FolderStore, file: str, position: int) -> None:
    path = store.path / "1.0" / file
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(VersionDamaged, match=rf"1\.0/{file} does not have the SHA-256"):
        store.verify("1.0")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a small network for LiteR", "has 25 bytes, its manifest 26"),
        (b"a small network for LiteRT!", "has 27 bytes, its manifest 26"),
        (b"", "has 0 bytes, its manifest 26"),
    ],
)
def test_a_truncated_or_longer_file_is_found(
    store: FolderStore, content: bytes, message: str
) -> None:
    (store.path / "1.0" / "model.tflite").write_bytes(content)
    with pytest.raises(VersionDamaged, match=message):
        store.open("1.0")


def test_a_folder_in_place_of_a_file_is_damage(store: FolderStore) -> None:
    (store.path / "1.0" / "model.tflite").unlink()
    (store.path / "1.0" / "model.tflite").mkdir()
    with pytest.raises(VersionDamaged, match="is missing"):
        store.verify("1.0")


def test_a_manifest_that_claims_a_terabyte_takes_no_memory(store: FolderStore) -> None:
    path = store.path / "1.0" / "manifest.json"
    value = json.loads(path.read_text())
    value["files"]["model.tflite"]["size"] = 2**40
    path.write_text(json.dumps(value))
    with pytest.raises(VersionDamaged, match="has 26 bytes, its manifest 1099511627776"):
        store.open("1.0")


# Promoting and rolling back


def test_promote_and_rollback_walk_through_the_history(store: FolderStore) -> None:
    for version in ("1.0", "2.0", "3.0", "1.0"):
        store.promote(version)
    assert (store.path / "ACTIVE").read_text() == "1.0\n3.0\n2.0\n1.0\n"
    assert store.rollback() == "3.0"
    assert store.rollback() == "2.0"
    store.promote("3.0")
    assert store.history() == ("3.0", "2.0", "1.0")
    assert store.rollback() == "2.0"
    assert store.rollback() == "1.0"
    with pytest.raises(NoPreviousVersion, match="promote VERSION"):
        store.rollback()
    assert store.active() == "1.0"


def test_promoting_the_active_version_changes_nothing(store: FolderStore) -> None:
    store.promote("1.0")
    store.promote("1.0")
    assert store.history() == ("1.0",)


def test_a_new_store_has_no_active_version_and_says_how_to_get_one(store: FolderStore) -> None:
    assert store.history() == ()
    with pytest.raises(VersionMissing, match="python -m model_store promote VERSION"):
        store.open()
    with pytest.raises(NoPreviousVersion):
        store.rollback()


@pytest.mark.parametrize("file", ["model.tflite", "model.keras", "MODEL_CARD.md", "manifest.json"])
def test_a_version_that_is_not_whole_is_not_promoted(store: FolderStore, file: str) -> None:
    store.promote("1.0")
    (store.path / "2.0" / file).unlink()
    with pytest.raises((VersionDamaged, ManifestError), match=f"2.0/{file} is missing"):
        store.promote("2.0")
    assert store.history() == ("1.0",)


def test_the_word_active_is_not_promoted(store: FolderStore) -> None:
    store.promote("1.0")
    with pytest.raises(VersionMissing, match="no version 'active'"):
        store.promote("active")


def test_a_damaged_previous_version_is_not_rolled_back_to(store: FolderStore) -> None:
    store.promote("1.0")
    store.promote("2.0")
    (store.path / "1.0" / "model.keras").write_bytes(b"")
    with pytest.raises(VersionDamaged):
        store.rollback()
    assert store.active() == "2.0"


def test_nothing_but_active_changes(store: FolderStore) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.path.rglob("*")}
    store.promote("1.0")
    store.promote("2.0")
    store.rollback()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert names(store.path) == ["1.0", "2.0", "3.0", "ACTIVE"]


@pytest.mark.parametrize("text", ["\n", "2.0\r\n1.0\r\n", "  2.0  \n\n1.0"])
def test_active_may_be_written_by_hand(store: FolderStore, text: str) -> None:
    (store.path / "ACTIVE").write_text(text)
    assert store.history() == (("2.0", "1.0") if text.strip() else ())


@pytest.mark.parametrize("content", [b"../1.0\n", b"1.0\n/etc\n", b"\xff\xfe1\0", b"ACTIVE", b"\0"])
def test_a_damaged_active_is_refused_and_mended_by_promote(
    store: FolderStore, content: bytes
) -> None:
    (store.path / "ACTIVE").write_bytes(content)
    for act in (store.history, store.active, store.open, store.rollback):
        with pytest.raises(ActiveDamaged, match="python -m model_store promote VERSION"):
            act()
    store.promote("3.0")
    assert store.history() == ("3.0",)


def test_active_may_name_a_version_that_is_gone(store: FolderStore) -> None:
    store.promote("3.0")
    shutil.rmtree(store.path / "3.0")
    with pytest.raises(VersionMissing, match=r"no version '3\.0' in .* it has: 1\.0, 2\.0\."):
        store.open()


@pytest.mark.slow
def test_two_processes_that_promote_at_once_leave_active_whole(store: FolderStore) -> None:
    store.promote("3.0")
    script = (
        "import sys; from pathlib import Path; from model_store import FolderStore\n"
        "store = FolderStore(Path(sys.argv[1]))\n"
        "for _ in range(40): store.promote('1.0'); store.promote('2.0')\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(store.path)], cwd=ROOT) for _ in "ab"
    ]
    looks = 0
    while any(process.poll() is None for process in running):
        assert store.active() in {"1.0", "2.0", "3.0"}
        looks += 1
    assert [process.returncode for process in running] == [0, 0]
    assert looks > 1
    assert store.active() == "2.0"
    assert names(store.path) == ["1.0", "2.0", "3.0", "ACTIVE"]


KILLED_BEFORE_RENAME = """
import os, signal, sys
from pathlib import Path
from model_store import FolderStore

def kill(event, arguments):
    if event == "os.rename":
        os.kill(os.getpid(), signal.SIGKILL)

store = FolderStore(Path(sys.argv[1]))
sys.addaudithook(kill)
{act}
"""


@pytest.mark.slow
@POSIX
def test_a_promote_that_is_killed_before_the_rename_changes_nothing(store: FolderStore) -> None:
    store.promote("1.0")
    script = KILLED_BEFORE_RENAME.format(act="store.promote('2.0')")
    killed = subprocess.run([sys.executable, "-c", script, str(store.path)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    [left] = [name for name in names(store.path) if name.startswith(".")]
    assert (store.path / left).read_text() == "2.0\n1.0\n"  # it was as far as that
    assert store.history() == ("1.0",)
    assert store.versions() == ("1.0", "2.0", "3.0")
    store.promote("2.0")
    assert store.history() == ("2.0", "1.0")


NO_ROOM = """
import resource, sys
from pathlib import Path
from model_store import FolderStore
from model_store.errors import StoreUnavailable

store = FolderStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (2, 2))  # a write of more bytes fails, as on a full disk
for act in (lambda: store.promote("2.0"), lambda: store.add(Path(sys.argv[2]))):
    try:
        act()
    except StoreUnavailable as error:
        print(error)
"""


@pytest.mark.slow
@POSIX
def test_a_full_disk_changes_nothing_and_leaves_nothing_behind(
    store: FolderStore, make: Make, tmp_path: Path
) -> None:
    store.promote("1.0")
    command = [sys.executable, "-c", NO_ROOM, str(store.path), str(make("4.0", tmp_path / "new"))]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.count("cannot be written: File too large.") == 2
    assert store.history() == ("1.0",)
    assert names(store.path) == ["1.0", "2.0", "3.0", "ACTIVE"]


# Adding


def test_an_added_version_is_whole_and_not_yet_active(
    store: FolderStore, make: Make, tmp_path: Path
) -> None:
    finished = make("4.0", tmp_path / "training")
    (finished / "notes.txt").write_text("not in the manifest")
    assert store.add(finished) == "4.0"
    assert store.verify("4.0").version == "4.0"
    assert names(store.path / "4.0") == [
        "MODEL_CARD.md",
        "manifest.json",
        "model.keras",
        "model.tflite",
    ]
    assert names(store.path) == ["1.0", "2.0", "3.0", "4.0"]
    assert store.history() == ()


def test_a_version_is_added_under_its_own_name(
    store: FolderStore, make: Make, tmp_path: Path
) -> None:
    temporary = make("4.0", tmp_path / "training").rename(tmp_path / "tmp_x81")
    assert store.add(temporary) == "4.0"


def test_a_version_that_is_there_is_never_overwritten(
    store: FolderStore, make: Make, tmp_path: Path
) -> None:
    (store.path / "1.0" / "notes.txt").write_text("still here")
    with pytest.raises(VersionExists, match=r"Version 1\.0 is in .* already.* another name"):
        store.add(make("1.0", tmp_path / "training"))
    assert (store.path / "1.0" / "notes.txt").read_text() == "still here"


def test_a_damaged_version_is_not_added(store: FolderStore, make: Make, tmp_path: Path) -> None:
    finished = make("4.0", tmp_path / "training")
    (finished / "model.keras").write_bytes(b"another network by mistake")
    with pytest.raises(VersionDamaged, match=r"4\.0/model\.keras"):
        store.add(finished)
    assert names(store.path) == ["1.0", "2.0", "3.0"]


def test_of_many_that_add_the_same_version_at_once_one_succeeds(
    store: FolderStore, make: Make, tmp_path: Path
) -> None:
    finished = make("4.0", tmp_path / "training")
    start = threading.Barrier(8)
    outcomes: list[str] = []

    def add() -> None:
        start.wait()
        try:
            outcomes.append(store.add(finished))
        except VersionExists:
            outcomes.append("exists")

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["4.0"] + ["exists"] * 7
    assert names(store.path) == ["1.0", "2.0", "3.0", "4.0"]


@pytest.mark.slow
@POSIX
def test_an_add_that_is_killed_before_the_rename_leaves_no_version(
    store: FolderStore, make: Make, tmp_path: Path
) -> None:
    finished = make("4.0", tmp_path / "training")
    script = KILLED_BEFORE_RENAME.format(act="store.add(Path(sys.argv[2]))")
    command = [sys.executable, "-c", script, str(store.path), str(finished)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert store.versions() == ("1.0", "2.0", "3.0")
    assert store.add(finished) == "4.0"


def test_adding_makes_a_store_that_does_not_exist_yet(make: Make, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "new" / "store")
    store.add(make("1.0", tmp_path / "training"))
    store.promote("1.0")
    assert store.open().manifest.version == "1.0"


# Folders that cannot be used


@pytest.fixture
def read_only(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderStore]:
    """The store in a folder that may only be read, with 1.0 active and 2.0 before it."""
    store.promote("2.0")
    store.promote("1.0")
    monkeypatch.chdir(store.path)  # nobody may not walk down to where pytest keeps it
    store.path.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # root may write everywhere
    yield FolderStore(Path())
    if root:
        os.seteuid(0)
    store.path.chmod(0o755)


@POSIX
def test_a_read_only_store_serves_and_says_that_it_cannot_be_changed(
    read_only: FolderStore,
) -> None:
    assert read_only.open().read("model.tflite") == b"a small network for LiteRT"
    assert read_only.verify("3.0").version == "3.0"
    with pytest.raises(StoreUnavailable, match="ACTIVE cannot be written: Permission denied"):
        read_only.promote("3.0")
    with pytest.raises(StoreUnavailable, match="ACTIVE cannot be written: Permission denied"):
        read_only.rollback()
    assert read_only.history() == ("1.0", "2.0")
    assert names(Path()) == ["1.0", "2.0", "3.0", "ACTIVE"]


def test_a_store_whose_folder_is_gone_says_so(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "gone")
    for act in (store.versions, store.history, store.open, store.rollback):
        with pytest.raises(StoreUnavailable, match="gone cannot be read: No such file"):
            act()


# Finding a store


def test_a_store_is_the_bundled_one_or_a_folder(bundled: Path, store: FolderStore) -> None:
    assert open_store("bundled", bundled) == FolderStore(bundled)
    assert open_store(str(store.path)) == store


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("https://account.blob.core.windows.net", "a store in Azure is https://ACCOUNT.blob"),
        ("https://account.blob.core.windows.net/models?sig=x", "without a key or a signature"),
        ("no/such/folder", "The store no/such/folder is not a folder; use one that is"),
        ("AccountName=a;AccountKey=secret==", "The store .a connection string. is not a folder"),
        ("https://u:secret@host", "The store host cannot be opened"),
    ],
)
def test_a_store_that_cannot_be_opened_says_what_can_and_repeats_no_secret(
    where: str, message: str
) -> None:
    with pytest.raises(StoreUnavailable, match=message) as caught:
        open_store(where)
    assert "secret" not in str(caught.value)


# What the disk refuses


def refused(path: Path, done: str, why: str) -> str:
    return f"^{re.escape(f'{path} cannot be {done}: {why}.')}$"


def test_an_active_that_cannot_be_read_is_named(store: FolderStore) -> None:
    (store.path / "ACTIVE").mkdir()
    message = refused(store.path / "ACTIVE", "read", "Is a directory")
    with pytest.raises(StoreUnavailable, match=message):
        store.history()


def test_a_store_that_takes_no_version_is_named(
    store: FolderStore, make: Make, tmp_path: Path
) -> None:
    new = make("4.0", tmp_path / "elsewhere")
    shutil.rmtree(store.path)
    store.path.write_text("a file")
    with pytest.raises(StoreUnavailable, match=refused(store.path, "written", "Not a directory")):
        store.add(new)
    assert store.path.read_text() == "a file"


def test_a_store_is_called_by_its_path_and_one_without_versions_says_so(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    assert str(store) == str(tmp_path)
    with pytest.raises(VersionMissing, match=r"\bnone\b"):
        store.manifest("1.0")
