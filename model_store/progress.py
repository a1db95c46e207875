"""A progress bar with the time left, on a terminal and after two seconds only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(what: str, size: int) -> Iterator[Callable[[int], object]]:
    """Hand out a function to call with the number of bytes after each part of `size` bytes."""
    try:
        from tqdm import tqdm
    except ImportError:  # a tool of those who work on this; nothing else is missing without it
        yield lambda part: None
        return
    with tqdm(
        desc=what, total=size, unit="B", unit_scale=True, delay=2, leave=False, disable=None
    ) as bar:
        yield bar.update
