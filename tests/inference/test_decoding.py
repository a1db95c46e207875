"""Every kind of file becomes the same gray, upright picture, or one of three errors."""

import contextlib
import csv
import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.decoding import decode
from inference.errors import TooLarge, Undecodable, UnsupportedMedia
from inference.gray_values import stretch
from inference.pixel_budget import PixelBudget
from inference.preprocessing import preprocess, squash
from inference.radiograph import Radiograph
from inference.reduction import reduction
from tests.drawing import (
    draw_chest,
    encode_bmp,
    encode_dicom,
    encode_interlaced_png,
    encode_jpeg,
    encode_png,
    encode_tiff,
    encode_webp,
)
from tests.hostile.webps_and_bmps import one_frame

# Pillow's remarks on tags of the corrupt TIFF files below.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")

MAX_PIXELS = 40_000_000
GRAY_224 = SimpleNamespace(size=224, channels=1, low=0.0, high=255.0)
CHEST = draw_chest(61, 53)
ONE_BIT = np.array([[0, 255, 255, 0, 255], [255, 0, 0, 0, 255]], np.uint8)
# Turned and mirrored in no way does this look as it does upright.
ARROW = np.repeat(np.repeat(np.array([[10, 240, 10], [240, 240, 120]], np.uint8), 16, 0), 16, 1)

SMALL_FILES = {
    "JPEG": encode_jpeg(CHEST),
    "progressive JPEG": encode_jpeg(CHEST, mode="RGB", progressive=True),
    "CMYK JPEG": encode_jpeg(CHEST, mode="CMYK"),
    "PNG": encode_png(CHEST),
    "interlaced PNG": encode_interlaced_png(CHEST),
    "16-bit PNG": encode_png(CHEST.astype(np.uint16) * 16),
    "WebP": encode_webp(CHEST),
    "lossless WebP": encode_webp(CHEST, lossless=True),
    "WebP with alpha": encode_webp(CHEST, alpha=255 - CHEST),
    "BMP": encode_bmp(CHEST),
    "TIFF": encode_tiff(CHEST),
    "LZW TIFF": encode_tiff(CHEST, compression="tiff_lzw"),
    "DICOM": encode_dicom(CHEST),
}


def decoded(data: bytes, max_pixels: int = MAX_PIXELS) -> Radiograph:
    return decode(data, max_pixels=max_pixels, budget=PixelBudget(MAX_PIXELS))


def assert_same(pixels: np.ndarray, expected: np.ndarray, within: int = 0) -> None:
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= within


# What a file holds comes out


@pytest.mark.parametrize(
    ("data", "kind", "within"),
    [
        (encode_jpeg(CHEST, quality=95), "JPEG", 8),
        (encode_jpeg(CHEST, quality=95, mode="RGB"), "JPEG", 8),
        (encode_jpeg(CHEST, quality=95, mode="RGB", progressive=True), "JPEG", 8),
        (encode_jpeg(CHEST, quality=95, mode="RGB", keep_rgb=True), "JPEG", 8),
        (encode_jpeg(CHEST, quality=95, mode="CMYK"), "JPEG", 8),
        (encode_png(CHEST), "PNG", 0),
        (encode_png(CHEST, mode="RGB"), "PNG", 0),
        (encode_png(CHEST, mode="P"), "PNG", 0),
        (encode_png(CHEST, alpha=np.full_like(CHEST, 255)), "PNG", 0),
        (encode_png(CHEST, mode="RGB", alpha=np.full_like(CHEST, 255)), "PNG", 0),
        (encode_png(CHEST.astype(np.uint16)), "PNG", 0),
        (encode_interlaced_png(CHEST), "PNG", 0),
        (encode_webp(CHEST, quality=95), "WEBP", 12),
        (encode_webp(CHEST, lossless=True), "WEBP", 0),
        (encode_webp(CHEST, alpha=np.full_like(CHEST, 255), lossless=True), "WEBP", 0),
        (encode_bmp(CHEST), "BMP", 0),
        (encode_bmp(CHEST, mode="RGB"), "BMP", 0),
        (encode_bmp(CHEST, mode="P"), "BMP", 0),
        (encode_tiff(CHEST), "TIFF", 0),
        (encode_tiff(CHEST, mode="RGB", compression="tiff_adobe_deflate"), "TIFF", 0),
        (encode_tiff(CHEST, mode="RGBA", compression="packbits"), "TIFF", 0),
        (encode_tiff(CHEST, mode="CMYK"), "TIFF", 0),
        (encode_tiff(CHEST.astype(np.uint16), compression="tiff_lzw"), "TIFF", 0),
        (encode_dicom(CHEST), "DICOM", 0),
    ],
)
def test_every_format_gives_the_gray_values_that_were_stored(
    data: bytes, kind: str, within: int
) -> None:
    radiograph = decoded(data)
    assert (radiograph.format, radiograph.width, radiograph.height) == (kind, 61, 53)
    assert_same(radiograph.pixels, CHEST, within)


