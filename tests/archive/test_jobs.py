"""Jobs by their names: which there can be, and which there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive import jobs
from archive.batches import ROWS_ONLY
from archive.errors import JobDiffers, JobNameInvalid
from archive.folder import FolderRecords


@pytest.mark.parametrize("name", ["Upper", "-first", ".hidden", "a/b", "a b", "ä", "a" * 64, "a\n"])
def test_a_name_that_no_job_can_have_is_told_with_those_that_it_can(name: str) -> None:
    with pytest.raises(JobNameInvalid, match=r"A job cannot be named .*; take up to 63 of a-z"):
        jobs.named("container", "", "1", ROWS_ONLY, False, name)


@pytest.mark.parametrize(
    "container", ["screening-2025", "$root", "/data/Müller & Söhne/", "/", "c" * 63]
)
def test_a_job_without_a_name_gets_one_that_it_can_have(container: str) -> None:
    made = jobs.named(container, "", "1", ROWS_ONLY, False)
    assert jobs.named(container, "", "1", ROWS_ONLY, False, made.id) == made
    assert jobs.named(container, "", "2", ROWS_ONLY, False).id != made.id


def test_a_name_that_another_job_has_is_told(tmp_path: Path) -> None:
    records = FolderRecords(tmp_path)
    for version in ("1", "1"):
        jobs.create(records, jobs.named("container", "", version, ROWS_ONLY, False, "job"))
    with pytest.raises(JobDiffers, match="There is a job job already"):
        jobs.create(records, jobs.named("container", "", "2", ROWS_ONLY, False, "job"))


def test_only_folders_are_jobs(tmp_path: Path) -> None:
    records = FolderRecords(tmp_path)
    assert jobs.all_jobs(records) == ()
    jobs.create(records, jobs.named("container", "", "1", ROWS_ONLY, False, "job"))
    (tmp_path / "jobs" / ".DS_Store").write_bytes(b"")
    assert jobs.all_jobs(records) == ("job",)
