"""Batches: up to sixteen images that are worked off together, and the name of what comes of them."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from archive.errors import BatchDamaged
from inference.reading import Options

#: Images of a batch: a second or two of work, little enough to be done again.
MOST = 16
#: Bytes of a batch as JSON; a queue takes 64 KiB of base64, which is 48 of these.
MOST_BYTES = 40 * 1024


@dataclass(frozen=True)
class Item:
    """An image by its name in the container or folder, and the tag that its content had when listed."""

    name: str
    etag: str


#: No pictures and no heatmaps.
ROWS_ONLY = Options(explain="none")


@dataclass(frozen=True)
class Batch:
    """Some images of a job, and all that is needed to work them off.

    `container` is where they lie, a container's name or a folder; `version` is the model's; `overlays`:
    whether the pictures are kept; `attempt` counts how often the job was told to `retry` them.
    """

    job: str
    container: str
    items: tuple[Item, ...]
    version: str
    options: Options = ROWS_ONLY
    overlays: bool = False
    attempt: int = 0

    @property
    def shard(self) -> str:
        """The name of its shard, without a folder: the same for the same images, model and job.

        That of a `retry` ends in `-` and its number.
        """
        told = [self.job, self.version, self.attempt, *(asdict(each) for each in self.items)]
        made = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
        return f"{made}-{self.attempt}" if self.attempt else made

    def encode(self) -> str:
        """As the text of a message."""
        return json.dumps({**asdict(self), "shard": self.shard}, ensure_ascii=False)

    @classmethod
    def decode(cls, text: str | bytes) -> "Batch":
        """Read a message.

        Raises:
            BatchDamaged: It is none of ours.
        """
        try:
            content = json.loads(text)
            content.pop("shard", None)
            items = tuple(Item(**each) for each in content.pop("items"))
            options = Options(**content.pop("options"))
            batch = cls(items=items, options=options, **content)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BatchDamaged(f"A message is no batch of images: {error!r}.") from error
        if not 0 < len(batch.items) <= MOST:
            raise BatchDamaged(f"A batch has 1 to {MOST} images, this one {len(batch.items)}.")
        return batch


@dataclass(frozen=True)
class Arrival:
    """A new blob that Event Grid tells of: a batch of one, of a job that nobody has submitted."""

    container: str
    item: Item


def arrival(text: str | bytes) -> Arrival | None:
    """The blob that a message of Event Grid tells of (its own schema or CloudEvents), else None.

    https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
    """
    try:
        event: dict[str, Any] = json.loads(text)
        kind = event.get("eventType") or event.get("type")
        if kind != "Microsoft.Storage.BlobCreated":
            return None
        _, _, place = event["subject"].partition("/containers/")
        container, _, name = place.partition("/blobs/")
        # The listing has the tag without quotes, and so has Event Grid; a client's header has them.
        etag = event["data"]["eTag"].strip('"')
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return Arrival(container, Item(name, etag)) if container and name else None


def pack(items: Iterable[Item]) -> Iterator[tuple[Item, ...]]:
    """Fill batches in order: up to MOST images, and no more than a message can hold."""
    batch: list[Item] = []
    size = 0
    for item in items:
        more = len(json.dumps(asdict(item), ensure_ascii=False).encode())
        if batch and (len(batch) == MOST or size + more > MOST_BYTES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(item)
        size += more
    if batch:
        yield tuple(batch)
