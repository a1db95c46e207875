"""PNG files whose chunks are wrong (ISO 15948)."""

from __future__ import annotations

import struct
import zlib

from tests.hostile.corpus import (
    ANY,
    CHEST,
    PICTURE,
    REFUSED,
    TOO_LARGE,
    UNDECODABLE,
    Files,
    family,
)  # fmt: skip

HEAD = b"\x89PNG\r\n\x1a\n"
HEIGHT, WIDTH = CHEST.shape
PIXELS = zlib.compress(b"".join(b"\0" + row.tobytes() for row in CHEST))


def chunk(kind: bytes, data: bytes = b"", crc: int | None = None) -> bytes:
    """A chunk, with its own CRC unless another one is given."""
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", crc)


def header(
    width: int = WIDTH, height: int = HEIGHT, depth: int = 8, colour: int = 0, *rest: int
) -> bytes:
    """IHDR; `rest` are compression, filter and interlace."""
    return chunk(
        b"IHDR", struct.pack(">LLBBBBB", width, height, depth, colour, *(rest or (0, 0, 0)))
    )


def png(*chunks: bytes) -> bytes:
    """A file of these chunks, with its end."""
    return HEAD + b"".join(chunks) + chunk(b"IEND")


IDAT = chunk(b"IDAT", PIXELS)

#: Of these every pixel is there, and so they may be shown.
ALL_THERE = {
    "two halves with a chunk between",
    "a checksum of zlib cut off",
    "pixels of one colour type without a palette",
}


@family
def sizes() -> Files:
    for width, height in (
        (0, 0), (0, 1), (1, 0), (2**31 - 1, 1), (1, 2**31 - 1), (2**31, 1), (2**32 - 1, 2**32 - 1),
        (65_536, 65_536), (40_000_001, 1), (6_325, 6_325), (2**31 - 1, 2**31 - 1),
    ):  # fmt: skip
        yield f"{width} x {height}", png(header(width, height), IDAT), REFUSED
    yield "a row more than there is", png(header(WIDTH, HEIGHT + 1), IDAT), (UNDECODABLE,)
    yield "a column more than there is", png(header(WIDTH + 1, HEIGHT), IDAT), (UNDECODABLE,)
    black = chunk(b"IDAT", zlib.compress(bytes((WIDTH + 1) * HEIGHT)))
    yield "a black row more than there is", png(header(WIDTH, HEIGHT + 1), black), (UNDECODABLE,)
    interlaced = header(WIDTH, HEIGHT + 1, 8, 0, 0, 0, 1)
    yield "interlaced rows that end too early", png(interlaced, IDAT), (UNDECODABLE,)
    yield "all black", png(header(), black), (PICTURE,)
    yield "a row less than there is", png(header(WIDTH, HEIGHT - 1), IDAT), ANY


@family
def headers() -> Files:
    for depth in (0, 1, 2, 3, 4, 8, 9, 16, 32, 255):
        for colour in (0, 1, 2, 3, 4, 5, 6, 7, 255):
            if (depth, colour) != (8, 0):
                data = png(header(WIDTH, HEIGHT, depth, colour), IDAT)
                yield f"{depth} bits of colour type {colour}", data, ANY
    for rest in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 2), (255, 255, 255)):
        yield f"methods {rest}", png(header(WIDTH, HEIGHT, 8, 0, *rest), IDAT), ANY


