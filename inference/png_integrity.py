"""What Pillow does not look at in a PNG file: checksums, and whether all of its pixels are there."""

import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from inference.errors import Undecodable

# A file of 10 MiB mostly has 1,280.
_MOST_CHUNKS = 2**16
_ADAM7 = (  # the first column and row of each pass, and the steps to the next (ISO 15948 8.2)
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
    (0, 1, 1, 2),
)
_INFLATED_AT_A_TIME = 2**18


def check_checksums(data: bytes) -> None:
    """Compare the CRC of every critical chunk up to the last (ISO 15948 5.3)."""
    view, at, kind, left = memoryview(data), 8, b"", _MOST_CHUNKS
    while kind != b"IEND":
        if not left:
            raise Undecodable(f"The PNG file has more than {_MOST_CHUNKS:,} chunks.")
        left -= 1
        length, kind = struct.unpack_from(">L4s", data, at)
        end = at + 8 + length
        critical = not kind[0] & 32
        if critical and struct.unpack_from(">L", data, end)[0] != zlib.crc32(view[at + 4 : end]):
            raise Undecodable("The PNG file is corrupt: a checksum is wrong.")
        at = end + 4


def check_rows(image: Image.Image, data: bytes) -> None:
    """Refuse a file whose pixels end before the picture does; Pillow leaves black what is missing.

    So a picture whose last row is not black is whole, and of others the bytes are counted.
    """
    width, height = image.size
    bits, colour, _, _, interlaced = data[24:29]
    if not interlaced and np.asarray(image.crop((0, height - 1, width, height))).any():
        return
    bits *= {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sides = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]
    missing = sum(down * (1 + -(-across * bits // 8)) for across, down in sides if across > 0)
    view, at, kind, inflater = memoryview(data), 8, b"", zlib.decompressobj()
    while missing > 0 and kind != b"IEND":
        length, kind = struct.unpack_from(">L4s", data, at)
        packed: Any = view[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        while packed and missing > 0:
            missing -= len(inflater.decompress(packed, _INFLATED_AT_A_TIME))
            packed = b"" if inflater.eof else inflater.unconsumed_tail
        at += 12 + length
    if missing > 0:
        raise Undecodable("The PNG file is truncated: it has fewer pixels than it says.")
