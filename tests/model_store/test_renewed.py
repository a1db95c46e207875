"""What is loaded anew from time to time, and what whoever asks meanwhile gets."""

from __future__ import annotations

import json
import math
import threading
import time

import pytest

from model_store import Renewed
from tests.waiting import until


def soon(there: object) -> float:
    return 0.001


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def test_it_is_loaded_at_the_first_get_and_then_given_what_there_is() -> None:
    given: list[int | None] = []

    def load(before: int | None) -> int:
        given.append(before)
        return len(given)

    renewed = Renewed(load, every=soon)
    assert renewed.peek() is None
    assert given == []
    assert renewed.get() == 1
    time.sleep(0.01)
    assert renewed.get() == 1  # what is new is not waited for
    until(lambda: len(given) > 1)
    until(lambda: renewed.get() >= 2)
    assert given[:2] == [None, 1]


def test_the_old_one_is_handed_out_while_the_new_one_is_loaded() -> None:
    go_on = threading.Event()

    def load(before: str | None) -> str:
        if before is None:
            return "old"
        assert go_on.wait(120)
        return "new"

    renewed = Renewed(load, every=soon)
    renewed.get()
    time.sleep(0.01)
    before = threads()
    assert [renewed.get() for _ in range(100)] == ["old"] * 100
    assert len(threads() - before) == 1  # one loads, however many ask
    go_on.set()
    until(lambda: renewed.peek() == "new")


def test_what_cannot_be_renewed_stays_and_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    attempts = []

    def load(before: str | None) -> str:
        attempts.append(before)
        if len(attempts) == 2:
            raise OSError("the store is gone")
        return f"load {len(attempts)}"

    renewed = Renewed(load, every=soon)
    assert renewed.get() == "load 1"
    until(lambda: renewed.get() != "load 1")
    assert attempts[:3] == [None, "load 1", "load 1"]
    [record] = caplog.records
    line = json.loads(record.getMessage())
    assert (record.levelname, line["event"]) == ("WARNING", "not_renewed")
    assert line["reason"] == "OSError('the store is gone')"
    assert line["trace"].startswith("Traceback")


def test_without_a_thread_for_it_the_old_one_stays_and_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none_left(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    loads: list[str | None] = []

    def load(before: str | None) -> str:
        loads.append(before)
        return f"load {len(loads)}"

    renewed = Renewed(load, every=soon)
    renewed.get()
    time.sleep(0.01)
    with monkeypatch.context() as changed:
        changed.setattr(threading.Thread, "start", none_left)
        assert renewed.get() == "load 1"
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert json.loads(record.getMessage()) == {
        "event": "not_renewed",
        "reason": "The system gives no thread for it.",
    }
    until(lambda: renewed.get() and len(loads) >= 3)
    assert loads[:3] == [None, "load 1", "load 2"]  # each is given the newest


def test_a_thread_that_renews_does_not_keep_the_process() -> None:
    started: list[bool] = []
    renewed = Renewed(lambda before: started.append(threading.current_thread().daemon) or 1, soon)
    renewed.get()
    time.sleep(0.01)
    renewed.get()
    until(lambda: len(started) > 1)
    assert started[1] is True


@pytest.mark.parametrize("every", [math.inf, 3600])
def test_before_its_time_nothing_is_renewed_and_no_thread_lives(every: float) -> None:
    loads: list[None] = []
    renewed = Renewed(lambda before: loads.append(None) or 1, lambda there: every)
    before = threads()
    for _ in range(100):
        renewed.get()
    assert threads() <= before
    assert len(loads) == 1


def test_a_first_load_that_fails_is_told_and_tried_again_by_the_next() -> None:
    attempts = []

    def load(before: str | None) -> str:
        attempts.append(before)
        if len(attempts) == 1:
            raise OSError("no")
        return "there"

    renewed = Renewed(load, every=lambda there: 60)
    with pytest.raises(OSError, match="no"):
        renewed.get()
    assert renewed.peek() is None
    assert renewed.get() == "there"
