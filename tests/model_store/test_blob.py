"""The store in Azure Blob Storage, against Azurite: what it keeps, whom it tells, how it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from model_store import FolderStore, Model, StoreError, open_serving
from model_store.errors import (
    ActiveChanged,
    ActiveDamaged,
    FileNotInVersion,
    ManifestError,
    NoPreviousVersion,
    StoreUnavailable,
    VersionDamaged,
    VersionExists,
    VersionMissing,
)
from tests.azurite.identity import Identity, IdentityEndpoint
from tests.azurite.relay import Relay
from tests.azurite.server import ACCOUNT, Azure, Azurite
from tests.model_store.conftest import FILES, MANIFEST, Make
from tests.waiting import until

pytest.importorskip("azure.storage.blob", reason="the extra 'azure' is not installed")

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from model_store import blob
from model_store.blob import BlobStore

ROOT = Path(__file__).parents[2]
UNAVAILABLE = (
    b"HTTP/1.1 503 Server Busy\r\nx-ms-error-code: ServerBusy\r\nContent-Length: 0\r\n"
    b"Connection: keep-alive\r\n\r\n"
)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of this test's versions lie here, and requests are repeated at once."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(blob, "PAUSE_SECONDS", 0.01)
    return folder


@pytest.fixture
def credential(azurite: Azurite) -> AzureNamedKeyCredential:
    return AzureNamedKeyCredential(ACCOUNT, azurite.key)


@pytest.fixture
def container(azurite: Azurite, credential: AzureNamedKeyCredential) -> ContainerClient:
    """A new container, for tests that look behind the store's back or reach into it."""
    client = ContainerClient.from_container_url(azurite.url(f"c{uuid.uuid4().hex}"), credential)
    client.create_container()
    return client


@pytest.fixture
def in_azure(container: ContainerClient, credential: Any, make: Make, tmp_path: Path) -> BlobStore:
    """A store in that container with the versions 1.0 and 2.0, of which 1.0 is active."""
    store = BlobStore(container.url, credential)
    for version in ("1.0", "2.0"):
        assert store.add(make(version, tmp_path / "trained")) == version
    store.promote("1.0")
    return store


@pytest.fixture
def behind(
    in_azure: BlobStore, container: ContainerClient, relay: Relay, azurite: Azurite
) -> BlobStore:
    """The same store, seen through the relay."""
    return BlobStore(azurite.url(container.container_name, relay.port), in_azure.credential)


def litert(model: Model) -> bytes:
    return model.read("model.tflite")


def large_version(folder: Path, size: int) -> bytes:
    """Give a version that was made a network of so many bytes, which are drawn; the network."""
    network = os.urandom(size)
    (folder / "model.tflite").write_bytes(network)
    value = json.loads((folder / "manifest.json").read_text())
    value["files"]["model.tflite"] = vars(blob.FileRecord.of(network))
    (folder / "manifest.json").write_text(json.dumps(value))
    return network


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# What it keeps


def test_versions_are_listed_by_number_and_only_when_they_are_whole(
    in_azure: BlobStore, container: ContainerClient, make: Make, tmp_path: Path
) -> None:
    for version in ("1.10", "1.9"):
        in_azure.add(make(version, tmp_path / "trained"))
    container.upload_blob("3.0/model.tflite", b"a broken attempt")
    container.upload_blob("notes.txt", b"no version")
    assert in_azure.versions() == ("1.0", "1.9", "1.10", "2.0")
    with pytest.raises(
        VersionMissing, match=r"no version '3\.0' in .*it has: 1\.0, 1\.9, 1\.10, 2"
    ):
        in_azure.open("3.0")


