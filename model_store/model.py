"""An opened version: bytes are verified before anyone gets them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model_store.errors import FileNotInVersion, StoreUnavailable, VersionDamaged
from model_store.manifest import FileRecord, Manifest


@dataclass(frozen=True)
class Model:
    """An opened version; `contents` are the files that were verified already, as bytes."""

    manifest: Manifest
    folder: Path
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def read(self, file: str) -> bytes:
        """The verified bytes of a file.

        Raises:
            FileNotInVersion: The manifest does not list it.
            VersionDamaged: It is missing or not the one that the manifest describes.
            StoreUnavailable: It cannot be read.
        """
        if file in self.contents:
            return self.contents[file]
        return read_verified(self.folder, self.manifest, file)

    def path(self, file: str) -> Path:
        """The path of a file, verified a moment ago, for libraries that only open files.

        Raises:
            FileNotInVersion, VersionDamaged, StoreUnavailable: As `read`.
        """
        read_verified(self.folder, self.manifest, file)
        return self.folder / file


def read_verified(folder: Path, manifest: Manifest, file: str) -> bytes:
    """Read a file once and verify those very bytes, so that nothing can change in between.

    Raises:
        FileNotInVersion, VersionDamaged, StoreUnavailable: As `Model.read`.
    """
    record = manifest.files.get(file)
    if record is None:
        has = ", ".join(sorted(manifest.files))
        raise FileNotInVersion(f"Version {manifest.version} has no {file}; it has: {has}.")
    where = f"{manifest.version}/{file}"
    advice = "copy or export the version anew"
    try:
        with open(folder / file, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size != record.size:  # tells most damage without reading what may be huge
                takes = f"its manifest {record.size}; {advice}"
                raise VersionDamaged(f"{where} has {size} bytes, {takes}.")
            content = stream.read(record.size)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise VersionDamaged(f"{where} is missing; {advice}.") from error
    except OSError as error:
        raise unavailable(folder / file, "read", error) from error
    if FileRecord.of(content) != record:
        raise VersionDamaged(f"{where} does not have the SHA-256 of its manifest; {advice}.")
    return content


def unavailable(path: Path, done: str, error: OSError) -> StoreUnavailable:
    """The error for a path that the system does not let be `done` (read, written)."""
    return StoreUnavailable(f"{path} cannot be {done}: {error.strerror or error}.")
