"""What an image needs and what the platform gives: numbers, measured or quoted in `docs/scale.md`."""

from dataclasses import dataclass
from math import inf

import archive.prices
from archive.prices import Prices
from tools.cost import CORES
from tools.options import told


@dataclass(frozen=True)
class Work:
    """What one image, and one message of several, takes."""

    predict_ms: float = told(8.1, "time of one core for an answer without a picture, ms")
    read_ms: float = told(2.3, "time of one core for the SDK to read one blob, ms")
    wait_ms: float = told(15, "wait for the first byte of a blob, ms; not measured")
    message_ms: float = told(
        60, "wait to take a message, write its shard and delete it, ms; not measured"
    )
    image_bytes: float = told(120_000, "bytes of an image")
    images_a_message: int = told(16, "images that a message names", 1)
    readers: int = told(2, "images of a message that are read at a time", 1)
    record_calls: int = told(
        3, "calls for the record: is the shard there, is the job cancelled, write"
    )
    overlays: int = told(0, "overlays written for an image")
    spread: float = told(0.3, "standard deviation of a message's times, as a share of their mean")

    @property
    def core_seconds(self) -> float:
        """Seconds of one core for a message."""
        return self.images_a_message * (self.predict_ms + self.read_ms) / 1000

    @property
    def wait_seconds(self) -> float:
        """Seconds of a message in which no core works for it."""
        readers = min(self.readers, self.images_a_message)
        return (self.images_a_message * self.wait_ms / readers + self.message_ms) / 1000

    @property
    def requests(self) -> float:
        """Requests to storage for a message: blobs, overlays, `record_calls`, and put, get and delete."""
        return self.images_a_message * (1 + self.overlays) + self.record_calls + 3


@dataclass(frozen=True)
class Platform:
    """Azure's limits, and how it starts instances."""

    memory: int = told(2048, "memory of an instance, MB: 512, 2048 or 4096", 512)
    maximum: int = told(10, "instances at most (maximumInstanceCount)", 1)
    slots: int = told(4, "messages at a time on an instance (batchSize + newBatchThreshold)", 1)
    region_cores: float = told(250, "cores of all instances of a subscription in a region")
    account_requests: float = told(20_000, "requests a second to a storage account", 1)
    queue_messages: float = told(2_000, "messages a second of a queue, put, got and deleted", 1)
    egress_gbps: float = told(50, "read from a storage account, gigabits a second", 0.001)
    submitted: float = told(480, "messages a second that one submitter puts", 0.001)
    start_seconds: float = told(5, "from the decision to start an instance to its first message")
    step: int = told(4, "instances that one decision starts at most", 1)
    decision_seconds: float = told(30, "between two decisions", 0.1)
    hidden_seconds: float = told(600, "until a message comes back whose instance died")

    @property
    def cores(self) -> float:
        """Cores of an instance."""
        return CORES[self.memory]

    @property
    def ceiling(self) -> int:
        """Instances that there may be."""
        return max(1, min(self.maximum, int(self.region_cores / self.cores)))


def alone(work: Work, platform: Platform) -> float:
    """Messages a second of one instance: a core in series with waits, passed by as many as it has slots.

    Exact for exponential times on one core (the repairman model: Gross et al., Fundamentals of Queueing
    Theory, "finite-source queues"); with two cores, each is taken to have half of the slots.
    """
    servers = max(1, int(platform.cores))
    core = work.core_seconds / min(1.0, platform.cores)
    slots = max(1.0, platform.slots / servers)
    if not core:
        return servers * slots / work.wait_seconds
    # Erlang's B for the waits: the share of time in which no message asks for the core.
    idle = 1.0
    for waiting in range(1, int(slots) + 1):
        idle = 1 / (1 + waiting * core / work.wait_seconds / idle) if work.wait_seconds else 0.0
    return servers * (1 - idle) / core


def limits(work: Work, platform: Platform) -> dict[str, float]:
    """Messages a second that each part takes at most, however many instances there are."""
    egress = work.images_a_message * work.image_bytes * 8 / 1e9
    return {
        "requests of the storage account": platform.account_requests / work.requests,
        "the queue": platform.queue_messages / 3,
        "egress of the storage account": platform.egress_gbps / egress if egress else inf,
        "the submitter": platform.submitted,
    }


def dollars(
    images: float, instance_seconds: float, work: Work, platform: Platform, prices: Prices
) -> float:
    """US$ for instances, calls and storage requests of a job; nothing for keeping images or results."""
    messages = images / work.images_a_message
    read = images + messages * max(0, work.record_calls - 1)
    written = messages * (1 + work.images_a_message * work.overlays)
    return archive.prices.dollars(
        instance_seconds * platform.memory / 1024, messages, read, written, prices
    )
