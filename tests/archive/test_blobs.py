"""Images in a container, as the function reads them."""

from __future__ import annotations

import uuid

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient

from archive.batches import Item
from archive.blobs import BlobImages
from archive.errors import ImageTooLarge
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