def test_a_version_is_laid_out_as_in_a_folder(container: ContainerClient, in_azure: Any) -> None:
    assert sorted(container.list_blob_names()) == [
        "1.0/MODEL_CARD.md",
        "1.0/manifest.json",
        "1.0/model.keras",
        "1.0/model.tflite",
        "2.0/MODEL_CARD.md",
        "2.0/manifest.json",
        "2.0/model.keras",
        "2.0/model.tflite",
        "ACTIVE",
    ]
    assert container.download_blob("2.0/model.keras").readall() == b"the same network for Keras"
    assert container.download_blob("ACTIVE").readall() == b"1.0\n"


def test_an_opened_version_has_the_files_that_were_asked_for_and_no_others_are_fetched(
    in_azure: BlobStore,
) -> None:
    model = in_azure.open(files=("model.tflite",))
    assert model.manifest.version == "1.0"
    assert model.read("model.tflite") == b"a small network for LiteRT"
    assert files_in(in_azure.copies.path) == ["1.0/manifest.json", "1.0/model.tflite"]
    assert model.path("model.tflite").read_bytes() == b"a small network for LiteRT"
    with pytest.raises(VersionDamaged, match=r"model\.keras is missing"):
        model.read("model.keras")
    with pytest.raises(FileNotInVersion, match=r"has no extra\.bin"):
        in_azure.open("1.0", files=("extra.bin",))


def test_a_file_that_is_here_is_not_fetched_again_unless_it_was_damaged(
    in_azure: BlobStore, credential: Any
) -> None:
    in_azure.open("1.0")
    fetched: list[str] = []

    def told(what: str, size: int, unit: str) -> Any:
        fetched.append(what)
        return blob.nullcontext(lambda part: None)

    again = BlobStore(in_azure.url, credential, told)
    again.open("1.0")
    assert fetched == []
    (again.copies.path / "1.0" / "model.tflite").write_bytes(b"a small network for LiteR?")
    assert again.open("1.0").read("model.tflite") == b"a small network for LiteRT"
    assert fetched == ["1.0/model.tflite"]


def test_promote_and_rollback_walk_through_the_history(in_azure: BlobStore) -> None:
    assert in_azure.active() == "1.0"
    in_azure.promote("2.0")
    in_azure.promote("2.0")
    assert in_azure.history() == ("2.0", "1.0")
    assert in_azure.manifest().version == "2.0"
    assert in_azure.rollback() == "1.0"
    with pytest.raises(NoPreviousVersion, match="promote VERSION"):
        in_azure.rollback()
    assert in_azure.history() == ("1.0",)


def test_a_new_container_has_no_active_version_and_says_how_to_get_one(
    container: ContainerClient, credential: Any
) -> None:
    store = BlobStore(container.url, credential)
    assert (store.versions(), store.history()) == ((), ())
    with pytest.raises(VersionMissing, match="python -m model_store promote VERSION"):
        store.open()


@pytest.mark.parametrize("version", ["../1.0", "..", "", "1.0/", "4.0", "active"])
def test_what_is_no_version_is_not_promoted(in_azure: BlobStore, version: str) -> None:
    with pytest.raises(VersionMissing, match="There is no version"):
        in_azure.promote(version)
    assert in_azure.history() == ("1.0",)


@pytest.mark.parametrize("content", [b"../1.0\n", b"\xff\xfe1\0", b"ACTIVE"])
def test_a_damaged_active_is_refused_and_mended_by_promote(
    in_azure: BlobStore, container: ContainerClient, content: bytes
) -> None:
    container.upload_blob("ACTIVE", content, overwrite=True)
    for act in (in_azure.history, in_azure.open, in_azure.rollback):
        with pytest.raises(ActiveDamaged, match="python -m model_store promote VERSION"):
            act()
    in_azure.promote("2.0")
    assert in_azure.history() == ("2.0",)


