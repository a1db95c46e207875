"""Bytes → `Radiograph`: what file it is, how large, whether it fits, and only then its pixels."""

import ctypes
import struct
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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
from inference.errors import ServiceError, TooLarge, Undecodable, UnsupportedMedia

#: The working memory that one pixel of a budget stands for: Pillow holds colour in four bytes. Of
#: what needs more (progressive CMYK: eight), fewer are read.
BYTES_PER_PIXEL = 4

#: Until a file is open. A JPEG file takes four for each of its segments, and most have fewer than 30; a TIFF
#: file some for each of its tags.
_MOST_READS = 2_000
# Each scan of a progressive file costs a pass over the picture, and may be a few bytes small.
_MOST_SCANS = 64
# Of a PNG file; one of 10 MiB mostly has 1,280.
_MOST_CHUNKS = 2**16
# Or tiles of a TIFF file; a square one of 40 megapixels has 6,325 rows.
_MOST_STRIPS = 2**14
_ORIENTATION = 0x0112
#: Columns and rows of a thumbnail that shows whether there are colours.
_FEW = 64
_ADAM7 = (  # the first column and row of each pass, and the steps to the next (ISO 15948 8.2)
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
    (0, 1, 1, 2),
)
_INFLATED_AT_A_TIME = 2**18
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
#: Bytes from which on a decode is followed by a look at what malloc keeps.
_MUCH_MEMORY = 2**24


@dataclass(frozen=True)
class Radiograph:
    """A decoded picture, upright, and what is known of it that does not identify anybody.

    `pixels` is uint8 [rows, columns], white is dense (MONOCHROME2), with both sides of the original
    divided by `reduction(width, height)`; `width` and `height` are those of the upright original.
    `colours` is a thumbnail of a file that may have some, uint8 [rows, columns, 3] in RGB, as it lies in
    the file; None where all is gray by the format.
    """

    pixels: npt.NDArray[np.uint8]
    format: str
    width: int
    height: int
    view_position: str | None = None
    paediatric: bool | None = None
    portable: bool | None = None
    colours: npt.NDArray[np.uint8] | None = None


class PixelBudget:
    """Pixels, each standing for `BYTES_PER_PIXEL` of memory, that all decodes in flight share.

    Who finds too few left waits in line: first come, first served, so that a large picture is not
    overtaken for ever by small ones. A picture that needs more than there are is decoded alone.
    """

    def __init__(self, pixels: int) -> None:
        self._total = self._free = pixels
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @classmethod
    def shared(cls, pixels: int) -> "PixelBudget":
        """The one of this size that all of the process shares: the old model, the new one, the archive's."""
        return _SHARED.setdefault(pixels, cls(pixels))

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        """Hold so many of the pixels for the time of the block; not to be nested."""
        pixels = min(pixels, self._total)
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            try:
                self._changed.wait_for(lambda: self._line[0] is ticket and self._free >= pixels)
                self._free -= pixels
            finally:
                self._line.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            if pixels * BYTES_PER_PIXEL >= _MUCH_MEMORY:
                _return_free_memory()
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


_SHARED: dict[int, PixelBudget] = {}

type _Decoded = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]


def return_memory_at_once() -> None:
    """Have every block of 2 MiB or more given back to the system when it is freed, and smaller ones kept.

    glibc stops doing so once it has seen such blocks freed, and keeps them in an arena for each
    thread: after eight threads had decoded 40 megapixels in turn, it held 700 MiB. Of smaller blocks
    an arena keeps what a usual answer takes; given back after each answer as well, they would be
    fetched again page by page at the next one, a tenth of its time. For a process that serves; it
    changes malloc for all of it, and nothing where the C library is another one.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 2**21)
        mallopt(_M_TRIM_THRESHOLD, 5 * 2**19)


def _return_free_memory() -> None:
    """Have glibc give back the pages that are free between smaller blocks: 20 MiB under load."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def decode(data: bytes, *, max_pixels: int, budget: PixelBudget) -> Radiograph:
    """Decode a JPEG, PNG, WebP, BMP, TIFF or DICOM file; its bytes decide which one it is.

    * Colour becomes gray by ITU-R BT.601 luma; gray stored as colour keeps its values.
    * What is transparent is composited on black.
    * 16-bit gray becomes 8-bit by `stretch`. Of 16-bit colour (or gray with alpha) the upper eight
      bits count.
    * EXIF orientation is applied.
    * Large pictures are reduced by `reduction`: JPEG by its DCT, others by the mean of a block.

    Args:
        data: The whole file.
        max_pixels: Width x height up to which a picture is decoded; the header tells.
        budget: What decodes in flight share; this call may wait for it.

    Raises:
        UnsupportedMedia: The bytes are none of these formats, or two of them at once.
        TooLarge: There are more pixels than allowed, or they need too much memory.
        Undecodable: The file is truncated, corrupt, animated, of several pages, or holds pixels
            that are no gray values.
    """
    kinds = [kind for kind, matches in _SIGNATURES.items() if matches(data)]
    if len(kinds) != 1:
        raise UnsupportedMedia(
            "The bytes are no image that is read here; JPEG, PNG, WebP, BMP, TIFF and DICOM are."
        )
    if kinds == ["DICOM"]:
        try:
            from inference import dicom  # pydicom takes long to import and is an extra
        except ImportError:
            raise UnsupportedMedia(
                "DICOM is not read by this installation; it needs the extra 'dicom' "
                "(pip install 'pydicom' and its decoders)."
            ) from None
        return dicom.decode(data, max_pixels=max_pixels, budget=budget)
    return _decode_image(data, kinds[0], max_pixels, budget)


