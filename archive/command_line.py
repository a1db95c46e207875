"""Answer for whole archives: a container in Azure, where a function works, or a folder on this disk.

A job is named when it is submitted; the same command again goes on where it was interrupted.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from archive import jobs
from archive.batches import Batch
from archive.errors import ArchiveError, JobMissing
from archive.folder import FolderImages, FolderRecords
from archive.here import Place, work_here
from archive.jobs import Job
from archive.places import Images, Records, Tally
from archive.status import lines, status
from archive.submitting import failed, pages_to_queue, without_shard
from inference.errors import BadRequest
from inference.reading import read_options
from inference.settings import Settings, SettingsError, archive_store
from model_store.errors import StoreError
from model_store.progress import progress
from model_store.store import open_store

#: Where jobs on a disk are kept unless --store says so.
HERE = Path("build/archive")
#: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*|\$root|\$web")

_EPILOG = """\
examples:
  python -m archive submit radiographs/            a folder: every core works, then the status is shown
  ARCHIVE_STORE=https://ACCOUNT.blob.core.windows.net
  python -m archive submit screening/2025          a container and the beginning of the blobs' names
  python -m archive status JOB                     done, refused, failed, rate, time left, cost so far
  python -m archive collect JOB --to results.parquet   rows, counts, a histogram, results.html

