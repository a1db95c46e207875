"""Imported before Pillow is asked for anything: what it does with a file that nobody wants it to do."""

import logging
from typing import Any

from PIL import PngImagePlugin, TiffImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from inference.errors import Undecodable

#: Bytes of one tag of TIFF or EXIF that become Python numbers, which take up to 40 times as many. EXIF has
#: 65,536 in all, and 16,384 strips or tiles of a TIFF file have so many.
_MOST_NUMBERS = 2**17

# Pillow writes every tag of TIFF and EXIF into the debug log, and they may name the patient.
logging.getLogger("PIL").setLevel(logging.WARNING)

# Pillow inflates up to 64 MiB of comments; a radiograph needs none of them.
PngImagePlugin.MAX_TEXT_MEMORY = PngImagePlugin.MAX_TEXT_CHUNK

# By itself it makes a Python object of each strip of an uncompressed TIFF file; there may be millions.
TiffImagePlugin.READ_LIBTIFF = True

_unpack = ImageFileDirectory_v2._unpack


def _unpack_few(directory: ImageFileDirectory_v2, form: str, data: bytes) -> tuple[Any, ...]:
    if len(data) > _MOST_NUMBERS:
        raise Undecodable("The header of the file has a value of too many numbers.")
    return _unpack(directory, form, data)


ImageFileDirectory_v2._unpack = _unpack_few  # type: ignore[assignment,method-assign]
