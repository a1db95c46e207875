"""Copies of versions from a store elsewhere, where the disk does not play along."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_store import FolderStore, downloads
from model_store.errors import StoreUnavailable, VersionDamaged
from model_store.manifest import Manifest


@pytest.fixture
def copies(tmp_path: Path) -> FolderStore:
    (tmp_path / "copies").mkdir()
    return FolderStore(tmp_path / "copies")


URL = "https://example.blob.core.windows.net/models"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files, as this test has it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_copies_of_a_store_are_this_users_and_in_one_place(temporary: Path) -> None:
    folder = downloads.copies_of(URL).path
    assert folder == temporary / f"model-store-{hashlib.sha256(URL.encode()).hexdigest()[:16]}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert downloads.copies_of(URL).path == folder
    assert downloads.copies_of(URL + "2").path != folder


@pytest.mark.parametrize("mode", [0o710, 0o701, 0o720])
def test_copies_that_are_open_to_others_are_refused(temporary: Path, mode: int) -> None:
    folder = downloads.copies_of(URL).path
    folder.chmod(mode)
    message = f"{folder} belongs to somebody else or is open to others; remove it."
    with pytest.raises(StoreUnavailable, match=f"^{re.escape(message)}$"):
        downloads.copies_of(URL)


def test_copies_of_somebody_else_are_refused(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = downloads.copies_of(URL).path.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(StoreUnavailable, match="belongs to somebody else"):
        downloads.copies_of(URL)


def test_a_link_in_the_place_of_the_copies_is_refused(temporary: Path) -> None:
    folder = downloads.copies_of(URL).path
    folder.rename(temporary / "elsewhere")
    folder.symlink_to(temporary / "elsewhere")
    with pytest.raises(StoreUnavailable, match="remove it"):
        downloads.copies_of(URL)


def test_copies_that_cannot_be_made_are_named(temporary: Path) -> None:
    folder = downloads.copies_of(URL).path
    folder.rmdir()
    folder.write_bytes(b"")
    message = f"{folder} cannot be written: File exists."
    with pytest.raises(StoreUnavailable, match=f"^{re.escape(message)}$"):
        downloads.copies_of(URL)


def test_bytes_are_held_against_the_manifest_whatever_their_pieces(store: FolderStore) -> None:
    manifest = store.manifest("1.0")
    content = (store.path / "1.0" / "model.tflite").read_bytes()
    pieces = [content[:5], content[5:11], content[11:]]
    assert list(downloads.checked(pieces, manifest, "model.tflite")) == pieces
    for wrong in ([content[:5]], [content, b"!"], [content[::-1]]):
        with pytest.raises(VersionDamaged, match=r"^1.0/model.tflite does not have the SHA-256"):
            list(downloads.checked(wrong, manifest, "model.tflite"))


def test_a_manifest_is_kept_once(copies: FolderStore, store: FolderStore) -> None:
    manifest = store.manifest("1.0")
    downloads.keep_manifest(copies, manifest)
    file = copies.path / "1.0" / "manifest.json"
    assert Manifest.read(file.parent) == manifest
    before = file.stat().st_ino
    downloads.keep_manifest(copies, manifest)
    assert file.stat().st_ino == before
    assert [each.name for each in file.parent.iterdir()] == ["manifest.json"]


def test_a_manifest_that_is_broken_or_another_one_is_replaced(
    copies: FolderStore, store: FolderStore
) -> None:
    manifest, file = store.manifest("1.0"), copies.path / "1.0" / "manifest.json"
    file.parent.mkdir()
    other = (store.path / "2.0" / "manifest.json").read_text()
    for content in ("{", other):
        file.write_text(content)
        downloads.keep_manifest(copies, manifest)
        assert Manifest.read(file.parent) == manifest


def test_a_manifest_that_cannot_be_written_is_named(
    copies: FolderStore, store: FolderStore
) -> None:
    file = copies.path / "1.0" / "manifest.json"
    file.mkdir(parents=True)
    message = f"{file} cannot be written: Is a directory."
    with pytest.raises(StoreUnavailable, match=f"^{re.escape(message)}$"):
        downloads.keep_manifest(copies, store.manifest("1.0"))


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(
    copies: FolderStore, store: FolderStore
) -> None:
    file = copies.path / "1.0" / "model.tflite"
    file.mkdir(parents=True)
    content = (store.path / "1.0" / "model.tflite").read_bytes()
    message = f"{file} cannot be written: Is a directory."
    with pytest.raises(StoreUnavailable, match=f"^{re.escape(message)}$"):
        downloads.keep(copies, store.manifest("1.0"), "model.tflite", [content])
    assert list(file.parent.iterdir()) == [file]


def test_three_versions_are_kept_whatever_lies_there(
    copies: FolderStore, store: FolderStore
) -> None:
    (copies.path / "ACTIVE").write_bytes(b"\xff")  # no list of versions
    for version in ("1", "2", "3", "4"):
        (copies.path / version).mkdir()
        (copies.path / version / "manifest.json").touch()
        downloads.remember(copies, version)
    assert copies.history() == ("4", "3", "2")
    assert copies.versions() == ("2", "3", "4")
    written = (copies.path / "ACTIVE").stat().st_ino
    downloads.remember(copies, "4")
    assert (copies.path / "ACTIVE").stat().st_ino == written


def test_a_version_on_its_way_is_not_removed(copies: FolderStore, store: FolderStore) -> None:
    manifest, name = store.manifest("1.0"), "model.tflite"
    content = (store.path / "1.0" / name).read_bytes()

    def pieces() -> Iterator[bytes]:
        yield content[:5]
        for version in ("4", "5", "6", "7"):
            downloads.remember(copies, version)
        yield content[5:]

    downloads.keep(copies, manifest, name, pieces())
    assert (copies.path / "1.0" / name).read_bytes() == content


def test_a_manifest_is_the_same_text_in_every_copy(copies: FolderStore, store: FolderStore) -> None:
    manifest = store.manifest("1.0")
    downloads.keep_manifest(copies, manifest)
    content = (copies.path / "1.0" / "manifest.json").read_bytes()
    assert content == manifest.to_json().encode()
    assert json.loads(content)["version"] == "1.0"
