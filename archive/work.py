"""A batch worked off: each image read and answered, one shard written, whoever does it and how often."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from archive import jobs
from archive.batches import Batch, Item
from archive.errors import ImageChanged, ImageGone, ImageTooLarge
from archive.places import Images, Records, Tally
from archive.rows import Answering, answer, hold_to, outcome, row, take_pictures, tally, unread


@dataclass(frozen=True)
class _Done:
    row: str
    outcome: str
    core_ms: float
    overlays: int


def work_off(
    batch: Batch,
    images: Images,
    records: Records,
    service: Answering,
    *,
    most: int,
    threads: int = 1,
) -> Tally | None:
    """Work a batch off, unless its shard is there or its job cancelled.

    What an image does wrong stands in its row; whatever else goes wrong is raised, and no row is
    written, so that the batch can be worked off again. Pictures that are there by then stay: they are
    written as soon as their image is answered, under names that are the same the next time.

    Args:
        batch: What to work off.
        images: Where its images lie.
        records: Where its job is kept.
        service: Answers for the bytes of an image.
        most: Bytes that an image may have.
        threads: Images read and answered at a time.

    Returns:
        What came of the images; None if nothing was left to do.

    Raises:
        RecordsUnavailable: Something cannot be read or written at the moment.
        WrongModel, ModelUnavailable: The version that the job has pinned does not answer.
    """
    path = jobs.shard_path(batch.job, batch.shard)
    if records.exists(path) or jobs.cancelled(records, batch.job):
        return None
    hold_to(service, batch.version)

    def one(numbered: tuple[int, Item]) -> _Done:
        number, item = numbered
        began = time.thread_time()
        request_id = f"{batch.shard}-{number}"
        try:
            found = answer(service, images.read(item, most), batch.options, request_id)
        except (ImageGone, ImageChanged, ImageTooLarge) as error:
            found = unread(error, request_id, most)
        stem = f"{jobs.overlay_folder(batch.job, batch.shard)}/{number:02}"
        pictures = take_pictures(found, stem, batch.overlays)
        core_ms = 1000 * (time.thread_time() - began)
        for picture in pictures:  # before the row that names them; whoever writes, the same bytes
            records.write_new(picture.name, picture.data)
        return _Done(row(item, found, core_ms), outcome(found), core_ms, len(pictures))

    if threads == 1:
        done = [one(each) for each in enumerate(batch.items)]
    else:
        with ThreadPoolExecutor(threads) as pool:
            done = list(pool.map(one, enumerate(batch.items)))
    made = tally(
        (each.outcome for each in done),
        sum(each.core_ms for each in done) / 1000,
        sum(each.overlays for each in done),
    )
    content = "".join(f"{each.row}\n" for each in done).encode()
    notes = {name: json.dumps(value) for name, value in asdict(made).items()}
    return made if records.write_new(path, content, notes) else None
