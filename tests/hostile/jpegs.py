"""JPEG files whose segments are wrong (ISO 10918-1)."""

from __future__ import annotations

import re
import struct

from tests import drawing
from tests.hostile.corpus import ANY, CHEST, REFUSED, TOO_LARGE, UNDECODABLE, Files, family

GRAY = drawing.encode_jpeg(CHEST)
COLOUR = drawing.encode_jpeg(CHEST, mode="RGB", subsampling=2)
PROGRESSIVE = drawing.encode_jpeg(CHEST, mode="RGB", progressive=True)


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """The markers up to the first scan, each with its bytes; the scan is the rest of the file."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        found.append((data[at + 1], data[at:end]))
        at = end
    return [*found, (0xDA, data[at:])]


def without(data: bytes, marker: int) -> bytes:
    """The file without the segments of a marker."""
    return data[:2] + b"".join(part for kind, part in segments(data) if kind != marker)


def frame(data: bytes, **changes: int) -> bytes:
    """The file with other values in its frame header (B.2.2)."""
    at = next(found.start() for found in re.finditer(rb"\xff[\xc0-\xc2]", data))
    names = {"marker": (1, 1), "length": (2, 2), "bits": (4, 1), "rows": (5, 2), "columns": (7, 2)}
    names |= {"components": (9, 1), "id": (10, 1), "sampling": (11, 1), "table": (12, 1)}
    changed = bytearray(data)
    for name, value in changes.items():
        offset, size = names[name]
        changed[at + offset : at + offset + size] = value.to_bytes(size)
    return bytes(changed)


@family
def sizes() -> Files:
    for columns, rows in ((0, 1), (1, 0), (0, 0), (65_535, 65_535), (65_500, 611), (65_535, 1)):
        yield f"{columns} x {rows}", frame(GRAY, rows=rows, columns=columns), ANY
    yield "40 megapixels and some", frame(GRAY, rows=6_325, columns=6_325), (TOO_LARGE,)
    yield "40 megapixels of colour", frame(COLOUR, rows=6_300, columns=6_300), ANY
    yield "40 megapixels, progressive", frame(PROGRESSIVE, rows=6_300, columns=6_300), REFUSED


@family
def frames() -> Files:
    for marker in range(0xC0, 0xD0):
        if marker not in (0xC0, 0xC4, 0xC8, 0xCC):
            yield f"frame header {marker:X}", frame(GRAY, marker=marker), ANY
    for bits in (0, 1, 2, 12, 16, 255):
        yield f"{bits} bits", frame(GRAY, bits=bits), ANY
    for components in (0, 2, 3, 4, 5, 255):
        yield f"{components} components", frame(GRAY, components=components), ANY
    for sampling in (0x00, 0x01, 0x10, 0x14, 0x41, 0x44, 0x55, 0xFF):
        yield f"sampling {sampling:02X}", frame(COLOUR, sampling=sampling), ANY
        yield f"sampling {sampling:02X} of gray", frame(GRAY, sampling=sampling), ANY
    for table in (1, 4, 255):
        yield f"quantisation table {table}", frame(GRAY, table=table), ANY
    for length in (0, 1, 2, 8, 65_535):
        yield f"a frame header of {length} bytes", frame(GRAY, length=length), ANY


@family
def markers() -> Files:
    app = lambda n, data: struct.pack(">BBH", 255, 0xE0 + n, len(data) + 2) + data  # noqa: E731
    scan = segments(GRAY)[-1][1]
    for name, marker in {"quantisation": 0xDB, "Huffman": 0xC4, "a frame": 0xC0}.items():
        # Without Huffman tables libjpeg takes the usual ones, as of motion JPEG.
        yield f"without {name}", without(GRAY, marker), ANY if marker == 0xC4 else REFUSED
    files = {
        "only a head": b"\xff\xd8\xff",
        "a head and an end": b"\xff\xd8\xff\xd9",
        "zeros": b"\xff\xd8\xff" + bytes(5000),
        "ones": b"\xff\xd8" + b"\xff" * 5000,
        "a segment of no length": b"\xff\xd8\xff\xe0\0\0" + GRAY[2:],
        "a segment of length one": b"\xff\xd8\xff\xe0\0\1" + GRAY[2:],
        "a segment beyond the end": b"\xff\xd8\xff\xe0\xff\xff" + GRAY[2:],
        "a scan at once": b"\xff\xd8" + scan,
        "another picture inside": GRAY[:20] + GRAY + GRAY[20:],
        "two frames": GRAY[:-2] + GRAY[2:],
        "no end": GRAY[:-2],
        "an end before the pixels": GRAY[: -len(scan)] + b"\xff\xd9",
    }
    for name, data in files.items():
        yield name, data, ANY
    for name, extra in {
        "10,000 comments": b"\xff\xfe\0\2" * 10_000,
        "10,000 fill bytes": b"\xff" * 10_000,
        "restarts after each block": b"\xff\xdd\0\4\0\1",
        "restarts of no length": b"\xff\xdd\0\2",
        "a number of lines": b"\xff\xdc\0\4\0\1",
        "an empty Huffman table": b"\xff\xc4\0\x13\0" + bytes(16),
        "a Huffman table too full": b"\xff\xc4\0\x13\0" + b"\xff" * 16,
        "a Huffman table beyond the end": b"\xff\xc4\xff\xff\0" + b"\1" * 16,
        "a quantisation table of zeros": b"\xff\xdb\0\x43\0" + bytes(64),
        "a quantisation table of 16 bits": b"\xff\xdb\0\x83\x10" + b"\xff" * 128,
        "a quantisation table unknown": b"\xff\xdb\0\x43\x0f" + bytes(64),
        "Adobe, cut off": app(14, b"Adobe"),
        "Adobe of a transform unknown": app(14, b"Adobe\0\x64\0\0\0\0\xff"),
        "JFIF, cut off": app(0, b"JFIF\0"),
        "JFIF of no density": app(0, b"JFIF\0\1\1\1\0\0\0\0\0\0"),
        "Photoshop, cut off": app(13, b"Photoshop 3.0\x008BIM\x03\xed"),
        "Photoshop of all bytes": app(13, b"Photoshop 3.0\x008BIM\x03\xed\0\0\xff\xff\xff\xff"),
        "a profile of 255 parts": app(2, b"ICC_PROFILE\0\1\xff" + bytes(9)),
        "a profile of no parts": app(2, b"ICC_PROFILE\0\0\0"),
        "several pictures (MPO)": app(2, b"MPF\0II*\0\x08\0\0\0" + bytes(40)),
        "several pictures (MPO) without end": app(2, b"MPF\0II*\0\x08\0\0\0\xff\xff" + bytes(40)),
        "FlashPix": app(2, b"FPXR\0" + bytes(9)),
        "XMP": app(1, b"http://ns.adobe.com/xap/1.0/\0<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"),
        "XMP with an orientation": app(
            1, b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation='6'/>"
        ),
        "an arithmetic conditioning": b"\xff\xcc\0\4\0\0",
        "an expansion": b"\xff\xdf\0\3\x11",
        "65 KB of a marker reserved": b"\xff\xf0\xff\xff" + bytes(65_533),
    }.items():
        yield name, GRAY[:2] + extra + GRAY[2:], ANY
        yield f"{name}, before the scan", GRAY[: -len(scan)] + extra + scan, ANY


@family
def scans() -> Files:
    head = PROGRESSIVE.rindex(b"\xff\xda")
    scan = PROGRESSIVE[head:-2]
    for count in (62, 65, 10_000):
        yield f"{count} scans more", PROGRESSIVE[:head] + scan * count + b"\xff\xd9", ANY
    large = frame(PROGRESSIVE, rows=6_000, columns=2_000)
    yield "60 scans of 12 megapixels", large[:-2] + scan * 50 + b"\xff\xd9", ANY
    head = GRAY.rindex(b"\xff\xda")
    for name, place, value in (
        ("no components", 4, 0), ("5 components", 4, 5), ("a component unknown", 5, 77),
        ("a table unknown", 6, 0xFF), ("a start after its end", 7, 63), ("an end of 255", 8, 255),
        ("an approximation of 15", 9, 0xFF),
    ):  # fmt: skip
        data = bytearray(GRAY)
        data[head + place] = value
        yield f"a scan of {name}", bytes(data), ANY
    body = bytearray(GRAY)
    body[head + 10 : -2] = bytes(len(body) - head - 12)
    yield "a scan of zeros", bytes(body), ANY
    body[head + 10 : -2] = b"\xff\0" * ((len(body) - head - 12) // 2)
    yield "a scan of ones", bytes(body), ANY
    body[head + 10 : -2] = b"\xff\xd0" * ((len(body) - head - 12) // 2)
    yield "a scan of restarts", bytes(body), ANY
    yield "a scan cut off", GRAY[: head + 30] + b"\xff\xd9", (UNDECODABLE, "picture")
