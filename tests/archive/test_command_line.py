"""`python -m archive` on a folder: rows, interruptions, deaths, cancelling, and what is collected."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from archive import jobs
from archive.batches import ROWS_ONLY, Batch, Item
from archive.errors import WrongModel
from archive.folder import FolderImages, FolderRecords
from archive.here import Place, work_here
from archive.jobs import Job
from archive.places import Tally
from archive.status import status
from archive.work import work_off
from inference.service import Service
from inference.settings import Settings
from tests.archive.cloud import ask, drawn, expected, said, until
from tests.tools.running import REPOSITORY

VERSION = Service(Settings()).model()["version"]


def rows(store: Path) -> list[dict[str, object]]:
    """All rows of all shards of the one job."""
    return [
        json.loads(line)
        for shard in sorted(store.rglob("*.jsonl"))
        for line in shard.read_text().splitlines()
    ]


def put(folder: Path, images: dict[str, bytes]) -> Path:
    """Write images into a folder."""
    for name, data in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_folder_gets_the_rows_that_the_command_line_of_inference_gives(tmp_path: Path) -> None:
    images = drawn(40, broken=20) | {"notes.txt": b"no image", "small.png": b""}
    reference = expected(images, tmp_path / "files")
    store = tmp_path / "store"
    done = ask("submit", str(tmp_path / "files"), "--store", str(store), "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "answered    38\n" in done.stdout
    assert "failed      4\n" in done.stdout
    assert {row["name"]: said(row) for row in rows(store)} == reference
    assert len(rows(store)) == 42

    name = done.stdout.split()[1]
    to = tmp_path / "results.parquet"
    collected = ask("collect", name, "--store", str(store), "--to", str(to))
    assert collected.returncode == 0, collected.stderr
    assert "42 images, one row each" in collected.stdout
    assert "clinic-1" in (tmp_path / "results.html").read_text()
    counts = duckdb.sql(
        f"SELECT outcome, count(*), min(p_normal) IS NULL FROM '{to}' GROUP BY ALL ORDER BY outcome"
    ).fetchall()
    assert counts == [("answered", 38, False), ("failed", 4, True)]


def test_a_killed_job_goes_on_where_it_was_and_counts_nothing_twice(tmp_path: Path) -> None:
    put(tmp_path / "files", drawn(160))
    store = tmp_path / "store"
    line = ["submit", str(tmp_path / "files"), "--store", str(store), "--workers", "1"]
    first = subprocess.Popen([sys.executable, "-m", "archive", *line], cwd=REPOSITORY)
    for _ in until("the first shard is there"):
        if list(store.rglob("*.jsonl")):
            break
    first.send_signal(signal.SIGKILL)
    first.wait()
    time.sleep(0.5)  # its worker notices
    before = {shard: shard.stat().st_mtime_ns for shard in store.rglob("*.jsonl")}
    assert 0 < len(before) < 10
    assert ask(*line).returncode == 0
    after = {shard: shard.stat().st_mtime_ns for shard in store.rglob("*.jsonl")}
    assert len(after) == 10
    assert before.items() <= after.items()
    assert Counter(row["name"] for row in rows(store)).most_common(1)[0][1] == 1
    assert len(rows(store)) == 160


@pytest.fixture
def small(tmp_path: Path) -> tuple[Job, FolderRecords, FolderImages]:
    """A job of three images, listed and not begun."""
    folder = put(tmp_path / "files", drawn(3))
    records = FolderRecords(tmp_path / "store")
    job = jobs.named(str(folder), "", VERSION, ROWS_ONLY, False, "three")
    jobs.create(records, job)
    (page,) = jobs.listed(records, FolderImages(folder), job)
    jobs.note_progress(records, job, jobs.Progress(1, len(page.items), True))
    return job, records, FolderImages(folder)


def work(small: tuple[Job, FolderRecords, FolderImages], attempt: int = 0) -> Tally | None:
    """Work its one batch off."""
    job, records, images = small
    (page,) = jobs.written_pages(records, job)
    batch = job.batch(page.items, attempt)
    return work_off(batch, images, records, Service(Settings()), most=10**7, threads=2)


def test_an_image_that_is_gone_or_another_has_a_row_that_says_so(
    small: tuple[Job, FolderRecords, FolderImages],
) -> None:
    _, records, images = small
    (images.path / "clinic-0/00000.jpg").unlink()
    (images.path / "clinic-1/00001.jpg").write_bytes(b"another one")
    assert work(small) == Tally(1, 0, 2, pytest.approx(0, abs=10))
    found = {row["name"]: row.get("code") for row in rows(records.path)}
    assert found == {
        "clinic-0/00000.jpg": "gone",
        "clinic-1/00001.jpg": "changed",
        "clinic-2/00002.jpg": None,
    }


def test_a_batch_that_comes_again_changes_nothing(
    small: tuple[Job, FolderRecords, FolderImages],
) -> None:
    assert work(small) is not None
    before = rows(small[1].path)
    assert work(small) is None
    assert rows(small[1].path) == before


def test_a_cancelled_job_is_left_and_a_retry_takes_it_up(
    small: tuple[Job, FolderRecords, FolderImages],
) -> None:
    job, records, _ = small
    store = ("--store", str(records.path))
    assert ask("cancel", job.id, *store).returncode == 0
    assert work(small) is None
    assert "three: cancelled" in ask("status", job.id, *store).stdout
    again = ask("retry", job.id, *store, "--workers", "1")
    assert "three: done" in again.stdout
    assert len(rows(records.path)) == 3


def test_an_image_that_has_come_back_is_answered_by_a_retry_and_counts_once(
    small: tuple[Job, FolderRecords, FolderImages], tmp_path: Path
) -> None:
    job, records, images = small
    image = images.path / "clinic-0/00000.jpg"
    image.rename(tmp_path / "elsewhere")
    work(small)
    assert status(records, job).tally.failed == 1
    (tmp_path / "elsewhere").rename(image)
    done = ask("retry", job.id, "--store", str(records.path), "--workers", "1")
    assert "1 images are tried again" in done.stdout
    assert "answered    3\n" in done.stdout
    assert "failed      0\n" in done.stdout
    to = tmp_path / "results.parquet"
    ask("collect", job.id, "--store", str(records.path), "--to", str(to))
    assert duckdb.sql(f"SELECT count(*), count(label) FROM '{to}'").fetchall() == [(3, 3)]


def test_pictures_are_kept_beside_the_rows_where_they_are_asked_for(tmp_path: Path) -> None:
    put(tmp_path / "files", drawn(2))
    store = tmp_path / "store"
    ask("submit", str(tmp_path / "files"), "--store", str(store), "--overlays", "--workers", "1")
    for row in rows(store):
        (explanation,) = row["explanations"]  # type: ignore[misc]
        assert "base64" not in explanation
        assert (store / explanation["overlay"]).read_bytes()[:3] == b"\xff\xd8\xff"


def test_a_defect_is_in_the_log_and_what_it_says_of_a_patient_nowhere(
    small: tuple[Job, FolderRecords, FolderImages],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tag = "Doe^Jane"

    def decode(data: bytes, **options: object) -> None:
        raise ValueError(tag)

    monkeypatch.setattr("inference.pipeline.decode", decode)
    with caplog.at_level(logging.ERROR, "chest_xray"):
        assert work(small) == Tally(0, 0, 3, pytest.approx(0, abs=10))
    found = rows(small[1].path)
    assert {row["code"] for row in found} == {"internal"}
    assert {row["detail"] for row in found} == {
        "The request could not be answered. The fault is on our side."
    }
    defects = [json.loads(each.getMessage()) for each in caplog.records]
    assert {each["event"] for each in defects} == {"defect"}
    assert {each["request_id"] for each in defects} == {row["request_id"] for row in found}
    for each in defects:
        assert each["trace"].endswith("\nValueError")
        assert "in decode" in each["trace"]
    assert tag not in caplog.text


def test_another_version_than_the_pinned_one_writes_no_row_not_even_of_what_is_broken(
    small: tuple[Job, FolderRecords, FolderImages],
) -> None:
    job, records, images = small
    broken = images.path / "broken.jpg"
    broken.write_bytes(b"no image")
    stat = broken.stat()
    item = Item(broken.name, f"{stat.st_mtime_ns:x}-{stat.st_size:x}")
    other = Batch(job.id, job.container, (item,), "2025.1.1")
    place = Place(str(images.path), str(records.path))
    for worked in (
        lambda: work_off(other, images, records, Service(Settings()), most=10**7),
        lambda: work_here([other], place, workers=1),
    ):
        with pytest.raises(WrongModel, match=r"The job wants version 2025\.1\.1"):
            worked()
    assert rows(records.path) == []


def test_a_batch_is_the_same_read_from_its_message_and_its_shard_another_for_other_images() -> None:
    batch = Batch("job", "container", (Item("a.jpg", "1"), Item("b.jpg", "2")), "2025.1.1")
    assert Batch.decode(batch.encode()) == batch
    assert batch.shard != Batch("job", "container", (Item("a.jpg", "1"),), "2025.1.1").shard


def test_what_cannot_be_is_told_with_what_to_do(tmp_path: Path) -> None:
    store = ("--store", str(tmp_path))
    missing = ask("status", "nothing", *store)
    assert (missing.returncode, missing.stderr) == (
        1,
        f"error: There is no job 'nothing' in {tmp_path}; there are: none.\n",
    )
    nowhere = ask("submit", "no-folder", *store, ARCHIVE_STORE="")
    assert nowhere.returncode == 1
    assert "set ARCHIVE_STORE" in nowhere.stderr
    wrong = ask("submit", os.curdir, *store, "--explain", "fever")
    assert wrong.returncode == 2
    assert "explain is 'fever'" in wrong.stderr
