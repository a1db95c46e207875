"""Any bytes → `decode`: a picture that keeps its promises, or one of three errors."""

from __future__ import annotations

import os
from contextlib import suppress

import numpy as np

from inference.decoding import decode
from inference.errors import TooLarge, Undecodable, UnsupportedMedia
from inference.pixel_budget import PixelBudget
from inference.reduction import reduction

MAX_PIXELS = 300_000
BUDGET = PixelBudget(MAX_PIXELS)
WORDS = (
    b"\x89PNG\r\n\x1a\n", b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"iCCP",
    b"zTXt", b"iTXt", b"eXIf", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"\xff\xd8\xff", b"\xff\xda",
    b"\xff\xc0", b"\xff\xc2", b"\xff\xc4", b"\xff\xdb", b"\xff\xd9", b"\xff\xe1", b"\xff\xe2MPF\0",
    b"Exif\0\0", b"Photoshop 3.0\0", b"Adobe", b"JFIF", b"II*\0", b"MM\0*", b"II+\0", b"RIFF",
    b"WEBP", b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"BM", b"\x12\x01\x03\0",
    b"\x00\x01", b"\x01\x01", b"\x02\x01", b"\x03\x01", b"\x06\x01", b"\x11\x01", b"\x15\x01",
    b"\x16\x01", b"\x17\x01", b"\x1c\x01", b"\x42\x01", b"\x43\x01", b"\xff\xff\xff\xff",
)  # fmt: skip


def seeds() -> list[bytes]:
    """Small hostile files of every format but DICOM."""
    from tests.hostile.corpus import families, files

    names = ("shapes", "jpegs", "pngs", "tiffs", "webps_and_bmps")
    return [
        file.data
        for family in families()
        if family.startswith(names)
        for file in files(family)
        if len(file.data) < 8_000
    ]


# The C libraries write their remarks to the terminal, thousands a second.
_silent = os.open(os.devnull, os.O_WRONLY)
_terminal = os.dup(2)


def run(data: bytes) -> None:
    """Decode; AssertionError or anything that is no ServiceError is a finding."""
    os.dup2(_silent, 2)
    try:
        _run(data)
    finally:
        os.dup2(_terminal, 2)


def _run(data: bytes) -> None:
    with suppress(UnsupportedMedia, TooLarge, Undecodable):
        found = decode(data, max_pixels=MAX_PIXELS, budget=BUDGET)
        assert found.pixels.dtype == np.uint8
        assert found.pixels.ndim == 2
        assert found.width * found.height <= MAX_PIXELS
        factor = reduction(found.width, found.height)
        assert found.pixels.shape == (-(-found.height // factor), -(-found.width // factor))
