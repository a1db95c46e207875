"""Batches that are to be worked off: of a new job, of one that was interrupted, of one to be retried."""

from collections.abc import Collection, Iterator

from archive import jobs
from archive.batches import Batch, Item, pack
from archive.jobs import Job, Progress
from archive.places import Images, Page, Records

#: Failures that may be none the next time.
WORTH_A_RETRY = ("internal", "gone")


def pages_to_queue(records: Records, images: Images, job: Job) -> Iterator[tuple[Page, Progress]]:
    """The pages of a job that are not queued yet, each with what is to be noted once it is.

    Who notes it after the page is queued may queue a page twice, but never not at all.
    """
    before = jobs.progress(records, job)
    if before.whole:
        return
    images_so_far = before.images
    for number, page in enumerate(jobs.listed(records, images, job)):
        if number < before.pages:
            continue
        images_so_far += len(page.items)
        yield page, Progress(number + 1, images_so_far, page.next is None)


def without_shard(records: Records, job: Job) -> Iterator[Batch]:
    """Batches of the written pages of which nothing is there yet."""
    there = {path.rpartition("/")[2] for path in records.names(f"{job.path}/shards/")}
    for page in jobs.written_pages(records, job):
        for batch in jobs.batches(job, page):
            if f"{batch.shard}.jsonl" not in there:
                yield batch


def failed(records: Records, job: Job, but: Collection[Item] = ()) -> Iterator[Batch]:
    """Images that failed at each attempt and may not at the next, in batches of their own.

    `but` are those that are tried again anyway.
    """
    last: dict[Item, tuple[int, str]] = {}
    done: set[Item] = set(but)
    attempts = [0]
    for shard in records.shards(f"{job.path}/shards/"):
        attempts.append(shard.attempt)
        if not (shard.tally.failed or shard.attempt):
            continue  # most shards; they need not be read
        for item, outcome, code in jobs.rows_of(records, shard.path):
            if outcome != "failed":
                done.add(item)
            last[item] = max(last.get(item, (-1, "")), (shard.attempt, code))
    wanted = (
        item for item, (_, code) in last.items() if code in WORTH_A_RETRY and item not in done
    )
    for items in pack(sorted(wanted, key=lambda item: item.name)):
        yield job.batch(items, max(attempts) + 1)
