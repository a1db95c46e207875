"""The rows of a job as one Parquet file, by DuckDB: exactly one an image, whatever the shards hold."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

import duckdb

from archive import jobs
from archive.jobs import Job, Progress
from archive.places import Records

#: Shards read at a time; from Azure each takes some ms of waiting.
READERS = 16
#: What DuckDB may hold; what is more goes to the disk.
MEMORY = "640MB"

_COLUMNS = {
    "outcome": "VARCHAR",
    "core_ms": "DOUBLE",
    "name": "VARCHAR",
    "etag": "VARCHAR",
    "prediction": "STRUCT(label VARCHAR, probability DOUBLE, certain BOOLEAN)",
    "probabilities": "MAP(VARCHAR, DOUBLE)",
    "lung_share": "DOUBLE",
    "explanations": "STRUCT(label VARCHAR, overlay VARCHAR)[]",
    "input": "STRUCT(format VARCHAR, width INTEGER, height INTEGER, sha256 VARCHAR)",
    "warnings": "VARCHAR[]",
    "model": "STRUCT(version VARCHAR, sha256 VARCHAR)",
    "code": "VARCHAR",
    "detail": "VARCHAR",
    "reasons": "VARCHAR[]",
}

_FLAT = """
CREATE TABLE every AS SELECT
  name, etag,
  CASE WHEN contains(name, '/') THEN regexp_extract(name, '^(.*)/', 1, 's') ELSE '' END AS folder,
  outcome,
  prediction.label AS label,
  prediction.probability AS probability,
  prediction.certain AS certain,
  {classes}
  code, detail, reasons,
  list_transform(warnings, lambda warning: split_part(warning, ':', 1)) AS warnings,
  lung_share,
  list_transform(explanations, lambda each: each.overlay) AS overlays,
  input.format AS format, input.width AS width, input.height AS height, input.sha256 AS sha256,
  model.version AS model_version, model.sha256 AS model_sha256,
  core_ms
FROM read_json(?, format = 'newline_delimited', columns = {columns}, maximum_object_size = 16777216)
"""

# Of several rows of an image one that has an answer counts, then a refusal, then an error; of equals the
# first that was read. Most jobs have none, which a count of the keys tells sooner than sorting them.
_CHOSEN = """
CREATE TABLE chosen AS SELECT
  arg_min(rowid, CASE outcome WHEN 'answered' THEN 0 WHEN 'refused' THEN 1 ELSE 2 END) AS which
FROM every GROUP BY name, etag
"""


@dataclass(frozen=True)
class Bin:
    """How many images have a probability of their class from `low` to `high`."""

    low: float
    high: float
    images: int


@dataclass(frozen=True)
class Counts:
    """What the rows of a job come to."""

    job: Job
    images: int
    listed: int
    #: Whether all images were listed; of what arrives by itself none ever is.
    whole: bool
    outcomes: tuple[tuple[str, int], ...]
    codes: tuple[tuple[str, int], ...]
    #: Class, images, certain ones.
    classes: tuple[tuple[str, int, int], ...]
    #: Folder, images, and how many of each class in the order of `classes`; the largest folders.
    folders: tuple[tuple[str, int, tuple[int, ...]], ...]
    histogram: tuple[Bin, ...]

    @property
    def missing(self) -> int:
        """Listed images without a row."""
        return max(0, self.listed - self.images)

    @property
    def complete(self) -> bool:
        """Whether every image of the job has its row."""
        return self.whole and not self.missing


def collect(
    records: Records,
    job: Job,
    to: Path,
    labels: Iterable[str],
    step: Callable[[int], object] = lambda more: None,
) -> Counts:
    """Write all rows of a job to a Parquet file and count them.

    Args:
        records: Where the job is kept.
        job: The job.
        to: The file; its folder is made.
        labels: The classes of the job's model, in order; each has a column `p_LABEL`.
        step: Called with how many more shards were read.

    Raises:
        OSError: The file or its folder cannot be written, or there is no room to work in.
        RecordsUnavailable: A shard cannot be read.
        RecordDamaged: A shard has something else than rows.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    with _workplace(to.parent) as folder:
        parts = _gathered(records, job, folder, step)
        finished = folder / "rows.parquet"
        try:
            with _database(folder) as database, _interruptible(database) as pool:
                counts = pool.submit(
                    _collected, database, job, records, parts, finished, tuple(labels)
                ).result()
        except duckdb.OperationalError as error:  # of memory or of the disk
            raise OSError(str(error).partition("\n")[0]) from error
        except duckdb.InvalidInputException:
            for path in records.names(f"{job.path}/shards/"):  # which is it?
                jobs.rows_of(records, path)
            raise
        finished.replace(to)
        return counts