exit status: 0 done, or queued for the function in Azure; 1 images are left or were given up (submit goes
on; retry takes up what was given up or cancelled), or something cannot be reached or written; 2 the
arguments or settings are wrong; 130 interrupted, the same command goes on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        code: int = given.run(given)
        sys.stdout.flush()
        return code
    except (SettingsError, BadRequest) as error:
        parser.error(str(error))
    except (ArchiveError, StoreError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def submit(given: argparse.Namespace) -> int:
    """List, pack and queue; on a disk work as well."""
    settings = Settings.from_environment()
    query = {"explain": given.explain or ("predicted" if given.overlays else "none")}
    query |= {"overlay": given.overlay, "size": str(given.size)}
    manifest = open_store(settings.model_store).manifest(given.version or settings.model_version)
    options = read_options(query | ({"force": "true"} if given.force else {}), manifest.labels)
    here = os.path.isdir(given.source)
    container, prefix, store = _place(given.source, here, given.store, settings.archive_store)
    records = _records(store)
    job = jobs.named(container, prefix, manifest.version, options, given.overlays, given.job or "")
    images = _images(job, store)
    if not jobs.exists(records, job) and not any(page.items for page in images.pages(prefix, None)):
        raise ArchiveError(f"There is no image in {given.source}, so no job was made.")
    jobs.create(records, job)
    print(f"Job {job.id}", flush=True)
    if jobs.progress(records, job).whole:
        print("It was listed before; for what has come since, submit another one with --job.")
    _queue_pages(records, images, job, store)
    if here:
        return _work_here(records, job, without_shard(records, job), given)
    return _show(records, job, queued=True)


def show(given: argparse.Namespace) -> int:
    """How the job stands."""
    return _show(*_found(given)[:2])


def retry(given: argparse.Namespace) -> int:
    """What was given up, cancelled or lost, and what failed and may not again."""
    records, job, store = _found(given)
    jobs.resume(records, job)
    given_up = [batch for _, batch in jobs.poisoned(records, job)]
    again = {
        batch.shard: batch
        for batch in given_up
        if not records.exists(jobs.shard_path(job.id, batch.shard))  # by a second message
    }
    again |= {batch.shard: batch for batch in without_shard(records, job)}
    items = {item for batch in again.values() for item in batch.items}
    again |= {batch.shard: batch for batch in failed(records, job, items)}
    print(f"{sum(len(batch.items) for batch in again.values()):,} images are tried again.")
    if "://" not in store:
        _forget_poison(records, job)
        return _work_here(records, job, iter(again.values()), given)
    from archive.blobs import POISON, Queue, queue_address

    Queue(queue_address(store)).send(again.values())
    _forget_poison(records, job)
    Queue(queue_address(store), POISON).clear({batch.shard for batch in given_up} | set(again))
    return _show(records, job, queued=True)


def cancel(given: argparse.Namespace) -> int:
    """Leave undone what is not done."""
    records, job, _ = _found(given)
    jobs.cancel(records, job)
    print(
        f"{job.id} is cancelled: what is under way is finished, the rest left; retry takes it up."
    )
    return 0


def collect(given: argparse.Namespace) -> int:
    """All rows in one file, and what they come to."""
    records, job, _ = _found(given)
    try:
        from archive.collecting import collect as collected
    except ImportError as error:
        raise ArchiveError(
            f"{error.name} is not installed: pip install 'duckdb>=1.4', or make .venv/dev.stamp."
        ) from error
    from archive.summary import page, terminal

    labels = open_store(Settings.from_environment().model_store).manifest(job.version).labels
    html = given.to.with_suffix(".html")
    try:
        with progress("shards", None, "shard") as step:
            counts = collected(records, job, given.to, labels, step)
    except OSError as error:
        raise ArchiveError(f"{given.to} cannot be written: {error}.") from error
    FolderRecords(html.parent).write(html.name, page(counts).encode())
    print(terminal(counts))
    print(f"\nWritten: {given.to}, {html}")
    return 0 if counts.complete else 1


def _place(source: str, here: bool, store: str | None, setting: str) -> tuple[str, str, str]:
    """Container or folder, prefix, and where jobs are kept."""
    if here:
        if store and "://" in store:
            raise ArchiveError(
                f"{source} is a folder, whose jobs are kept in a folder too. For Azure put its "
                "images into a container, and submit that."
            )
        return str(Path(source).resolve()), "", store or str(HERE)
    container, _, prefix = source.partition("/")
    if not _CONTAINER.fullmatch(container):
        raise ArchiveError(
            f"{source} is no folder that can be read, and no container's name; a container is given "
            "as CONTAINER or CONTAINER/PREFIX, its account by ARCHIVE_STORE or --store."
        )
    store = store or setting
    if "://" not in store:
        raise ArchiveError(
            f"There is no folder {source}. For a container say which account has it: set "
            "ARCHIVE_STORE, or give --store https://ACCOUNT.blob.core.windows.net."
        )
    return container, prefix, store


def _queue_pages(records: Records, images: Images, job: Job, store: str) -> None:
    with progress("listing", None, "image") as step, _sender(store) as send:
        for page, made in pages_to_queue(records, images, job):
            send(list(jobs.batches(job, page)))
            jobs.note_progress(records, job, made)
            step(len(page.items))


@contextmanager
def _sender(store: str):  # type: ignore[no-untyped-def]
    if "://" not in store:
        yield lambda batches: None
        return
    from archive.blobs import Queue, queue_address

    yield Queue(queue_address(store)).send


def _work_here(
    records: Records, job: Job, batches: Iterator[Batch], given: argparse.Namespace
) -> int:
    place = Place(job.container, given.store or str(HERE))
    total = jobs.progress(records, job).images - status(records, job).tally.images
    with progress("radiographs", max(0, total), "image") as step:

        def done(batch: Batch, tally: Tally | None) -> None:
            step(len(batch.items))

        uncancelled = (each for each in batches if not jobs.cancelled(records, job.id))
        work_here(uncancelled, place, workers=given.workers, done=done)
    return _show(records, job)


def _show(records: Records, job: Job, *, queued: bool = False) -> int:
    """Print how the job stands; the exit status. `queued`: what is left is the function's business."""
    found = status(records, job)
    print("\n".join(lines(job, found)))
    # What arrives by itself is never listed, so its job is never whole.
    arrivals = not found.listed and found.tally.images > 0
    well = found.done or arrivals or (queued and not found.cancelled)
    return 0 if well and not found.given_up else 1


def _forget_poison(records: Records, job: Job) -> None:
    for _, batch in list(jobs.poisoned(records, job)):
        records.delete(jobs.poison_path(job.id, batch.shard))


def _found(given: argparse.Namespace) -> tuple[Records, Job, str]:
    """The job, looked for here first unless --store says where."""
    elsewhere = Settings.from_environment().archive_store
    stores = [given.store] if given.store else [str(HERE), *([elsewhere] if elsewhere else [])]
    for store in stores[:-1]:
        try:
            records = _records(store)
            return records, jobs.load(records, given.job), store
        except JobMissing:
            continue
    records = _records(stores[-1])
    return records, jobs.load(records, given.job), stores[-1]


def _records(store: str) -> Records:
    if "://" not in store:
        return FolderRecords(Path(store))
    from archive.blobs import CONTAINER, BlobRecords, container_of

    return BlobRecords(container_of(store, CONTAINER))


def _images(job: Job, store: str) -> Images:
    if "://" not in store:
        return FolderImages(Path(job.container))
    from archive.blobs import BlobImages, container_of

    return BlobImages(container_of(store, job.container))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m archive",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        made.set_defaults(run=run)
        made.add_argument(
            "--store",
            type=_store,
            metavar="PLACE",
            help="where jobs are kept: a folder, or the URL of a storage account "
            f"(default: the setting ARCHIVE_STORE; for a folder of images {HERE})",
        )
        return made

    def with_workers(made: argparse.ArgumentParser) -> argparse.ArgumentParser:
        made.add_argument(
            "--workers",
            type=_workers,
            metavar="N",
            default=os.process_cpu_count(),
            help="on a disk: processes (default: one a core, %(default)s)",
        )
        return made

    new = with_workers(command("submit", submit))
    new.add_argument("source", metavar="FOLDER|CONTAINER[/PREFIX]")
    new.add_argument("--job", metavar="NAME", help="a name of your own for the job")
    new.add_argument(
        "--version", help="of the model (default: the active one); kept for all of the job"
    )
    new.add_argument("--explain", help="predicted, all, none or a class (default: none)")
    new.add_argument("--overlays", action="store_true", help="keep the pictures beside the rows")
    new.add_argument("--overlay", choices=("jpeg", "png"), default="jpeg", help="their format")
    new.add_argument("--size", type=int, default=512, help="their long side in pixels (512)")
    new.add_argument("--force", action="store_true", help="answer even where the gate refuses")
    for name, run in (("status", show), ("retry", retry), ("cancel", cancel), ("collect", collect)):
        made = command(name, run)
        made.add_argument("job", metavar="JOB")
        if name == "retry":
            with_workers(made)
        if name == "collect":
            made.add_argument("--to", type=_parquet, required=True, metavar="FILE.parquet")
    return parser


def _workers(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"{value!r} is no number of processes; it takes 1 or more")
    return int(value)


def _store(value: str) -> str:
    try:
        return archive_store("the place", value) if "://" in value else value
    except SettingsError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parquet(value: str) -> Path:
    if Path(value).suffix.lower() != ".parquet":
        raise argparse.ArgumentTypeError(
            f"{value!r} does not end in .parquet, the one format that rows are written in"
        )
    return Path(value)
