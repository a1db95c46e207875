"""Images and records in containers of Azure Blob Storage, and the queue between; opened by identity.

The one module that knows of Azure. Its packages are imported when a place is first asked.
"""

import contextlib
import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobPrefix, ContainerClient, LinearRetry
from azure.storage.queue import QueueClient, TextBase64EncodePolicy
from urllib3.exceptions import HTTPError

from archive.batches import Batch, Item
from archive.errors import ImageChanged, ImageGone, ImageTooLarge, RecordsUnavailable
from archive.places import PAGE, Page, Shard, Tally
from archive.rows import OUTCOMES
from model_store.identity import identity

#: The names that infra/ gives: the container of jobs, the queue, and where it puts what was given up.
CONTAINER, QUEUE, POISON = "archive", "archive", "archive-poison"
#: The setting by which the function's trigger finds the queue; who submits may set it, too.
QUEUE_SETTING = "ArchiveQueue__queueServiceUri"
#: Messages sent at a time; a queue takes 2,000 a second.
SENDERS = 16
#: A message must outlive the longest job; the default is a week.
NEVER = -1

_RETRIES: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 30,
    "retry_policy": LinearRetry(backoff=1, retry_total=3),
}
#: Bytes that are fetched at once: so much of an image is here before its size is known.
_PART = 4 * 2**20


@dataclass(frozen=True)
class BlobImages:
    """The blobs of a container; the tag is their ETag."""

    url: str
    credential: Any = field(default=None, repr=False, compare=False)

    @functools.cached_property
    def _container(self) -> ContainerClient:
        return _opened(self.url, self.credential)

    def pages(self, prefix: str, token: str | None) -> Iterator[Page]:
        """See `places.Images`; the token is Azure's."""
        with _reaching(self.url):
            listed = self._container.list_blobs(prefix or None, results_per_page=PAGE)
            pages = listed.by_page(token)
            for page in pages:
                items = tuple(Item(blob.name, blob.etag.strip('"')) for blob in page)
                yield Page(items, pages.continuation_token or None)  # type: ignore[attr-defined]

    def read(self, item: Item, most: int) -> bytes:
        """See `places.Images`."""
        with _reaching(self.url):
            try:
                blob = self._container.download_blob(
                    item.name, etag=f'"{item.etag}"', match_condition=MatchConditions.IfNotModified
                )
                if blob.size > most:
                    raise ImageTooLarge
                return blob.readall()
            except ResourceModifiedError as error:
                # To a condition a blob that is not there does not meet it either (RFC 9110, 13.1.1).
                there = self._container.get_blob_client(item.name).exists()
                raise (ImageChanged if there else ImageGone) from error
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", None) != "BlobNotFound":
                    raise
                raise ImageGone from error


