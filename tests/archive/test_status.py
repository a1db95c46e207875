"""How a job stands: sums over shards whose times and contents are written down."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive import jobs
from archive.batches import ROWS_ONLY, Item
from archive.folder import FolderRecords
from archive.jobs import Job, Progress
from archive.places import Tally
from archive.rows import row
from archive.status import Status, lines, status

JOB = Job("job", "container", "", "1", ROWS_ONLY)
ANSWERS = {
    "answered": {"prediction": {}, "explanations": []},
    "pictured": {"prediction": {}, "explanations": [{"overlay": "a"}, {"overlay": "b"}]},
    "refused": {"code": "not_a_chest_xray"},
    "failed": {"code": "gone"},
}
BEGUN = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def stands(folder: Path, *shards: tuple[str, float, list[str]], listed: int = 20) -> Status:
    """Of shards by name, the second in which each was written, and what came of images 0, 1, …"""
    records = FolderRecords(folder)
    for name, second, outcomes in shards:
        path = jobs.shard_path(JOB.id, name)
        rows = (
            row(Item(str(number), "1"), ANSWERS[each], 500.0)
            for number, each in enumerate(outcomes)
        )
        records.write(path, "".join(f"{each}\n" for each in rows).encode())
        os.utime(folder / path, times=(BEGUN + second, BEGUN + second))
    jobs.note_progress(records, JOB, Progress(1, listed, True))
    return status(records, JOB)


@pytest.mark.parametrize(
    ("shards", "tally"),
    [
        ([], (0, 0, 0)),
        ([("a", ["failed"] * 3)], (0, 0, 3)),
        ([("a", ["answered", "refused", "failed"])], (1, 1, 1)),
        ([("a", ["failed"] * 3), ("a-1", ["answered", "failed"])], (1, 0, 2)),
        ([("a", ["failed"] * 3), ("a-1", ["failed"]), ("a-2", ["refused"])], (0, 1, 2)),
        ([("a", ["failed"] * 3), ("a-2", ["failed"]), ("a-1", ["answered"])], (1, 0, 2)),
        ([("a", ["failed"] * 3), ("a-1", ["answered"]), ("b-1", ["refused"])], (1, 0, 2)),
    ],
)
def test_each_image_counts_once_by_the_best_that_came_of_it(
    shards: list[tuple[str, list[str]]], tally: tuple[int, int, int], tmp_path: Path
) -> None:
    found = stands(tmp_path, *((name, 0, outcomes) for name, outcomes in shards))
    assert (found.tally.answered, found.tally.refused, found.tally.failed) == tally
    assert found.left == 20 - sum(tally)


@pytest.mark.parametrize(
    ("written", "rate", "left"),
    [
        ([], None, None),
        ([(0, 4)], None, None),
        ([(0, 4), (0, 4)], None, None),
        ([(0, 4), (8, 4)], 0.5, timedelta(seconds=24)),
        ([(8, 4), (0, 4)], 0.5, timedelta(seconds=24)),
        # What was done before a pause of hours does not count, nor does what ended it.
        ([(0, 4), (10_000, 4)], None, None),
        ([(0, 4), (10_000, 2), (10_040, 4)], 0.1, timedelta(seconds=100)),
        # Five minutes and not a second more.
        ([(0, 2), (300, 4), (301, 4)], 4.0, timedelta(seconds=2)),
    ],
)
def test_the_rate_is_that_of_the_last_minutes_and_says_how_long_yet(
    written: list[tuple[int, int]],
    rate: float | None,
    left: timedelta | None,
    tmp_path: Path,
) -> None:
    shards = [
        (str(number), second, images * ["answered"])
        for number, (second, images) in enumerate(written)
    ]
    found = stands(tmp_path, *shards)
    assert found.rate == (None if rate is None else pytest.approx(rate))
    assert found.time_left == left


def test_no_time_is_left_of_what_is_done_or_cancelled() -> None:
    def told(left: int, *, cancelled: bool = False) -> Status:
        return Status(Tally(1), 3, left, True, cancelled, (), 2.0, 0.0)

    assert told(2).time_left == timedelta(seconds=1)
    assert told(0).time_left is None
    assert told(2, cancelled=True).time_left is None
    assert "  time left   0:00:01" in lines(JOB, told(2))


def test_a_job_costs_its_time_its_messages_and_what_is_read_and_written(tmp_path: Path) -> None:
    assert stands(tmp_path / "none").dollars == 0
    shards = [("a", 0, ["answered", "pictured", "failed"]), ("a-1", 1, ["pictured"])]
    # 2 s of 2 GB; two messages, each put, got and deleted; four images and twice two files of the
    # record are read; two shards and four pictures are written.
    assert stands(tmp_path, *shards).dollars == pytest.approx(
        4 * 26e-6 + 2 * 0.4e-6 + 6 * 0.4e-6 + 8 * 0.5e-6 + 6 * 6.5e-6
    )
