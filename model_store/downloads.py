"""Copies of versions from a store elsewhere: each file is whole and verified, or not there."""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from model_store.errors import StoreError, StoreUnavailable, VersionDamaged
from model_store.manifest import MANIFEST, FileRecord, Manifest
from model_store.model import unavailable
from model_store.store import FolderStore, temporary_name

#: So many versions are kept: the one in use, and what could stand in for it.
KEPT = 3


def copies_of(url: str) -> FolderStore:
    """The folder of the copies from this store: the same in every process of this user.

    Raises:
        StoreUnavailable: It cannot be made, or somebody else could write to it.
    """
    name = f"model-store-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
    folder = Path(tempfile.gettempdir()) / name
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError as error:
        raise unavailable(folder, "written", error) from error
    # Anybody may make a folder in /tmp, and what lies in this one is loaded when the store is silent.
    mine = not hasattr(os, "getuid") or facts.st_uid == os.getuid()
    if not (
        stat.S_ISDIR(facts.st_mode) and mine and (os.name != "posix" or not facts.st_mode & 0o077)
    ):
        raise StoreUnavailable(
            f"{folder} belongs to somebody else or is open to others; remove it."
        )
    return FolderStore(folder)


def checked(chunks: Iterable[bytes], manifest: Manifest, file: str) -> Iterable[bytes]:
    """Hand the bytes of a file on, and hold them against the manifest when the last one has passed.

    Raises:
        VersionDamaged: They are not those that the manifest describes.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    if FileRecord(size, digest.hexdigest()) != manifest.files[file]:
        raise VersionDamaged(
            f"{manifest.version}/{file} does not have the SHA-256 of its manifest; "
            "copy or export the version anew."
        )


def keep(copies: FolderStore, manifest: Manifest, file: str, chunks: Iterable[bytes]) -> None:
    """Write a file of a version under a temporary name, and rename it when it is whole and verified.

    Raises:
        VersionDamaged: The bytes are not those that the manifest describes.
        StoreUnavailable: They cannot be written.
    """
    folder = copies.path / manifest.version
    incoming = folder / temporary_name(file)
    try:
        folder.mkdir(exist_ok=True)
        with open(incoming, "xb") as stream:
            for chunk in checked(chunks, manifest, file):
                stream.write(chunk)
        incoming.replace(folder / file)
    except OSError as error:
        raise unavailable(folder / file, "written", error) from error
    finally:
        with contextlib.suppress(OSError):
            incoming.unlink()


def keep_manifest(copies: FolderStore, manifest: Manifest) -> None:
    """Write the manifest beside the files, unless it is there."""
    folder = copies.path / manifest.version
    incoming = folder / temporary_name(MANIFEST)
    try:
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(StoreError):
            if Manifest.read(folder) == manifest:
                return
        incoming.write_text(manifest.to_json(), encoding="utf-8", newline="\n")
        incoming.replace(folder / MANIFEST)
    except OSError as error:
        raise unavailable(folder / MANIFEST, "written", error) from error


def remember(copies: FolderStore, version: str) -> None:
    """Note that this version serves, and remove whole ones that have not served for long.

    One without a manifest, which is written last, may be on its way.

    Raises:
        StoreUnavailable: The folder cannot be written.
    """
    try:
        before = copies.history()
    except StoreError:
        before = ()
    history = (version, *(name for name in before if name != version))[:KEPT]
    if history != before:
        copies.write_active(history)
    for name in copies.versions():
        if name not in history and (copies.path / name / MANIFEST).exists():
            shutil.rmtree(copies.path / name, ignore_errors=True)
