"""A job and its record: a folder `jobs/ID` of files, each written by one side only.

job.json              what was asked for; never changes
pages/000000.json     which images were listed, 5,000 a file; never change
progress.json         how many pages are queued; by whoever submits
shards/ab/HASH.jsonl  the rows; each written once, by whoever is first
overlays/ab/HASH/…    the pictures, where asked for
poison/HASH.json      why a batch was given up; gone once it is done after all
cancelled             the flag at which every batch is left undone
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any

from archive.batches import Batch, Item, pack
from archive.errors import (
    BatchDamaged,
    JobDiffers,
    JobMissing,
    JobNameInvalid,
    RecordDamaged,
)
from archive.places import Images, Page, Records
from archive.rows import read_rows
from inference.reading import Options

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
ROOT = "jobs"

#: What mends a job of which a file is damaged: what was done stays, and what the file said is found anew.
_SUBMIT_AGAIN = "delete it and submit the job once more, by the same command"
_RETRY = "delete it and retry the job"


@dataclass(frozen=True)
class Job:
    """What is asked of all images whose names begin with `prefix` in a container or folder."""

    id: str
    container: str
    prefix: str
    version: str
    options: Options
    overlays: bool = False

    @property
    def path(self) -> str:
        """The folder of the record."""
        return f"{ROOT}/{self.id}"

    def batch(self, items: tuple[Item, ...], attempt: int = 0) -> Batch:
        """Some of its images, to be worked off."""
        return Batch(
            self.id, self.container, items, self.version, self.options, self.overlays, attempt
        )

    def to_json(self) -> str:
        """As job.json."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Job":
        """Of job.json.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: It is none.
        """
        content = json.loads(text)
        return _typed(cls(options=Options(**content.pop("options")), **content))


@dataclass(frozen=True)
class Progress:
    """How far a job is listed and queued: pages, their images, and whether that is all of them."""

    pages: int = 0
    images: int = 0
    whole: bool = False


def named(
    container: str, prefix: str, version: str, options: Options, overlays: bool, name: str = ""
) -> Job:
    """A job, by default under a name that is the same whenever the same is asked for.

    Raises:
        JobNameInvalid: The name is none that a job can have.
    """
    told = json.dumps([container, prefix, version, asdict(options), overlays])
    stem = re.sub(r"[^a-z0-9]+", "-", container.rstrip("/").rpartition("/")[2].lower()).strip("-")
    made = f"{stem[:40] or 'job'}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    if name and not _NAME.fullmatch(name):
        raise JobNameInvalid(
            f"A job cannot be named {name!r}; take up to 63 of a-z, 0-9, '-' and '.', "
            "and a letter or digit first."
        )
    return Job(name or made, container, prefix, version, options, overlays)


def create(records: Records, job: Job) -> None:
    """Write down a job unless it is.

    Raises:
        JobDiffers: There is one of that name that is not the same.
    """
    if not records.write_new(f"{job.path}/job.json", job.to_json().encode()):
        there = load(records, job.id)
        if there != job:
            raise JobDiffers(
                f"There is a job {job.id} already, with other images, options or model "
                f"({there.version}); give this one another name with --job."
            )


def exists(records: Records, job: Job) -> bool:
    """Whether there is a job of that name."""
    return records.exists(f"{job.path}/job.json")


def load(records: Records, name: str) -> Job:
    """Read a job.

    Raises:
        JobMissing: There is none of that name.
    """
    content = records.read(f"{ROOT}/{name}/job.json") if _NAME.fullmatch(name) else None
    if content is None:
        there = ", ".join(all_jobs(records)) or "none"
        raise JobMissing(f"There is no job {name!r} in {records}; there are: {there}.")
    with _whole(records, f"{ROOT}/{name}/job.json", _SUBMIT_AGAIN):
        return Job.from_json(content)


def all_jobs(records: Records) -> tuple[str, ...]:
    """The names of all jobs."""
    return tuple(sorted({path.split("/")[1] for path in records.folders(ROOT)}))


def progress(records: Records, job: Job) -> Progress:
    """How far it is listed."""
    path = f"{job.path}/progress.json"
    content = records.read(path)
    if content is None:
        return Progress()
    with _whole(records, path, _SUBMIT_AGAIN):
        return _typed(Progress(**json.loads(content)))


