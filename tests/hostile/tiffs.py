"""TIFF files whose directories are wrong (TIFF 6.0, BigTIFF)."""

from __future__ import annotations

import struct
import zlib

from tests.hostile.corpus import (
    ANY,
    CHEST,
    PICTURE,
    REFUSED,
    UNDECODABLE,
    Files,
    family,
)  # fmt: skip

HEIGHT, WIDTH = CHEST.shape
PIXELS = CHEST.tobytes()
SHORT, LONG = 3, 4
#: Tag by name; a value is an int (LONG), or a type, a count and four bytes.
TAGS = {
    "width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262,
    "fill order": 266, "description": 270, "offsets": 273, "orientation": 274, "samples": 277,
    "rows": 278, "counts": 279, "planar": 284, "page": 297, "predictor": 317, "palette": 320,
    "tile width": 322, "tile height": 323, "tile offsets": 324, "tile counts": 325,
    "children": 330, "extra": 338, "format": 339, "jpeg tables": 347, "ycbcr": 530,
    "xmp": 700, "profile": 34675, "exif": 34665, "gps": 34853,
}  # fmt: skip
START = 8 + 2 + 12 * 20 + 4  # of the pixels: there is room for twenty entries

type Value = int | tuple[int, int, bytes] | None


def tiff(pixels: bytes = PIXELS, order: str = "<", following: int = 0, **changes: Value) -> bytes:
    """An 8-bit gray file of one strip with other tags; a value of None takes one away."""
    tags: dict[str, Value] = {
        "width": WIDTH, "height": HEIGHT, "bits": 8, "compression": 1, "photometric": 1,
        "offsets": START, "samples": 1, "rows": HEIGHT, "counts": len(pixels),
    }  # fmt: skip
    tags |= {name.replace("_", " "): value for name, value in changes.items()}
    entries = []
    for name, value in sorted(tags.items(), key=lambda tag: TAGS[tag[0]]):
        if isinstance(value, int):
            value = (LONG, 1, struct.pack(f"{order}L", value))
        if value is not None:
            kind, count, data = value
            entries.append(struct.pack(f"{order}HHL", TAGS[name], kind, count) + data)
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}L", 8)
    return (head + directory + struct.pack(f"{order}L", following)).ljust(START, b"\0") + pixels


@family
def plain() -> Files:
    yield "little-endian", tiff(), (PICTURE,)
    yield "big-endian", tiff(order=">"), (PICTURE,)


@family
def sizes() -> Files:
    for width, height in (
        (0, 1), (1, 0), (0, 0), (2**31, 1), (2**32 - 1, 2**32 - 1), (40_000_001, 1), (6_325, 6_325),
        (1, 2**32 - 1), (65_536, 65_536),
    ):  # fmt: skip
        yield f"{width} x {height}", tiff(width=width, height=height), REFUSED
    yield "40 megapixels of nothing", tiff(width=40_000, height=1_000, rows=1_000), (UNDECODABLE,)
    yield "a row too many", tiff(height=HEIGHT + 1, rows=HEIGHT + 1), (UNDECODABLE,)
    for name in ("width", "height"):
        for what, value in {
            "text": (2, 3, b"61\0\0"), "a fraction": (5, 1, struct.pack("<L", 2**32 - 9)),
            "negative": (9, 1, struct.pack("<l", -61)), "a float": (11, 1, struct.pack("<f", 61.0)),
            "not a number": (11, 1, struct.pack("<f", float("nan"))), "two numbers": (3, 2, b"=\0" * 2),
            "no number": (3, 0, bytes(4)), "all numbers": (4, 2**32 - 1, b"\xff" * 4),
            "of a type unknown": (99, 1, bytes(4)), "missing": None,
        }.items():  # fmt: skip
            yield f"a {name} that is {what}", tiff(**{name: value}), ANY