@dataclass(frozen=True)
class BlobRecords:
    """Jobs in a container."""

    url: str
    credential: Any = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.url

    @functools.cached_property
    def _container(self) -> ContainerClient:
        return _opened(self.url, self.credential)

    def read(self, path: str) -> bytes | None:
        """See `places.Records`."""
        with _reaching(self.url):
            try:
                return self._container.download_blob(path).readall()
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", None) != "BlobNotFound":
                    raise
                return None

    def write(self, path: str, content: bytes) -> None:
        """See `places.Records`."""
        with _reaching(self.url):
            self._container.upload_blob(path, content, overwrite=True)

    def write_new(self, path: str, content: bytes, notes: Mapping[str, str] | None = None) -> bool:
        """See `places.Records`; notes are metadata, which a listing has."""
        with _reaching(self.url):
            try:
                self._container.upload_blob(path, content, metadata=dict(notes or {}))
            except ResourceExistsError:
                return False
        return True

    def exists(self, path: str) -> bool:
        """See `places.Records`."""
        with _reaching(self.url):
            return bool(self._container.get_blob_client(path).exists())

    def delete(self, path: str) -> None:
        """See `places.Records`."""
        with _reaching(self.url), contextlib.suppress(ResourceNotFoundError):
            self._container.delete_blob(path)

    def names(self, prefix: str) -> Iterator[str]:
        """See `places.Records`."""
        with _reaching(self.url):
            yield from self._container.list_blob_names(name_starts_with=prefix)

    def folders(self, path: str) -> Iterator[str]:
        """See `places.Records`."""
        with _reaching(self.url):
            for each in self._container.walk_blobs(f"{path}/", delimiter="/"):
                if isinstance(each, BlobPrefix):
                    yield each.name.rstrip("/")

    def shards(self, folder: str) -> Iterator[Shard]:
        """See `places.Records`."""
        with _reaching(self.url):
            for blob in self._container.list_blobs(folder, include=["metadata"]):
                notes = blob.metadata or {}
                answered, refused, failed = (int(notes.get(each, 0)) for each in OUTCOMES)
                seconds, overlays = float(notes.get("seconds", 0)), int(notes.get("overlays", 0))
                tally = Tally(answered, refused, failed, seconds, overlays)
                yield Shard(blob.name, blob.last_modified, tally)


@dataclass(frozen=True)
class Queue:
    """The queue that brings batches to the function, or the one of what was given up."""

    url: str
    name: str = QUEUE
    credential: Any = field(default=None, repr=False, compare=False)

    @functools.cached_property
    def _queue(self) -> QueueClient:
        return QueueClient(
            self.url,
            self.name,
            credential=self.credential or identity(),
            message_encode_policy=TextBase64EncodePolicy(),
            **_RETRIES,
        )

    def send(self, batches: Iterable[Batch]) -> int:
        """Put batches into the queue; how many."""
        with _reaching(self.url), ThreadPoolExecutor(SENDERS) as pool:
            sent = pool.map(
                lambda batch: self._queue.send_message(batch.encode(), time_to_live=NEVER), batches
            )
            return sum(1 for _ in sent)

    def clear(self, wanted: set[str]) -> None:
        """Take out the messages of these shards, which are queued elsewhere; others stay."""
        import base64

        with _reaching(self.url):
            for message in self._queue.receive_messages(
                visibility_timeout=60, messages_per_page=32
            ):
                with contextlib.suppress(Exception):
                    if Batch.decode(base64.b64decode(message.content)).shard in wanted:
                        self._queue.delete_message(message)


def container_of(store: str, name: str) -> str:
    """The address of a container of a storage account."""
    return f"{store.rstrip('/')}/{name}"


def queue_address(store: str) -> str:
    """The address of the account's queues."""
    if given := os.environ.get(QUEUE_SETTING):
        return given
    parts = urlsplit(store)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(".blob.", ".queue.", 1)))


def _opened(url: str, credential: Any) -> ContainerClient:
    return ContainerClient.from_container_url(
        url,
        credential=credential or identity(),
        max_single_get_size=_PART,
        max_chunk_get_size=_PART,
        **_RETRIES,
    )


@contextlib.contextmanager
def _reaching(place: str) -> Iterator[None]:
    """Turn whatever Azure's clients raise into RecordsUnavailable."""
    try:
        yield
    except HttpResponseError as error:
        if error.status_code is None:  # none was sent, for want of a token
            raise RecordsUnavailable(
                f"For {place} no token was given; sign in with: az login (an app needs an identity), "
                "and run the same command again."
            ) from error
        code = getattr(error, "error_code", None) or error.reason or ""
        raise RecordsUnavailable(
            f"{place} answers {error.status_code} {getattr(code, 'value', code)}. Look at its name, "
            "and at the roles of who asks (az login), and run the same command again."
        ) from error
    except (AzureError, HTTPError, OSError) as error:
        raise RecordsUnavailable(
            f"{place} cannot be reached ({type(error).__name__}); run the same command again."
        ) from error