# Who is told


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(
    in_azure: BlobStore, credential: Any, make: Make, tmp_path: Path
) -> None:
    in_azure.add(make("3.0", tmp_path / "trained"))
    both_have_read = threading.Barrier(2)

    def promote(version: str) -> str:
        store = BlobStore(in_azure.url, credential)
        verify = store.verify

        def verify_then_wait(name: str = "active") -> Any:
            manifest = verify(name)
            both_have_read.wait(30)
            return manifest

        object.__setattr__(store, "verify", verify_then_wait)
        try:
            store.promote(version)
        except ActiveChanged as error:
            return str(error)
        return version

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(promote, ("2.0", "3.0")))
    [winner] = {"2.0", "3.0"} & set(told)
    [loser] = set(told) - {winner}
    assert loser == (
        "Somebody else has changed in the meantime which version is active; now it is "
        f"{winner}. Nothing was done; look at it and try again."
    )
    assert in_azure.history() == (winner, "1.0")


def test_the_first_two_promotions_at_once_are_told_apart_too(
    container: ContainerClient, credential: Any, make: Make, tmp_path: Path
) -> None:
    store = BlobStore(container.url, credential)
    store.add(make("1.0", tmp_path / "trained"))
    _, nothing = store._read_active()
    assert nothing is None
    store.promote("1.0")
    with pytest.raises(ActiveChanged, match=r"now it is 1\.0"):
        store.write_active(("2.0",), nothing)


def test_a_repeated_write_whose_first_had_arrived_is_no_conflict(in_azure: BlobStore) -> None:
    _, tag = in_azure._read_active()
    in_azure.write_active(("2.0", "1.0"), tag)
    in_azure.write_active(("2.0", "1.0"), tag)
    assert in_azure.history() == ("2.0", "1.0")


def test_a_version_never_changes(
    in_azure: BlobStore, container: ContainerClient, make: Make, tmp_path: Path
) -> None:
    before = {each.name: each.etag for each in container.list_blobs()}
    with pytest.raises(VersionExists, match=r"Version 1\.0 is in .* already.* another name"):
        in_azure.add(tmp_path / "trained" / "1.0")
    assert {each.name: each.etag for each in container.list_blobs()} == before


def test_a_broken_attempt_to_add_is_taken_up_but_not_one_of_another_network(
    in_azure: BlobStore, container: ContainerClient, make: Make, tmp_path: Path
) -> None:
    for version in ("3.0", "4.0"):
        in_azure.add(make(version, tmp_path / "trained"))
        container.delete_blob(f"{version}/manifest.json")
    assert in_azure.add(tmp_path / "trained" / "3.0") == "3.0"
    assert in_azure.verify("3.0").version == "3.0"
    other = make("4.0", tmp_path / "another")
    network = b"another network for LiteRT"
    (other / "model.tflite").write_bytes(network)
    value = json.loads((other / "manifest.json").read_text())
    value["files"]["model.tflite"]["sha256"] = blob.FileRecord.of(network).sha256
    (other / "manifest.json").write_text(json.dumps(value))
    with pytest.raises(VersionExists):
        in_azure.add(other)
    assert "4.0" not in in_azure.versions()


def test_of_many_that_add_the_same_version_at_once_one_succeeds(
    in_azure: BlobStore, credential: Any, make: Make, tmp_path: Path
) -> None:
    finished = make("3.0", tmp_path / "trained")

    def add(_: int) -> str:
        try:
            return BlobStore(in_azure.url, credential).add(finished)
        except VersionExists:
            return "exists"

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(add, range(6))) == ["3.0"] + ["exists"] * 5
    assert in_azure.verify("3.0").version == "3.0"


def test_a_damaged_version_is_not_added(in_azure: BlobStore, make: Make, tmp_path: Path) -> None:
    finished = make("3.0", tmp_path / "trained")
    (finished / "model.keras").write_bytes(b"another network by mistake")
    with pytest.raises(VersionDamaged, match=r"3\.0/model\.keras"):
        in_azure.add(finished)
    assert in_azure.versions() == ("1.0", "2.0")


