"""Images in a container, as the function reads them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.storage.blob import ContainerClient, LinearRetry

from archive import blobs
from archive.batches import Item
from archive.blobs import BlobImages, BlobRecords, Queue
from archive.errors import ImageTooLarge, RecordsUnavailable
from tests.azurite.relay import Relay
from tests.azurite.server import ACCOUNT, Azurite

MIB = 2**20


def test_of_an_image_that_is_too_large_no_more_than_a_part_is_fetched(
    azurite: Azurite, relay: Relay
) -> None:
    credential = AzureNamedKeyCredential(ACCOUNT, azurite.key)
    name = f"images-{uuid.uuid4().hex}"
    container = ContainerClient.from_container_url(azurite.url(name), credential)
    container.create_container()
    large = bytes(range(256)) * (20 * MIB // 256)
    etag = container.upload_blob("large", large).get_blob_properties().etag.strip('"')
    images = BlobImages(azurite.url(name, relay.port), credential)
    with pytest.raises(ImageTooLarge):
        images.read(Item("large", etag), 10 * MIB)
    assert relay.brought < 5 * MIB
    assert images.read(Item("large", etag), 20 * MIB) == large


class SignedOut:
    """Who has not signed in, or whose time is over."""

    def get_token(self, *scopes: str, **options: Any) -> None:
        """Has none."""
        raise ClientAuthenticationError("AADSTS700082: The refresh token has expired.")


@pytest.mark.parametrize(
    "ask",
    [
        lambda url: BlobRecords(f"{url}/archive", SignedOut()).read("jobs/x/job.json"),
        lambda url: next(BlobImages(f"{url}/archive", SignedOut()).pages("", None)),
        lambda url: Queue(url, credential=SignedOut()).clear({"x"}),
    ],
    ids=["records", "images", "queue"],
)
def test_without_a_token_it_is_told_how_to_sign_in(
    ask: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(blobs._RETRIES, "retry_policy", LinearRetry(retry_total=0))
    with pytest.raises(RecordsUnavailable, match="no token was given; sign in with: az login"):
        ask("https://account.invalid")
