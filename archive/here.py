"""A job on this machine: every core has a process that works batches off.

Processes and not threads: besides the network, of which Python lets go, an image costs work in Python, and
two threads get in each other's way with that. A process that an image kills takes nothing with it: what was
in hand is tried again one by one, and what kills a process that has nothing else to do is given up at the
fifth time, with the reason in the job's record, as a queue does.
"""

import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from archive import jobs
from archive.batches import Batch
from archive.errors import ArchiveError
from archive.folder import FolderImages, FolderRecords
from archive.places import Tally
from archive.work import work_off
from inference.errors import ServiceError
from inference.service import Service
from inference.settings import Settings

#: As often as a queue delivers a message.
ATTEMPTS = 5


@dataclass(frozen=True)
class Place:
    """What a process must know: the folder of the images and that of the jobs."""

    images: str
    records: str


@functools.lru_cache(maxsize=1)
def service(version: str) -> Service:
    """The service of this process, for one version for ever."""
    settings = Settings.from_environment()
    return Service(replace(settings, model_version=version, model_refresh_seconds=0))


def work_here(
    batches: Iterable[Batch],
    place: Place,
    *,
    workers: int | None = None,
    done: Callable[[Batch, Tally | None], object] = lambda batch, tally: None,
) -> None:
    """Work off batches with so many processes (default: one a core).

    `done` is called after each with what came of it; None: nothing was left to do, or it was given up.

    Raises:
        ArchiveError: A batch cannot be worked off for a reason that will not go away by itself.
    """
    count = workers or os.process_cpu_count() or 1
    waiting = iter(batches)
    alone: list[Batch] = []
    while True:
        with _pool(count) as pool:
            alone = _until_broken(pool, waiting, place, done, 2 * count)
        if not alone:
            return
        for batch in alone:
            done(batch, _tried_alone(batch, place))


def _until_broken(
    pool: ProcessPoolExecutor,
    waiting: Iterator[Batch],
    place: Place,
    done: Callable[[Batch, Tally | None], object],
    most: int,
) -> list[Batch]:
    """Work off all that is waiting; or what was in hand when a process died."""
    running: dict[Future[Tally | None], Batch] = {}
    try:
        for batch in waiting:
            try:
                running[_handed(pool, batch, place)] = batch
            except BrokenProcessPool:
                return [*running.values(), batch]
            if len(running) >= most:
                _settle(running, done)
        while running:
            _settle(running, done)
    except BrokenProcessPool:
        return list(running.values())
    return []


def _settle(
    running: dict[Future[Tally | None], Batch], done: Callable[[Batch, Tally | None], object]
) -> None:
    """Wait for one at least; one stays among the running until it is known what came of it."""
    finished, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in finished:
        tally = future.result()
        done(running.pop(future), tally)


def _tried_alone(batch: Batch, place: Place) -> Tally | None:
    for _ in range(ATTEMPTS):
        with _pool(1) as pool:
            try:
                return _handed(pool, batch, place).result()
            except BrokenProcessPool:
                continue
    reason = f"The process that worked on it was killed {ATTEMPTS} times."
    jobs.note_poison(FolderRecords(Path(place.records)), batch, reason)
    return None


def _handed(pool: ProcessPoolExecutor, batch: Batch, place: Place) -> Future[Tally | None]:
    with _deaf():  # it may start a process
        return pool.submit(_work, batch, place)


@contextmanager
def _deaf() -> Iterator[None]:
    """Keep Ctrl-C until afterwards, and for ever from the processes that are started meanwhile.

    A terminal sends it to all of them, and only this one is to hear it: the others finish what they have
    in hand, and one that is half started would end in a trace.
    """
    kept: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: kept.append(number))
    heard = signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGINT}
    )  # which a new process inherits
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)
        signal.signal(signal.SIGINT, handler)
        if kept:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    # Not forked: the parent may have threads.
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_end_with_parent)
    try:
        yield pool
    finally:
        try:
            pool.shutdown(cancel_futures=True)
        except KeyboardInterrupt:  # the second one, of somebody who does not want to wait
            for process in multiprocessing.active_children():
                process.kill()
            raise


def _end_with_parent() -> None:
    """Take this process along when its parent is killed: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _work(batch: Batch, place: Place) -> Tally | None:
    answering = service(batch.version)
    try:
        return work_off(
            batch,
            FolderImages(Path(place.images)),
            FolderRecords(Path(place.records)),
            answering,
            most=answering.settings.max_image_bytes,
        )
    except ServiceError as error:  # its classes cannot travel between processes
        raise ArchiveError(error.log) from None
