import sys
import threading

import pytest

from model_store import Once
from tests.waiting import until


class Slow:
    """A load that waits to be let go, and counts how often it ran."""

    def __init__(self, outcomes: list[object]) -> None:
        self.outcomes = outcomes
        self.runs = 0
        self.go = threading.Event()

    def __call__(self) -> object:
        self.runs += 1
        assert self.go.wait(120)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def ask_with_threads(
    once: Once[object], number: int
) -> tuple[list[threading.Thread], list[object]]:
    outcomes: list[object] = []

    def ask() -> None:
        try:
            outcomes.append(once.get())
        except OSError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads, outcomes


def wait_until_all_wait(threads: list[threading.Thread]) -> None:
    """Return when every thread stands in `Event.wait`: one in the load, the others in `get`."""

    def waits(thread: threading.Thread) -> bool:
        frame = sys._current_frames().get(thread.ident or 0)
        while frame and frame.f_code is not threading.Event.wait.__code__:
            frame = frame.f_back
        # A thread that is being started stands in the wait of its own start.
        caller = frame.f_back if frame else None
        return caller is not None and caller.f_code.co_filename != threading.__file__

    until(lambda: all(map(waits, threads)))


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    slow = Slow(["model"])
    assert Once(slow).peek() is None
    assert slow.runs == 0


def test_all_that_ask_while_it_loads_wait_for_the_one_result() -> None:
    model = object()
    slow = Slow([model])
    once = Once(slow)
    threads, outcomes = ask_with_threads(once, 32)
    wait_until_all_wait(threads)
    assert once.peek() is None
    assert outcomes == []
    slow.go.set()
    for thread in threads:
        thread.join(60)
    assert outcomes == [model] * 32
    assert once.get() is model
    assert once.peek() is model
    assert slow.runs == 1


def test_a_failure_is_shared_by_those_who_wait_and_the_next_one_tries_again() -> None:
    failure = OSError("the store cannot be reached")
    slow = Slow([failure, "model"])
    once = Once(slow)
    threads, outcomes = ask_with_threads(once, 8)
    wait_until_all_wait(threads)
    slow.go.set()
    for thread in threads:
        thread.join(60)
    assert outcomes == [failure] * 8
    assert slow.runs == 1
    assert once.peek() is None
    assert once.get() == "model"
    assert once.get() == "model"
    assert slow.runs == 2


def test_a_failure_is_raised_as_it_is() -> None:
    once = Once(lambda: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            once.get()


def test_nothing_is_a_result_too() -> None:
    slow = Slow([None])
    slow.go.set()
    once = Once(slow)
    assert once.get() is None
    assert once.get() is None
    assert slow.runs == 1
