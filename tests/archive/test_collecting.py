"""What is collected of rows, whatever they hold: columns, folders, counts, one row an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from archive import jobs
from archive.batches import ROWS_ONLY, Item
from archive.collecting import Counts, collect
from archive.folder import FolderRecords
from archive.jobs import Job, Progress
from archive.rows import answer, row
from inference.reading import Options
from inference.service import Service
from inference.settings import Settings
from tests import drawing

SERVICE = Service(Settings())
LABELS = ("covid19", "normal", "pneumonia", "tuberculosis")
FAILED = {"code": "undecodable", "detail": "No image."}
JOB = Job("job", "container", "", SERVICE.model()["version"], ROWS_ONLY)


def collected(
    folder: Path, *shards: list[tuple[Item, dict[str, Any]]], listed: int = 1
) -> tuple[Counts, Path]:
    """What comes of shards of such answers, and the file."""
    records, to = FolderRecords(folder / "store"), folder / "rows.parquet"
    for number, each in enumerate(shards):
        lines = "".join(f"{row(item, found, 5.0)}\n" for item, found in each)
        records.write(jobs.shard_path(JOB.id, f"{number:032}"), lines.encode())
    jobs.note_progress(records, JOB, Progress(1, listed, True))
    return collect(records, JOB, to, LABELS), to


@pytest.mark.parametrize("explain", ["none", "predicted", "all", "covid19"])
def test_the_share_in_the_lungs_is_that_of_the_predicted_class_whatever_is_explained(
    explain: str, tmp_path: Path
) -> None:
    data = drawing.encode_jpeg(drawing.draw_chest(240, 200, seed=1))
    every = answer(SERVICE, data, Options(explain="all"), "1")
    shares = {each["label"]: each["lung_share"] for each in every["explanations"]}
    predicted = every["prediction"]["label"]
    assert predicted != LABELS[0]
    assert len(set(shares.values())) == len(LABELS)
    found = answer(SERVICE, data, Options(explain=explain), "1")
    _, to = collected(tmp_path, [(Item("a.jpg", "1"), found)])
    (flat,) = duckdb.sql(f"SELECT label, lung_share, len(overlays) FROM '{to}'").fetchall()
    explained = {"none": 0, "all": 4}.get(explain, 1)
    assert flat == (predicted, shares[predicted], explained)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("a.jpg", ""),
        ("clinic/ward/a.jpg", "clinic/ward"),
        ("two\nlines/a.jpg", "two\nlines"),
        ("clinic/two\nlines.jpg", "clinic"),
        ("=1+1,'\"; --/a\u2028\u0085.jpg", "=1+1,'\"; --"),
    ],
)
def test_a_name_is_kept_whatever_is_in_it(name: str, folder: str, tmp_path: Path) -> None:
    counts, to = collected(tmp_path, [(Item(name, "1'"), FAILED)])
    assert duckdb.sql(f"SELECT name, etag, folder FROM '{to}'").fetchall() == [(name, "1'", folder)]
    assert counts.folders == ((folder, 1, (0, 0, 0, 0)),)


def test_a_job_of_failures_alone_and_one_without_a_row_are_counted(tmp_path: Path) -> None:
    failures = [(Item(f"{number}.jpg", "1"), FAILED) for number in range(2)]
    counts, _ = collected(tmp_path / "failures", failures, listed=2)
    assert (counts.images, counts.complete) == (2, True)
    assert (counts.outcomes, counts.codes) == ((("failed", 2),), (("undecodable", 2),))
    assert counts.classes == tuple((label, 0, 0) for label in LABELS)
    assert sum(each.images for each in counts.histogram) == 0

    counts, to = collected(tmp_path / "nothing")
    assert (counts.images, counts.missing, counts.complete) == (0, 1, False)
    assert duckdb.sql(f"SELECT count(*) FROM '{to}'").fetchall() == [(0,)]


def test_of_several_rows_of_an_image_the_answer_counts_then_the_refusal(tmp_path: Path) -> None:
    data = drawing.encode_jpeg(drawing.draw_chest(240, 200, seed=1))
    answered = answer(SERVICE, data, ROWS_ONLY, "1")
    refused = {"code": "not_a_chest_xray", "detail": "No.", "reasons": ["outside"]}
    first, second = Item("a.jpg", "1"), Item("b.jpg", "1")
    counts, to = collected(
        tmp_path,
        [(first, FAILED), (second, FAILED)],
        [(first, answered), (second, refused)],
        [(first, refused), (second, FAILED)],
        listed=2,
    )
    assert (counts.images, counts.missing) == (2, 0)
    told = duckdb.sql(f"SELECT name, outcome FROM '{to}' ORDER BY name").fetchall()
    assert told == [("a.jpg", "answered"), ("b.jpg", "refused")]