@family
def chunks() -> Files:
    ihdr = header()
    half = len(PIXELS) // 2
    files = {
        "no header": png(IDAT),
        "no pixels": png(ihdr),
        "empty pixels": png(ihdr, chunk(b"IDAT")),
        "no end": HEAD + ihdr + IDAT,
        "the end first": HEAD + chunk(b"IEND") + ihdr + IDAT,
        "pixels before the header": png(IDAT, ihdr),
        "a short header": png(chunk(b"IHDR", bytes(12)), IDAT),
        "a wrong CRC of the header": png(ihdr[:-4] + bytes(4), IDAT),
        "a wrong CRC of the pixels": png(ihdr, chunk(b"IDAT", PIXELS, 0)),
        "a wrong CRC of the end": HEAD + ihdr + IDAT + chunk(b"IEND", b"", 0),
        "a chunk of 2 GiB": HEAD + ihdr + struct.pack(">L", 2**31 - 1) + b"IDAT" + PIXELS,
        "a chunk of 4 GiB": HEAD + ihdr + struct.pack(">L", 2**32 - 1) + b"IDAT" + PIXELS,
        "a filter unknown": png(ihdr, chunk(b"IDAT", zlib.compress(b"\7" * (WIDTH + 1) * HEIGHT))),
        "pixels that are no zlib": png(ihdr, chunk(b"IDAT", b"\xff" * 500)),
        "pixels with a dictionary": png(ihdr, chunk(b"IDAT", b"\x78\xbb" + bytes(500))),
        "pixels cut off": png(ihdr, chunk(b"IDAT", PIXELS[:-200])),
        "a checksum of zlib cut off": png(ihdr, chunk(b"IDAT", PIXELS[:-4])),
        "pixels of one colour type without a palette": png(header(colour=3), IDAT),
        "two halves with a chunk between": png(
            ihdr, chunk(b"IDAT", PIXELS[:half]), chunk(b"tIME", bytes(7)), chunk(b"IDAT", PIXELS[half:])
        ),
    }  # fmt: skip
    for name, data in files.items():
        right = ANY if name in ALL_THERE else REFUSED
        yield name, data, right
    for name, before in {
        "two headers": (ihdr, ihdr),
        "a palette of one byte": (ihdr, chunk(b"PLTE", b"\0")),
        "a palette of 70,000 bytes": (ihdr, chunk(b"PLTE", bytes(69_999))),
        "a critical chunk unknown": (ihdr, chunk(b"ABCD", b"x")),
        "a chunk whose name is no letters": (ihdr, chunk(b"\0\1\2\3", b"x")),
        "a chunk of spaces": (ihdr, chunk(b"    ")),
        "transparency without end": (ihdr, chunk(b"tRNS", bytes(9999))),
        "transparency of no bytes": (ihdr, chunk(b"tRNS")),
        "gamma of zero": (ihdr, chunk(b"gAMA", bytes(4))),
        "gamma of one byte": (ihdr, chunk(b"gAMA", b"\0")),
        "chromaticities of zero": (ihdr, chunk(b"cHRM", bytes(32))),
        "chromaticities cut off": (ihdr, chunk(b"cHRM", bytes(3))),
        "a colour space unknown": (ihdr, chunk(b"sRGB", b"\xff")),
        "no bytes of a colour space": (ihdr, chunk(b"sRGB")),
        "a density of zero": (ihdr, chunk(b"pHYs", bytes(9))),
        "a density cut off": (ihdr, chunk(b"pHYs", b"\0")),
        "a profile that is none": (ihdr, chunk(b"iCCP", b"x\0\0" + bytes(50))),
        "a profile of no name": (ihdr, chunk(b"iCCP")),
        "text of no key": (ihdr, chunk(b"tEXt")),
        "zipped text cut off": (ihdr, chunk(b"zTXt", b"k\0\0\x78")),
        "zipped text of a method unknown": (ihdr, chunk(b"zTXt", b"k\0\7" + bytes(9))),
        "international text cut off": (ihdr, chunk(b"iTXt", b"k\0\1")),
        "an animation of no frames": (ihdr, chunk(b"acTL", bytes(8))),
        "an animation of all frames": (ihdr, chunk(b"acTL", b"\xff" * 8)),
        "an animation cut off": (ihdr, chunk(b"acTL", b"\0")),
        "a frame outside": (ihdr, chunk(b"acTL", b"\0\0\0\2" * 2), chunk(b"fcTL", b"\xff" * 26)),
        "a frame cut off": (ihdr, chunk(b"acTL", b"\0\0\0\2" * 2), chunk(b"fcTL", bytes(4))),
        "EXIF of no bytes": (ihdr, chunk(b"eXIf")),
        "10,000 chunks of text": (ihdr, *[chunk(b"tEXt", b"k\0v")] * 10_000),
        "10,000 empty chunks of pixels": (ihdr, *[chunk(b"IDAT")] * 10_000),
    }.items():
        yield name, png(*before, IDAT), ANY


@family
def bombs() -> Files:
    zeros = zlib.compress(bytes(20_000_000), 9)
    ihdr = header()
    yield "20 MB where there should be 3 KB", png(ihdr, chunk(b"IDAT", zeros)), ANY
    for kind, head in {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}.items():
        name = kind.decode()
        yield f"20 MB of {name}", png(ihdr, chunk(kind, head + zeros), IDAT), ANY
        many = [chunk(kind, head + zlib.compress(bytes(900_000), 9))] * 200
        yield f"200 times 900 KB of {name}", png(ihdr, *many, IDAT), ANY
    just = zlib.compress(b"\0" * 4_001 * 4_000, 9)
    yield "16 megapixels in 16 KB", png(header(4_000, 4_000), chunk(b"IDAT", just)), (PICTURE,)
    deep = header(40_000, 1_000, 16, 6)
    yield "40 megapixels of 16-bit colour", png(deep, chunk(b"IDAT", zeros)), (
        TOO_LARGE, UNDECODABLE,
    )  # fmt: skip