@family
def absurd_tags() -> Files:
    values: dict[str, tuple[int, ...]] = {
        "bits": (0, 1, 3, 4, 7, 9, 12, 16, 24, 32, 33, 64, 65_535),
        "compression": (0, 2, 3, 4, 5, 6, 7, 8, 99, 32_771, 32_773, 32_946, 34_712, 34_925, 50_000,
                        50_001, 50_002, 65_535),
        "photometric": (0, 2, 3, 4, 5, 6, 8, 9, 10, 32_803, 34_892, 65_535),
        "samples": (0, 2, 3, 4, 5, 255, 65_535),
        "planar": (0, 2, 3, 65_535),
        "predictor": (0, 2, 3, 4, 65_535),
        "format": (0, 2, 3, 4, 5, 6, 65_535),
        "orientation": (0, 2, 6, 9, 65_535),
        "fill_order": (0, 2, 3),
        "rows": (0, 1, 54, 2**31, 2**32 - 1),
        "offsets": (0, 1, START + 1, START + 5000, 2**31, 2**32 - 1),
        "counts": (0, 1, 3232, 3234, 2**31, 2**32 - 1),
        "extra": (0, 1, 2, 99),
        "tile_width": (0, 1, 15, 16, 2**31, 2**32 - 1),
        "tile_height": (0, 1, 16, 2**32 - 1),
        "children": (0, 8, START, 2**32 - 1),
        "exif": (0, 8, START, 2**32 - 1),
        "gps": (8, 2**32 - 1),
        "ycbcr": (0, 1, 2**32 - 1),
        "palette": (0, 8),
        "jpeg_tables": (0, 8),
        "page": (0, 2**32 - 1),
    }  # fmt: skip
    for name, each in values.items():
        for value in each:
            yield f"{name} of {value}", tiff(**{name: value}), ANY
    for name in ("bits", "compression", "photometric", "offsets", "samples", "rows", "counts"):
        yield f"without {name}", tiff(**{name: None}), ANY
        yield f"{name} of no count", tiff(**{name: (SHORT, 0, bytes(4))}), ANY
        yield f"{name} of all counts", tiff(**{name: (LONG, 2**32 - 1, b"\x08\0\0\0")}), ANY
        yield f"{name} as text", tiff(**{name: (2, 4, b"abc\0")}), ANY
    text = (2, 2**31, b"\x08\0\0\0")
    yield "2 GiB of description", tiff(description=text), ANY
    yield "2 GiB of XMP", tiff(xmp=(7, 2**31, b"\x08\0\0\0")), ANY
    yield "2 GiB of a profile", tiff(profile=(7, 2**31, b"\x08\0\0\0")), ANY
    half = (SHORT, 1, struct.pack("<HH", 3, 0))
    yield "floats of 16 bits", tiff(bits=16, format=half, width=30), (UNDECODABLE,)
    yield "floats of 24 bits", tiff(bits=24, format=half, width=20), (UNDECODABLE,)
    yield "floats of 32 bits", tiff(bits=32, format=half, width=15), (UNDECODABLE,)
    yield "floats of 64 bits", tiff(bits=64, format=half, width=7), (UNDECODABLE,)


@family
def directories() -> Files:
    head = b"II*\0\x08\0\0\0"
    files = {
        "only a head": b"II*\0",
        "a head and nowhere": b"II*\0" + bytes(4),
        "a directory beyond the end": b"II*\0\xff\xff\xff\xff" + PIXELS,
        "a directory in its own head": b"II*\0\x02\0\0\0" + PIXELS,
        "a directory of no entries": head + bytes(6) + PIXELS,
        "a directory of 65535 entries": head + b"\xff\xff" + bytes(500),
        "a directory cut off": tiff()[:60],
        "a big head": b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + bytes(600),
        "a big head of another size": b"II+\0\x04\0\0\0\x10\0\0\0\0\0\0\0" + bytes(600),
        "a big directory far away": b"II+\0\x08\0\0\0" + b"\xff" * 8 + bytes(600),
        "a big directory of all entries": b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + b"\xff" * 600,
        "a big head the other way": b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10" + bytes(600),
    }
    for name, data in files.items():
        yield name, data, (UNDECODABLE,)
    yield "a directory that is its own next", tiff(following=8), ANY
    yield "a next directory beyond the end", tiff(following=2**32 - 1), ANY
    yield "a next directory of zeros", tiff(following=START + 8), ANY
    chain = tiff(following=len(tiff()))
    at = len(chain)
    for _ in range(5000):
        chain += struct.pack("<HHHLLL", 1, 256, LONG, 1, 1, at + 18)
        at += 18
    yield "5,000 directories", chain, (UNDECODABLE,)


@family
def bombs() -> Files:
    zeros = zlib.compress(bytes(20_000_000), 9)
    yield "20 MB in one strip of 3 KB", tiff(zeros, compression=8), ANY
    large = {"width": 6_000, "height": 6_000, "rows": 6_000, "compression": 8}
    yield "36 megapixels in 36 KB", tiff(zlib.compress(bytes(36_000_000), 9), **large), (PICTURE,)
    yield "36 megapixels, most of them missing", tiff(zeros[:99], **large), (UNDECODABLE,)
    colours = {"samples": 65_535, "planar": 1}
    yield "65535 samples of a pixel", tiff(zeros, **large, **colours), REFUSED
    tile = {"tile_width": 2**20, "tile_height": 2**20, "tile_offsets": START, "tile_counts": 9}
    yield (
        "a tile of a terabyte",
        tiff(PIXELS, offsets=None, counts=None, rows=None, **tile),
        REFUSED,
    )
    packed = b"\x81\0" * 300_000
    yield "PackBits to 38 MB", tiff(packed, compression=32_773), ANY
    for compression in (5, 34_925, 50_000):
        yield (
            f"36 megapixels of noise, by {compression}",
            tiff(PIXELS * 9, **(large | {"compression": compression})),
            (UNDECODABLE,),
        )