def reduction(width: int, height: int) -> int:
    """By what both sides are divided: 8, 4, 2 or 1.

    As much as leaves a long side of at least 1024 and a short side of at least 448 pixels: enough
    for an overlay of 1024 and, for the network's input of 224, the mean of two by two or more. A
    strip that would still have more than 8 million pixels, which is no radiograph, is reduced more.
    """
    long, short = max(width, height), min(width, height)
    factor = 1
    while factor < 8 and (
        (long >= 2048 * factor and short >= 896 * factor) or long * short > 8_000_000 * factor**2
    ):
        factor *= 2
    return factor


def stretch(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Map gray values of any depth to uint8 by the range that they use.

    Values that all lie within 0 to 255 stay as they are (8-bit data in a 16-bit container).
    Otherwise the value that 0.1 % of the pixels fall below becomes 0 and the one that 0.1 % exceed
    becomes 255, so that neither 12-bit data comes out black nor a hot pixel darkens the rest. A
    range of less than 255 is not stretched, so that a blank picture stays blank.
    """
    low, scale = 0.0, 1.0
    if values.min() < 0 or values.max() > 255:
        step = max(1, int((values.size / 2**18) ** 0.5))
        sample = values[::step, ::step]
        low = float(np.quantile(sample, 0.001, method="lower"))
        high = float(np.quantile(sample, 0.999, method="higher"))
        scale = 255 / max(high - low, 255)

    def strip(top: int, bottom: int) -> npt.NDArray[np.uint8]:
        part = values[top:bottom].astype(np.float32)
        part -= np.float32(low)
        part *= np.float32(scale)
        return as_gray(part)

    height, width = values.shape
    return reduced(strip, width, height, 1)


def as_gray(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Round to whole gray values and clip to 0 to 255; `values` is overwritten."""
    return np.clip(np.rint(values, out=values), 0, 255, out=values).astype(np.uint8)


def reduced(
    strip: Callable[[int, int], npt.NDArray[Any]],
    width: int,
    height: int,
    factor: int,
    finish: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] = lambda means: means,
) -> npt.NDArray[Any]:
    """The mean over blocks of `factor` x `factor` pixels, asked for in strips to keep memory small.

    Args:
        strip: Gives rows `top` to `bottom` as [bottom - top, width], uint8, uint16 or float32.
        width, height: Of the whole picture.
        factor: At the right and lower edge the last pixel is repeated to fill the block.
        finish: What is done to the means of a strip.

    Returns:
        An array of the type that `finish` gives, [⌈height / factor⌉, ⌈width / factor⌉].
    """
    rows = max(1, 2**18 // (width * factor)) * factor
    if rows >= height and factor == 1:
        return finish(strip(0, height))
    across, down = -(-width // factor), -(-height // factor)
    result: npt.NDArray[Any] | None = None
    for top in range(0, height, rows):
        part = strip(top, min(top + rows, height))
        if factor > 1:
            below, right = -part.shape[0] % factor, -width % factor
            part = cv2.copyMakeBorder(part, 0, below, 0, right, cv2.BORDER_REPLICATE)
            size = (across, part.shape[0] // factor)
            part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        part = finish(part)
        if result is None:
            result = np.empty((down, across), part.dtype)
        result[top // factor : top // factor + len(part)] = part
    assert result is not None
    return result


def check_size(width: int, height: int, needs: int, max_pixels: int) -> None:
    """Raise TooLarge for a picture of too many pixels, or whose decoder `needs` too many bytes."""
    if width * height > max_pixels:
        raise TooLarge(
            f"The image has {width} x {height} pixels; at most {max_pixels:,} pixels are read.",
            log="too many pixels",
        )
    if needs > BYTES_PER_PIXEL * max_pixels:
        most = BYTES_PER_PIXEL * max_pixels * width * height // needs
        raise TooLarge(
            f"The image has {width} x {height} pixels; of files that are stored in this way, "
            f"at most {most:,} pixels are read.",
            log="too many pixels for how they are stored",
        )


@contextmanager
def reading(kind: str, fault: str = "is truncated or corrupt") -> Iterator[None]:
    """Whatever a decoder raises within this block means that the file has this fault."""
    try:
        yield
    except ServiceError:
        raise
    except Image.DecompressionBombError:
        raise TooLarge(f"The {kind} image has too many pixels.") from None
    except Exception as problem:
        # The message may quote the file, and the cause would carry it into the log.
        raise Undecodable(
            f"The {kind} file {fault}.", log=f"{kind}: {type(problem).__name__}"
        ) from None


def _decode_image(data: bytes, kind: str, max_pixels: int, budget: PixelBudget) -> Radiograph:
    with reading(kind):
        # The plugin itself, because Image.open would let others look at the bytes.
        file = CountedFile(data, reads=_MOST_READS)
        image = _PLUGINS[kind](file)
        width, height = image.size
        if width * height == 0:
            raise Undecodable(f"The {kind} image has no pixels.")
        if kind != "JPEG" and _frames(image) > 1:
            raise Undecodable(f"The {kind} file holds several pictures; send the one to be read.")
        file.lift()
        factor = reduction(width, height)
        needs = _NEEDS[kind](image, data)
        check_size(width, height, needs, max_pixels)
        with budget.take((needs + 8 * width * height // factor**2) // BYTES_PER_PIXEL):
            pixels, colours = _PIXELS[kind](image, data, factor)
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
    lossy_and_opaque = data[12:16] == b"VP8 "
    return (6 if lossy_and_opaque else 8) * image.width * image.height  # OpenCV holds two copies


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
        _check_png(data)
    if image.mode in ("F", "I"):
        raise Undecodable(f"The {image.format} file holds values of 32 bits; up to 16 are read.")
    white_is_zero = isinstance(image, TiffImageFile) and image.tag_v2.get(262) == 0
    image.load()
    if image.format == "PNG":
        _check_png_rows(image, data)
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


def _check_png(data: bytes) -> None:
    """Compare the CRC of every critical chunk up to the last (ISO 15948 5.3); Pillow does not."""
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


def _check_png_rows(image: ImageFile.ImageFile, data: bytes) -> None:
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


def _looks_like_dicom(data: bytes) -> bool:
    """The prefix after a preamble (PS3.10 7.1), or the first element of a file without them.

    That is one of group 0002 with its VR, or of group 0008 with its VR or a short implicit length.
    """
    if data[128:132] == b"DICM":
        return True
    explicit = data[4:6] in (b"AE", b"CS", b"DA", b"LO", b"SH", b"TM", b"UI", b"UL")
    implicit = data[4] <= 64 and data[5:8] == b"\0\0\0" if len(data) > 8 else False
    group, element = data[:2], data[2:4]
    return element[1:] == b"\0" and (
        (group == b"\x02\0" and explicit) or (group == b"\x08\0" and (explicit or implicit))
    )


_TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_HEADER_SIZES = {size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)}

_SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "JPEG": lambda data: data[:3] == b"\xff\xd8\xff",
    "PNG": lambda data: data[:8] == b"\x89PNG\r\n\x1a\n",
    "WEBP": lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP",
    "BMP": lambda data: data[:2] == b"BM" and data[14:18] in _BMP_HEADER_SIZES,
    # A DICOM file may have the head of a TIFF file as its preamble (PS3.10 7.1); some do.
    "TIFF": lambda data: data[:4] in _TIFF_HEADS and data[128:132] != b"DICM",
    "DICOM": _looks_like_dicom,
}

_PLUGINS: dict[str, Callable[[BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
}

#: Bytes of working memory that the decoder of each kind needs beside its reduced result.
_NEEDS: dict[str, Callable[[ImageFile.ImageFile, bytes], int]] = {
    "JPEG": _jpeg_needs,
    "PNG": _pillow_needs,
    "WEBP": _webp_needs,
    "BMP": _pillow_needs,
    "TIFF": _pillow_needs,
}

#: Pixels before they are turned upright, divided by the factor of `reduction`, and colours.
_PIXELS: dict[str, Callable[[ImageFile.ImageFile, bytes, int], _Decoded]] = {
    "JPEG": _jpeg_pixels,
    "PNG": _pillow_pixels,
    "WEBP": _webp_pixels,
    "BMP": _pillow_pixels,
    "TIFF": _pillow_pixels,
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
