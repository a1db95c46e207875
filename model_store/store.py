"""A store of versions in a folder: one folder a version, and ACTIVE, which names the one in use.

ACTIVE has a version's name a line, newest first: the first is in use, the others were before it. It
is all that `promote` and `rollback` change; a version's folder never changes.
"""

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from model_store.errors import (
    ActiveDamaged,
    ManifestError,
    NoPreviousVersion,
    StoreUnavailable,
    VersionExists,
    VersionMissing,
)
from model_store.manifest import MANIFEST, Manifest, is_version_name
from model_store.model import Model, read_verified, unavailable

ACTIVE = "ACTIVE"
BUNDLED = Path(__file__).parent / "models"


@dataclass(frozen=True)
class FolderStore:
    """A store in the folder `path`. Every method raises StoreUnavailable if that cannot be used."""

    path: Path

    def versions(self) -> tuple[str, ...]:
        """The names of all versions, 1.9 before 1.10."""
        try:
            found = [entry.name for entry in self.path.iterdir() if entry.is_dir()]
        except OSError as error:
            raise unavailable(self.path, "read", error) from error
        return tuple(sorted(filter(is_version_name, found), key=_by_number))

    def history(self) -> tuple[str, ...]:
        """The version in use, then those that were in use before it, newest first.

        Raises:
            ActiveDamaged: ACTIVE is not a list of versions.
        """
        try:
            lines = (self.path / ACTIVE).read_text(encoding="utf-8").split()
        except FileNotFoundError as error:
            if self.path.is_dir():
                return ()
            raise unavailable(self.path, "read", error) from error
        except UnicodeDecodeError as error:
            raise ActiveDamaged(f"ACTIVE is not UTF-8 text; {_PROMOTE_ONE}.") from error
        except OSError as error:
            raise unavailable(self.path / ACTIVE, "read", error) from error
        for line in lines:
            if not is_version_name(line):
                raise ActiveDamaged(f"ACTIVE has {line[:80]!r}, no version's name; {_PROMOTE_ONE}.")
        return tuple(lines)

    def active(self) -> str:
        """The name of the version in use.

        Raises:
            VersionMissing: None is.
            ActiveDamaged: ACTIVE is not a list of versions.
        """
        history = self.history()
        if not history:
            raise VersionMissing(f"No version is active in {self.path}; {_PROMOTE_ONE}.")
        return history[0]

    def manifest(self, version: str = "active") -> Manifest:
        """The manifest of a version; its files are not looked at.

        Raises:
            VersionMissing: The store does not have it.
            ManifestError: Its manifest is missing, wrong, or another version's.
            ActiveDamaged: ACTIVE is asked and is not a list of versions.
        """
        return self._model(version).manifest

    def open(self, version: str = "active", files: tuple[str, ...] = ("model.tflite",)) -> Model:
        """Open a version with these files; what is not asked for is not read, for a fast start.

        Raises:
            FileNotInVersion: The version has not all of the files.
            VersionDamaged: One of them is missing or not the one that the manifest describes.
            VersionMissing, ManifestError, ActiveDamaged: As `manifest`.
        """
        model = self._model(version)
        return Model(model.manifest, model.folder, {file: model.read(file) for file in files})

    def verify(self, version: str = "active") -> Manifest:
        """Read all of a version and hold it against its manifest.

        Raises:
            VersionDamaged: A file is missing or not the one that the manifest describes.
            VersionMissing, ManifestError, ActiveDamaged: As `manifest`.
        """
        model = self._model(version)
        for file in model.manifest.files:
            model.read(file)
        return model.manifest

    def promote(self, version: str) -> None:
        """Put a version into use, after it has been verified.

        Where two promote at once the last one wins; ACTIVE is whole at any moment.

        Raises:
            VersionMissing, VersionDamaged, ManifestError: The version cannot be put into use.
        """
        self._folder(version)
        self.verify(version)
        try:
            history = self.history()
        except ActiveDamaged:  # promoting is how it is mended
            history = ()
        if history[:1] != (version,):
            self._write_active((version, *history))

    def rollback(self) -> str:
        """Put the version into use that was before the active one, and name it.

        Raises:
            NoPreviousVersion: There was none.
            VersionMissing, VersionDamaged, ManifestError: The previous one cannot be put into use.
            ActiveDamaged: ACTIVE is not a list of versions.
        """
        previous = self.history()[1:]
        if not previous:
            raise NoPreviousVersion(f"No other version was active before; {_PROMOTE_ONE}.")
        self.verify(previous[0])
        self._write_active(previous)
        return previous[0]

    def add(self, folder: Path) -> str:
        """Copy a finished version (its manifest and the files that it lists) in, and name it.

        The version appears whole or not at all; it is not put into use.

        Raises:
            VersionExists: The store has a version of this name.
            VersionDamaged, ManifestError: The folder is not a whole version.
        """
        manifest = Manifest.read(folder)
        target = self.path / manifest.version
        exists = VersionExists(
            f"Version {manifest.version} is in {self.path} already, and a version never changes; "
            "give the new one another name."
        )
        if os.path.lexists(target):
            raise exists
        incoming = self.path / _temporary_name("incoming")
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
                raise exists from error
            raise unavailable(self.path, "written", error) from error
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        return manifest.version

    def _folder(self, version: str) -> Path:
        if is_version_name(version) and (self.path / version).is_dir():
            return self.path / version
        there = ", ".join(self.versions()) or "none"
        raise VersionMissing(f"There is no version {version!r} in {self.path}; it has: {there}.")

    def _model(self, version: str) -> Model:
        folder = self._folder(self.active() if version == "active" else version)
        manifest = Manifest.read(folder)
        if manifest.version != folder.name:
            raise ManifestError(
                f"{folder.name}/{MANIFEST}: version is {manifest.version}; "
                f"it takes the name of its folder, {folder.name}."
            )
        return Model(manifest, folder)

    def _write_active(self, history: tuple[str, ...]) -> None:
        temporary = self.path / _temporary_name(ACTIVE)
        try:
            _write(temporary, "".join(f"{version}\n" for version in history).encode())
            temporary.replace(self.path / ACTIVE)
            _sync_folder(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise unavailable(self.path / ACTIVE, "written", error) from error


def open_store(where: str, bundled: Path = BUNDLED) -> FolderStore:
    """The store that the setting MODEL_STORE means: `bundled`, a folder, or https://…

    Raises:
        StoreUnavailable: The folder does not exist, or the store is one that is not supported yet.
    """
    if where == "bundled":
        return FolderStore(bundled)
    if "://" in where:
        raise StoreUnavailable(
            f"The store {where} cannot be opened: Azure Blob Storage comes with the 'azure' extra "
            "in a later version; until then use 'bundled' or a folder."
        )
    if not Path(where).is_dir():
        raise StoreUnavailable(f"The store {where} is not a folder; use 'bundled' or one that is.")
    return FolderStore(Path(where))


_PROMOTE_ONE = "put one into use with: python -m model_store promote VERSION"


def _by_number(version: str) -> tuple[tuple[int, str], ...]:
    parts = re.findall(r"\d+|\D+", version)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def _temporary_name(what: str) -> str:
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