QUARTERS = np.zeros((128, 256, 3), np.uint8)
QUARTERS[:64, :128] = 255, 0, 0
QUARTERS[:64, 128:] = 0, 255, 0
QUARTERS[64:, :128] = 0, 0, 255
QUARTERS[64:, 128:] = 255, 255, 0


@pytest.mark.parametrize(
    ("kind", "mode", "shape", "within"),
    [
        ("JPEG", "RGB", (16, 32, 3), 10),
        ("WEBP", "RGB", (64, 64, 3), 40),
        ("WEBP", "RGBA", (64, 64, 3), 0),
        ("PNG", "RGB", (64, 64, 3), 0),
        ("PNG", "RGBA", (64, 64, 3), 0),
        ("PNG", "P", (64, 64, 3), 0),
        ("BMP", "RGB", (64, 64, 3), 0),
        ("TIFF", "RGB", (64, 64, 3), 0),
    ],
)
def test_colours_come_along_small_in_rgb_and_as_they_lie_in_the_file(
    kind: str, mode: str, shape: tuple[int, int, int], within: int
) -> None:
    file = io.BytesIO()
    Image.fromarray(QUARTERS).convert(mode).save(file, kind, lossless=mode == "RGBA", quality=95)
    colours = decoded(file.getvalue()).colours
    assert colours is not None
    assert colours.shape == shape
    for row, column in ((1, 1), (1, -2), (-2, 1), (-2, -2)):
        expected = QUARTERS[row, column].astype(int)
        assert np.abs(colours[row, column] - expected).max() <= within


@pytest.mark.parametrize(
    "data",
    [
        SMALL_FILES["JPEG"],
        SMALL_FILES["PNG"],
        SMALL_FILES["16-bit PNG"],
        SMALL_FILES["TIFF"],
        encode_png(CHEST, alpha=255 - CHEST),
        encode_png(ONE_BIT, mode="1"),
    ],
)
def test_what_is_gray_by_its_format_has_no_colours(data: bytes) -> None:
    assert decoded(data).colours is None


@pytest.mark.parametrize("encode", [encode_png, encode_bmp, encode_tiff])
def test_one_bit_means_black_and_white(encode) -> None:
    assert_same(decoded(encode(ONE_BIT, mode="1")).pixels, ONE_BIT)


def test_colour_becomes_gray_by_the_luma_of_bt_601() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 100, 50]]], np.uint8)
    # 0.299 R + 0.587 G + 0.114 B
    assert_same(decoded(encode_png(colours)).pixels, np.array([[76, 150, 29, 124]]))


def test_what_is_transparent_is_composited_on_black() -> None:
    white, alpha = np.full((1, 3), 255, np.uint8), np.array([[0, 128, 255]], np.uint8)
    for data in (
        encode_png(white, alpha=alpha),
        encode_png(white, mode="RGB", alpha=alpha),
        encode_webp(white, alpha=alpha, lossless=True, exact=True),
    ):
        assert_same(decoded(data).pixels, np.array([[0, 128, 255]]))


