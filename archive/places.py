"""Where images and records lie: two protocols, which `folder` and `blobs` keep."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from archive.batches import Item

#: Images of a page: what Azure lists at a time.
PAGE = 5000


@dataclass(frozen=True)
class Page:
    """Images in the order of the listing, and where it goes on; None: there are no more."""

    items: tuple[Item, ...]
    next: str | None


@dataclass(frozen=True)
class Tally:
    """What came of the images of a shard, the seconds of one core that it took, and pictures kept."""

    answered: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0
    overlays: int = 0

    @property
    def images(self) -> int:
        """All of them."""
        return self.answered + self.refused + self.failed


@dataclass(frozen=True)
class Shard:
    """A shard that is there: its path, since when, and what is in it."""

    path: str
    written: datetime
    tally: Tally

    @property
    def attempt(self) -> int:
        """0, or the number of the `retry` that it is of."""
        return int(self.path.removesuffix(".jsonl").rpartition("/")[2].partition("-")[2] or 0)


class Images(Protocol):
    """The container or folder of a job's images."""

    def pages(self, prefix: str, token: str | None) -> Iterator[Page]:
        """List all images whose names begin with `prefix`, from where `token` says."""

    def read(self, item: Item, most: int) -> bytes:
        """The bytes of an image of at most so many.

        Raises:
            ImageGone, ImageChanged, ImageTooLarge: It is not there, or not what was listed, or too much.
            RecordsUnavailable: It may well be there, but cannot be read now.
        """


class Records(Protocol):
    """Where jobs are kept. Paths have `/` between their parts."""

    def read(self, path: str) -> bytes | None:
        """A file; None if there is none."""

    def write(self, path: str, content: bytes) -> None:
        """Write a file, over what is there."""

    def write_new(self, path: str, content: bytes, notes: Mapping[str, str] | None = None) -> bool:
        """Write a file whole where there is none; whether that was so."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""

    def delete(self, path: str) -> None:
        """Delete a file if there is one."""

    def names(self, prefix: str) -> Iterator[str]:
        """The paths of all files below a folder."""

    def folders(self, path: str) -> Iterator[str]:
        """The paths of the folders in a folder."""

    def shards(self, folder: str) -> Iterator[Shard]:
        """All shards below a folder with what is in them."""
