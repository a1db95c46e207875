"""DICOM files whose elements are absurd (PS3.5, PS3.10)."""

from __future__ import annotations

import struct
import warnings
import zlib
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID_dictionary

from tests import drawing
from tests.hostile.corpus import ANY, CHEST, REFUSED, UNDECODABLE, Files, family

PIXELS = CHEST[:52, :60]
EXPLICIT = "1.2.840.10008.1.2.1"


def dicom(**elements: Any) -> bytes:
    """A gray file of 60 x 52 with other elements, as `drawing.encode_dicom` takes them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return drawing.encode_dicom(PIXELS, **elements)


PLAIN = dicom()
META = PLAIN[: 144 + int.from_bytes(PLAIN[140:144], "little")]


def element(group: int, number: int, vr: bytes, data: bytes, length: int | None = None) -> bytes:
    """An explicit element with any length."""
    long = vr in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC", b"UR", b"OD", b"OF", b"OL")
    size = len(data) if length is None else length
    return (
        struct.pack("<HH", group, number)
        + vr
        + (bytes(2) + struct.pack("<L", size) if long else struct.pack("<H", size))
        + data
    )


def with_raw(keyword_at: bytes, raw: bytes) -> bytes:
    """The plain file with a raw element before the one that begins with these bytes."""
    at = PLAIN.index(keyword_at)
    return PLAIN[:at] + raw + PLAIN[at:]


def changed(keyword: str, data: bytes | None, file: bytes = PLAIN) -> bytes:
    """The file with other bytes as the value of an element, or without it; nobody checks them."""
    tag, vr = tag_for_keyword(keyword) or 0, dictionary_VR(keyword).encode()
    raw = b"" if data is None else element(tag >> 16, tag & 0xFFFF, vr, data)
    at = file.find(struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr, len(META))
    if at < 0:
        at = end = file.index(b"\xe0\x7f\x10\0")
    else:
        end = at + 8 + int.from_bytes(file[at + 6 : at + 8], "little")
    return file[:at] + raw + file[end:]


def text(value: str) -> bytes:
    """A text, padded to an even length."""
    return value.encode() + b" " * (len(value) % 2)


@family
def absurd_numbers() -> Files:
    numbers: dict[str, tuple[int | None, ...]] = {
        "Rows": (0, 1, 51, 53, 65_535, None),
        "Columns": (0, 1, 59, 61, 65_535, None),
        "BitsAllocated": (0, 1, 2, 12, 16, 32, 64, 65_535, None),
        "BitsStored": (0, 1, 2, 7, 9, 16, 17, 65_535, None),
        "HighBit": (0, 6, 8, 15, 99, 65_535, None),
        "PixelRepresentation": (1, 2, 65_535, None),
        "SamplesPerPixel": (0, 2, 3, 4, 65_535, None),
        "PlanarConfiguration": (0, 1, 65_535),
    }
    for keyword, values in numbers.items():
        for value in values:
            data = None if value is None else struct.pack("<H", value)
            yield f"{keyword} of {value}", changed(keyword, data), ANY
    for value in ("0", "1", "2", "-1", "1000000000", "9" * 400, "1e9", "", "x", "1\\2"):
        yield f"frames of {value[:12]!r}", changed("NumberOfFrames", text(value)), ANY
    window = changed("WindowCenter", b"40", changed("WindowWidth", b"400 "))
    for keyword in ("WindowWidth", "WindowCenter", "RescaleSlope", "RescaleIntercept"):
        for value in ("0", "1", "-1", "1e308", "-1e308", "1e-308", "NaN", "inf", "", "x", "1\\2"):
            for what, file in (("", PLAIN), (" and a window", window)):
                data = changed(keyword, text(value), file)
                yield f"{keyword} of {value!r}{what}", data, ANY
    for value in (
        "MONOCHROME1", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_ICT", "HSV", "CMYK", "", "x" * 900,
        "monochrome2", "MONOCHROME2\\RGB",
    ):  # fmt: skip
        data = changed("PhotometricInterpretation", text(value))
        yield f"photometric {value[:16]!r}", data, ANY
    for value in ("SIGMOID", "LINEAR_EXACT", "LINEAR", "", "LOG", "x" * 99):
        for width in ("0", "0.5", "1", "-4"):
            narrow = changed("WindowWidth", text(width), window)
            data = changed("VOILUTFunction", text(value), narrow)
            yield f"window function {value[:16]!r} of {width}", data, ANY


@family
def tables() -> Files:
    for name in ("VOILUTSequence", "ModalityLUTSequence"):
        for what, descriptor, entries in (
            ("nothing", [0, 0, 16], b""), ("one value", [1, 0, 8], b"\0\0"),
            ("256 of which one is there", [256, 0, 16], b"\0\0"), ("0 bits", [256, 0, 0], bytes(512)),
            ("255 bits", [256, 0, 255], bytes(512)), ("a start beyond", [256, 65_535, 16], bytes(512)),
            ("one number", [256], bytes(512)), ("no numbers", None, bytes(512)),
            ("65536 of which 256 are there", [0, 0, 16], bytes(512)),
        ):  # fmt: skip
            item = Dataset()
            if descriptor is not None:
                item.add_new("LUTDescriptor", "US", descriptor)
            item.add_new("LUTData", "OW", entries)
            yield f"{name} of {what}", dicom(**{name: Sequence([item])}), ANY
        yield f"{name} without an item", dicom(**{name: Sequence([])}), ANY
        yield f"{name} of an empty item", dicom(**{name: Sequence([Dataset()])}), ANY
        yield f"{name} of 5,000 items", dicom(**{name: Sequence([Dataset()] * 5_000)}), ANY


@family
def raw_elements() -> Files:
    pixels = b"\xe0\x7f\x10\0"
    at = PLAIN.index(pixels)
    deep = b"".join(element(8, 0x1140, b"SQ", b"", 2**32 - 1) + b"\xfe\xff\0\xe0" + b"\xff" * 4
                    for _ in range(20_000))  # fmt: skip
    files = {
        "20,000 sequences in each other": META + deep,
        "20,000 sequences in each other of the window": META + deep.replace(
            b"\x08\0\x40\x11", b"\x28\0\x10\x30"
        ),
        "a sequence without an end": with_raw(pixels, element(8, 0x1140, b"SQ", b"", 2**32 - 1)),
        "a sequence of 4 GiB": with_raw(pixels, element(8, 0x1140, b"SQ", b"", 2**32 - 2)),
        "an item of 4 GiB": with_raw(
            pixels, element(0x28, 0x3010, b"SQ", b"\xfe\xff\0\xe0" + b"\xfe" + b"\xff" * 3)
        ),
        "a private element of 4 GiB": with_raw(pixels, element(9, 0x10, b"UN", b"", 2**32 - 2)),
        "a private element without an end": with_raw(pixels, element(9, 0x10, b"UN", b"", 2**32 - 1)),
        "a VR of no letters": with_raw(pixels, element(8, 0x60, b"\0\1", b"ab")),
        "a VR unknown": with_raw(pixels, element(8, 0x60, b"ZZ", b"ab")),
        "a length that is odd": with_raw(pixels, element(8, 0x60, b"CS", b"abc")),
        "a text of 65,535": with_raw(pixels, element(0x10, 0x10, b"PN", b"x" * 65_535)),
        "a text beyond the end": with_raw(pixels, element(0x10, 0x10, b"PN", b"x", 65_535)),
        "a character set unknown": with_raw(pixels, element(8, 5, b"CS", b"ISO_IR 999 ")),
        "a hundred character sets": with_raw(pixels, element(8, 5, b"CS", b"ISO 2022 IR 87\\" * 100)),
        "a name in no character set": with_raw(pixels, element(0x10, 0x10, b"PN", b"\x1b$B\xff\xff\xff")),
        "an age of nothing": with_raw(pixels, element(0x10, 0x1010, b"AS", b"")),
        "an age of letters": with_raw(pixels, element(0x10, 0x1010, b"AS", b"ABCY")),
        "an age of other digits": with_raw(pixels, element(0x10, 0x1010, b"AS", "²²²Y".encode("latin-1"))),
        "an age of many": with_raw(pixels, element(0x10, 0x1010, b"AS", b"010Y\\020Y")),
        "an age that is a number": with_raw(pixels, element(0x10, 0x1010, b"US", b"\1\0")),
        "rows as text": PLAIN.replace(b"\x28\0\x10\0US\2\0", b"\x28\0\x10\0CS\2\0"),
        "rows as a float": PLAIN.replace(b"\x28\0\x10\0US\2\0", b"\x28\0\x10\0FL\2\0"),
        "rows without a value": PLAIN.replace(b"\x28\0\x10\0US\2\0\x34\0", b"\x28\0\x10\0US\0\0"),
        "rows of many": PLAIN.replace(b"\x28\0\x10\0US\2\0\x34\0", b"\x28\0\x10\0US\4\0\x34\0\x34\0"),
        "rows twice": PLAIN.replace(b"\x28\0\x10\0US\2\0\x34\0", b"\x28\0\x10\0US\2\0\x34\0" * 2),
        "a view of many": with_raw(pixels, element(0x18, 0x5101, b"CS", b"PA\\AP ")),
        "a view without end": with_raw(pixels, element(0x18, 0x5101, b"CS", b"PA" * 30_000)),
        "padding of every value": with_raw(
            pixels, element(0x28, 0x120, b"US", b"\0\0") + element(0x28, 0x121, b"US", b"\xff\xff")
        ),
        "padding of many": with_raw(pixels, element(0x28, 0x120, b"US", b"\0\0\1\0")),
        "padding of three bytes": with_raw(pixels, element(0x28, 0x120, b"US", b"\0\0\1")),
        "padding as text": with_raw(pixels, element(0x28, 0x120, b"LO", b"Ada ")),
        "padding that is no number": with_raw(pixels, element(0x28, 0x120, b"FD", b"\xff" * 8)),
        "padding that is endless": with_raw(pixels, element(0x28, 0x120, b"FD", bytes(6) + b"\xf0\x7f")),
        "elements out of order": PLAIN[: len(META)] + PLAIN[at:] + PLAIN[len(META) : at],
        "no pixels": PLAIN[:at],
        "pixels of no bytes": PLAIN[:at] + element(0x7FE0, 0x10, b"OW", b""),
        "pixels of 4 GiB": PLAIN[:at] + element(0x7FE0, 0x10, b"OW", bytes(3120), 2**32 - 2),
        "pixels without an end": PLAIN[:at] + element(0x7FE0, 0x10, b"OB", bytes(3120), 2**32 - 1),
        "pixels as text": PLAIN[:at] + element(0x7FE0, 0x10, b"UT", bytes(3120)),
        "pixels as a sequence": PLAIN[:at] + element(0x7FE0, 0x10, b"SQ", bytes(3120)),
        "float pixels": PLAIN[:at] + element(0x7FE0, 0x08, b"OF", bytes(12_480)),
        "double pixels": PLAIN[:at] + element(0x7FE0, 0x09, b"OD", bytes(24_960)),
        "pixels twice": PLAIN + PLAIN[at:],
        "only a preamble": bytes(128) + b"DICM",
        "only a head": META,
        "a head of 4 GiB": PLAIN[:140] + b"\xff" * 4 + PLAIN[144:],
        "a head of no length": PLAIN[:140] + bytes(4) + PLAIN[144:],
        "10,000 private elements": with_raw(b"\x28\0\x02\0", b"".join(
            element(0x0019, n % 65_536, b"LO", b"Ada ") for n in range(10_000)
        )),
        "no transfer syntax": PLAIN.replace(b"\2\0\x10\0UI", b"\2\0\x11\0UI"),
        "a transfer syntax of nothing": META.replace(EXPLICIT.encode(), bytes(19)) + PLAIN[len(META):],
    }  # fmt: skip
    for name, data in files.items():
        yield name, data, ANY


@family
def transfer_syntaxes() -> Files:
    """Raw pixels in a file that says that they are something else."""
    for uid, (name, kind, *_) in UID_dictionary.items():
        if kind == "Transfer Syntax":
            data = META.replace(
                b"\2\0\x10\0UI\x14\0" + EXPLICIT.encode() + b"\0",
                element(2, 0x10, b"UI", uid.encode() + b"\0" * (len(uid) % 2)),
            )
            yield name, data + PLAIN[len(META) :], ANY
    for uid in ("1.2", "1" * 64, "1." * 900, "../../etc/passwd", "1.2.840.10008.1.2.999"):
        data = META.replace(
            b"\2\0\x10\0UI\x14\0" + EXPLICIT.encode() + b"\0",
            element(2, 0x10, b"UI", uid.encode() + b"\0" * (len(uid) % 2)),
        )
        yield f"made-up {uid[:12]}", data + PLAIN[len(META) :], REFUSED


@family
def codestreams() -> Files:
    syntaxes = {
        "RLE": "1.2.840.10008.1.2.5", "JPEG": "1.2.840.10008.1.2.4.50",
        "lossless JPEG": "1.2.840.10008.1.2.4.70", "JPEG-LS": "1.2.840.10008.1.2.4.80",
        "JPEG 2000": "1.2.840.10008.1.2.4.90", "HTJ2K": "1.2.840.10008.1.2.4.201",
    }  # fmt: skip
    streams = {
        "zeros": bytes(64), "ones": b"\xff" * 64, "a PNG": drawing.encode_png(PIXELS),
        "a colour JPEG": drawing.encode_jpeg(PIXELS, mode="RGB"),
        "a TIFF": drawing.encode_tiff(PIXELS), "two bytes": b"\xff\xd8",
        "a JPEG of 65535 x 65535": drawing.encode_jpeg(PIXELS).replace(
            b"\0\x34\0\x3c", b"\xff" * 4
        ),
    }  # fmt: skip
    for name, syntax in syntaxes.items():
        for what, stream in streams.items():
            yield (
                f"{name} of {what}",
                dicom(transfer_syntax=syntax, codestream=stream),
                (UNDECODABLE,),
            )
    fragment = b"\xfe\xff\0\xe0" + struct.pack("<L", 64) + bytes(64)
    end = b"\xfe\xff\xdd\xe0" + bytes(4)
    rle = dicom(transfer_syntax=syntaxes["RLE"])
    head = rle[: rle.index(b"\xe0\x7f\x10\0")]
    head += element(0x7FE0, 0x10, b"OB", b"", 2**32 - 1)
    table = b"\xfe\xff\0\xe0"
    for name, body in {
        "no fragments": table + bytes(4) + end,
        "no table": fragment + end,
        "no end": table + bytes(4) + fragment,
        "a fragment of 4 GiB": table + bytes(4) + table + b"\xfe" + b"\xff" * 3 + bytes(64) + end,
        "a table that points nowhere": table + b"\4\0\0\0" + b"\xff" * 4 + fragment + end,
        "a table of 65,535 frames": table + struct.pack("<L", 4 * 65_535) + bytes(4 * 65_535) + end,
        "a table of odd length": table + b"\3\0\0\0" + bytes(3) + fragment + end,
        "5,000 empty fragments": table + bytes(4) + (table + bytes(4)) * 5_000 + end,
    }.items():  # fmt: skip
        yield f"encapsulated with {name}", head + body, (UNDECODABLE,)


@family
def bombs() -> Files:
    deflated = dicom(transfer_syntax="1.2.840.10008.1.2.1.99")
    meta = deflated[: 144 + int.from_bytes(deflated[140:144], "little")]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    yield "90 MB deflated", meta + packer.compress(bytes(90_000_000)) + packer.flush(), REFUSED
    yield "deflated, cut off", deflated[:-9], (UNDECODABLE,)
    yield "deflated zeros", meta + bytes(900), (UNDECODABLE,)
    runs = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\0" * 400_000
    yield (
        "51 MB by runs",
        dicom(transfer_syntax="1.2.840.10008.1.2.5", codestream=runs),
        (UNDECODABLE,),
    )
    for segments in (0, 2, 15, 16, 2**32 - 1):
        head = struct.pack("<L", segments) + bytes(60)
        yield (
            f"{segments} segments of runs",
            dicom(transfer_syntax="1.2.840.10008.1.2.5", codestream=head + b"\x81\0" * 99),
            (UNDECODABLE,),
        )
    for rows, columns, right in ((65_535, 65_535, "too_large"), (8_000, 5_000, UNDECODABLE)):
        data = changed("Rows", struct.pack("<H", rows))
        data = changed("Columns", struct.pack("<H", columns), data)
        yield f"{columns} x {rows} of nothing", data, (right,)
