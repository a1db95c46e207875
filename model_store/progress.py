"""A progress bar with the time left, on a terminal and after two seconds only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(what: str, total: int | None, unit: str = "it") -> Iterator[Callable[..., object]]:
    """Hand out a function to call with how many more are done (default: 1); `total` None: nobody knows."""
    try:
        from tqdm import tqdm
    except ImportError:  # a tool of those who work on this; nothing else is missing without it
        yield lambda more=1: None
        return
    with tqdm(
        desc=what, total=total, unit=unit, unit_scale=True, delay=2, leave=False, disable=None
    ) as bar:
        yield bar.update
