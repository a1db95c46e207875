"""WebP and BMP files whose heads are wrong."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from tests import drawing
from tests.hostile.corpus import ANY, CHEST, REFUSED, UNDECODABLE, Files, family

WEBP, LOSSLESS = drawing.encode_webp(CHEST), drawing.encode_webp(CHEST, lossless=True)
ALPHA = drawing.encode_webp(CHEST, alpha=255 - CHEST)
BMP = drawing.encode_bmp(CHEST)


def riff(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    """A WebP file of these chunks; its size unless another one is given."""
    body = b"WEBP" + b"".join(
        kind + struct.pack("<L", len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<L", len(body) if size is None else size) + body


def extended(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    """A VP8X chunk."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X", bytes([flags, 0, 0, 0]) + sides


def one_frame(pixels: npt.NDArray[np.uint8]) -> bytes:
    """An animation of one frame, which is a picture, lossy and opaque."""
    height, width = pixels.shape
    canvas = extended(width, height, 0x02)
    frame = bytes(6) + canvas[1][4:] + bytes(4) + drawing.encode_webp(pixels)[12:]
    return riff(canvas, (b"ANIM", bytes(6)), (b"ANMF", frame))


@family
def webps() -> Files:
    lossy = b"VP8 ", WEBP[20:]
    lossless = b"VP8L", LOSSLESS[20:]
    files = {
        "only a head": b"RIFF\x04\0\0\0WEBP",
        "no chunk": riff(size=2**32 - 1),
        "a size of zero": WEBP[:4] + bytes(4) + WEBP[8:],
        "a size of 4 GiB": WEBP[:4] + b"\xff" * 4 + WEBP[8:],
        "a chunk of 4 GiB": WEBP[:16] + b"\xff" * 4 + WEBP[20:],
        "a chunk of no size": WEBP[:16] + bytes(4) + WEBP[20:],
        "a chunk unknown": riff((b"ABCD", bytes(50))),
        "a chunk unknown before the picture": riff((b"ABCD", bytes(50)), lossy),
        "zeros for a picture": riff((b"VP8 ", bytes(500))),
        "ones for a picture": riff((b"VP8L", b"\xff" * 500)),
        "a canvas and nothing on it": riff(extended(61, 53)),
        "a canvas of 2^24": riff(extended(2**24, 2**24), lossy),
        "a canvas of 40 megapixels": riff(extended(8_000, 5_000), lossy),
        "a canvas smaller than the picture": riff(extended(10, 10), lossy),
        "a canvas cut off": riff((b"VP8X", b"\0")),
        "alpha that is not there": riff(extended(61, 53, 0x10), lossy),
        "alpha of zeros": riff(extended(61, 53, 0x10), (b"ALPH", bytes(50)), lossy),
        "alpha of a method unknown": riff(extended(61, 53, 0x10), (b"ALPH", b"\xff" * 50), lossy),
        "motion that is not there": riff(extended(61, 53, 0x02), lossy),
        "motion of no frames": riff(extended(61, 53, 0x02), (b"ANIM", bytes(6))),
        "a frame outside": riff(
            extended(61, 53, 0x02), (b"ANIM", bytes(6)), (b"ANMF", b"\xff" * 16 + bytes(50))
        ),
        "EXIF that is not there": riff(extended(61, 53, 0x08), lossy),
        "EXIF of zeros": riff(extended(61, 53, 0x08), lossy, (b"EXIF", bytes(50))),
        "a profile of zeros": riff(extended(61, 53, 0x20), (b"ICCP", bytes(50)), lossy),
        "two pictures": riff(extended(61, 53), lossy, lossless),
        "all flags": riff(extended(61, 53, 0xFF), lossy),
        "10,000 empty chunks": riff(extended(61, 53), *[(b"ABCD", b"")] * 10_000, lossy),
        "lossless, said to be lossy": riff((b"VP8 ", lossless[1])),
        "lossy, said to be lossless": riff((b"VP8L", lossy[1])),
    }
    for name, data in files.items():
        yield name, data, ANY
    for at in range(20, 30):
        yield f"byte {at} wrong", WEBP[:at] + b"\xff" + WEBP[at + 1 :], ANY
        yield f"byte {at} wrong, lossless", LOSSLESS[:at] + b"\xff" + LOSSLESS[at + 1 :], ANY
        yield f"byte {at} wrong, with alpha", ALPHA[:at] + b"\xff" + ALPHA[at + 1 :], ANY


def bmp(**changes: int) -> bytes:
    """A gray BMP with other values in its head; signed ones may be negative."""
    places = {
        "offset": (10, "<L"), "header": (14, "<L"), "width": (18, "<l"), "height": (22, "<l"),
        "planes": (26, "<H"), "bits": (28, "<H"), "compression": (30, "<L"), "size": (34, "<L"),
        "colours": (46, "<L"),
    }  # fmt: skip
    data = bytearray(BMP)
    for name, value in changes.items():
        at, kind = places[name]
        struct.pack_into(kind, data, at, value)
    return bytes(data)


@family
def bmps() -> Files:
    for width, height in (
        (0, 1), (1, 0), (0, 0), (-1, 1), (1, -1), (-61, -53), (2**31 - 1, 1), (1, 2**31 - 1),
        (-(2**31), 1), (1, -(2**31)), (2**31 - 1, 2**31 - 1), (40_000_001, 1), (6_325, 6_325),
    ):  # fmt: skip
        yield f"{width} x {height}", bmp(width=width, height=height), ANY
    yield "40 megapixels of nothing", bmp(width=8_000, height=5_000), (UNDECODABLE,)
    for name, values in {
        "bits": (0, 1, 2, 3, 4, 15, 16, 24, 32, 33, 64, 65_535),
        "compression": (1, 2, 3, 4, 5, 6, 11, 12, 13, 2**32 - 1),
        "planes": (0, 2, 65_535),
        "offset": (0, 1, 14, 54, 2**31, 2**32 - 1),
        "header": (12, 16, 52, 56, 64, 108, 124),
        "colours": (1, 2, 257, 65_536, 2**31, 2**32 - 1),
        "size": (1, 2**32 - 1),
    }.items():
        for value in values:
            yield f"{name} of {value}", bmp(**{name: value}), ANY
    for value in (0, 13, 39, 41, 2**32 - 1):
        yield f"a header of {value} bytes", bmp(header=value), ("unsupported_media",)
    run = bmp(compression=1, width=6_000, height=6_000)
    yield "36 megapixels by runs", run[:1078] + b"\xff\x01" * 9_000 + b"\0\1", ANY
    yield "a run that jumps out", run[:1078] + b"\0\2\xff\xff" * 9_000, ANY
    yield "a run that never ends", run[:1078] + b"\0\0" * 9_000, ANY
    yield "only a head", BMP[:26], (UNDECODABLE,)
    yield "no pixels", BMP[:1078], (UNDECODABLE,)
    yield "40 megapixels of 32 bits", bmp(width=8_000, height=5_000, bits=32), REFUSED
