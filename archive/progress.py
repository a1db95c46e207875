"""A progress bar with the time left, on a terminal only and where tqdm is installed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(
    what: str, total: int | None, unit: str = "image"
) -> Iterator[Callable[[int], object]]:
    """Hand out a function to call with how many more of `total` are done."""
    try:
        from tqdm import tqdm
    except ImportError:  # whoever works with archives installs the extra `archive`
        yield lambda more: None
        return
    with tqdm(
        desc=what, total=total, unit=unit, unit_scale=True, delay=2, leave=False, disable=None
    ) as bar:
        yield bar.update
