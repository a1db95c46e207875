"""What decoding may take of the memory, and what of it goes back to the system."""

import ctypes
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from inference.errors import TooLarge

#: The working memory that one pixel of a budget stands for: Pillow holds colour in four bytes. Of
#: what needs more (progressive CMYK: eight), fewer are read.
BYTES_PER_PIXEL = 4

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
#: Bytes from which on a decode is followed by a look at what malloc keeps.
_MUCH_MEMORY = 2**24


class PixelBudget:
    """Pixels, each standing for `BYTES_PER_PIXEL` of memory, that all decodes in flight share.

    Who finds too few left waits in line: first come, first served, so that a large picture is not
    overtaken for ever by small ones. A picture that needs more than there are is decoded alone.
    """

    def __init__(self, pixels: int) -> None:
        self._total = self._free = pixels
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @classmethod
    def shared(cls, pixels: int) -> "PixelBudget":
        """The one of this size that all of the process shares: the old model, the new one, the archive's."""
        return _SHARED.setdefault(pixels, cls(pixels))

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        """Hold so many of the pixels for the time of the block; not to be nested."""
        pixels = min(pixels, self._total)
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            try:
                self._changed.wait_for(lambda: self._line[0] is ticket and self._free >= pixels)
                self._free -= pixels
            finally:
                self._line.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            if pixels * BYTES_PER_PIXEL >= _MUCH_MEMORY:
                _return_free_memory()
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


_SHARED: dict[int, PixelBudget] = {}


def check_size(width: int, height: int, needs: int, max_pixels: int) -> None:
    """Raise TooLarge for a picture of too many pixels, or whose decoder `needs` too many bytes."""
    if width * height > max_pixels:
        raise TooLarge(
            f"The image has {width} x {height} pixels; at most {max_pixels:,} pixels are read.",
            log="too many pixels",
        )
    if needs > BYTES_PER_PIXEL * max_pixels:
        most = BYTES_PER_PIXEL * max_pixels * width * height // needs
        raise TooLarge(
            f"The image has {width} x {height} pixels; of files that are stored in this way, "
            f"at most {most:,} pixels are read.",
            log="too many pixels for how they are stored",
        )


def return_memory_at_once() -> None:
    """Have every block of 2 MiB or more given back to the system when it is freed, and smaller ones kept.

    glibc stops doing so once it has seen such blocks freed, and keeps them in an arena for each
    thread: after eight threads had decoded 40 megapixels in turn, it held 700 MiB. Of smaller blocks
    an arena keeps what a usual answer takes; given back after each answer as well, they would be
    fetched again page by page at the next one, a tenth of its time. For a process that serves; it
    changes malloc for all of it, and nothing where the C library is another one.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 2**21)
        mallopt(_M_TRIM_THRESHOLD, 5 * 2**19)


def _return_free_memory() -> None:
    """Have glibc give back the pages that are free between smaller blocks: 20 MiB under load."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
