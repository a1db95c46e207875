"""A job whose workers are killed at random while every message comes twice, and images break and go.

The bar is the same test with more of everything:

    ARCHIVE_IMAGES=5000 ARCHIVE_KILLS=20 pytest -s tests/archive/test_kills.py
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

from archive.status import status
from archive.submitting import without_shard
from tests.archive.cloud import Cloud, drawn, expected, said
from tests.archive.conftest import StartApp
from tests.waiting import until

IMAGES = int(os.environ.get("ARCHIVE_IMAGES", "300"))
KILLS = int(os.environ.get("ARCHIVE_KILLS", "6"))
#: Seconds that the job may still take after the last kill.
PATIENCE = 120 + IMAGES / 2


def test_every_image_has_one_row_that_says_what_the_command_line_says(
    cloud: Cloud, app: StartApp, tmp_path: Path
) -> None:
    chance = random.Random(8)
    images = drawn(IMAGES, broken=40)
    cloud.upload(images)
    reference = expected(images, tmp_path / "files")
    job = cloud.submitted()
    cloud.sender().send(without_shard(cloud.records, job))  # every message once more

    deleted, changed = list(images)[3::97], list(images)[5::89]
    began = time.monotonic()
    worker = app()
    for kill in range(KILLS):
        if kill:
            time.sleep(chance.uniform(1.5, 4))
        else:
            until(lambda: cloud.rows(job))
        worker.kill()
        worker.wait()
        if not kill:  # in the middle of the job
            for name in deleted:
                cloud.blobs(cloud.container).delete_blob(name)
            cloud.upload(dict.fromkeys(changed, images["clinic-0/00000.jpg"]))
        worker = app()

    def done() -> bool:
        if cloud.poisoned():  # five deaths with the same message in hand; `retry` is for that
            cloud.ask("retry", job.id)
        return status(cloud.records, job).done

    until(done, PATIENCE)
    seconds = time.monotonic() - began

    rows = cloud.rows(job)
    assert Counter(row["name"] for row in rows) == dict.fromkeys(images, 1)
    gone = {row["name"] for row in rows if row.get("code") == "gone"}
    overwritten = {row["name"] for row in rows if row.get("code") == "changed"}
    assert gone <= set(deleted)
    assert overwritten <= set(changed)
    assert gone
    assert overwritten
    assert {row["name"]: said(row) for row in rows if row["name"] not in gone | overwritten} == {
        name: answer for name, answer in reference.items() if name not in gone | overwritten
    }
    print(
        f"\n{len(images):,} images, all of them delivered twice, {KILLS} kills in {seconds:.0f} s: "
        f"{len(rows):,} rows, {len(gone)} deleted, {len(overwritten)} changed meanwhile"
    )
