"""Files whose headers are in more pieces than a program in Python should look at; each is whole otherwise."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from PIL import Image

from tests import drawing
from tests.hostile.corpus import CHEST, PICTURE, UNDECODABLE, Files, family
from tests.hostile.dicoms import dicom, element, with_raw
from tests.hostile.tiffs import tiff

#: Bytes of the rational numbers of one tag; as Python objects they would take 40 times as many.
NUMBERS = b"\1\0\0\0\2\0\0\0" * 50_000
PIXELS = b"\xe0\x7f\x10\0"


@family
def jpegs() -> Files:
    jpeg = drawing.encode_jpeg(CHEST)
    for name, piece in {
        "application": b"\xff\xe9\0\2", "comment": b"\xff\xfe\0\2", "EXIF": b"\xff\xe1\0\x09Exif\0\0a",
        "profile": b"\xff\xe2\0\x10ICC_PROFILE\0\1\1", "table": b"\xff\xdb\0\2",
        "filling": b"\xff",
    }.items():  # fmt: skip
        yield f"100 of {name}", jpeg[:2] + 100 * piece + jpeg[2:], (PICTURE,)
        yield f"5,000 of {name}", jpeg[:2] + 5_000 * piece + jpeg[2:], (UNDECODABLE,)
    blocks = [_exif()[at : at + 65_000] for at in range(0, len(_exif()), 65_000)]
    exif = b"".join(
        b"\xff\xe1" + struct.pack(">H", 8 + len(each)) + b"Exif\0\0" + each for each in blocks
    )
    yield "EXIF of 50,000 numbers", jpeg[:2] + exif + jpeg[2:], (UNDECODABLE,)


@family
def pngs() -> Files:
    png = drawing.encode_png(CHEST)
    data = png.index(b"IDAT") - 4
    for name, kind, content in (
        ("text", b"tEXt", b"a\0b"),
        ("private", b"prVt", b""),
        ("profile", b"iCCP", b"a\0\0" + zlib.compress(bytes(9_000))),
    ):
        few, many = (count * _chunk(kind, content) for count in (100, 2_000))
        yield f"100 of {name}", png[:data] + few + png[data:], (PICTURE,)
        yield f"2,000 of {name}", png[:data] + many + png[data:], (UNDECODABLE,)
    for count, answer in ((1_000, PICTURE), (2**16, UNDECODABLE)):
        empty = count * _chunk(b"IDAT", b"")
        yield f"{count:,} without pixels", png[:data] + empty + png[data:], (answer,)
        yield f"{count:,} after the pixels", png[:-12] + empty + png[-12:], (answer,)
    yield (
        "EXIF of 50,000 numbers",
        png[:data] + _chunk(b"eXIf", _exif()) + png[data:],
        (UNDECODABLE,),
    )


@family
def webps() -> Files:
    file = BytesIO()
    Image.fromarray(CHEST).save(file, "WEBP", exif=_exif())
    yield "EXIF of 50,000 numbers", file.getvalue(), (UNDECODABLE,)


@family
def tiffs() -> Files:
    for kind, size in ((1, 1), (3, 2), (4, 4)):
        for count in (2**14 + 1, 2**20):
            place = struct.pack("<L", 8 + 2 + 12 * 20 + 4)
            offsets = (kind, count, place)
            body = count * (b"\x08" + bytes(size - 1))
            strips = {"offsets": offsets, "counts": offsets, "height": count, "width": 8, "rows": 1}
            yield f"{count:,} strips of kind {kind}", tiff(body, **strips), (UNDECODABLE,)
            tiles = {
                "offsets": None, "counts": None, "rows": None, "tile_offsets": offsets,
                "tile_counts": offsets, "tile_width": 1, "tile_height": 1, "height": count, "width": 1,
            }  # fmt: skip
            yield f"{count:,} tiles of kind {kind}", tiff(body, **tiles), (UNDECODABLE,)
    place = struct.pack("<L", 8 + 2 + 12 * 20 + 4)
    for name in ("orientation", "format", "bits", "extra", "photometric", "profile"):
        numbers = {name: (5, len(NUMBERS) // 8, place)}
        yield f"{name} of 50,000 numbers", tiff(NUMBERS, **numbers), (UNDECODABLE,)
    entry = struct.pack("<HHQQ", 60_000, 99, 1, 1)
    big = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 9_000) + 9_000 * entry + bytes(8)
    yield "9,000 tags of BigTIFF", big, (UNDECODABLE,)


@family
def dicoms() -> Files:
    item = b"\xfe\xff\0\xe0\0\0\0\0"
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    window, private = (0x28, 0x3010), (0x29, 0x1010)
    for name, piece in {
        "elements": element(0x19, 0x10, b"LO", b""),
        "sequences": element(*private, b"SQ", b"", 2**32 - 1) + end,
    }.items():
        yield f"1,000 {name}", with_raw(PIXELS, 1_000 * piece), (PICTURE,)
        yield f"60,000 {name}", with_raw(PIXELS, 60_000 * piece), (UNDECODABLE,)
    for name, tag, length in (
        ("a window", window, 60_000 * len(item)),
        ("an endless window", window, 2**32 - 1),
        ("an endless private sequence", private, 2**32 - 1),
    ):
        raw = element(*tag, b"SQ", 60_000 * item, length) + (end if length == 2**32 - 1 else b"")
        yield f"60,000 items of {name}", with_raw(PIXELS, raw), (UNDECODABLE,)
    # Implicit, because only there a window may be so long.
    for count, answer in ((10, PICTURE), (60_000, UNDECODABLE)):
        windows = {"WindowCenter": count * [128], "WindowWidth": count * [256]}
        file = dicom(transfer_syntax="1.2.840.10008.1.2", **windows)
        yield f"{count:,} windows", file, (answer,)


def _exif() -> bytes:
    """EXIF whose orientation is 50,000 rational numbers."""
    entry = struct.pack("<HHLL", 0x0112, 5, len(NUMBERS) // 8, 26)
    return b"II*\0\x08\0\0\0\1\0" + entry + bytes(4) + NUMBERS


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", checksum)
