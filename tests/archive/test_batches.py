"""Batches and arrivals: what goes into one, and what a message of Event Grid is read as."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archive.batches import Arrival, Batch, Item, arrival, pack


@pytest.mark.parametrize(
    ("images", "batches"),
    [(0, []), (1, [1]), (16, [16]), (17, [16, 1]), (48, [16, 16, 16])],
)
def test_batches_are_filled_in_order_with_sixteen_images(images: int, batches: list[int]) -> None:
    items = [Item(f"{number}.jpg", "0x1") for number in range(images)]
    packed = list(pack(items))
    assert [len(each) for each in packed] == batches
    assert [item for each in packed for item in each] == items


def test_a_batch_of_the_longest_names_still_fits_into_a_message() -> None:
    # A blob's name has up to 1,024 characters; of these each takes four bytes.
    items = [Item(f"{number:02}" + 1022 * "\U0001fa7b", "0x8DC0FFEE") for number in range(20)]
    packed = list(pack(items))
    assert [len(each) for each in packed] == [9, 9, 2]
    for each in packed:
        message = Batch("j" * 63, "c" * 63, each, "2026.11.5").encode().encode()
        assert len(message) <= 48 * 1024


EVENT: dict[str, Any] = {
    "eventType": "Microsoft.Storage.BlobCreated",
    "subject": "/blobServices/default/containers/images/blobs/2026/a b.jpg",
    "data": {"eTag": "0x8DC0FFEE"},
}
CLOUD_EVENT = {"type": EVENT["eventType"], "subject": EVENT["subject"], "data": EVENT["data"]}
ARRIVED = Arrival("images", Item("2026/a b.jpg", "0x8DC0FFEE"))


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (EVENT, ARRIVED),
        (CLOUD_EVENT, ARRIVED),
        (EVENT | {"data": {"eTag": '"0x8DC0FFEE"'}}, ARRIVED),
        (EVENT | {"eventType": "Microsoft.Storage.BlobDeleted"}, None),
        (EVENT | {"subject": "/blobServices/default/containers/images"}, None),
        (EVENT | {"subject": "elsewhere"}, None),
        (EVENT | {"data": {}}, None),
        (EVENT | {"data": {"eTag": None}}, None),
        ([EVENT], None),
        ("no event", None),
        (json.loads(Batch("job", "images", (Item("a.jpg", "1"),), "1").encode()), None),
    ],
)
def test_a_message_of_a_new_blob_is_an_arrival_and_no_other_is(
    message: Any, found: Arrival | None
) -> None:
    assert arrival(json.dumps(message)) == found
    assert arrival("{") is None
