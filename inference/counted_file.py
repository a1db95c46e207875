"""A file that may be read in few pieces: Pillow and pydicom read headers in Python, where each piece costs.

Ten megabytes of segments, chunks or sequences of nothing took them up to 50 s and 800 MiB.
"""

from io import BytesIO

from inference.errors import Undecodable


class _File(BytesIO):
    """One whose reads are those of C; for a BMP of runs, Pillow asks for millions."""


class CountedFile(BytesIO):
    """A file of which so many reads are left, until `lift`; each one more is Undecodable."""

    def __init__(self, data: bytes = b"", *, reads: int) -> None:
        super().__init__(data)
        self._left = reads

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise Undecodable("The header of the file is in too many pieces.")
        return super().read(size)

    def lift(self) -> None:
        """The header is read; there is no limit from here on."""
        self.__class__ = _File  # type: ignore[assignment]
