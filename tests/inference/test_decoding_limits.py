"""What is decided before a picture is decoded: which format it is, what it will take, whether it is whole."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from inference.decoder_errors import reading
from inference.decoding import decode
from inference.errors import TooLarge, Undecodable, UnsupportedMedia
from inference.pixel_budget import BYTES_PER_PIXEL, PixelBudget
from tests.drawing import encode_bmp, encode_jpeg, encode_png, encode_tiff, encode_webp
from tests.hostile.tiffs import START, tiff
from tests.hostile.webps_and_bmps import one_frame

SQUARE = np.full((100, 100), 90, np.uint8)
HALF = np.full_like(SQUARE, 128)
LARGE = np.zeros((896, 2048), np.uint8)
PNG_HEAD, PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"


def taken(data: bytes) -> int:
    """The bytes that decoding takes from the budget, which counts them in pixels."""
    budget, held = PixelBudget(40_000_000), []
    take = budget.take
    budget.take = lambda pixels: (held.append(pixels), take(pixels))[1]  # type: ignore[method-assign]
    decode(data, max_pixels=40_000_000, budget=budget)
    (pixels,) = held
    return int(pixels) * BYTES_PER_PIXEL


def about(size: float) -> Any:
    """So many bytes, in whole pixels."""
    return pytest.approx(size, abs=BYTES_PER_PIXEL)


def with_segment(jpeg: bytes, content: bytes) -> bytes:
    """A JPEG with an application's segment in front, as one with a thumbnail has."""
    return jpeg[:2] + b"\xff\xe9" + struct.pack(">H", 2 + len(content)) + content + jpeg[2:]


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", checksum)


def png(bits: int, colour: int, rows: bytes, side: int = 9, interlaced: int = 0) -> bytes:
    """A square PNG of these rows, each with its filter; the pixels of its palette are all black."""
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", side, side, bits, colour, 0, 0, interlaced))
    palette = chunk(b"PLTE", bytes(6)) if colour == 3 else b""
    return PNG_HEAD + header + palette + chunk(b"IDAT", zlib.compress(rows)) + PNG_END


# The budget: eight bytes a pixel of the result, and what the decoder of the format holds.


@pytest.mark.parametrize(
    ("data", "decoder"),
    [
        (encode_jpeg(SQUARE), 0),
        (encode_jpeg(SQUARE, mode="RGB"), 0),
        (encode_jpeg(SQUARE, progressive=True), 2),
        (encode_jpeg(SQUARE, mode="RGB", progressive=True), 6),
        (encode_jpeg(SQUARE, mode="RGB", progressive=True, subsampling=2), 3),
        (encode_jpeg(SQUARE, mode="CMYK", progressive=True), 8),
        (encode_webp(SQUARE), 6),
        (encode_webp(SQUARE, orientation=1), 6),
        (encode_webp(SQUARE, lossless=True), 8),
        (encode_webp(SQUARE, lossless=True, orientation=1), 8),
        (encode_webp(SQUARE, alpha=HALF), 8),
        (one_frame(SQUARE), 12),
        (encode_png(SQUARE), 1),
        (encode_png(SQUARE, mode="1"), 1),
        (encode_png(SQUARE, mode="P"), 1),
        (encode_png(SQUARE.astype(np.uint16) * 257), 2),
        (encode_png(SQUARE, mode="RGB"), 4),
        (encode_png(SQUARE, alpha=HALF), 4),
        (encode_bmp(SQUARE), 1),
        (encode_bmp(SQUARE, mode="RGB"), 4),
        # Of a TIFF, the picture and a strip of it as it is stored.
        (encode_tiff(SQUARE), 1 + 1),
        (encode_tiff(SQUARE, mode="1"), 1 + 1),
        (encode_tiff(SQUARE, tiffinfo={278: 10}, compression="raw"), 1 + 0.1),
        (encode_tiff(SQUARE, mode="RGB"), 4 + 3),
        (encode_tiff(SQUARE.astype(np.uint16) * 257), 2 + 2),
        (encode_tiff(SQUARE.astype(">u2") * 257), 2 + 2),
        (encode_tiff(SQUARE, tiffinfo={274: 6}), 2 * 1 + 1),
    ],
)
def test_a_picture_takes_from_the_budget_what_its_format_needs(data: bytes, decoder: float) -> None:
    assert taken(data) == about(100 * 100 * (decoder + 8))