# How it fails


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a small network for LiteR?", "does not have the SHA-256 of its manifest"),
        (b"a small network", "has 15 bytes, its manifest 26"),
        (None, "model.tflite is missing"),
    ],
    ids=["wrong hash", "short", "gone"],
)
def test_a_damaged_file_is_found_and_nothing_of_it_is_kept(
    in_azure: BlobStore, container: ContainerClient, content: bytes | None, message: str
) -> None:
    if content is None:
        container.delete_blob("2.0/model.tflite")
    else:
        container.upload_blob("2.0/model.tflite", content, overwrite=True)
    for act in (in_azure.open, in_azure.verify, in_azure.promote):
        with pytest.raises(VersionDamaged, match=message):
            act("2.0")
    assert in_azure.history() == ("1.0",)
    assert files_in(in_azure.copies.path) == []


@pytest.mark.parametrize(
    "content", [b"{}", b"\xff", json.dumps(MANIFEST | {"version": "9"}).encode()]
)
def test_a_bad_manifest_is_refused(
    in_azure: BlobStore, container: ContainerClient, content: bytes
) -> None:
    container.upload_blob("2.0/manifest.json", content, overwrite=True)
    with pytest.raises(ManifestError, match=r"2\.0/manifest\.json"):
        in_azure.open("2.0")


def cut(relay: Relay) -> None:
    relay.cut_after = 20_000


def reset(relay: Relay) -> None:
    relay.cut_after, relay.resets = 20_000, True


def busy(relay: Relay) -> None:
    relay.answers = UNAVAILABLE


def nonsense(relay: Relay) -> None:
    relay.answers = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize("fault", [cut, reset, busy, nonsense, Relay.kill])