def note_progress(records: Records, job: Job, made: Progress) -> None:
    """Write down how far it is listed."""
    records.write(f"{job.path}/progress.json", json.dumps(asdict(made)).encode())


def cancel(records: Records, job: Job) -> None:
    """Have all batches left undone from now on."""
    records.write(f"{job.path}/cancelled", b"")


def resume(records: Records, job: Job) -> None:
    """Take the cancellation back."""
    records.delete(f"{job.path}/cancelled")


def cancelled(records: Records, job_id: str) -> bool:
    """Whether batches are to be left undone."""
    return records.read(f"{ROOT}/{job_id}/cancelled") is not None


def listed(records: Records, images: Images, job: Job) -> Iterator[Page]:
    """All pages of a job, of which those that are written down are not listed again.

    So whoever is interrupted and starts anew gets the same pages and makes the same batches.
    """
    token: str | None = None
    fresh: Iterator[Page] | None = None
    number = 0
    while True:
        path = f"{job.path}/pages/{number:06}.json"
        content = records.read(path)
        if content is None:
            fresh = fresh or images.pages(job.prefix, token)
            page = next(fresh, Page((), None))
            # Of two who list at once, one is first, and the other takes what that one has.
            if not records.write_new(path, _page_to_json(page)):
                content = records.read(path)
        if content is not None:
            page, fresh = _page_from_json(records, path, content), None
        yield page
        if page.next is None:
            return
        token, number = page.next, number + 1


def written_pages(records: Records, job: Job) -> Iterator[Page]:
    """The pages that are written down."""
    for number in range(progress(records, job).pages):
        path = f"{job.path}/pages/{number:06}.json"
        content = records.read(path)
        if content is not None:
            yield _page_from_json(records, path, content)


def batches(job: Job, page: Page) -> Iterator[Batch]:
    """A page in batches."""
    return (job.batch(items) for items in pack(page.items))


def shard_path(job_id: str, shard: str) -> str:
    """Where a shard lies; in 256 folders, because no folder likes a million files."""
    return f"{ROOT}/{job_id}/shards/{shard[:2]}/{shard}.jsonl"


def overlay_folder(job_id: str, shard: str) -> str:
    """Where the pictures of a batch lie."""
    return f"{ROOT}/{job_id}/overlays/{shard[:2]}/{shard}"


def poison_path(job_id: str, shard: str) -> str:
    """Where it stands why a batch was given up."""
    return f"{ROOT}/{job_id}/poison/{shard}.json"


def note_poison(records: Records, batch: Batch, reason: str) -> None:
    """Write down why a batch is given up."""
    content: dict[str, Any] = {"reason": reason, "batch": json.loads(batch.encode())}
    records.write(poison_path(batch.job, batch.shard), json.dumps(content).encode())


def poisoned(records: Records, job: Job) -> Iterator[tuple[str, Batch]]:
    """Why each batch that was given up was, and which it is."""
    for path in records.names(f"{job.path}/poison/"):
        content = records.read(path)
        if content is not None:
            with _whole(records, path, _RETRY):
                told = json.loads(content)
                found = told["reason"], Batch.decode(json.dumps(told["batch"]))
            yield found


def rows_of(records: Records, path: str) -> tuple[tuple[Item, str, str], ...]:
    """Image, outcome and code (empty where answered) of each row of a shard.

    Raises:
        RecordDamaged: It is none.
    """
    with _whole(records, path, _RETRY):
        return tuple(read_rows(records.read(path) or b""))


@contextmanager
def _whole(records: Records, path: str, remedy: str) -> Iterator[None]:
    """Turn what reading a damaged file gives into RecordDamaged, which names it and says what to do."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, BatchDamaged) as error:
        raise RecordDamaged(f"{records}/{path} is damaged; {remedy}.") from error


def _page_to_json(page: Page) -> bytes:
    items = [[each.name, each.etag] for each in page.items]
    return json.dumps({"next": page.next, "items": items}, ensure_ascii=False).encode()


def _page_from_json(records: Records, path: str, content: bytes) -> Page:
    with _whole(records, path, "submit its images as another job, with --job"):
        told = json.loads(content)
        return Page(tuple(Item(name, etag) for name, etag in told["items"]), told["next"])


def _typed[T: (Job, Progress)](read: T) -> T:
    for each in fields(read):
        if not isinstance(getattr(read, each.name), each.type):  # type: ignore[arg-type]
            raise TypeError(each.name)
    return read
