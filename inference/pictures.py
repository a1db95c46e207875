"""JPEG, PNG, WebP, BMP and TIFF bytes → `Radiograph`, with Pillow and OpenCV.

Pillow reads every header. It decodes what it holds in few copies, and OpenCV the rest: JPEG, which it reduces
while it decodes, and WebP.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from inference import pillow_limits  # noqa: F401
from inference.counted_file import CountedFile
from inference.decoder_errors import reading
from inference.errors import Undecodable
from inference.gray_values import stretch
from inference.pixel_budget import BYTES_PER_PIXEL, PixelBudget, check_size
from inference.png_integrity import check_checksums, check_rows
from inference.radiograph import Radiograph
from inference.reduction import reduced, reduction

#: Until a file is open. A JPEG file takes four for each of its segments, and most have fewer than 30; a TIFF
#: file some for each of its tags.
_MOST_READS = 2_000
# Each scan of a progressive file costs a pass over the picture, and may be a few bytes small.
_MOST_SCANS = 64
# Or tiles of a TIFF file; a square one of 40 megapixels has 6,325 rows.
_MOST_STRIPS = 2**14
_ORIENTATION = 0x0112
#: Columns and rows of a thumbnail that shows whether there are colours.
_FEW = 64

type _Decoded = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]


def decode(data: bytes, kind: str, *, max_pixels: int, budget: PixelBudget) -> Radiograph:
    """Decode a file whose first bytes are those of a `kind`: JPEG, PNG, WEBP, BMP or TIFF.

    Raises:
        TooLarge: There are more pixels than allowed, or they need too much memory.
        Undecodable: The file is truncated, corrupt, animated, of several pages, or holds values of 32 bits.
    """
    plugin, needed, decoded = _READERS[kind]
    with reading(kind):
        # The plugin itself, because Image.open would let others look at the bytes.
        file = CountedFile(data, reads=_MOST_READS)
        image = plugin(file)
        width, height = image.size
        if width * height == 0:
            raise Undecodable(f"The {kind} image has no pixels.")
        if kind != "JPEG" and _frames(image) > 1:
            raise Undecodable(f"The {kind} file holds several pictures; send the one to be read.")
        file.lift()
        factor = reduction(width, height)
        needs = needed(image, data)
        check_size(width, height, needs, max_pixels)
        with budget.take((needs + 8 * width * height // factor**2) // BYTES_PER_PIXEL):
            pixels, colours = decoded(image, data, factor)
            orientation = image.getexif().get(_ORIENTATION, 1)
            pixels = np.ascontiguousarray(_UPRIGHT.get(orientation, _UPRIGHT[1])(pixels))
            del image  # before the next one in line decodes
    if kind != "TIFF" and orientation in (5, 6, 7, 8):  # Pillow turns TIFF itself
        width, height = height, width
    return Radiograph(pixels=pixels, format=kind, width=width, height=height, colours=colours)


def _frames(image: ImageFile.ImageFile) -> int:
    if isinstance(image, TiffImageFile):
        # n_frames would walk a chain of directories that may be a million long.
        try:
            image.seek(1)
        except EOFError:
            return 1
        return 2
    return getattr(image, "n_frames", 1)


def _jpeg_needs(image: ImageFile.ImageFile, data: bytes) -> int:
    assert isinstance(image, JpegImageFile)
    assert image.fp is not None
    start = image.fp.tell()
    progressive = "progressive" in image.info
    # One component without progression can have but one scan, and counting takes time.
    single = image.layers == 1 and not progressive
    scans = 1 if single else 1 + data.count(b"\xff\xda", start)
    if scans > _MOST_SCANS:
        raise Undecodable(f"The JPEG file has {scans} scans; at most {_MOST_SCANS} are read.")
    if data.rfind(b"\xff\xd9", start) < 0:
        raise Undecodable("The JPEG file is truncated: its end is missing.")
    if scans == 1 and not progressive:
        return 0
    # Several scans: libjpeg keeps every coefficient of every component, two bytes each.
    areas = [across * down for _, across, down, _ in image.layer]
    return 2 * image.width * image.height * sum(areas) // max(areas)


def _webp_needs(image: ImageFile.ImageFile, data: bytes) -> int:
    animated = data[12:16] == b"VP8X" and data[20] & 2
    lossy_and_opaque = image.mode == "RGB" and b"VP8L" not in data
    # OpenCV holds two copies, and three of an animation, even if that is of one frame.
    return (12 if animated else 6 if lossy_and_opaque else 8) * image.width * image.height


def _pillow_needs(image: ImageFile.ImageFile, data: bytes) -> int:
    area = image.width * image.height
    held = area * {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}.get(image.mode, 4)
    if isinstance(image, BmpImageFile) and image.tile[0].codec_name == "bmp_rle":
        held += 3 * area  # Pillow unpacks the runs in Python: a growing copy, then a whole one
    if isinstance(image, TiffImageFile):
        tags = image.tag_v2
        if len(tags.get(273) or tags.get(324) or ()) > _MOST_STRIPS:
            raise Undecodable(f"The TIFF file has more than {_MOST_STRIPS:,} strips or tiles.")
        across = tags.get(322, image.width)
        down = tags.get(323, min(tags.get(278, image.height), image.height))
        samples = tags.get(277, 1) * max(tags.get(258, (1,))) // 8 or 1
        held = held * (1 if tags.get(_ORIENTATION, 1) == 1 else 2) + across * down * samples
    return int(held)


def _jpeg_pixels(image: ImageFile.ImageFile, data: bytes, factor: int) -> _Decoded:
    assert isinstance(image, JpegImageFile)
    pixels = _by_opencv(data, _JPEG_SCALES[factor])
    if image.layers == 1:
        return pixels, None
    # Decoded anew, because luma made of decoded colours is not quite the luma in the file.
    return pixels, _by_opencv(data, cv2.IMREAD_REDUCED_COLOR_8)[..., ::-1]


def _webp_pixels(image: ImageFile.ImageFile, data: bytes, factor: int) -> _Decoded:
    # Pillow holds four copies of the picture in colour, OpenCV two.
    if image.mode == "RGB":
        whole, gray = _by_opencv(data, cv2.IMREAD_COLOR), _opaque_gray
    else:
        whole, gray = _by_opencv(data, cv2.IMREAD_UNCHANGED), _transparent_gray
    pixels = reduced(lambda top, bottom: gray(whole[top:bottom]), *image.size, factor)
    few = whole[:: -(-image.height // _FEW), :: -(-image.width // _FEW)]
    return pixels, np.ascontiguousarray(few[..., 2::-1])


def _pillow_pixels(image: ImageFile.ImageFile, data: bytes, factor: int) -> _Decoded:
    if image.format == "PNG":
        check_checksums(data)
    if image.mode in ("F", "I"):
        raise Undecodable(f"The {image.format} file holds values of 32 bits; up to 16 are read.")
    white_is_zero = isinstance(image, TiffImageFile) and image.tag_v2.get(262) == 0
    image.load()
    if image.format == "PNG":
        check_rows(image, data)
    pixels = reduced(
        lambda top, bottom: _gray(image.crop((0, top, image.width, bottom))), *image.size, factor
    )
    if pixels.dtype != np.uint8:
        # Pillow inverts 1 to 8 bits of WhiteIsZero, but not 16.
        pixels = ~stretch(pixels) if white_is_zero else stretch(pixels)
    if image.mode in ("1", "L", "LA") or image.mode.startswith("I;16"):
        return pixels, None
    few = image.resize((_FEW, _FEW), Image.Resampling.NEAREST)
    return pixels, np.asarray(few.convert("RGB"))


def _by_opencv(data: bytes, flags: int) -> npt.NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ValueError  # what it is said to be is up to `reading`
    return pixels  # type: ignore[return-value]


def _gray(strip: Image.Image) -> npt.NDArray[Any]:
    """Any mode that Pillow has, as uint8 or native uint16 [height, width]."""
    if strip.mode.startswith("I;16"):
        return np.asarray(strip).astype(np.uint16, copy=False)
    if strip.mode in ("LA", "PA", "RGBA") or "transparency" in strip.info:
        return _on_black(np.asarray(strip.convert("RGBA")), cv2.COLOR_RGBA2GRAY)
    if strip.mode == "LAB":  # which Pillow does not make gray at once
        strip = strip.convert("RGB")
    return np.asarray(strip.convert("L"))


def _opaque_gray(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]


def _transparent_gray(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return _on_black(pixels, cv2.COLOR_BGRA2GRAY)


def _on_black(pixels: npt.NDArray[np.uint8], to_gray: int) -> npt.NDArray[np.uint8]:
    gray = cv2.cvtColor(pixels, to_gray)
    return cv2.multiply(gray, pixels[..., 3], scale=1 / 255)  # type: ignore[return-value]


#: Of each kind, what reads the header; the bytes of working memory that the decoder needs beside its
#: reduced result; and the pixels before they are turned upright, divided by the factor of `reduction`, and
#: colours.
_READERS: dict[
    str,
    tuple[
        Callable[[BytesIO], ImageFile.ImageFile],
        Callable[[ImageFile.ImageFile, bytes], int],
        Callable[[ImageFile.ImageFile, bytes, int], _Decoded],
    ],
] = {
    "JPEG": (JpegImageFile, _jpeg_needs, _jpeg_pixels),
    "PNG": (PngImageFile, _pillow_needs, _pillow_pixels),
    "WEBP": (WebPImageFile, _webp_needs, _webp_pixels),
    "BMP": (BmpImageFile, _pillow_needs, _pillow_pixels),
    "TIFF": (TiffImageFile, _pillow_needs, _pillow_pixels),
}

_JPEG_SCALES = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}

#: EXIF 2.3, 4.6.4 A, tag 0x0112: what makes a picture of each orientation upright.
_UPRIGHT: dict[int, Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: a.T[:, ::-1],
    7: lambda a: a.T[::-1, ::-1],
    8: lambda a: a.T[::-1],
}
