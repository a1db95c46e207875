"""What the function does with a message: work it off, and see to it that none fails without a trace."""

import functools
import gc
import logging
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Any

from archive import jobs
from archive.batches import ROWS_ONLY, Arrival, Batch, arrival
from archive.blobs import CONTAINER, POISON, BlobImages, BlobRecords, container_of
from archive.errors import GivenUp, RecordsUnavailable, WrongModel
from archive.here import ATTEMPTS
from archive.work import work_off
from inference.service import Service
from model_store import log

#: Images of a message that are read and answered at a time; four messages make the eight of HTTP.
THREADS = 2
#: A process sees one job, at times two; each version's service has its own network.
SERVICES = 2


#: Of several first messages one opens what all of them use; a cache alone would let each do it.
_opening = threading.Lock()


def worker(service: Service) -> "Worker":
    """The one of this process; `service` is the app's."""
    with _opening:
        return _worker(service)


@functools.cache
def _worker(service: Service) -> "Worker":
    return Worker(service)


class Worker:
    """One for a process; safe to call from several threads."""

    def __init__(self, service: Service, credential: Any = None) -> None:
        """`service` is the app's: it has the settings, and the version for what arrives by itself."""
        self._app = service
        self._settings = settings = service.settings
        self._credential = credential
        self._records = BlobRecords(container_of(settings.archive_store, CONTAINER), credential)
        self._services: dict[str, Service] = {}

    def work(self, body: bytes, delivered: int) -> None:
        """Work off a message that is delivered for the so-and-so-manieth time.

        Raises:
            ArchiveError, ServiceError: It has to be delivered again.
            GivenUp: That was the fifth time, which is the last, and the reason stands in the job's
                record. There it stands also if this process is killed.
        """
        try:
            self._work(body, delivered)
        except Exception as error:
            if delivered < ATTEMPTS:
                raise
            # infra/modules/alerts.bicep looks for the name of the queue in what is let out here.
            raise GivenUp(f"A message goes to {POISON}. {_reason(error)}") from error

    def _work(self, body: bytes, delivered: int) -> None:
        last = delivered >= ATTEMPTS
        new = arrival(body)
        batch = self._standing(new) if new else Batch.decode(body)
        if last:
            jobs.note_poison(
                self._records, batch, "The function was killed or ran out of time at each attempt."
            )
        try:
            self._work_off(batch)
        except Exception as error:
            log.write(
                logging.WARNING,
                "batch_failed",
                shard=batch.shard,
                delivery=delivered,
                reason=repr(error),
            )
            if last:
                with suppress(RecordsUnavailable):
                    jobs.note_poison(self._records, batch, _reason(error))
            raise
        if last:
            self._records.delete(jobs.poison_path(batch.job, batch.shard))

    def _work_off(self, batch: Batch) -> None:
        images, service = self._images(batch.container), self._service(batch.version)
        try:
            work_off(
                batch,
                images,
                self._records,
                service,
                most=self._settings.max_image_bytes,
                threads=THREADS,
            )
        except WrongModel:
            self._forget(batch.version, service)
            raise

    def _standing(self, new: Arrival) -> Batch:
        """A batch of the job that takes what arrives by itself: one a container and model version.

        None that somebody submits is of its name: who lists the same image would count it twice.
        """
        version = self._app.model()["version"]
        job = jobs.named(new.container, "", version, ROWS_ONLY, False)
        job = replace(job, id=f"{job.id}-arrivals")
        jobs.create(self._records, job)
        return job.batch((new.item,))

    @functools.lru_cache(maxsize=16)  # noqa: B019  # it lives as long as the process
    def _images(self, container: str) -> BlobImages:
        return BlobImages(container_of(self._settings.archive_store, container), self._credential)

    def _service(self, version: str) -> Service:
        """The service of a version, which it keeps to once it has it, within a batch and after."""
        with _opening:
            found = self._services.pop(version, None) or Service(
                replace(self._settings, model_version=version, model_refresh_seconds=0)
            )
            self._services[version] = found
            if len(self._services) > SERVICES:
                del self._services[next(iter(self._services))]
            return found

    def _forget(self, version: str, service: Service) -> None:
        """Have the next delivery, one of five, wait for the version: a stand-in serves."""
        with _opening:
            if self._services.get(version) is service:
                del self._services[version]
        gc.collect()  # It is part of a circle; of a queue full of this job each message leaves a network.


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