def test_a_gray_value_that_png_declares_transparent_is_black() -> None:
    pixels = np.array([[70, 200, 255]], np.uint8)
    assert_same(decoded(encode_png(pixels, transparency=200)).pixels, np.array([[70, 0, 255]]))


def test_adobe_ycck_is_read_as_what_it_shows() -> None:
    # Pillow stores 255 minus each value: Y' = 255 - g, Cb = Cr = 128 and K = 255, which is gray g.
    gray = Image.fromarray(np.full((16, 16), 90, np.uint8))
    flat, none = Image.new("L", gray.size, 127), Image.new("L", gray.size, 0)
    file = io.BytesIO()
    Image.merge("CMYK", (gray, flat, flat, none)).save(file, "JPEG", quality=100)
    data = bytearray(file.getvalue())
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0
    data[transform] = 2
    assert_same(decoded(bytes(data)).pixels, np.full((16, 16), 90), within=2)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("encode", "within"),
    [(encode_jpeg, 6), (encode_png, 0), (encode_webp, 20)],
    ids=["JPEG", "PNG", "WebP"],
)
def test_exif_orientation_is_applied(orientation: int, encode, within: int) -> None:
    stored = {
        1: ARROW,
        2: np.fliplr(ARROW),
        3: np.rot90(ARROW, 2),
        4: np.flipud(ARROW),
        5: ARROW.T,
        6: np.rot90(ARROW, 1),  # the camera was turned to the right, the picture lies to the left
        7: np.rot90(ARROW.T, 2),
        8: np.rot90(ARROW, -1),
    }[orientation]
    radiograph = decoded(encode(np.ascontiguousarray(stored), orientation=orientation))
    assert (radiograph.width, radiograph.height) == (48, 32)
    assert_same(radiograph.pixels, ARROW, within)


@pytest.mark.parametrize("orientation", [0, 9])
def test_an_orientation_that_there_is_not_turns_nothing(orientation: int) -> None:
    assert_same(decoded(encode_png(ARROW, orientation=orientation)).pixels, ARROW)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_the_orientation_of_a_tiff_is_applied_once(compression: str | None) -> None:
    stored = np.ascontiguousarray(np.rot90(ARROW, 1))
    radiograph = decoded(encode_tiff(stored, compression=compression, tiffinfo={274: 6}))
    assert (radiograph.width, radiograph.height) == (48, 32)
    assert_same(radiograph.pixels, ARROW)


def test_a_tiff_whose_zero_is_white_is_inverted_at_8_and_at_16_bits() -> None:
    shown = np.array([[255, 200, 0]], np.uint8)
    # Pillow inverts what it stores at 8 bits, and not at 16.
    for pixels in (shown, np.array([[0, 55, 255]], np.uint16)):
        file = encode_tiff(pixels, tiffinfo={262: 0})
        assert bytes([0, 55, 255]) in file or bytes([0, 0, 55, 0, 255, 0]) in file
        assert_same(decoded(file).pixels, shown)


# 16 bits


def test_12_bit_data_in_16_bits_uses_the_whole_range() -> None:
    ramp = np.arange(0, 4096, 273, np.uint16).reshape(4, 4)  # 0, 273, ... 4095
    for data in (encode_png(ramp), encode_tiff(ramp), encode_tiff(ramp, compression="tiff_lzw")):
        assert_same(decoded(data).pixels, np.arange(0, 256, 17).reshape(4, 4))


def test_a_full_16_bit_range_loses_only_its_lower_byte() -> None:
    pixels = np.array([[0, 257 * 3, 257 * 100, 65535]], np.uint16)
    assert_same(decoded(encode_png(pixels)).pixels, np.array([[0, 3, 100, 255]]))


def test_an_offset_is_taken_away() -> None:
    pixels = np.array([[32768, 32768 + 2040, 32768 + 4080]], np.uint16)
    assert_same(decoded(encode_png(pixels)).pixels, np.array([[0, 128, 255]]), within=1)


