"""A store of versions in a container of Azure Blob Storage, laid out as one in a folder.

A version's blobs never change: each is written only where there is none, the manifest last, and a
version without a manifest is none. ACTIVE is written only if it is still what was read, so that of
two promotions at once one is told. Azure's packages are imported when a store is first asked.
"""

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import ContainerClient, LinearRetry
from urllib3.exceptions import HTTPError

from model_store.downloads import checked, copies_of, keep, keep_manifest
from model_store.errors import (
    ActiveChanged,
    ManifestError,
    StoreUnavailable,
    VersionDamaged,
)
from model_store.history import ACTIVE, written_history
from model_store.identity import identity
from model_store.manifest import MANIFEST, FileRecord, Manifest, is_version_name
from model_store.model import Model, read_verified
from model_store.store import FolderStore, Store, by_number, shown

#: Called with what is sent, how much it is and the unit; inside of it, to be called after each part.
type Progress = Callable[[str, int, str], AbstractContextManager[Callable[[int], object]]]

#: A store that is gone must be noticed in seconds: of each request, and how often it is repeated.
CONNECT_SECONDS, READ_SECONDS, RETRIES, PAUSE_SECONDS = 3, 10, 2, 0.5
#: Bytes that are sent or fetched at once.
PART = 4 * 2**20
MANIFEST_BYTES = 2**20
#: So long one download waits for another of this process before it goes its own way.
TURN_SECONDS = 60

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BlobStore(Store):
    """The store in the container at `url`, https://ACCOUNT.blob.core.windows.net/CONTAINER.

    Args:
        url: The container; a path may lead to it, as in Azurite.
        credential: What Azure's client takes; None: the identity of the app or of who is signed in.
        progress: Told of every file that goes over the network.
    """

    url: str
    credential: Any = field(default=None, repr=False, compare=False)
    progress: Progress = field(
        default=lambda what, size, unit: nullcontext(lambda part: None), repr=False, compare=False
    )
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if not parts.hostname or not parts.path.strip("/") or parts.query or parts.username:
            raise StoreUnavailable(
                f"The store {shown(self.url)} cannot be opened; a store in Azure is "
                "https://ACCOUNT.blob.core.windows.net/CONTAINER, without a key or a signature."
            )

    def __str__(self) -> str:
        return self.url

    @functools.cached_property
    def copies(self) -> FolderStore:
        """Where the versions lie that were fetched."""
        return copies_of(self.url)

    def versions(self) -> tuple[str, ...]:
        with self._reaching("read"):
            found = [name.split("/") for name in self._container.list_blob_names()]
        names = {name[0] for name in found if len(name) == 2 and name[1] == MANIFEST}
        return tuple(sorted(filter(is_version_name, names), key=by_number))

    def open(self, version: str = "active", files: tuple[str, ...] = ("model.tflite",)) -> Model:
        manifest = self.manifest(version)
        contents = {file: self._fetched(manifest, file) for file in files}
        keep_manifest(self.copies, manifest)
        return Model(manifest, self.copies.path / manifest.version, contents)

    def verify(self, version: str = "active") -> Manifest:
        manifest = self.manifest(version)
        for file in manifest.files:
            for _ in checked(self._chunks(manifest, file), manifest, file):
                pass
        return manifest

    def _copy_in(self, manifest: Manifest, folder: Path) -> bool:
        """What a broken attempt has left is taken up; the manifest comes last and makes it a version."""
        name = f"{manifest.version}/{MANIFEST}"
        if self._content(name) is not None:
            return False
        contents = {file: read_verified(folder, manifest, file) for file in manifest.files}
        whole = all(self._sent(f"{manifest.version}/{file}", contents[file]) for file in contents)
        return whole and self._sent(name, manifest.to_json().encode(), new=True)

    @functools.cached_property
    def _container(self) -> ContainerClient:
        for name in ("azure.core", "azure.identity", "azure.storage", "msal"):
            logging.getLogger(name).setLevel(logging.WARNING)  # each request is a page of INFO
        return ContainerClient.from_container_url(
            self.url,
            credential=self.credential or identity(),
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retry_policy=LinearRetry(
                backoff=PAUSE_SECONDS,  # type: ignore[arg-type]  # it may be a part of a second
                retry_total=RETRIES,
                random_jitter_range=0,
            ),
            max_single_get_size=PART,
            max_chunk_get_size=PART,
            max_single_put_size=PART,
            max_block_size=PART,
        )

    def _read_active(self) -> tuple[bytes, str | None]:
        """The content of ACTIVE and its ETag; nothing and None if there is none."""
        with self._reaching("read"):
            try:
                blob = self._container.download_blob(ACTIVE)
                return blob.readall(), blob.properties.etag
            except ResourceNotFoundError as error:
                if not _blob_is_missing(error):
                    raise
                return b"", None

    def write_active(self, history: tuple[str, ...], tag: str | None = None) -> None:
        content = written_history(history)
        unchanged: dict[str, Any] = {"overwrite": False}
        if tag is not None:
            unchanged = {
                "overwrite": True,
                "etag": tag,
                "match_condition": MatchConditions.IfNotModified,
            }
        with self._reaching("written"):
            try:
                self._container.upload_blob(ACTIVE, content, **unchanged)
            except (ResourceModifiedError, ResourceExistsError) as error:
                found = self._read_active()[0]
                if found == content:  # a repeated request, the first of which had arrived
                    return
                now = (found.decode(errors="replace").split() or ["none"])[0]
                raise ActiveChanged(
                    f"Somebody else has changed in the meantime which version is active; now it is "
                    f"{now[:80]}. Nothing was done; look at it and try again."
                ) from error

    def _read_manifest(self, name: str) -> Manifest | None:
        where = f"{name}/{MANIFEST}"
        content = self._content(where)
        if content is None:
            return None
        try:
            return Manifest.from_json(content.decode(), where)
        except UnicodeDecodeError as error:
            raise ManifestError(f"{where} is not UTF-8 text.") from error

    def _content(self, name: str) -> bytes | None:
        """A small blob; None if there is none."""
        with self._reaching("read"):
            try:
                blob = self._container.download_blob(name)
                if blob.size > MANIFEST_BYTES:
                    raise ManifestError(f"{name} has {blob.size} bytes, too many for a manifest.")
                return blob.readall()
            except ResourceNotFoundError as error:
                if not _blob_is_missing(error):
                    raise
                return None

    def _fetched(self, manifest: Manifest, file: str) -> bytes:
        """The verified bytes of a file, from the copy if that is good."""
        folder = self.copies.path / manifest.version
        # Two who want the same file fetch it once; but one that hangs does not hold others for ever.
        ours = self._turn.acquire(timeout=TURN_SECONDS)
        try:
            with contextlib.suppress(VersionDamaged, StoreUnavailable):
                return read_verified(folder, manifest, file)
            keep(self.copies, manifest, file, self._chunks(manifest, file))
        finally:
            if ours:
                self._turn.release()
        return read_verified(folder, manifest, file)

    def _chunks(self, manifest: Manifest, file: str) -> Iterator[bytes]:
        """The bytes of a file as the store has them; its size is held against the manifest first."""
        where, size = f"{manifest.version}/{file}", manifest.files[file].size
        with self._reaching("read"), self.progress(where, size, "B") as step:
            try:
                blob = self._container.download_blob(where)
            except ResourceNotFoundError as error:
                if not _blob_is_missing(error):
                    raise
                raise VersionDamaged(f"{where} is missing; publish the version anew.") from error
            if blob.size != size:
                raise VersionDamaged(
                    f"{where} has {blob.size} bytes, its manifest {size}; publish the version anew."
                )
            for chunk in blob.chunks():
                step(len(chunk))
                yield chunk

    def _sent(self, name: str, content: bytes, new: bool = False) -> bool:
        """Write a blob where there is none; else whether the same is there, and that is enough."""
        record = FileRecord.of(content)
        done = 0
        with self._reaching("written"), self.progress(name, len(content), "B") as step:

            def sent(so_far: int, total: int | None) -> None:
                nonlocal done
                step(so_far - done)
                done = so_far

            try:
                self._container.upload_blob(
                    name, content, metadata={"sha256": record.sha256}, progress_hook=sent
                )
            except ResourceExistsError:
                if new:
                    return False
                there = self._container.get_blob_client(name).get_blob_properties()
                return there.size == record.size and there.metadata.get("sha256") == record.sha256
        return True

    @contextlib.contextmanager
    def _reaching(self, done: str) -> Iterator[None]:
        """Turn whatever Azure's client raises into a StoreUnavailable that everybody may read."""
        try:
            yield
        # Of bodies that break off the client lets the errors of its libraries through.
        except (AzureError, HTTPError, OSError, ValueError) as error:
            _log.debug("%s", self, exc_info=True)
            why = _why(error)
            raise StoreUnavailable(f"The store {self} cannot be {done}: {why}.") from error


def _blob_is_missing(error: ResourceNotFoundError) -> bool:
    """Whether it is the blob that is not there; it may be the container."""
    return getattr(error, "error_code", None) == "BlobNotFound"


_HINTS = {
    401: "it does not know who asks; an app needs an identity, and you sign in with: az login",
    403: "who asks may not; it takes the role Storage Blob Data Reader, or Contributor to write",
    404: "there is no such container",
}


def _why(error: Exception) -> str:
    """A reason without hosts, keys and request numbers: it is shown by /api/health."""
    if isinstance(error, HttpResponseError) and error.status_code:
        code = getattr(error, "error_code", None) or error.reason or ""
        answer = f"it answers {error.status_code} {getattr(code, 'value', code)}".rstrip()
        hint = _HINTS.get(error.status_code)
        return f"{answer}: {hint}" if hint else answer
    if isinstance(error, ClientAuthenticationError):
        return f"no token was given for it: {_HINTS[401]}"
    if isinstance(error, (ServiceRequestError, ServiceResponseError)):
        return "it does not answer"
    return f"its answer broke off or makes no sense ({type(error).__name__})"