@contextmanager
def _workplace(beside: Path) -> Iterator[Path]:
    """A folder to work in. It is gone in the end, and so are those of whoever was killed.

    Whoever works in one holds its lock, which ends with the process, and that of the folder around
    it while none is to be made or taken away by others.
    """
    with ExitStack() as held:
        with _lock(beside):
            for left in beside.glob(".collect-*"):
                with suppress(OSError), _lock(left, fcntl.LOCK_NB) as abandoned:
                    if abandoned:
                        shutil.rmtree(left)
            folder = Path(tempfile.mkdtemp(dir=beside, prefix=".collect-"))
            held.enter_context(_lock(folder))
        held.callback(shutil.rmtree, folder)
        yield folder


@contextmanager
def _lock(folder: Path, kind: int = 0) -> Iterator[bool]:
    """Hold the lock of a folder; False: another has it, or the file system knows of none."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | kind)
            locked = True
        except OSError:
            locked = False
        yield locked
    finally:
        os.close(descriptor)


def _gathered(records: Records, job: Job, folder: Path, step: Callable[[int], object]) -> list[str]:
    """The shards in a few files: opening one is what takes DuckDB long."""
    parts = [folder / f"part-{number}.jsonl" for number in range(8)]
    files = [part.open("wb") for part in parts]
    try:
        with ThreadPoolExecutor(READERS) as pool:
            for number, paths in enumerate(
                batched(records.names(f"{job.path}/shards/"), 256, strict=False)
            ):
                for content in pool.map(records.read, paths):
                    files[number % len(files)].write(content or b"")
                step(len(paths))
    finally:
        for file in files:
            file.close()
    return [str(part) for part in parts]


@contextmanager
def _database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "temp_directory": str(folder / "spilled"),
    }
    with duckdb.connect(folder / "rows.duckdb", config=settings) as database:
        database.execute("SET preserve_insertion_order = false; SET enable_progress_bar = false")
        yield database


@contextmanager
def _interruptible(database: duckdb.DuckDBPyConnection) -> Iterator[ThreadPoolExecutor]:
    """A thread for queries that Ctrl-C ends; in the main thread DuckDB hears it only at times."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()  # interrupted while it starts a thread, it would lose sight of it
        try:
            yield pool
        except KeyboardInterrupt:
            ended = pool.submit(lambda: None)
            while not ended.done():  # between two queries there is none that it could end
                database.interrupt()
                wait([ended], 0.1)
            raise


def _collected(
    database: duckdb.DuckDBPyConnection,
    job: Job,
    records: Records,
    parts: list[str],
    to: Path,
    labels: tuple[str, ...],
) -> Counts:
    classes = "".join(
        f"probabilities[{_text(each)}] AS {_name(f'p_{each}')},\n  " for each in labels
    )
    columns = "{" + ", ".join(f"{name}: {_text(kind)}" for name, kind in _COLUMNS.items()) + "}"
    flat = _FLAT.format(classes=classes, columns=columns)
    database.execute(flat, [parts])
    found = _number(database, "SELECT count(*) FROM every")
    images = _number(database, "SELECT count(*) FROM (SELECT DISTINCT name, etag FROM every)")
    if images < found:
        database.execute(_CHOSEN)
        database.execute("DELETE FROM every WHERE rowid NOT IN (SELECT which FROM chosen)")
    database.execute(f"COPY every TO {_text(str(to))} (FORMAT parquet, COMPRESSION zstd)")
    return _counts(database, job, jobs.progress(records, job), labels)


def _counts(
    database: duckdb.DuckDBPyConnection,
    job: Job,
    made: Progress,
    labels: tuple[str, ...],
) -> Counts:
    def rows(query: str) -> list[tuple[Any, ...]]:
        return database.execute(query).fetchall()

    answered = "FROM every WHERE outcome = 'answered'"
    by_class = {
        label: (images, certain)
        for label, images, certain in rows(
            f"SELECT label, count(*), count(*) FILTER (certain) {answered} GROUP BY label"
        )
    }
    each = ", ".join(f"count(*) FILTER (label = {_text(label)})" for label in labels) or "0"
    bins = dict(
        rows(
            f"SELECT least(9, floor(10 * probability))::INT AS bin, count(*) {answered} GROUP BY bin"
        )
    )
    images = _number(database, "SELECT count(*) FROM every")
    return Counts(
        job,
        images,
        made.images,
        made.whole or (not made.pages and images > 0),
        tuple(rows("SELECT outcome, count(*) FROM every GROUP BY outcome ORDER BY outcome")),
        tuple(
            rows(
                "SELECT code, count(*) FROM every WHERE code IS NOT NULL GROUP BY code ORDER BY 2 DESC, 1"
            )
        ),
        tuple((label, *by_class.get(label, (0, 0))) for label in labels),
        tuple(
            (folder, images, tuple(counts))
            for folder, images, *counts in rows(
                f"SELECT folder, count(*), {each} FROM every GROUP BY folder ORDER BY 2 DESC, 1 LIMIT 50"
            )
        ),
        tuple(Bin(number / 10, (number + 1) / 10, bins.get(number, 0)) for number in range(10)),
    )


def _number(database: duckdb.DuckDBPyConnection, query: str) -> int:
    found = database.execute(query).fetchone()
    assert found is not None  # a count is never nothing
    return int(found[0])


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