def test_a_reduced_picture_takes_less_for_its_result() -> None:
    assert taken(encode_jpeg(LARGE)) == about(8 * 1024 * 448)
    assert taken(encode_png(LARGE)) == about(2048 * 896 + 8 * 1024 * 448)


def test_scans_of_a_thumbnail_are_not_counted() -> None:
    thumbnail = with_segment(encode_jpeg(SQUARE, mode="RGB"), 99 * b"\xff\xda")
    assert taken(thumbnail) == about(8 * 100 * 100)


def test_the_end_of_a_thumbnail_is_not_that_of_the_file() -> None:
    for mode in ("L", "RGB"):
        data = with_segment(encode_jpeg(SQUARE, mode=mode), b"\xff\xd9")
        assert taken(data)
        with pytest.raises(Undecodable, match=r"^The JPEG file is truncated: its end is missing"):
            taken(data[:-2])


def test_64_scans_are_read_and_65_are_not() -> None:
    data = encode_jpeg(SQUARE, progressive=True)
    last = data.rindex(b"\xff\xda")
    more = 64 - data.count(b"\xff\xda")
    assert taken(data[:last] + data[last:-2] * (1 + more) + data[-2:])
    with pytest.raises(Undecodable, match=r"^The JPEG file has 65 scans; at most 64 are read"):
        taken(data[:last] + data[last:-2] * (2 + more) + data[-2:])


def test_what_is_no_image_is_told_what_is() -> None:
    with pytest.raises(UnsupportedMedia) as refused:
        decode(b"text", max_pixels=1, budget=PixelBudget(1))
    assert refused.value.detail == (
        "The bytes are no image that is read here; JPEG, PNG, WebP, BMP, TIFF and DICOM are."
    )


# PNG: Pillow leaves rows black that are missing, so that a black end is looked at.


@pytest.mark.parametrize(
    ("bits", "colour", "row"),
    [
        (1, 0, 2),  # bytes of 9 pixels
        (8, 0, 9),
        (16, 0, 18),
        (8, 2, 27),
        (2, 3, 3),
        (8, 4, 18),
        (8, 6, 36),
    ],
)
def test_a_black_png_is_whole_or_lacks_a_row(bits: int, colour: int, row: int) -> None:
    rows = bytes(9 * (1 + row))
    assert not decode(png(bits, colour, rows), max_pixels=81, budget=PixelBudget(81)).pixels.any()
    with pytest.raises(Undecodable, match=r"^The PNG file is truncated: it has fewer pixels"):
        taken(png(bits, colour, rows[: -1 - row]))


def test_a_png_lacks_its_last_row_though_all_others_are_bright() -> None:
    bright = b"\0" + bytes([200] * 9)
    assert taken(png(8, 0, 9 * bright))
    with pytest.raises(Undecodable, match="fewer pixels"):
        taken(png(8, 0, 8 * bright))


@pytest.mark.parametrize(
    ("side", "rows"),
    [(9, 2 + 2 + 1 + 3 + 2 + 5 + 4), (2, 1 + 1 + 1)],  # of the seven passes
)
def test_a_black_interlaced_png_is_whole_or_lacks_a_row(side: int, rows: int) -> None:
    size = side * side + rows  # each with its filter
    assert taken(png(8, 0, bytes(size), side, interlaced=1))
    with pytest.raises(Undecodable, match="fewer pixels"):
        taken(png(8, 0, bytes(size - 1 - side), side, interlaced=1))


