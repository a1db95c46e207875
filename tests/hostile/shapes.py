"""Whole files of odd shapes and depths, cut ones, and such with odd EXIF."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests import drawing
from tests.hostile.corpus import (
    ANY,
    CHEST,
    PICTURE,
    TOO_LARGE,
    UNDECODABLE,
    Files,
    family,
)  # fmt: skip

ENCODERS: dict[str, Callable[..., bytes]] = {
    "JPEG": drawing.encode_jpeg,
    "PNG": drawing.encode_png,
    "WebP": drawing.encode_webp,
    "BMP": drawing.encode_bmp,
    "TIFF": drawing.encode_tiff,
    "DICOM": drawing.encode_dicom,
}


@family
def thin() -> Files:
    for kind, encode in ENCODERS.items():
        most = 16383 if kind == "WebP" else 40_000
        for rows, columns in ((1, 1), (1, 2), (2, 1), (1, most), (most, 1), (7, 3), (3, 4099)):
            pixels = np.full((rows, columns), 100, np.uint8)
            pixels[0, 0] = 10
            yield f"{kind} of {columns} x {rows}", encode(pixels), (PICTURE,)


@family
def cut() -> Files:
    for kind, encode in ENCODERS.items():
        data = encode(CHEST)
        for part in (0.05, 0.25, 0.5, 0.75, 0.95):
            yield (
                f"{kind}, {part:.0%} of it",
                data[: int(part * len(data))],
                ((UNDECODABLE, "unsupported_media") if part < 0.1 else (UNDECODABLE,)),
            )
        yield f"{kind} with a hole", data[: len(data) // 3] + data[len(data) // 2 :], ANY
        yield (
            f"{kind} twice as dense",
            b"".join(bytes((b, b)) for b in data),
            ("unsupported_media",),
        )
        yield f"{kind} in the wrong byte order", data[::-1], ("unsupported_media",)
        yield f"{kind} as text", data.replace(b"\n", b"\r\n").replace(b"\0", b" "), ANY


@family
def deep_and_coloured() -> Files:
    image = Image.fromarray(CHEST)

    def saved(kind: str, mode: str, **options: object) -> bytes:
        file = io.BytesIO()
        image.convert(mode).save(file, kind, **options)  # type: ignore[arg-type]
        return file.getvalue()

    yield "CMYK JPEG", saved("JPEG", "CMYK"), (PICTURE,)
    yield "progressive CMYK JPEG", saved("JPEG", "CMYK", progressive=True), (PICTURE,)
    yield "YCbCr JPEG", saved("JPEG", "YCbCr"), (PICTURE,)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield f"PNG {mode}", saved("PNG", mode), (PICTURE,)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16"):
        yield f"TIFF {mode}", saved("TIFF", mode), (PICTURE,)
    for mode in ("I", "F"):
        yield f"TIFF of 32 bits, {mode}", saved("TIFF", mode), (UNDECODABLE,)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield f"BMP {mode}", saved("BMP", mode), (PICTURE,)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "lzma", "zstd"):
        yield f"TIFF by {compression}", saved("TIFF", "L", compression=compression), (PICTURE,)
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield f"TIFF by {compression}", saved("TIFF", "1", compression=compression), (PICTURE,)
    for kind in ("PNG", "WEBP", "TIFF"):
        other = Image.fromarray(255 - CHEST).convert("RGB")
        moving = saved(kind, "RGB", save_all=True, append_images=[other] * 3)
        yield f"{kind} of four pictures", moving, (UNDECODABLE,)
        endless = saved(kind, "RGB", save_all=True, append_images=[other], loop=0, duration=1)
        yield f"{kind} that moves for ever", endless, (UNDECODABLE,)


def _exif(*entries: bytes, order: str = "<", following: int = 0) -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", 8)
    return (
        b"Exif\0\0"
        + head
        + struct.pack(f"{order}H", len(entries))
        + b"".join(entries)
        + (struct.pack(f"{order}L", following))
    )


def _orientation(kind: int, count: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0x0112, kind, count) + value


@family
def odd_exif() -> Files:
    short = lambda value: _orientation(3, 1, struct.pack("<HH", value, 0))  # noqa: E731
    blocks = {
        **{f"orientation {value}": _exif(short(value)) for value in (0, 9, 255, 65535)},
        "orientation as text": _exif(_orientation(2, 4, b"six\0")),
        "orientation as a fraction": _exif(_orientation(5, 1, struct.pack("<L", 26)), b"\1\0" * 9),
        "orientation over zero": _exif(_orientation(5, 1, struct.pack("<L", 26)), bytes(18)),
        "two orientations at once": _exif(_orientation(3, 2, struct.pack("<HH", 6, 3))),
        "orientation of no count": _exif(_orientation(3, 0, bytes(4))),
        "orientation of all counts": _exif(_orientation(3, 2**32 - 1, b"\xff" * 4)),
        "orientation of a type unknown": _exif(_orientation(77, 1, bytes(4))),
        "orientation far away": _exif(_orientation(4, 9, struct.pack("<L", 2**32 - 2))),
        "orientation as a float": _exif(_orientation(11, 1, struct.pack("<f", float("nan")))),
        "orientation twice": _exif(short(6), short(3)),
        "a directory that is its own next": _exif(short(6), following=8),
        "a directory that is its own child": _exif(struct.pack("<HHLL", 0x8769, 4, 1, 8)),
        "a place that is its own child": _exif(struct.pack("<HHLL", 0x8825, 4, 1, 8)),
        "65535 entries": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(100),
        "nothing": b"Exif\0\0",
        "no TIFF": b"Exif\0\0" + bytes(50),
        "another byte order than it says": b"Exif\0\0MM\0*\x08\0\0\0" + bytes(50),
        "the name of a patient": _exif(struct.pack("<HHLL", 0x010E, 2, 900, 26), b"Ada " * 225),
    }
    jpeg = drawing.encode_jpeg(CHEST)
    png, webp = drawing.encode_png(CHEST), drawing.encode_webp(CHEST)
    for name, exif in blocks.items():
        segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
        yield f"JPEG, {name}", jpeg[:2] + segment + jpeg[2:], (PICTURE, UNDECODABLE)
        file = io.BytesIO()
        Image.open(io.BytesIO(png)).save(file, "PNG", exif=exif)
        yield f"PNG, {name}", file.getvalue(), (PICTURE, UNDECODABLE)
        file = io.BytesIO()
        Image.open(io.BytesIO(webp)).save(file, "WEBP", exif=exif)
        yield f"WebP, {name}", file.getvalue(), (PICTURE, UNDECODABLE)


@family
def too_many_pixels() -> Files:
    """Real pictures just over the limit of 40 megapixels, of few bytes; and one just under it."""
    over, under = np.zeros((6_400, 6_251), np.uint8), np.zeros((6_400, 6_250), np.uint8)
    yield "PNG of 40 megapixels and a column", drawing.encode_png(over), (TOO_LARGE,)
    yield "JPEG of 40 megapixels and a column", drawing.encode_jpeg(over), (TOO_LARGE,)
    yield (
        "TIFF of 40 megapixels and a column",
        drawing.encode_tiff(over, compression="tiff_adobe_deflate"),
        (TOO_LARGE,),
    )
    yield "JPEG of 40 megapixels", drawing.encode_jpeg(under), (PICTURE,)
