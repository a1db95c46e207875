"""A progress bar with the time left, on a terminal only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[..., object]]:
    """Hand out a function to call after each of `total` steps."""
    with tqdm(desc=f"{what:14}", total=total, leave=False, disable=None) as bar:
        yield bar.update
