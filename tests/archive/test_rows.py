"""Rows: what is kept of an answer, and what is read of a shard without its rows."""

from __future__ import annotations

import base64

from archive.batches import Item
from archive.places import Tally
from archive.rows import Picture, read_rows, row, take_pictures, tally_of

ANSWERED = {"prediction": {"label": "normal"}}
REFUSED = {"code": "not_a_chest_xray"}
FAILED = {"code": "gone", "detail": '{"outcome": "answered", "core_ms": 9} "overlay": "'}


def shard(*answers: dict[str, object]) -> bytes:
    """Rows of images of awkward names."""
    names = ("a\nb\r.jpg", 'a"overlay": ".jpg', "\u2028\u0085.jpg", ",=1+1")
    rows = (row(Item(name, "1"), found, 2.5) for name, found in zip(names, answers, strict=False))
    return "".join(f"{each}\n" for each in rows).encode()


def explained(*labels: str) -> dict[str, object]:
    """An answer with an explanation of each class."""
    data = base64.b64encode(b"picture").decode()
    each = {"media_type": "image/jpeg", "base64": data}
    return ANSWERED | {"explanations": [{"label": label, **each} for label in labels]}


def test_a_shard_is_counted_without_reading_its_rows() -> None:
    assert tally_of(b"") == Tally()
    assert tally_of(shard(ANSWERED, REFUSED, FAILED, FAILED)) == Tally(1, 1, 2, 0.01, 0)


def test_pictures_are_kept_where_asked_for_and_counted() -> None:
    none, one, two = explained(), explained("normal"), explained("covid19", "normal")
    assert take_pictures(none, "00", True) == []
    assert take_pictures(one, "01", True) == [Picture("01.normal.jpg", b"picture")]
    assert len(take_pictures(two, "02", True)) == 2
    assert tally_of(shard(none, one, two, FAILED)) == Tally(3, 0, 1, 0.01, 3)

    left_out = explained("normal")
    assert take_pictures(left_out, "00", False) == []
    assert left_out["explanations"] == [{"label": "normal", "media_type": "image/jpeg"}]


def test_each_row_is_read_by_its_name_whatever_is_in_it() -> None:
    assert list(read_rows(shard(ANSWERED, REFUSED, FAILED))) == [
        (Item("a\nb\r.jpg", "1"), "answered", ""),
        (Item('a"overlay": ".jpg', "1"), "refused", "not_a_chest_xray"),
        (Item("\u2028\u0085.jpg", "1"), "failed", "gone"),
    ]