def test_a_hot_pixel_does_not_darken_the_rest() -> None:
    pixels = np.tile(np.arange(4096, dtype=np.uint16), (16, 1))
    pixels[3, 3] = 65535
    values = stretch(pixels)
    assert 250 <= values[0, -6] <= 255
    assert 126 <= values[0, 2048] <= 129


def test_noise_on_a_blank_16_bit_picture_is_not_blown_up() -> None:
    blank = np.array([[30000, 30002], [30001, 30000]], np.uint16)
    assert_same(decoded(encode_png(blank)).pixels, np.array([[0, 2], [1, 0]]))


def test_values_that_fit_into_8_bits_stay_whatever_is_rare_among_them() -> None:
    pixels = np.full((64, 64), 100, np.uint16)
    pixels[0, 0], pixels[9, 9] = 0, 255
    assert_same(stretch(pixels), pixels)


def test_a_single_value_beyond_8_bits_has_the_rest_stretched() -> None:
    pixels = np.full((64, 64), 100, np.uint16)
    pixels[0, 0] = 256
    expected = np.zeros((64, 64), np.uint8)
    expected[0, 0] = 156
    assert_same(stretch(pixels), expected)


def test_what_is_darker_or_brighter_than_nearly_all_is_black_or_white() -> None:
    pixels = np.full((64, 64), 20_000, np.uint16)
    pixels[:, 32:] = 40_000
    pixels[0, 0], pixels[9, 9] = 0, 65_535
    expected = np.where(pixels < 30_000, 0, 255)
    assert_same(stretch(pixels), expected)


def test_of_500_pixels_none_is_rare() -> None:
    pixels = np.full((20, 25), 8_000, np.uint16)
    pixels[0, 0], pixels[9, 9] = 0, 20_000
    expected = np.full((20, 25), 102)  # 255 x 8,000 / 20,000
    expected[0, 0], expected[9, 9] = 0, 255
    assert_same(stretch(pixels), expected)


def test_a_range_of_256_values_is_moved_and_not_stretched() -> None:
    assert_same(stretch(np.arange(1000, 1256).reshape(16, 16)), np.arange(256).reshape(16, 16))


# Large pictures


@pytest.mark.parametrize(
    ("width", "height", "divisor"),
    [
        (1024, 1024, 1),
        (2047, 2047, 1),
        (2048, 896, 2),
        (2048, 895, 1),
        (4280, 3520, 4),
        (4095, 4095, 2),
        (6324, 6324, 4),
        (8192, 3584, 8),
        (100_000, 400, 4),
    ],
)
def test_a_large_picture_is_divided_as_far_as_1024_and_448_remain(
    width: int, height: int, divisor: int
) -> None:
    assert reduction(width, height) == reduction(height, width) == divisor


@pytest.mark.slow
@pytest.mark.parametrize("size", [(2048, 2048), (2500, 2048), (4280, 3520)])
def test_reduced_pictures_give_the_network_what_full_ones_would(size: tuple[int, int]) -> None:
    jpeg = encode_jpeg(draw_chest(*size), quality=90)
    whole = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    for data in (jpeg, encode_png(whole, compress_level=1)):
        radiograph = decoded(data)
        assert (radiograph.width, radiograph.height) == size
        assert max(radiograph.pixels.shape) < max(size)
        full, small = squash(whole, 224), squash(radiograph.pixels, 224)
        difference = np.abs(full.astype(int) - small)
        assert difference.mean() <= 0.4
        assert difference.max() <= 2
        difference = np.abs(preprocess(whole, GRAY_224) - preprocess(radiograph.pixels, GRAY_224))
        assert difference.mean() <= 1.5
        assert difference.max() <= 32


def test_a_reduced_png_is_the_mean_of_its_blocks() -> None:
    pixels = np.zeros((2049, 2049), np.uint8)
    pixels[0, :2] = 255
    pixels[2048, 2048] = 200  # the corner, which is repeated to fill its block
    radiograph = decoded(encode_png(pixels, compress_level=1))
    assert radiograph.pixels.shape == (1025, 1025)
    assert radiograph.pixels[0, 0] == 128
    assert radiograph.pixels[1024, 1024] == 200
    assert radiograph.pixels.sum() == 128 + 200


