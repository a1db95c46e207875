"""`python -m archive` on a folder: rows, interruptions, deaths, cancelling, and what is collected."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import tomllib
from collections import Counter
from contextlib import suppress
from pathlib import Path

import duckdb
import psutil
import pytest

from archive import jobs
from archive.__main__ import main
from archive.batches import ROWS_ONLY, Batch, Item
from archive.errors import WrongModel
from archive.folder import FolderImages, FolderRecords
from archive.here import Place, work_here
from archive.jobs import Job
from archive.places import Tally
from archive.status import status
from archive.submitting import failed
from archive.work import work_off
from inference.service import Service
from inference.settings import Settings
from tests.archive.cloud import ask, drawn, expected, said
from tests.tools.running import REPOSITORY
from tests.waiting import until

VERSION = Service(Settings()).model()["version"]


def rows(store: Path) -> list[dict[str, object]]:
    """All rows of all shards of the one job."""
    return [
        json.loads(line)
        for shard in sorted(store.rglob("*.jsonl"))
        for line in shard.read_text().splitlines()
    ]


def put(folder: Path, images: dict[str, bytes]) -> Path:
    """Write images into a folder."""
    for name, data in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_folder_gets_the_rows_that_the_command_line_of_inference_gives(tmp_path: Path) -> None:
    images = drawn(40, broken=20) | {"notes.txt": b"no image", "small.png": b""}
    reference = expected(images, tmp_path / "files")
    store = tmp_path / "store"
    done = ask("submit", str(tmp_path / "files"), "--store", str(store), "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "answered    38\n" in done.stdout
    assert "failed      4\n" in done.stdout
    assert {row["name"]: said(row) for row in rows(store)} == reference
    assert len(rows(store)) == 42

    name = done.stdout.split()[1]
    to = tmp_path / "results.parquet"
    collected = ask("collect", name, "--store", str(store), "--to", str(to))
    assert collected.returncode == 0, collected.stderr
    assert "42 images, one row each" in collected.stdout
    assert "clinic-1" in (tmp_path / "results.html").read_text()
    counts = duckdb.sql(
        f"SELECT outcome, count(*), min(p_normal) IS NULL FROM '{to}' GROUP BY ALL ORDER BY outcome"
    ).fetchall()
    assert counts == [("answered", 38, False), ("failed", 4, True)]


def ended(process: psutil.Process) -> bool:
    """Whether it runs no more, whoever has yet to take note of that."""
    with suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def test_a_killed_job_goes_on_where_it_was_and_counts_nothing_twice(tmp_path: Path) -> None:
    put(tmp_path / "files", drawn(160))
    store = tmp_path / "store"
    line = ["submit", str(tmp_path / "files"), "--store", str(store), "--workers", "1"]
    first = subprocess.Popen([sys.executable, "-m", "archive", *line], cwd=REPOSITORY)
    until(lambda: list(store.rglob("*.jsonl")))
    workers = psutil.Process(first.pid).children(recursive=True)
    first.send_signal(signal.SIGKILL)
    first.wait()
    until(lambda: all(map(ended, workers)))
    before = {shard: shard.stat().st_mtime_ns for shard in store.rglob("*.jsonl")}
    assert 0 < len(before) < 10
    assert ask(*line).returncode == 0
    after = {shard: shard.stat().st_mtime_ns for shard in store.rglob("*.jsonl")}
    assert len(after) == 10
    assert before.items() <= after.items()
    assert Counter(row["name"] for row in rows(store)).most_common(1)[0][1] == 1
    assert len(rows(store)) == 160


def test_a_name_that_is_no_utf_8_is_told_and_the_same_command_goes_on(tmp_path: Path) -> None:
    files = put(tmp_path / "files", drawn(1))
    odd = os.fsencode(files / "clinic-0") + b"/M\xfcller.jpg"
    Path(os.fsdecode(odd)).write_bytes(b"no image")
    line = ("submit", str(files), "--store", str(tmp_path / "store"), "--workers", "1")
    done = ask(*line)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: In {files / 'clinic-0'} is a name that is no UTF-8: 'M\\udcfcller.jpg'. "
        "Rename it and give the same command again.\n"
    )
    os.rename(odd, files / "Müller.jpg")
    done = ask(*line)
    assert done.returncode == 0, done.stderr
    names = {row["name"] for row in rows(tmp_path / "store")}
    assert names == {"Müller.jpg", "clinic-0/00000.jpg"}


def test_links_to_files_count_and_whatever_else_lies_in_a_folder_does_not(tmp_path: Path) -> None:
    files = put(tmp_path / "files", {"a.jpg": b"1", "deep/b.jpg": b"2"})
    outside = put(tmp_path / "outside", {"c.jpg": b"3"})
    (files / "link.jpg").symlink_to(outside / "c.jpg")
    (files / "folder").symlink_to(outside)
    (files / "loop").symlink_to(".")
    (files / "deep" / "itself").symlink_to("itself")
    (files / "nowhere").symlink_to("a.jpg/nothing")
    (files / "lost").symlink_to("nothing")
    os.mkfifo(files / "pipe")
    images = FolderImages(files)
    (page,) = images.pages("", None)
    assert [item.name for item in page.items] == ["a.jpg", "deep/b.jpg", "link.jpg"]
    assert [images.read(item, 10) for item in page.items] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("write", ["write", "write_new"])
def test_what_is_written_is_on_the_disk_before_it_has_its_name(
    write: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[bool] = []
    sync = os.fsync

    def synced(descriptor: int) -> None:
        sync(descriptor)
        there.append((tmp_path / "shards/a.jsonl").exists())
        assert os.fstat(descriptor).st_size == 3

    monkeypatch.setattr(os, "fsync", synced)
    getattr(FolderRecords(tmp_path), write)("shards/a.jsonl", b"row")
    assert there == [False]
    assert (tmp_path / "shards/a.jsonl").read_bytes() == b"row"


@pytest.fixture
def small(tmp_path: Path) -> tuple[Job, FolderRecords, FolderImages]:
    """A job of three images, listed and not begun."""
    folder = put(tmp_path / "files", drawn(3))
    records = FolderRecords(tmp_path / "store")
    job = jobs.named(str(folder), "", VERSION, ROWS_ONLY, False, "three")
    jobs.create(records, job)
    (page,) = jobs.listed(records, FolderImages(folder), job)
    jobs.note_progress(records, job, jobs.Progress(1, len(page.items), True))
    return job, records, FolderImages(folder)


def work(small: tuple[Job, FolderRecords, FolderImages], attempt: int = 0) -> Tally | None:
    """Work its one batch off."""
    job, records, images = small
    (page,) = jobs.written_pages(records, job)
    batch = job.batch(page.items, attempt)
    return work_off(batch, images, records, Service(Settings()), most=10**7, threads=2)


def test_collecting_without_duckdb_says_how_to_get_it(
    small: tuple[Job, FolderRecords, FolderImages],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job, records, _ = small
    monkeypatch.delitem(sys.modules, "archive.collecting", raising=False)
    monkeypatch.setitem(sys.modules, "duckdb", None)  # as if it were not installed
    to = tmp_path / "results.parquet"
    assert main(["collect", job.id, "--store", str(records.path), "--to", str(to)]) == 1
    assert capsys.readouterr().err == (
        "error: duckdb is not installed: pip install 'duckdb>=1.4', or make .venv/dev.stamp.\n"
    )
    wanted = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert "duckdb>=1.4" in wanted["project"]["optional-dependencies"]["archive"]


def test_an_image_that_is_gone_or_another_has_a_row_that_says_so(
    small: tuple[Job, FolderRecords, FolderImages],
) -> None:
    _, records, images = small
    (images.path / "clinic-0/00000.jpg").unlink()
    (images.path / "clinic-1/00001.jpg").write_bytes(b"another one")
    assert work(small) == Tally(1, 0, 2, pytest.approx(0, abs=10))
    found = {row["name"]: row.get("code") for row in rows(records.path)}
    assert found == {
        "clinic-0/00000.jpg": "gone",
        "clinic-1/00001.jpg": "changed",
        "clinic-2/00002.jpg": None,
    }


def test_a_batch_that_comes_again_changes_nothing(
    small: tuple[Job, FolderRecords, FolderImages],
) -> None:
    assert work(small) is not None
    before = rows(small[1].path)
    assert work(small) is None
    assert rows(small[1].path) == before


def test_a_cancelled_job_is_left_and_a_retry_takes_it_up(
    small: tuple[Job, FolderRecords, FolderImages],
) -> None:
    job, records, _ = small
    store = ("--store", str(records.path))
    line = ("submit", job.container, "--job", job.id, *store, "--workers", "1")
    assert ask("cancel", job.id, *store).returncode == 0
    assert work(small) is None
    for left in (ask("status", job.id, *store), ask(*line)):
        assert left.returncode == 1
        assert "three: cancelled" in left.stdout
        assert "left        3\n" in left.stdout
    again = ask("retry", job.id, *store, "--workers", "1")
    assert again.returncode == 0
    assert "three: done" in again.stdout
    assert ask("status", job.id, *store).returncode == 0
    assert len(rows(records.path)) == 3


def test_an_image_that_has_come_back_is_answered_by_a_retry_and_counts_once(
    small: tuple[Job, FolderRecords, FolderImages], tmp_path: Path
) -> None:
    job, records, images = small
    image = images.path / "clinic-0/00000.jpg"
    image.rename(tmp_path / "elsewhere")
    work(small)
    assert status(records, job).tally.failed == 1
    (tmp_path / "elsewhere").rename(image)
    done = ask("retry", job.id, "--store", str(records.path), "--workers", "1")
    assert "1 images are tried again" in done.stdout
    assert "answered    3\n" in done.stdout
    assert "failed      0\n" in done.stdout
    to = tmp_path / "results.parquet"
    ask("collect", job.id, "--store", str(records.path), "--to", str(to))
    assert duckdb.sql(f"SELECT count(*), count(label) FROM '{to}'").fetchall() == [(3, 3)]


def test_what_is_tried_again_in_two_batches_at_once_counts_once(
    small: tuple[Job, FolderRecords, FolderImages], tmp_path: Path
) -> None:
    job, records, images = small
    hidden = tmp_path / "hidden"
    images.path.rename(hidden)
    work(small)  # all three are gone
    first, second, third = (
        item for page in jobs.written_pages(records, job) for item in page.items
    )
    given_up = job.batch((first, second), 1)
    jobs.note_poison(records, given_up, "It was killed.")
    assert [batch.items for batch in failed(records, job, given_up.items)] == [(third,)]
    # A message of an earlier retry that is still under way when the next one is told.
    hidden.rename(images.path)
    for batch in (given_up, job.batch((first, second, third), 1), job.batch((third,), 2)):
        work_off(batch, images, records, Service(Settings()), most=10**7)
    found = status(records, job)
    assert (found.tally.answered, found.tally.failed, found.left) == (3, 0, 0)
    done = ask("retry", job.id, "--store", str(records.path), "--workers", "1")
    assert done.stdout.startswith("0 images are tried again.\n")


@pytest.mark.parametrize(
    ("made", "arrived", "code"),
    [
        (jobs.Progress(1, 3, True), 0, 1),
        (jobs.Progress(1, 3, True), 3, 0),
        (jobs.Progress(1, 3, False), 3, 1),
        (jobs.Progress(), 0, 1),
        (jobs.Progress(), 1, 0),
    ],
    ids=["listed", "done", "more to be listed", "nothing listed", "arrivals are never listed"],
)
def test_the_exit_status_of_status_is_zero_where_nothing_is_left(
    small: tuple[Job, FolderRecords, FolderImages], made: jobs.Progress, arrived: int, code: int
) -> None:
    job, records, images = small
    (page,) = images.pages("", None)
    if arrived:
        batch = job.batch(page.items[:arrived])
        work_off(batch, images, records, Service(Settings()), most=10**7)
    jobs.note_progress(records, job, made)
    assert main(["status", job.id, "--store", str(records.path)]) == code


def test_the_exit_status_is_one_where_a_batch_was_given_up(
    small: tuple[Job, FolderRecords, FolderImages], capsys: pytest.CaptureFixture[str]
) -> None:
    job, records, images = small
    (page,) = images.pages("", None)
    jobs.note_poison(records, job.batch(page.items), "It was killed.")
    assert main(["status", job.id, "--store", str(records.path)]) == 1
    assert "given up    3 images: It was killed." in capsys.readouterr().out


def test_a_model_store_that_does_not_have_the_model_is_no_wrong_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_STORE", str(tmp_path))
    assert main(["submit", str(tmp_path), "--store", str(tmp_path / "store")]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "usage" not in told


def test_pictures_are_kept_beside_the_rows_where_they_are_asked_for(tmp_path: Path) -> None:
    put(tmp_path / "files", drawn(2))
    store = tmp_path / "store"
    ask("submit", str(tmp_path / "files"), "--store", str(store), "--overlays", "--workers", "1")
    found = rows(store)
    assert len(found) == 2
    for row in found:
        (explanation,) = row["explanations"]  # type: ignore[misc]
        assert "base64" not in explanation
        assert (store / explanation["overlay"]).read_bytes()[:3] == b"\xff\xd8\xff"


def test_a_defect_is_in_the_log_and_what_it_says_of_a_patient_nowhere(
    small: tuple[Job, FolderRecords, FolderImages],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tag = "Doe^Jane"

    def decode(data: bytes, **options: object) -> None:
        raise ValueError(tag)

    monkeypatch.setattr("inference.pipeline.decode", decode)
    with caplog.at_level(logging.ERROR, "chest_xray"):
        assert work(small) == Tally(0, 0, 3, pytest.approx(0, abs=10))
    found = rows(small[1].path)
    assert {row["code"] for row in found} == {"internal"}
    assert {row["detail"] for row in found} == {
        "The request could not be answered. The fault is on our side."
    }
    defects = [json.loads(each.getMessage()) for each in caplog.records]
    assert {each["event"] for each in defects} == {"defect"}
    assert {each["request_id"] for each in defects} == {row["request_id"] for row in found}
    for each in defects:
        assert each["trace"].endswith("\nValueError")
        assert "in decode" in each["trace"]
    assert tag not in caplog.text


def test_another_version_than_the_pinned_one_writes_no_row_not_even_of_what_is_broken(
    small: tuple[Job, FolderRecords, FolderImages],
) -> None:
    job, records, images = small
    broken = images.path / "broken.jpg"
    broken.write_bytes(b"no image")
    stat = broken.stat()
    item = Item(broken.name, f"{stat.st_mtime_ns:x}-{stat.st_size:x}")
    other = Batch(job.id, job.container, (item,), "2025.1.1")
    place = Place(str(images.path), str(records.path))
    for worked in (
        lambda: work_off(other, images, records, Service(Settings()), most=10**7),
        lambda: work_here([other], place, workers=1),
    ):
        with pytest.raises(WrongModel, match=r"The job wants version 2025\.1\.1"):
            worked()
    assert rows(records.path) == []


def test_a_batch_is_the_same_read_from_its_message_and_its_shard_another_for_other_images() -> None:
    batch = Batch("job", "container", (Item("a.jpg", "1"), Item("b.jpg", "2")), "2025.1.1")
    assert Batch.decode(batch.encode()) == batch
    assert batch.shard != Batch("job", "container", (Item("a.jpg", "1"),), "2025.1.1").shard


def test_what_cannot_be_is_told_with_what_to_do(tmp_path: Path) -> None:
    store = ("--store", str(tmp_path))
    missing = ask("status", "nothing", *store)
    assert (missing.returncode, missing.stderr) == (
        1,
        f"error: There is no job 'nothing' in {tmp_path}; there are: none.\n",
    )
    nowhere = ask("submit", "no-folder", *store, ARCHIVE_STORE="")
    assert nowhere.returncode == 1
    assert "set ARCHIVE_STORE" in nowhere.stderr
    wrong = ask("submit", os.curdir, *store, "--explain", "fever")
    assert wrong.returncode == 2
    assert "explain is 'fever'" in wrong.stderr


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("https://account.blob.core.windows.net/images", "no folder that can be read, and no"),
        ("/no/folder", "no folder that can be read, and no container's name"),
        ("Images", "no folder that can be read, and no container's name"),
        ("FOLDER", "is a folder, whose jobs are kept in a folder too"),
    ],
)
def test_what_is_neither_a_folder_nor_a_container_is_told_and_azure_not_asked(
    source: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = source.replace("FOLDER", str(tmp_path))
    assert main(["submit", source, "--store", "https://account.blob.core.windows.net"]) == 1
    assert told in capsys.readouterr().err


def test_a_folder_without_an_image_makes_no_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "images").mkdir()
    line = ["submit", str(tmp_path / "images"), "--store", str(tmp_path / "store")]
    assert main(line) == 1
    told = capsys.readouterr().err
    assert told == f"error: There is no image in {tmp_path / 'images'}, so no job was made.\n"
    assert not (tmp_path / "store").exists()


def test_who_submits_once_more_is_told_that_nothing_is_listed_anew(
    small: tuple[Job, FolderRecords, FolderImages],
) -> None:
    job, records, images = small
    work(small)
    (images.path / "new.jpg").write_bytes(b"no image")
    line = ("submit", job.container, "--job", job.id, "--store", str(records.path))
    done = ask(*line, "--workers", "1")
    assert "It was listed before; for what has come since, submit another" in done.stdout
    assert "images      3\n" in done.stdout


def test_a_store_that_is_a_file_has_no_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    assert main(["status", "x", "--store", str(file)]) == 1
    told = capsys.readouterr().err
    assert told == f"error: There is no job 'x' in {file}; there are: none.\n"


def test_a_record_that_cannot_be_read_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "jobs/x/job.json"
    record.mkdir(parents=True)
    assert main(["status", "x", "--store", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"error: {record} cannot be read: Is a directory.\n"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"id": "three"}'])
@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("job.json", "delete it and submit the job once more, by the same command"),
        ("progress.json", "delete it and submit the job once more, by the same command"),
        ("pages/000000.json", "submit its images as another job, with --job"),
        ("poison/x.json", "delete it and retry the job"),
    ],
)
def test_a_damaged_file_of_a_job_is_named_with_what_mends_it(
    path: str,
    remedy: str,
    content: bytes,
    small: tuple[Job, FolderRecords, FolderImages],
    capsys: pytest.CaptureFixture[str],
) -> None:
    job, records, _ = small
    store = ["--store", str(records.path)]
    record = records.path / job.path / path
    record.parent.mkdir(exist_ok=True)
    record.write_bytes(content)
    assert main(["retry", job.id, *store]) == 1
    assert capsys.readouterr().err == f"error: {record} is damaged; {remedy}.\n"
    if remedy.startswith("delete"):
        record.unlink()
        line = ["retry", job.id] if "retry" in remedy else ["submit", job.container]
        name = [] if "retry" in remedy else ["--job", job.id]
        assert main([*line, *name, *store, "--workers", "1"]) == 0
        assert status(records, job).tally.images == 3


@pytest.mark.parametrize("value", ['"1"', "null", "[]"])
def test_a_record_of_another_type_is_damaged(
    value: str,
    small: tuple[Job, FolderRecords, FolderImages],
    capsys: pytest.CaptureFixture[str],
) -> None:
    job, records, _ = small
    record = records.path / job.path / "progress.json"
    record.write_text(f'{{"pages": {value}, "images": 3, "whole": true}}')
    assert main(["status", job.id, "--store", str(records.path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {record} is damaged; ")


@pytest.mark.parametrize("content", [b"no rows\n", b"[]\n", b'{"outcome": "answered", '])
def test_a_damaged_shard_is_named_and_a_retry_mends_it(
    content: bytes,
    small: tuple[Job, FolderRecords, FolderImages],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job, records, _ = small
    work(small)
    (shard,) = records.path.rglob("*.jsonl")
    shard.write_bytes(content)
    store = ["--store", str(records.path)]
    line = ["collect", job.id, *store, "--to", str(tmp_path / "rows.parquet")]
    assert main(line) == 1
    assert capsys.readouterr().err == f"error: {shard} is damaged; delete it and retry the job.\n"
    assert not (tmp_path / "rows.parquet").exists()
    shard.unlink()
    assert main(["retry", job.id, *store, "--workers", "1"]) == 0
    assert main(line) == 0


def test_what_cannot_be_deleted_or_read_of_a_job_is_told(
    small: tuple[Job, FolderRecords, FolderImages],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job, records, _ = small
    store = ["--store", str(records.path)]
    flag = records.path / job.path / "cancelled"
    flag.mkdir()
    assert main(["retry", job.id, *store]) == 1
    assert capsys.readouterr().err.startswith(f"error: {flag} cannot be deleted: ")
    flag.rmdir()
    work(small)
    (shard,) = records.path.rglob("*.jsonl")
    read = Path.read_bytes

    def refusing(path: Path) -> bytes:
        if path == shard:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refusing)
    assert main(["status", job.id, *store]) == 1
    assert capsys.readouterr().err == f"error: {shard} cannot be read: Permission denied.\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("status x --store https://a.blob.core.windows.net/archive", "without a container"),
        ("submit . --workers -1", "'-1' is no number of processes; it takes 1 or more"),
        ("submit . --workers 0", "'0' is no number of processes; it takes 1 or more"),
        ("retry x --workers two", "'two' is no number of processes; it takes 1 or more"),
        ("collect x --to x.html", "'x.html' does not end in .parquet"),
        ("collect x --to results", "'results' does not end in .parquet"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_done(
    line: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    with pytest.raises(SystemExit) as left:
        main([*line.split(), "--store", str(store)])
    assert left.value.code == 2
    assert told in capsys.readouterr().err
    assert not store.exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("rows.parquet", "Is a directory"),
        ("page.parquet", "Is a directory"),
        ("file/rows.parquet", "File exists"),
    ],
)
def test_results_that_cannot_be_written_are_told(
    name: str,
    reason: str,
    small: tuple[Job, FolderRecords, FolderImages],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job, records, _ = small
    (tmp_path / "rows.parquet").mkdir()
    (tmp_path / "page.html").mkdir()
    (tmp_path / "file").write_text("no folder")
    to = tmp_path / name
    assert main(["collect", job.id, "--store", str(records.path), "--to", str(to)]) == 1
    written = to.with_suffix(".html") if name == "page.parquet" else to
    told = capsys.readouterr().err
    assert told.startswith(f"error: {written} cannot be written: ")
    assert reason in told


def test_a_full_disk_is_told_in_a_sentence_whoever_meets_it(
    small: tuple[Job, FolderRecords, FolderImages],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job, records, _ = small
    work(small)

    def collected(*arguments: object) -> None:
        raise duckdb.TransactionException("Failed to commit: No space left on device\nStack trace")

    monkeypatch.setattr("archive.collecting._collected", collected)
    to = tmp_path / "results" / "rows.parquet"
    assert main(["collect", job.id, "--store", str(records.path), "--to", str(to)]) == 1
    assert capsys.readouterr().err == (
        f"error: {to} cannot be written: Failed to commit: No space left on device.\n"
    )
    assert list(to.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (jobs.Progress(1, 3, True), 0),
        (jobs.Progress(1, 3, False), 1),
        (jobs.Progress(2, 4, True), 1),
        (jobs.Progress(), 0),
    ],
    ids=["whole", "listing interrupted", "one without a row", "arrivals are never listed"],
)
def test_collecting_ends_with_zero_where_every_image_has_its_row(
    small: tuple[Job, FolderRecords, FolderImages],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    made: jobs.Progress,
    code: int,
) -> None:
    job, records, _ = small
    work(small)
    jobs.note_progress(records, job, made)
    to = tmp_path / "rows.parquet"
    assert main(["collect", job.id, "--store", str(records.path), "--to", str(to)]) == code
    interrupted = "The listing was interrupted; submit goes on with it." in capsys.readouterr().out
    assert interrupted is (made == jobs.Progress(1, 3, False))


def test_who_has_read_enough_gets_no_trace(small: tuple[Job, FolderRecords, FolderImages]) -> None:
    job, records, _ = small
    reader, writer = os.pipe()
    os.close(reader)
    line = [sys.executable, "-m", "archive", "status", job.id, "--store", str(records.path)]
    done = subprocess.run(line, cwd=REPOSITORY, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