def test_a_network_that_fails_is_a_store_that_is_unavailable_and_no_byte_is_kept(
    behind: BlobStore,
    in_azure: BlobStore,
    relay: Relay,
    fault: Callable[[Relay], None],
    make: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client's pauses of a second
    folder = make("3.0", tmp_path / "trained")
    large = large_version(folder, 300_000)
    in_azure.add(folder)
    manifest = behind.manifest("3.0")
    relay.kill()  # also ends the connection that is kept
    relay.revive()
    fault(relay)
    with pytest.raises(StoreUnavailable) as caught:
        behind._fetched(manifest, "model.tflite")
    reason = str(caught.value).removeprefix(f"The store {behind.url} cannot be read: ")
    assert "127.0.0.1" not in reason
    assert ACCOUNT not in reason
    assert files_in(behind.copies.path) == []
    relay.kill()
    relay.revive()
    assert behind.open("3.0").read("model.tflite") == large


def test_a_store_whose_process_is_killed_while_it_sends_is_unavailable(
    azurite: Azurite, make: Make, tmp_path: Path
) -> None:
    own = Azurite.start(tmp_path)
    relay = Relay(own.port)
    credential = AzureNamedKeyCredential(ACCOUNT, own.key)
    url = own.url("models", relay.port)
    ContainerClient.from_container_url(url, credential).create_container()
    store = BlobStore(url, credential)
    folder = make("1.0", tmp_path / "trained")
    large_version(folder, 3 * blob.PART)
    store.add(folder)
    manifest = store.manifest("1.0")
    relay.pause = 0.002  # each of three parts takes half a second
    before = relay.brought

    def kill() -> None:
        until(lambda: relay.brought > before)
        own.stop()

    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(kill)
        with pytest.raises(StoreUnavailable):
            store._fetched(manifest, "model.tflite")
        killed.result()
    assert files_in(store.copies.path) == []
    relay.close()


def test_who_may_not_or_has_no_container_is_told_what_to_do(
    azurite: Azurite, credential: Any, container: ContainerClient
) -> None:
    with pytest.raises(StoreUnavailable, match="404 ContainerNotFound: there is no such container"):
        BlobStore(azurite.url("nothing-here"), credential).versions()
    wrong = AzureNamedKeyCredential(ACCOUNT, "d3Jvbmc=")
    with pytest.raises(
        StoreUnavailable, match="403 AuthorizationFailure: who asks may not; it takes"
    ):
        BlobStore(container.url, wrong).history()


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_a_folder_for_copies_that_others_may_write_to_is_not_used(in_azure: BlobStore) -> None:
    folder = in_azure.copies.path
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(StoreUnavailable, match="open to others; remove it"):
        BlobStore(in_azure.url, in_azure.credential).open()


# Tokens over HTTPS


@pytest.fixture
def with_tokens(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new container of the server that takes tokens."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure.authority))
    url = azure.server.url(f"c{uuid.uuid4().hex}")
    ContainerClient.from_container_url(url, Identity()).create_container()
    return url


def test_with_a_token_over_https_everything_works_as_with_a_key(
    with_tokens: str, make: Make, tmp_path: Path
) -> None:
    store = BlobStore(with_tokens, Identity())
    store.add(make("1.0", tmp_path / "trained"))
    store.add(make("2.0", tmp_path / "trained"))
    store.promote("1.0")
    store.promote("2.0")
    assert store.rollback() == "1.0"
    assert store.open().read("model.tflite") == FILES["model.tflite"]


def test_a_token_for_something_else_is_refused(with_tokens: str) -> None:
    store = BlobStore(with_tokens, Identity("https://vault.azure.net"))
    with pytest.raises(StoreUnavailable, match=r"it answers 40[13] "):
        store.history()


def test_in_azure_the_identity_of_the_app_asks_by_its_client_id(
    with_tokens: str, identity: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in identity.environment.items():
        monkeypatch.setenv(name, value)
    assert BlobStore(with_tokens).versions() == ()
    assert identity.asked[-1]["resource"] == "https://storage.azure.com"
    assert identity.asked[-1]["client_id"] == "6f1b0b0e-0000-4000-8000-00000000c1d0"


def test_a_store_whose_identity_gives_no_token_is_unavailable(
    with_tokens: str, identity: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in identity.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    with pytest.raises(
        StoreUnavailable, match=r"needs an identity, and you sign in with: az login\.$"
    ):
        BlobStore(with_tokens).versions()


# What serves


@pytest.fixture
def serve(behind: BlobStore, bundled: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Open what serves from the store behind the relay: `serve(before=…, patience=…)`."""
    monkeypatch.setattr("model_store.serving.open_store", lambda where, at: behind)
    return lambda load=litert, **options: open_serving(load, behind.url, bundled=bundled, **options)


def test_the_active_version_serves_and_is_loaded_again_only_when_another_is_promoted(
    serve: Callable[..., Any], in_azure: BlobStore
) -> None:
    first = serve()
    assert (first.manifest.version, first.degraded) == ("1.0", None)
    same = serve(lambda model: pytest.fail("it was loaded again"), before=first)
    assert (same.loaded, same.degraded) == (first.loaded, None)
    in_azure.promote("2.0")
    assert serve(before=first).manifest.version == "2.0"


def test_where_the_store_is_gone_what_has_served_goes_on_and_recovers(
    serve: Callable[..., Any], in_azure: BlobStore, relay: Relay, behind: BlobStore
) -> None:
    first = serve()
    relay.kill()
    gone = serve(lambda model: pytest.fail("it was loaded again"), before=first)
    assert gone.loaded == first.loaded
    assert gone.degraded == (
        f"The store {behind} cannot be read: it does not answer. In its place serves version 1.0."
    )
    relay.revive()
    in_azure.promote("2.0")
    back = serve(before=gone)
    assert (back.manifest.version, back.degraded) == ("2.0", None)


def test_a_store_that_goes_while_it_is_asked_is_one_reason_however_many_versions_it_has(
    serve: Callable[..., Any],
    in_azure: BlobStore,
    relay: Relay,
    behind: BlobStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_azure.promote("2.0")
    opening = BlobStore.open

    def open_too_late(store: BlobStore, *asked: Any) -> Model:
        relay.kill()
        return opening(store, *asked)

    monkeypatch.setattr(BlobStore, "open", open_too_late)
    assert serve().degraded == (
        f"The store {behind} cannot be read: it does not answer. "
        "In its place serves the bundled version 0.9."
    )


def test_a_process_that_starts_without_the_store_takes_the_copy_of_what_served_last(
    serve: Callable[..., Any], in_azure: BlobStore, relay: Relay, behind: BlobStore
) -> None:
    serve()
    in_azure.promote("2.0")
    serve()
    relay.kill()
    alone = serve()
    assert alone.manifest.version == "2.0"
    assert alone.degraded.endswith("In its place serves the copy here of version 2.0.")
    for version in ("1.0", "2.0"):
        (behind.copies.path / version / "model.tflite").write_bytes(b"a small network for LiteR?")
    bare = serve()
    assert bare.degraded.endswith("In its place serves the bundled version 0.9.")
    assert "2.0/model.tflite does not have the SHA-256" in bare.degraded


def test_a_store_that_is_slow_is_not_waited_for_and_its_answer_is_there_the_next_time(
    serve: Callable[..., Any], relay: Relay
) -> None:
    relay.pause = 0.7
    first = serve(patience=0.3)
    assert first.manifest.version == "0.9"
    assert "did not answer in 0.3 s. In its place serves the bundled version 0.9." in first.degraded
    relay.pause = 0
    assert serve(before=first, patience=30).manifest.version == "1.0"


def test_a_promoted_version_that_is_damaged_does_not_replace_what_serves(
    serve: Callable[..., Any], in_azure: BlobStore, container: ContainerClient
) -> None:
    first = serve()
    in_azure.promote("2.0")
    container.upload_blob("2.0/model.tflite", b"a small network for LiteR?", overwrite=True)
    kept = serve(before=first)
    assert kept.loaded == first.loaded
    assert kept.degraded == (
        "2.0/model.tflite does not have the SHA-256 of its manifest; "
        "copy or export the version anew. In its place serves version 1.0."
    )


def test_only_the_last_versions_that_served_are_kept_here(
    serve: Callable[..., Any], in_azure: BlobStore, behind: BlobStore, make: Make, tmp_path: Path
) -> None:
    for version in ("3.0", "4.0"):
        in_azure.add(make(version, tmp_path / "trained"))
    for version in ("1.0", "2.0", "3.0", "4.0"):
        in_azure.promote(version)
        serve()
    assert behind.copies.versions() == ("2.0", "3.0", "4.0")
    assert behind.copies.history() == ("4.0", "3.0", "2.0")


# The command line


@pytest.mark.slow
def test_every_command_works_on_a_store_in_azure(
    with_tokens: str,
    azure: Azure,
    identity: IdentityEndpoint,
    make: Make,
    tmp_path: Path,
) -> None:
    def model_store(*arguments: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "model_store", *map(str, arguments), "--store", with_tokens],
            cwd=ROOT,
            env=os.environ | identity.environment | {"TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    assert model_store("add", make("1.0", tmp_path / "trained")) == "Version 1.0 is there.\n"
    assert model_store("promote", "1.0") == "Version 1.0 is active.\n"
    assert model_store("list").splitlines()[1].split()[:2] == ["*", "1.0"]
    assert model_store("verify") == "1.0  ok\n"
    assert model_store("rollback").startswith("error: No other version was active before; ")
    assert model_store("verify", "9.9").startswith("9.9  There is no version '9.9' in https://127")


def test_a_copied_version_can_be_published_to_another_store(
    in_azure: BlobStore, tmp_path: Path
) -> None:
    from training.publish import publish

    (tmp_path / "target").mkdir()
    target = FolderStore(tmp_path / "target")
    assert publish("2.0", in_azure, target, promote=True) == []
    assert target.verify().version == "2.0"
    with pytest.raises(StoreError):
        publish("9.9", in_azure, target)