def test_colour_with_alpha_is_reduced_like_gray() -> None:
    pixels = cv2.resize(draw_chest(512, 512), (2100, 2100))
    opaque = np.full_like(pixels, 255)
    gray = decoded(encode_png(pixels, compress_level=1)).pixels
    colour = decoded(encode_png(pixels, mode="RGB", alpha=opaque, compress_level=1)).pixels
    assert_same(colour, gray)


# Errors


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"hello, world",
        b"GIF89a" + bytes(200),
        b"%PDF-1.7\n" + bytes(200),
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        bytes(4) + b"ftypheic" + bytes(200),
        b"BM, said the letter, and nothing else",
        b"\x89PNG\r\n\x1a\n" + bytes(120) + b"DICM" + bytes(40),
        b"RIFF\x10\0\0\0WAVEfmt " + bytes(40),
    ],
)
def test_what_is_none_of_the_formats_or_two_at_once_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(UnsupportedMedia) as refused:
        decoded(data)
    assert "JPEG, PNG, WebP, BMP, TIFF and DICOM" in refused.value.detail


@pytest.mark.parametrize("name", SMALL_FILES)
def test_a_truncated_file_is_never_answered_as_a_whole_one(name: str) -> None:
    data = SMALL_FILES[name]
    whole = decoded(data).pixels
    # Padding after the last pixel is no loss: up to three bytes of BMP, four of TIFF, one of DICOM.
    last = len(data) - {"BMP": 3, "LZW TIFF": 4, "DICOM": 1}.get(name, 0)
    for length in {*range(0, last, max(1, last // 97)), *range(last - 14, last)}:
        with pytest.raises((UnsupportedMedia, Undecodable)):
            decoded(data[:length])
    for length in range(last, len(data)):
        assert_same(decoded(data[:length]).pixels, whole)


def test_a_png_with_a_wrong_checksum_is_refused_though_it_inflates() -> None:
    data = SMALL_FILES["PNG"]
    broken = data[:-400] + bytes(388) + data[-12:]
    assert np.asarray(Image.open(io.BytesIO(broken))).shape == CHEST.shape
    with pytest.raises(Undecodable, match="checksum"):
        decoded(broken)


@pytest.mark.parametrize("name", SMALL_FILES)
def test_a_corrupt_file_gives_a_picture_or_a_documented_error(name: str) -> None:
    random = np.random.default_rng(0)
    for _ in range(150):
        data = bytearray(SMALL_FILES[name])
        for place in random.integers(0, len(data), random.integers(1, 6)):
            data[place] = random.integers(256)
        _decodes_or_refuses(bytes(data))


@pytest.mark.slow
@given(
    st.sampled_from([b"", *(data[:24] for data in SMALL_FILES.values())]), st.binary(max_size=400)
)
@example(b"", bytes(128) + b"DICM")
@example(b"II*\0", b"\x08\0\0\0\xff\xff")
@settings(max_examples=300)
def test_random_bytes_after_any_head_give_a_picture_or_a_documented_error(
    head: bytes, rest: bytes
) -> None:
    _decodes_or_refuses(head + rest)


def _decodes_or_refuses(data: bytes) -> None:
    with contextlib.suppress(UnsupportedMedia, TooLarge, Undecodable):
        radiograph = decode(data, max_pixels=100_000, budget=PixelBudget(100_000))
        assert radiograph.pixels.dtype == np.uint8
        assert radiograph.pixels.ndim == 2


@pytest.mark.parametrize("name", SMALL_FILES)
def test_more_pixels_than_allowed_are_refused(name: str) -> None:
    with pytest.raises(TooLarge, match=r"61 x 53 pixels; at most 3,232 pixels"):
        decoded(SMALL_FILES[name], max_pixels=61 * 53 - 1)


def test_a_size_in_the_header_is_believed_before_anything_is_decoded() -> None:
    header = struct.pack(">LLBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + chunk + struct.pack(">L", zlib.crc32(chunk))
    bomb += b"\0\0\0\0IDAT" + struct.pack(">L", zlib.crc32(b"IDAT"))
    with pytest.raises(TooLarge, match="60000 x 60000"):
        decoded(bomb)


def test_what_needs_too_much_memory_to_decode_is_refused_though_its_pixels_are_few_enough() -> None:
    cmyk = encode_jpeg(draw_chest(100, 100), mode="CMYK", progressive=True)
    assert decoded(cmyk, max_pixels=20_000).width == 100
    with pytest.raises(TooLarge, match=r"stored in this way, at most 5,000 pixels"):
        decoded(cmyk, max_pixels=10_000)


def test_a_bmp_of_runs_needs_more_than_its_pixels() -> None:
    data = bytearray(encode_bmp(draw_chest(100, 100)))
    data[30:34] = (1).to_bytes(4, "little")  # BI_RLE8
    data[1078:] = b"\x64\x32\0\0" * 100 + b"\0\1"
    assert decoded(bytes(data), max_pixels=10_000).pixels.max() == 50
    budget = PixelBudget(100_000)
    held = []
    take = budget.take
    budget.take = lambda pixels: (held.append(pixels), take(pixels))[1]
    decode(bytes(data), max_pixels=10_000, budget=budget)
    assert held == [(4 * 10_000 + 8 * 10_000) // 4]


def test_animations_and_several_pages_are_refused() -> None:
    frames = [Image.fromarray(CHEST), Image.fromarray(255 - CHEST)]
    for kind in ("PNG", "WEBP", "TIFF"):
        file = io.BytesIO()
        frames[0].convert("RGB").save(
            file, kind, save_all=True, append_images=[frames[1].convert("RGB")]
        )
        with pytest.raises(Undecodable, match="several pictures"):
            decoded(file.getvalue())


def test_values_of_32_bits_are_refused() -> None:
    for pixels in (np.ones((2, 2), np.float32), np.ones((2, 2), np.int32)):
        with pytest.raises(Undecodable, match="32 bits"):
            decoded(encode_tiff(pixels))


def test_a_jpeg_of_countless_scans_is_refused() -> None:
    data = SMALL_FILES["progressive JPEG"]
    last = data.rindex(b"\xff\xda")
    with pytest.raises(Undecodable, match="scans"):
        decoded(data[:last] + data[last:-2] * 100 + data[-2:])


# The budget


def test_a_decode_that_fails_gives_its_share_back() -> None:
    budget = PixelBudget(1000)
    broken = SMALL_FILES["PNG"][:-400] + bytes(388) + SMALL_FILES["PNG"][-12:]
    for _ in range(5):
        with pytest.raises(Undecodable):
            decode(broken, max_pixels=MAX_PIXELS, budget=budget)
    with budget.take(1000):
        pass


LARGE = np.zeros((2400, 2500), np.uint8)
LARGE[600:1800, 600:1800] = 180
DEEP = LARGE.astype(np.uint16) * 256


def rle_without_a_run(pixels: np.ndarray) -> bytes:
    """A DICOM file of 16 bits that is larger than its pixels: 125 at a time are literal (PS3.5 G)."""
    high, low = (
        np.insert(plane.reshape(-1, 125), 0, 124, axis=1).astype(np.uint8).tobytes()
        for plane in (pixels >> 8, pixels & 255)
    )
    frame = struct.pack("<16L", 2, 64, 64 + len(high), *[0] * 13) + high + low
    return encode_dicom(pixels, transfer_syntax="1.2.840.10008.1.2.5", codestream=frame)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    "encode",
    [
        lambda: encode_png(LARGE, alpha=LARGE),
        lambda: encode_png(DEEP),
        lambda: encode_jpeg(LARGE, mode="CMYK", progressive=True),
        lambda: encode_webp(LARGE),
        lambda: encode_webp(LARGE, orientation=1),
        lambda: one_frame(LARGE),
        lambda: encode_webp(LARGE, alpha=LARGE, lossless=True, method=0),
        lambda: encode_tiff(DEEP, compression="tiff_lzw"),
        lambda: encode_dicom(LARGE, transfer_syntax="1.2.840.10008.1.2.4.90"),
        lambda: encode_dicom(DEEP, transfer_syntax="1.2.840.10008.1.2.4.90"),
        lambda: rle_without_a_run(DEEP),
        lambda: encode_dicom(DEEP),
        lambda: encode_dicom(DEEP, PixelPaddingValue=0),
    ],
    ids=[
        "LA-PNG",
        "PNG-16",
        "CMYK-JPEG",
        "WebP",
        "WebP-with-EXIF",
        "WebP-of-one-frame",
        "lossless-WebP",
        "TIFF",
        "JPEG-2000",
        "JPEG-2000-16",
        "RLE-16",
        "DICOM",
        "padded-DICOM",
    ],
)
def test_a_decode_takes_no_more_memory_than_it_asks_the_budget_for(
    encode: Callable[[], bytes],
) -> None:
    program = """
import re, sys
from pathlib import Path
from inference.decoding import decode
from inference.pixel_budget import BYTES_PER_PIXEL, PixelBudget, return_memory_at_once

def mebibytes(of):
    return int(re.search(of + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

class Budget(PixelBudget):
    def take(self, pixels):
        self.taken = pixels
        return super().take(pixels)

return_memory_at_once()
data, budget = sys.stdin.buffer.read(), Budget(40_000_000)
for _ in range(2):  # the first one imports
    before = mebibytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now
    decode(data, max_pixels=40_000_000, budget=budget)
print(mebibytes("VmHWM") - before, budget.taken * BYTES_PER_PIXEL / 2**20)
"""
    done = subprocess.run([sys.executable, "-c", program], input=encode(), capture_output=True)
    assert done.returncode == 0, done.stderr
    peak, taken = map(float, done.stdout.split())
    assert peak < taken + 4


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_eight_large_pictures_at_once_take_hardly_more_memory_than_one() -> None:
    program = """
import re, sys, threading
from pathlib import Path
from inference.decoding import decode
from inference.pixel_budget import PixelBudget, return_memory_at_once

def mebibytes(of):
    return int(re.search(of + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) >> 10

return_memory_at_once()
data, budget = sys.stdin.buffer.read(), PixelBudget(16_000_000)
work = lambda: [decode(data, max_pixels=16_000_000, budget=budget) for _ in range(2)]
before = mebibytes("VmRSS")
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(mebibytes("VmHWM") - before, mebibytes("VmRSS") - before)
"""
    data = encode_png(np.zeros((4000, 4000), np.uint8), mode="RGB", compress_level=1)
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr
    peak, left = map(int, done.stdout.split())
    assert peak < 61 + 60  # one such picture takes 61 MiB in Pillow
    assert left < 40


# Drawn and real radiographs


def test_drawn_chests_differ_by_seed_and_stay_the_same_by_seed() -> None:
    assert np.array_equal(draw_chest(200, 160, seed=3), draw_chest(200, 160, seed=3))
    assert not np.array_equal(draw_chest(200, 160, seed=3), draw_chest(200, 160, seed=4))


def test_a_drawn_chest_has_dark_lungs_beside_a_bright_heart_and_spine() -> None:
    chest = draw_chest(400, 400).astype(float)
    lungs = (chest[140:220, 90:150].mean() + chest[140:220, 260:310].mean()) / 2
    assert chest[120:330, 190:210].mean() > lungs + 60
    assert chest[260:290, 205:240].mean() > lungs + 60


@pytest.mark.shared
def test_real_radiographs_decode_to_the_size_that_the_manifest_says(shared: Path) -> None:
    originals = shared / "originals"
    with open(originals / "manifest.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["format"] in ("JPEG", "PNG")]
    assert len(rows) >= 10
    for row in rows:
        radiograph = decoded((originals / row["file"]).read_bytes())
        assert radiograph.format == row["format"]
        assert (radiograph.width, radiograph.height) == (int(row["width"]), int(row["height"]))
        assert radiograph.pixels.std() > 10
