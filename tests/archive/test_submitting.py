"""What is tried again: of the images of a job those that failed and may not the next time."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive import jobs
from archive.batches import ROWS_ONLY, Item
from archive.folder import FolderRecords
from archive.jobs import Job
from archive.rows import row
from archive.submitting import failed

JOB = Job("job", "container", "", "1", ROWS_ONLY)
ANSWERED = {"prediction": {}}


@pytest.mark.parametrize(
    ("shards", "attempt"),
    [
        ([], None),
        ([("a", "answered")], None),
        ([("a", "undecodable")], None),
        ([("a", "not_a_chest_xray")], None),
        ([("a", "gone")], 1),
        ([("a", "internal")], 1),
        ([("a", "gone"), ("b-1", "undecodable")], None),
        ([("a", "gone"), ("b-1", "gone")], 2),
        # Of two batches of a retry at once one answered, and the image is gone since.
        ([("a", "gone"), ("b-1", "answered"), ("c-1", "gone")], None),
        ([("a", "gone"), ("b-1", "answered"), ("c-2", "gone")], None),
        ([("a", "gone"), ("b-1", "not_a_chest_xray"), ("c-2", "internal")], None),
    ],
)
def test_an_image_is_tried_again_that_has_failed_for_a_reason_that_may_pass(
    shards: list[tuple[str, str]], attempt: int | None, tmp_path: Path
) -> None:
    records = FolderRecords(tmp_path)
    item = Item("a.jpg", "1")
    for name, came in shards:
        found = ANSWERED if came == "answered" else {"code": came}
        records.write(jobs.shard_path(JOB.id, name), f"{row(item, found, 1.0)}\n".encode())
    again = list(failed(records, JOB))
    assert again == ([] if attempt is None else [JOB.batch((item,), attempt)])
    assert list(failed(records, JOB, [item])) == []
