"""What a store of versions is, and the one in a folder: one folder a version, and ACTIVE.

ACTIVE names the version in use, see `history`. It is all that `promote` and `rollback` change; a
version's folder never changes.
"""

import contextlib
import functools
import os
import re
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_store.errors import (
    ActiveDamaged,
    ManifestError,
    NoPreviousVersion,
    StoreUnavailable,
    VersionExists,
    VersionMissing,
)
from model_store.history import ACTIVE, parse_history, promote_one, written_history
from model_store.manifest import MANIFEST, Manifest, is_version_name
from model_store.model import Model, read_verified, unavailable

if TYPE_CHECKING:
    from model_store.blob import BlobStore

BUNDLED = Path(__file__).parent / "models"


class Store(ABC):
    """A store of versions. Every method raises StoreUnavailable if it cannot be used."""

    @property
    @abstractmethod
    def copies(self) -> "FolderStore | None":
        """Where versions lie that were fetched from a store elsewhere; None for one that is here."""

    @abstractmethod
    def versions(self) -> tuple[str, ...]:
        """The names of all versions, 1.9 before 1.10."""

    def history(self) -> tuple[str, ...]:
        """The version in use, then those that were in use before it, newest first.

        Raises:
            ActiveDamaged: ACTIVE is not a list of versions.
        """
        return parse_history(self._read_active()[0], self)

    def active(self) -> str:
        """The name of the version in use.

        Raises:
            VersionMissing: None is.
            ActiveDamaged: ACTIVE is not a list of versions.
        """
        history = self.history()
        if not history:
            raise VersionMissing(f"No version is active in {self}; {promote_one(self)}.")
        return history[0]

    def manifest(self, version: str = "active") -> Manifest:
        """The manifest of a version; its files are not looked at.

        Raises:
            VersionMissing: The store does not have it.
            ManifestError: Its manifest is missing, wrong, or another version's.
            ActiveDamaged: ACTIVE is asked and is not a list of versions.
        """
        name = self.active() if version == "active" else version
        manifest = self._read_manifest(name) if is_version_name(name) else None
        if manifest is None:
            there = ", ".join(self.versions()) or "none"
            raise VersionMissing(f"There is no version {name!r} in {self}; it has: {there}.")
        if manifest.version != name:
            raise ManifestError(
                f"{name}/{MANIFEST}: version is {manifest.version}; "
                f"it takes the name of its folder, {name}."
            )
        return manifest

    @abstractmethod
    def open(self, version: str = "active", files: tuple[str, ...] = ("model.tflite",)) -> Model:
        """Open a version with these files; what is not asked for is not read, for a fast start.

        Raises:
            FileNotInVersion: The version has not all of the files.
            VersionDamaged: One of them is missing or not the one that the manifest describes.
            VersionMissing, ManifestError, ActiveDamaged: As `manifest`.
        """

    @abstractmethod
    def verify(self, version: str = "active") -> Manifest:
        """Read all of a version, without keeping it, and hold it against its manifest.

        Raises:
            VersionDamaged: A file is missing or not the one that the manifest describes.
            VersionMissing, ManifestError, ActiveDamaged: As `manifest`.
        """

    def promote(self, version: str) -> None:
        """Put a version into use, after it has been verified.

        Raises:
            VersionMissing, VersionDamaged, ManifestError: The version cannot be put into use.
            ActiveChanged: Another promotion or rollback came in between; a store in a folder does
                not notice, and the last one wins.
        """
        content, tag = self._read_active()
        if version == "active":  # the name of no version, and `verify` takes it for one
            raise VersionMissing(f"There is no version 'active' in {self}.")
        self.verify(version)
        try:
            history = parse_history(content, self)
        except ActiveDamaged:  # promoting is how it is mended
            history = ()
        if history[:1] != (version,):
            self.write_active((version, *history), tag)

    def rollback(self) -> str:
        """Put the version into use that was before the active one, and name it.

        Raises:
            NoPreviousVersion: There was none.
            VersionMissing, VersionDamaged, ManifestError: The previous one cannot be put into use.
            ActiveDamaged: ACTIVE is not a list of versions.
            ActiveChanged: As `promote`.
        """
        content, tag = self._read_active()
        previous = parse_history(content, self)[1:]
        if not previous:
            raise NoPreviousVersion(f"No other version was active before; {promote_one(self)}.")
        self.verify(previous[0])
        self.write_active(previous, tag)
        return previous[0]

    def add(self, folder: Path) -> str:
        """Copy a finished version (its manifest and the files that it lists) in, and name it.

        The version appears whole or not at all; it is not put into use.

        Raises:
            VersionExists: The store has a version of this name.
            VersionDamaged, ManifestError: The folder is not a whole version.
        """
        manifest = Manifest.read(folder)
        if not self._copy_in(manifest, folder):
            raise VersionExists(
                f"Version {manifest.version} is in {self} already, and a version never changes; "
                "give the new one another name."
            )
        return manifest.version

    @abstractmethod
    def _read_active(self) -> tuple[bytes, str | None]:
        """The content of ACTIVE, empty where there is none, and a tag that changes with it."""

    @abstractmethod
    def write_active(self, history: tuple[str, ...], tag: str | None = None) -> None:
        """Write ACTIVE, which is whole at any moment, if `tag` is still its own; verify nothing."""

    @abstractmethod
    def _read_manifest(self, name: str) -> Manifest | None:
        """The manifest that lies in the version of this name; None if there is no such version."""

    @abstractmethod
    def _copy_in(self, manifest: Manifest, folder: Path) -> bool:
        """Copy a version in unless there is one of its name; whether it was."""


