"""Copies of versions from a store elsewhere, where the disk does not play along."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from model_store import FolderStore, downloads
from model_store.errors import StoreUnavailable
from model_store.manifest import Manifest


@pytest.fixture
def copies(tmp_path: Path) -> FolderStore:
    (tmp_path / "copies").mkdir()
    return FolderStore(tmp_path / "copies")


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
        downloads.remember(copies, version)
    assert copies.history() == ("4", "3", "2")
    assert copies.versions() == ("2", "3", "4")
    written = (copies.path / "ACTIVE").stat().st_ino
    downloads.remember(copies, "4")
    assert (copies.path / "ACTIVE").stat().st_ino == written


def test_a_manifest_is_the_same_text_in_every_copy(copies: FolderStore, store: FolderStore) -> None:
    manifest = store.manifest("1.0")
    downloads.keep_manifest(copies, manifest)
    content = (copies.path / "1.0" / "manifest.json").read_bytes()
    assert content == manifest.to_json().encode()
    assert json.loads(content)["version"] == "1.0"
