"""How a job stands: what came of its images so far, how fast, how long yet, and for how much money."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from archive import jobs
from archive.batches import Item
from archive.jobs import Job
from archive.places import Records, Shard, Tally
from archive.prices import Prices, dollars
from archive.rows import OUTCOMES

#: GB of an instance with one core.
INSTANCE_GB = 2.0
#: Reads of the record for a message: is its shard there, is the job cancelled.
RECORD_READS = 2
#: The rate is that of the last so many minutes in which something was done.
WINDOW = timedelta(minutes=5)


@dataclass(frozen=True)
class Status:
    """Images by what came of them; `left` are listed ones without a row that were not given up.

    `rate` is in images a second, None where there is none yet.
    """

    tally: Tally
    listed: int
    left: int
    whole: bool
    cancelled: bool
    given_up: tuple[tuple[int, str], ...]
    rate: float | None
    dollars: float

    @property
    def done(self) -> bool:
        """Whether every image has its row, or was given up."""
        return self.whole and self.left == 0

    @property
    def time_left(self) -> timedelta | None:
        """At the rate of the last minutes; None where that is not known."""
        if self.left and self.rate and not self.cancelled:
            return timedelta(seconds=round(self.left / self.rate))
        return None


def status(records: Records, job: Job) -> Status:
    """Look at all shards of a job."""
    shards = list(records.shards(f"{job.path}/shards/"))
    made = jobs.progress(records, job)
    there = {each.path for each in shards}
    given_up = [
        (reason, batch)
        for reason, batch in jobs.poisoned(records, job)
        if jobs.shard_path(job.id, batch.shard) not in there  # a second message has done it
    ]
    total = _total(records, shards)
    # Images of a `retry` have a row, that of their failure.
    without_row = sum(len(batch.items) for _, batch in given_up if not batch.attempt)
    return Status(
        total,
        made.images,
        max(0, made.images - total.images - without_row),
        made.whole,
        jobs.cancelled(records, job.id),
        tuple((len(batch.items), reason) for reason, batch in given_up),
        _rate(shards),
        _dollars([each.tally for each in shards]),
    )


def _dollars(shards: Sequence[Tally]) -> float:
    """US$ for what was done so far; nothing for the listing, nor for keeping what there is."""
    return dollars(
        sum(each.seconds for each in shards) * INSTANCE_GB,
        messages=len(shards),
        reads=sum(each.images + RECORD_READS for each in shards),
        writes=sum(1 + each.overlays for each in shards),
        prices=Prices(),
    )


def _total(records: Records, shards: Iterable[Shard]) -> Tally:
    """Every image once: one that was tried again had failed, and has the best of its outcomes since."""
    first, again = Counter[str](), dict[Item, int]()
    for shard in shards:
        if not shard.attempt:
            first.update({each: getattr(shard.tally, each) for each in OUTCOMES})
            continue
        for item, outcome, _ in jobs.rows_of(records, shard.path):
            again[item] = min(OUTCOMES.index(outcome), again.get(item, len(OUTCOMES)))
    first.update(OUTCOMES[best] for best in again.values())
    first["failed"] -= len(again)
    return Tally(first["answered"], first["refused"], first["failed"])


def _rate(shards: Iterable[Shard]) -> float | None:
    """Images a second, in the minutes before the last shard."""
    by_time = sorted((each.written, each.tally.images) for each in shards)
    if len(by_time) < 2:
        return None
    last: datetime = by_time[-1][0]
    recent = [(when, images) for when, images in by_time if when > last - WINDOW]
    seconds = (last - recent[0][0]).total_seconds()
    # The first shard says when the time begins; what is in it was done before.
    return sum(images for _, images in recent[1:]) / seconds if seconds > 0 else None


def lines(job: Job, found: Status) -> list[str]:
    """For a person."""
    tally = found.tally
    state = "done" if found.done else "cancelled" if found.cancelled else "under way"
    listed = f"{found.listed:,}" if found.whole else f"{found.listed:,} listed so far, more to come"
    told = [
        f"{job.id}: {state}",
        f"  images      {listed}",
        f"  answered    {tally.answered:,}",
        f"  refused     {tally.refused:,}",
        f"  failed      {tally.failed:,}",
        f"  left        {found.left:,}",
        f"  model       {job.version}",
    ]
    if found.rate is not None:
        told.append(f"  rate        {found.rate:,.1f} images/s")
    if (left := found.time_left) is not None:
        told.append(f"  time left   {left}")
    told.append(f"  cost        about US$ {found.dollars:,.4f} so far, were it all on Azure")
    for images, reason in found.given_up:
        told.append(f"  given up    {images} images: {reason}")
    return told
