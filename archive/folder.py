"""Images and records in folders of a disk."""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from stat import S_ISREG

from archive.batches import Item
from archive.errors import (
    ImageChanged,
    ImageGone,
    ImageTooLarge,
    NameUnreadable,
    RecordsUnavailable,
)
from archive.places import PAGE, Page, Shard
from archive.rows import tally_of

#: What a link gives that leads to nothing, or to itself.
_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@dataclass(frozen=True)
class FolderImages:
    """All files below a folder but hidden ones; a file's tag is its time and size.

    A link to a file counts as one. A link to a folder is not followed: it may lead round in a circle.
    """

    path: Path

    def pages(self, prefix: str, token: str | None) -> Iterator[Page]:
        """See `places.Images`; the token is the name of the last file.

        Raises:
            NameUnreadable: A file or a folder has a name that is no UTF-8.
            RecordsUnavailable: A folder cannot be listed.
        """
        files = _walk(self.path, "", prefix, token)
        while True:
            items = tuple(Item(name, _tag(stat)) for name, stat in islice(files, PAGE))
            yield Page(items, items[-1].name if len(items) == PAGE else None)
            if len(items) < PAGE:
                return

    def read(self, item: Item, most: int) -> bytes:
        """See `places.Images`."""
        try:
            with (self.path / item.name).open("rb") as file:
                stat = os.fstat(file.fileno())
                if _tag(stat) != item.etag:
                    raise ImageChanged
                if stat.st_size > most:
                    raise ImageTooLarge
                data = file.read()
                if len(data) != stat.st_size:
                    raise ImageChanged
                return data
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ImageGone from error
        except OSError as error:
            raise RecordsUnavailable(f"{item.name} cannot be read: {error.strerror}.") from error


@dataclass(frozen=True)
class FolderRecords:
    """Jobs below a folder. What is written is whole, or not there."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def read(self, path: str) -> bytes | None:
        """See `places.Records`."""
        with _reaching(self.path / path, "read"):
            try:
                return (self.path / path).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def write(self, path: str, content: bytes) -> None:
        """See `places.Records`."""
        with self._beside(path, content) as temporary:
            temporary.replace(self.path / path)

    def write_new(self, path: str, content: bytes, notes: Mapping[str, str] | None = None) -> bool:
        """See `places.Records`; notes are not kept, the content tells the same."""
        with self._beside(path, content) as temporary:
            try:
                os.link(temporary, self.path / path)  # fails where there is one, unlike a rename
            except FileExistsError:
                return False
        return True

    def exists(self, path: str) -> bool:
        """See `places.Records`."""
        return os.path.exists(self.path / path)

    def delete(self, path: str) -> None:
        """See `places.Records`."""
        with _reaching(self.path / path, "deleted"):
            (self.path / path).unlink(missing_ok=True)

    def names(self, prefix: str) -> Iterator[str]:
        """See `places.Records`."""
        for name, _ in _walk(self.path / prefix, "", "", None):
            yield f"{prefix.rstrip('/')}/{name}"

    def folders(self, path: str) -> Iterator[str]:
        """See `places.Records`."""
        with (
            _reaching(self.path / path, "listed"),
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
        ):
            yield from (
                f"{path}/{each.name}" for each in (self.path / path).iterdir() if each.is_dir()
            )

    def shards(self, folder: str) -> Iterator[Shard]:
        """See `places.Records`."""
        for name, stat in _walk(self.path / folder, "", "", None):
            path = f"{folder.rstrip('/')}/{name}"
            written = datetime.fromtimestamp(stat.st_mtime, UTC)
            yield Shard(path, written, tally_of(self.read(path) or b""))

    @contextlib.contextmanager
    def _beside(self, path: str, content: bytes) -> Iterator[Path]:
        target = self.path / path
        with _reaching(target, "written"):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{uuid.uuid4().hex}")
            try:
                with temporary.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(
                        file.fileno()
                    )  # else a power cut can leave the name with nothing in it
                yield temporary
            finally:
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _reaching(path: Path, done: str) -> Iterator[None]:
    """Turn what the system refuses into RecordsUnavailable."""
    try:
        yield
    except OSError as error:
        raise RecordsUnavailable(f"{path} cannot be {done}: {error.strerror}.") from error


def _tag(stat: os.stat_result) -> str:
    return f"{stat.st_mtime_ns:x}-{stat.st_size:x}"


def _walk(
    root: Path, below: str, prefix: str, after: str | None
) -> Iterator[tuple[str, os.stat_result]]:
    """Files in the order of their names' parts, whatever the disk's own order is."""
    with _reaching(root / below, "listed"):
        try:
            with os.scandir(root / below) as found:
                entries = sorted(found, key=lambda each: each.name)
        except FileNotFoundError:
            return
    for entry in entries:
        name = f"{below}/{entry.name}" if below else entry.name
        if entry.name.startswith(".") or not (name.startswith(prefix) or _leads(name, prefix)):
            continue
        try:
            entry.name.encode()
        except UnicodeEncodeError as error:
            raise NameUnreadable(
                f"In {root / below} is a name that is no UTF-8: {entry.name!a}. "
                "Rename it and give the same command again."
            ) from error
        parts = name.split("/")
        last = after.split("/") if after else []
        if entry.is_dir(follow_symlinks=False):
            if parts >= last[: len(parts)]:
                yield from _walk(root, name, prefix, after)
        elif name.startswith(prefix) and parts > last and (stat := _stat_of_file(entry)):
            yield name, stat


def _stat_of_file(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Of a file or the one that a link leads to; None for whatever else lies in a folder."""
    try:
        stat = entry.stat()
    except OSError as error:
        if error.errno in _NOWHERE:
            return None
        raise RecordsUnavailable(f"{entry.path} cannot be read: {error.strerror}.") from error
    return stat if S_ISREG(stat.st_mode) else None


def _leads(folder: str, prefix: str) -> bool:
    """Whether what the prefix asks for may lie in this folder."""
    return prefix.startswith(f"{folder}/")
