"""Waiting for what another thread or process is about to do."""

from __future__ import annotations

import time
from collections.abc import Callable


def until[T](condition: Callable[[], T], seconds: float = 120) -> T:
    """What `condition` returns once that is true; AssertionError where it is not within `seconds`.

    They bound what never comes, and no test waits longer than it takes: so they may be many, for a
    machine that does other things as well.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"After {seconds:g} s still not so."
        time.sleep(0.01)
    return found
