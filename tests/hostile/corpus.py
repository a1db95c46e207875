"""Hostile files, drawn by code: each with the answers that may be given to it.

`files(name)` makes those of one of the `families()`. Where several answers are
right (a decoder may still make a picture of a file whose EXIF is broken), `answers` has each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from tests.drawing import draw_chest

#: A picture was decoded: 200, or 422 not_a_chest_xray.
PICTURE = "picture"
UNDECODABLE, TOO_LARGE, UNSUPPORTED = "undecodable", "too_large", "unsupported_media"
REFUSED = (UNDECODABLE, TOO_LARGE)
ANY = (PICTURE, UNDECODABLE, TOO_LARGE, UNSUPPORTED)

#: What the files are made of.
CHEST = draw_chest(61, 53)


@dataclass(frozen=True)
class Hostile:
    """A file that somebody may send, and the codes of which one has to be the answer."""

    name: str
    data: bytes
    answers: tuple[str, ...]


type Files = Iterator[tuple[str, bytes, tuple[str, ...]]]

_MODULES = ("foreign", "shapes", "pieces", "jpegs", "pngs", "tiffs", "webps_and_bmps", "dicoms")


def family(make: Callable[[], Files]) -> Callable[[], Files]:
    """Mark a function that yields names, files and their right answers."""
    make.is_family = True  # type: ignore[attr-defined]
    return make


@cache
def families() -> dict[str, Callable[[], Files]]:
    """What makes the files, by module and by what is wrong with them; nothing is made yet."""
    return {
        f"{module}.{name}": make
        for module in _MODULES
        for name, make in vars(import_module(f"tests.hostile.{module}")).items()
        if getattr(make, "is_family", False)
    }


@cache
def files(name: str) -> tuple[Hostile, ...]:
    """The files of a family."""
    return tuple(Hostile(*each) for each in families()[name]())
