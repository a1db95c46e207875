"""Memory of the process that works a job off as its queue brings it, with Azurite as the account.

The process is the local host's: Azure's own Python runtime with the app, and what brings it messages as
Azure's host does. Azurite, and whom the app asks for tokens, are those of the tests.
"""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np

from archive import jobs
from archive.batches import pack
from archive.blobs import QUEUE
from archive.jobs import Job, Progress
from archive.status import status
from inference.service import Service
from inference.settings import Settings
from model_store.progress import progress
from tools.bench.archive import ANSWERED
from tools.bench.bodies import typical
from tools.bench.local_host import running
from tools.bench.measurement import Measurement, NotMeasured, Plan, Row
from tools.bench.memory import FLAT_BAR, mebibytes

if TYPE_CHECKING:
    from tests.archive.cloud import Cloud

#: Seconds between two looks.
PAUSE = 0.2
#: Seconds without a message being done after which something is wrong.
PATIENCE = 300


def measure(plan: Plan) -> Measurement:
    """JPEG, PNG and WebP of 0.3 to 6 megapixels in an order by chance; one process answers for all.

    Flat: in the last tenth of the time it holds what it held in the second.
    """
    with _account() as cloud:
        job, messages = _submitted(cloud, plan.queued)
        with running() as host:
            began = time.perf_counter()
            held = [mebibytes(host.pid, "VmRSS") for _ in _until_none_is_left(cloud, messages)]
            seconds = time.perf_counter() - began
            peak = mebibytes(host.pid, "VmHWM")
        answered = status(cloud.records, job).tally.answered
    if answered != plan.queued:
        raise NotMeasured(f"Of {plan.queued} images only {answered} were answered.")
    if len(held) < 10:
        raise NotMeasured("Too few images to see how memory goes.")
    tenths = [float(np.median(part)) for part in np.array_split(held, 10)]
    first, last = tenths[1], tenths[-1]
    growth = 100 * (last / first - 1)
    return Measurement(
        {"peak_mib_archive": peak},
        (
            Row(
                f"memory: peak over {plan.queued:,} images that a queue brings",
                f"{peak:.0f} MiB",
                "",
                f"{plan.queued / seconds:.0f} images/s",
            ),
            Row(
                "  the same, last tenth against second",
                f"{last:.0f} MiB",
                f"(second) {first:.0f} MiB",
                f"{growth:+.1f} %",
                f"<= {FLAT_BAR:g} %",
                abs(growth) <= FLAT_BAR,
            ),
        ),
        {"seconds": seconds, "growth_percent": growth, "mib_by_tenth": tenths},
    )


@contextmanager
def _account() -> "Iterator[Cloud]":
    """An account that is empty; the environment says where it is and who asks."""
    from tests.archive.cloud import Cloud
    from tests.azurite.identity import IdentityEndpoint
    from tests.azurite.server import Azure, missing

    if reason := missing():
        raise NotMeasured(reason)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        azure = Azure.start(folder)
        stack.callback(azure.server.stop)
        queue = azure.start_queue(folder)
        stack.callback(queue.stop)
        identity = IdentityEndpoint()
        stack.callback(identity.close)
        stack.enter_context(patch.dict(os.environ, REQUESTS_CA_BUNDLE=str(azure.authority)))
        cloud = Cloud.open(azure, queue, identity)
        stack.enter_context(patch.dict(os.environ, cloud.environment))
        yield cloud


def _submitted(cloud: "Cloud", count: int) -> tuple[Job, int]:
    """A job of so many images, and its messages; each image is in many, and no two are the same."""
    files = {body.name: body.data for body in typical() if body.media_type.startswith("image/")}
    cloud.upload(files)
    (page,) = cloud.images.pages("", None)
    version = Service(Settings.from_environment()).model()["version"]
    job = jobs.named(cloud.container, "", version, ANSWERED, False)
    jobs.create(cloud.records, job)
    chosen = random.Random(0).choices(page.items, k=count)
    sent = cloud.sender().send(map(job.batch, pack(chosen)))
    jobs.note_progress(cloud.records, job, Progress(1, count, True))
    return job, sent


def _until_none_is_left(cloud: "Cloud", messages: int) -> Iterator[None]:
    """Again and again, until all messages are done."""
    queue = cloud.queue(QUEUE)
    with progress("archive", messages) as step:
        left, changed = messages, time.monotonic()
        while left:
            now = queue.get_queue_properties().approximate_message_count or 0
            yield
            if now < left:
                step(left - now)
                left, changed = now, time.monotonic()
            elif time.monotonic() > changed + PATIENCE:
                raise NotMeasured(f"{left} of {messages} messages of a queue stay undone.")
            time.sleep(PAUSE)
