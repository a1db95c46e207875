"""Decodes in flight share a budget, what does not fit is refused, and free memory goes back to the system."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from inference.errors import TooLarge
from inference.pixel_budget import (
    BYTES_PER_PIXEL,
    PixelBudget,
    check_size,
    return_memory_at_once,
)
from tests.waiting import until

# Who waits, and for whom


def test_no_more_than_the_budget_is_held_at_once() -> None:
    budget, lock = PixelBudget(100), threading.Lock()
    held, most = 0, 0

    def work(amount: int) -> None:
        nonlocal held, most
        for _ in range(20):
            with budget.take(amount):
                with lock:
                    held += amount
                    most = max(most, held)
                time.sleep(0.0005)
                with lock:
                    held -= amount

    threads = [threading.Thread(target=work, args=(10 * (n + 1),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert held == 0
    assert most <= 100


def test_a_large_picture_is_not_overtaken_by_small_ones_that_came_later() -> None:
    budget, order = PixelBudget(100), []

    def work(name: str, amount: int) -> None:
        with budget.take(amount):
            order.append(name)

    with budget.take(60):
        threads = []
        for name, amount in (("large", 90), ("small", 10), ("smaller", 5)):
            threads.append(threading.Thread(target=work, args=(name, amount)))
            threads[-1].start()
            until(lambda: len(budget._line) == len(threads))
        assert order == []
    for thread in threads:
        thread.join(60)
    assert order[0] == "large"
    assert sorted(order) == ["large", "small", "smaller"]


def test_a_picture_larger_than_the_budget_is_decoded_alone() -> None:
    budget = PixelBudget(100)
    entered = threading.Event()

    def work() -> None:
        with budget.take(1):
            entered.set()

    with budget.take(1_000_000):
        thread = threading.Thread(target=work)
        thread.start()
        assert not entered.wait(0.05)
    assert entered.wait(60)
    thread.join(60)


# What is too large


def test_what_is_too_large_is_told_to_the_client_and_in_short_to_the_log() -> None:
    with pytest.raises(TooLarge) as refused:
        check_size(101, 10, 0, 1000)
    assert refused.value.detail == "The image has 101 x 10 pixels; at most 1,000 pixels are read."
    assert refused.value.log == "too many pixels"
    with pytest.raises(TooLarge) as refused:
        check_size(100, 10, 8000, 1000)
    assert refused.value.detail == (
        "The image has 100 x 10 pixels; of files that are stored in this way, at most 500 pixels are "
        "read."
    )
    assert refused.value.log == "too many pixels for how they are stored"


def test_as_many_pixels_and_bytes_as_are_allowed_are_no_more() -> None:
    check_size(200, 100, BYTES_PER_PIXEL * 20_000, 20_000)
    with pytest.raises(TooLarge, match="has 200 x 101 pixels; at most 20,000 pixels are read"):
        check_size(200, 101, 0, 20_000)
    with pytest.raises(TooLarge, match="in this way, at most 19,999 pixels"):
        check_size(200, 100, BYTES_PER_PIXEL * 20_000 + 1, 20_000)


# What freed memory costs: malloc's habits, which only glibc has.


def resident() -> float:
    """MiB that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def holes() -> list[bytes]:
    """Freed blocks of 40 MiB in all, which malloc keeps, because of the blocks between them."""
    blocks = [b"x" * 100_000 for _ in range(800)]
    return blocks[::2]


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_another_c_library_is_left_alone(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(name: None) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", fails)
    return_memory_at_once()
    with PixelBudget(2**24).take(2**24):
        pass


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
class TestGlibc:
    def test_malloc_is_told_what_to_keep(self, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[tuple[int, int]] = []
        library = SimpleNamespace(mallopt=lambda what, size: told.append((what, size)))
        monkeypatch.setattr(ctypes, "CDLL", {None: library}.__getitem__)
        return_memory_at_once()
        mmap_threshold, trim_threshold = -3, -1  # malloc.h
        assert told == [(mmap_threshold, 2 << 20), (trim_threshold, 2560 << 10)]

    def test_free_memory_between_blocks_goes_back_to_the_system_after_a_large_picture(self) -> None:
        for pixels, given_back in ((2**22 - 1, False), (2**22, True)):
            between = holes()
            before = resident()
            with PixelBudget(2**24).take(pixels):
                pass
            assert (before - resident() > 20) is given_back, pixels
            del between

    def test_large_blocks_are_given_back_when_they_are_freed(self) -> None:
        """In a process of its own: here there are holes from other tests that such blocks would fill."""
        code = """
import numpy as np
from inference.pixel_budget import return_memory_at_once
from tests.inference.test_pixel_budget import resident
return_memory_at_once()
np.ones(30_000_000, np.uint8)  # after one was freed, malloc would keep all up to its size
blocks = [np.ones(2**21, np.uint8) for _ in range(40)]
before = resident()
between = blocks[::2]
del blocks
print(before - resident())
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert float(done.stdout) > 15  # of 40; some lie in holes that imports have left