@dataclass(frozen=True)
class FolderStore(Store):
    """A store in the folder `path`."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def copies(self) -> None:
        """None: what is here needs no copies."""

    def versions(self) -> tuple[str, ...]:
        try:
            found = [entry.name for entry in self.path.iterdir() if entry.is_dir()]
        except OSError as error:
            raise unavailable(self.path, "read", error) from error
        return tuple(sorted(filter(is_version_name, found), key=by_number))

    def open(self, version: str = "active", files: tuple[str, ...] = ("model.tflite",)) -> Model:
        manifest = self.manifest(version)
        folder = self.path / manifest.version
        contents = {file: read_verified(folder, manifest, file) for file in files}
        return Model(manifest, folder, contents)

    def verify(self, version: str = "active") -> Manifest:
        manifest = self.manifest(version)
        for file in manifest.files:
            read_verified(self.path / manifest.version, manifest, file)
        return manifest

    def _read_active(self) -> tuple[bytes, None]:
        try:
            return (self.path / ACTIVE).read_bytes(), None
        except FileNotFoundError as error:
            if self.path.is_dir():
                return b"", None
            raise unavailable(self.path, "read", error) from error
        except OSError as error:
            raise unavailable(self.path / ACTIVE, "read", error) from error

    def write_active(self, history: tuple[str, ...], tag: str | None = None) -> None:
        temporary = self.path / temporary_name(ACTIVE)
        try:
            _write(temporary, written_history(history))
            temporary.replace(self.path / ACTIVE)
            _sync_folder(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise unavailable(self.path / ACTIVE, "written", error) from error

    def _read_manifest(self, name: str) -> Manifest | None:
        return Manifest.read(self.path / name) if (self.path / name).is_dir() else None

    def _copy_in(self, manifest: Manifest, folder: Path) -> bool:
        target = self.path / manifest.version
        if os.path.lexists(target):
            return False
        incoming = self.path / temporary_name("incoming")
        try:
            incoming.mkdir(parents=True)
            for file in manifest.files:
                _write(incoming / file, read_verified(folder, manifest, file))
            _write(incoming / MANIFEST, manifest.to_json().encode())
            _sync_folder(incoming)
            incoming.rename(target)
            _sync_folder(self.path)
        except OSError as error:
            if os.path.lexists(target):  # another one was faster
                return False
            raise unavailable(self.path, "written", error) from error
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        return True


def open_store(where: str, bundled: Path = BUNDLED) -> Store:
    """The store that the setting MODEL_STORE means: `bundled`, a folder, or a container's URL.

    Raises:
        StoreUnavailable: The folder does not exist, or the URL is none of a container.
    """
    if where == "bundled":
        return FolderStore(bundled)
    if "://" in where:
        return _blob_store(where)
    if not Path(where).is_dir():
        raise StoreUnavailable(
            f"The store {shown(where)} is not a folder; use one that is (mkdir makes one), 'bundled', or "
            "https://ACCOUNT.blob.core.windows.net/CONTAINER."
        )
    return FolderStore(Path(where))


def shown(address: str) -> str:
    """A wrong address as a message may repeat it: without user, password, signature or key."""
    if ";" in address:
        return "(a connection string)"
    return address.partition("?")[0].rpartition("@")[2]


@functools.cache  # its connections and its token are kept as long as the process lives
def _blob_store(url: str) -> "BlobStore":
    try:
        from model_store.blob import BlobStore
    except ImportError as error:
        raise StoreUnavailable(
            f"The store {url} cannot be opened: the extra 'azure' is not installed ({error})."
        ) from error
    return BlobStore(url)


def by_number(version: str) -> tuple[tuple[int, str], ...]:
    """What to sort versions' names by, so that 1.9 comes before 1.10."""
    parts = re.findall(r"\d+|\D+", version)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def temporary_name(what: str) -> str:
    """A name beside others that is taken for no version and by nobody else."""
    # The dot keeps it from being taken for a version. The tempfile module would make it private.
    return f".{what}-{os.urandom(6).hex()}"


def _write(path: Path, content: bytes) -> None:
    with open(path, "xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(path: Path) -> None:
    """Make a rename in a folder outlast a power cut, where the system can."""
    with contextlib.suppress(OSError, AttributeError):  # some network shares; Windows
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