def test_black_rows_are_counted_over_many_chunks_and_megabytes() -> None:
    rows = bytes(1000 * 1001)
    head = png(8, 0, b"", 1000)[:33]
    packed = zlib.compress(rows)
    parts = [packed[at : at + 100] for at in range(0, len(packed), 100)]
    whole = head + b"".join(chunk(b"IDAT", part) for part in parts) + PNG_END
    assert taken(whole)
    short = zlib.compress(rows[:-1001])
    with pytest.raises(Undecodable, match="fewer pixels"):
        taken(head + chunk(b"IDAT", short) + PNG_END)


def test_a_wrong_checksum_matters_where_the_picture_depends_on_it() -> None:
    whole = png(8, 0, bytes(9 * 9) + b"\0" + bytes([200] * 9)[:9])
    comment = chunk(b"tEXt", b"Comment\0no radiograph")[:-4] + b"oops"
    assert taken(whole[: -len(PNG_END)] + comment + PNG_END)
    with pytest.raises(Undecodable, match=r"^The PNG file is corrupt: a checksum is wrong"):
        taken(whole[:-1] + b"!")


# What it is


@pytest.mark.parametrize("vr", ["AE", "CS", "DA", "LO", "SH", "TM", "UI", "UL"])
@pytest.mark.parametrize("group", [b"\x02\0", b"\x08\0"])
def test_a_first_element_with_its_vr_makes_a_dicom_file(group: bytes, vr: str) -> None:
    with pytest.raises(Undecodable):
        taken(group + b"\x10\0" + vr.encode() + b"\xff\xff" + bytes(40))


@pytest.mark.parametrize(
    ("head", "dicom"),
    [
        (b"\x08\0\x05\0\x0a\0\0\0", True),  # without VR: a short length
        (b"\x08\0\x05\0\x40\0\0\0", True),
        (b"\x08\0\x05\0\x41\0\0\0", False),
        (b"\x08\0\x05\0\x0a\0\0\1", False),
        (b"\x08\0\x05\0\x0a\1\0\0", False),
        (b"\x02\0\x05\0\x0a\0\0\0", False),  # group 2 always has VRs
        (b"\x02\0\x10\1UI\x04\0", False),
        (b"\x08\0\x10\1UI\x04\0", False),
        (b"\x08\1\x10\0UI\x04\0", False),
        (b"\x10\0\x10\0UI\x04\0", False),
        (b"\x08\0\x10\0PN\x04\0", False),
    ],
)
def test_a_first_element_without_vr_or_of_another_group(head: bytes, dicom: bool) -> None:
    with pytest.raises(Undecodable if dicom else UnsupportedMedia):
        taken(head + bytes(40))


def test_eight_bytes_are_too_few_for_an_element_without_vr() -> None:
    with pytest.raises(UnsupportedMedia):
        taken(b"\x08\0\x05\0\x0a\0\0\0")


# What a decoder raises


def test_what_a_decoder_says_is_neither_told_nor_logged() -> None:
    with pytest.raises(Undecodable) as refused, reading("PNG"):
        raise ValueError("DOE^JANE")
    assert refused.value.detail == "The PNG file is truncated or corrupt."
    assert refused.value.log == "PNG: ValueError"


def test_a_picture_that_a_decoder_finds_too_large_is() -> None:
    with pytest.raises(TooLarge, match=r"^The TIFF image has too many pixels"), reading("TIFF"):
        raise Image.DecompressionBombError


def test_an_error_of_ours_stays_what_it_is() -> None:
    with pytest.raises(UnsupportedMedia, match="as it was"), reading("PNG"):
        raise UnsupportedMedia("as it was")


def test_strips_of_a_plain_tiff_are_no_objects_of_python() -> None:
    rows = 4_000
    offsets = (4, rows, struct.pack("<L", START))
    body = 2 * rows * struct.pack("<L", 8)  # Pillow counts the table once for each tag
    file = tiff(body, offsets=offsets, counts=offsets, height=rows, width=8, rows=1)
    image = TiffImageFile(BytesIO(file))
    assert len(image.tag_v2[273]) == rows
    assert len(image.tile) == 1
