"""DICOM bytes → `Radiograph`, with pydicom and the decoders that it finds installed.

Only `decoding` imports this module, and only for a DICOM file, because pydicom is an extra. Of the
dataset no more is read than `_TAGS`: what identifies a patient never becomes a value. Pixel Aspect
Ratio is not looked at: detectors for the chest have square pixels.
"""

from inference.pydicom_alone import GDCM_SYNTAXES  # before pydicom

# isort: split

import logging
import os
import struct
import subprocess
import sys
import warnings
import zlib
from contextlib import ExitStack, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom.config
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.filereader import read_dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGExtended12Bit,
    RLELossless,
)

from inference import gdcm_frame
from inference.counted_file import CountedFile
from inference.decoder_errors import reading
from inference.errors import TooLarge, Undecodable
from inference.gray_values import as_gray, sampled, stretch, used_range
from inference.pixel_budget import BYTES_PER_PIXEL, PixelBudget, check_size
from inference.radiograph import Radiograph
from inference.reduction import reduced, reduction

_TAGS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "VOILUTSequence",
    "ViewPosition",
    "PatientAge",
    "StationName",
    "SeriesDescription",
)

_PIXEL_DATA = Tag("PixelData")
_TABLES = (Tag("ModalityLUTSequence"), Tag("VOILUTSequence"))

#: PS3.3 C.8.11.1.1.4 and C.8.1.1: anything else may be free text.
_VIEW_POSITIONS = {"AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO"}

# The first that is installed decodes; GDCM if none is, because it needs a process of its own.
_PLUGINS = ("pylibjpeg", "pillow", "pyjpegls")
# Bytes beyond the picture that an RLE segment may have: as many as a run.
_MOST_BEYOND = 128
_GDCM_PROGRAM = Path(gdcm_frame.__file__)
_BLOCK = 2**18  # bytes inflated at a time
# Some for each element and item; a file of a radiograph has some hundred.
_MOST_READS = 50_000
# Bytes of one value; those of pydicom take hundred times as many. A lookup table may have 65,536 entries.
_MOST_VALUE, _MOST_TABLES = 2**16, 2**19

# Measured; JPEG 2000 needs most, six and the copies of the file.
_ENCAPSULATED_BYTES_PER_PIXEL = 7
_GDCM_BYTES_PER_PIXEL, _GDCM_BYTES = 11, 30 * 2**20

# pydicom quotes values in warnings and log lines.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)  # its children inherit it
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


def decode(data: bytes, *, max_pixels: int, budget: PixelBudget) -> Radiograph:
    """Decode a DICOM file of one gray frame of 8 to 16 bits.

    Stored values go through the modality LUT or rescale, then through the first VOI LUT or window,
    to 0 to 255 (PS3.3 C.11.1 and C.11.2, PS3.4 N.2). Without a VOI LUT or window, the range that
    they use is mapped to it as `gray_values.stretch` says; padding is left out of it and becomes
    black (PS3.3 C.7.5.1.1.2). MONOCHROME1 is inverted.

    Raises:
        TooLarge: There are more pixels than allowed, or they need too much memory.
        Undecodable: The file is truncated, corrupt or lies about its size; it has several frames,
            colour or a palette; or no decoder is installed for its transfer syntax (the detail
            names it and what it lacks).
    """
    # Each time, because the filters belong to the process, and whoever resets them resets ours too.
    warnings.filterwarnings("ignore", module=r"pydicom\b")
    with ExitStack() as held, reading("DICOM"):
        syntax, body = _transfer_syntax(data)
        if syntax == DeflatedExplicitVRLittleEndian:
            held.enter_context(budget.take(max_pixels))
            body = _inflated(body, 2 * max_pixels + 2**22)
        read = partial(read_dataset, body, syntax.is_implicit_VR, syntax.is_little_endian)
        ds = read(
            stop_when=lambda tag, vr, length: tag == _PIXEL_DATA,
            specific_tags=[Tag(keyword) for keyword in _TAGS],
        )
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = syntax
        _check_values(ds)
        _check_gray(ds)
        width, height = int(ds.Columns), int(ds.Rows)
        check_size(width, height, 0, max_pixels)
        plugin = _plugin(ds, syntax)
        needs = _needs(ds, syntax, plugin)
        check_size(width, height, needs, max_pixels)
        if plugin == "gdcm":
            needs += _GDCM_BYTES
        factor = reduction(width, height)
        if syntax != DeflatedExplicitVRLittleEndian:
            held.enter_context(
                budget.take((needs + 5 * width * height // factor**2) // BYTES_PER_PIXEL)
            )
        rest = read(specific_tags=[_PIXEL_DATA])  # nothing else, because the header is checked
        if _PIXEL_DATA in rest:
            ds[_PIXEL_DATA] = rest.get_item(_PIXEL_DATA)
        del read, body, rest  # inflated, the body is as large as the pixels
        _check_length(ds, syntax)
        if plugin == "gdcm":
            stored = _by_gdcm(ds, syntax)
        elif syntax == RLELossless:
            stored = _by_pillow(ds)
        else:
            # No copy of what is plain.
            stored = pixel_array(ds, decoding_plugin=plugin, view_only=True)
        with reading(
            "DICOM", "has a window, rescale, padding or lookup table that cannot be applied"
        ):
            pixels = _presented(stored, ds, factor)
        del stored, ds.PixelData  # before the next one in line decodes
    return Radiograph(
        pixels=pixels,
        format="DICOM",
        width=width,
        height=height,
        view_position=_view_position(ds),
        paediatric=_paediatric(ds),
        portable=_portable(ds),
    )


def _transfer_syntax(data: bytes) -> tuple[UID, CountedFile]:
    """The transfer syntax, and the file at the start of its dataset (PS3.10 7.1)."""
    file = CountedFile(data, reads=_MOST_READS)
    file.seek(132 if data[128:132] == b"DICM" else 0)
    meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    if "TransferSyntaxUID" not in meta:
        start = data[file.tell() : file.tell() + 6]
        return (ExplicitVRLittleEndian if start[4:6].isalpha() else ImplicitVRLittleEndian), file
    syntax = UID(meta.TransferSyntaxUID)
    if not syntax.is_transfer_syntax or syntax.is_private:
        raise Undecodable(
            f"The transfer syntax {_printable(syntax)} of the DICOM file is not known here.",
            log="DICOM: unknown transfer syntax",
        )
    return syntax, file


def _printable(uid: UID) -> str:
    return "".join(character for character in uid[:64] if character in "0123456789.")


def _inflated(file: CountedFile, most: int) -> CountedFile:
    """The dataset of a deflated file (PS3.5 A.5), up to so many bytes."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    packed = memoryview(file.read())
    # It grows in place; zlib itself would hold everything twice in the end.
    dataset = CountedFile(reads=_MOST_READS)
    for at in range(0, len(packed), _BLOCK):
        piece: bytes | memoryview = packed[at : at + _BLOCK]
        whole = True
        while whole and not inflater.eof:
            block = inflater.decompress(piece, _BLOCK)
            dataset.write(block)
            if dataset.tell() > most:
                raise TooLarge(
                    "The deflated DICOM file holds more bytes than the pixels that are allowed."
                )
            piece, whole = inflater.unconsumed_tail, len(block) == _BLOCK
    if not inflater.eof:
        raise Undecodable("The deflated DICOM file is truncated.")
    dataset.seek(0)
    return dataset


def _check_values(ds: Dataset) -> None:
    """Look at what was read before pydicom makes objects of it, as it does when it is asked for.

    An element without a value is taken out: it means the same as none (PS3.5 7.4.5).
    """
    for tag in list(ds.keys()):
        value = ds.get_item(tag).value
        if not isinstance(value, bytes | None):
            continue
        if len(value or b"") > (_MOST_TABLES if tag in _TABLES else _MOST_VALUE):
            raise Undecodable("The DICOM file has an element that is too long.")
        if not value:
            del ds[tag]


def _check_gray(ds: Dataset) -> None:
    missing = [
        keyword
        for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored")
        if not ds.get(keyword)
    ]
    if missing:
        raise Undecodable(
            f"The DICOM file is truncated or holds no image: {', '.join(missing)} is missing."
        )
    interpretation = str(ds.get("PhotometricInterpretation", ""))
    if interpretation == "PALETTE COLOR":
        raise Undecodable(
            "The DICOM image is coloured by a palette (PALETTE COLOR); a radiograph is gray "
            "(MONOCHROME1 or MONOCHROME2)."
        )
    if interpretation not in ("MONOCHROME1", "MONOCHROME2") or ds.get("SamplesPerPixel", 1) != 1:
        raise Undecodable(
            "The DICOM image is in colour; a radiograph is gray (MONOCHROME1 or MONOCHROME2).",
        )
    if int(ds.get("NumberOfFrames") or 1) != 1:
        raise Undecodable("The DICOM file holds several frames; send the one that is to be read.")
    if ds.BitsAllocated not in (8, 16) or not 2 <= ds.BitsStored <= ds.BitsAllocated:
        raise Undecodable("The DICOM image is not of 8 to 16 bits a pixel.")
    # Since 2004 it is always Bits Stored - 1 (PS3.5 8.1.1); of what is compressed it says nothing.
    compressed = ds.file_meta.TransferSyntaxUID.is_encapsulated
    if not compressed and ds.BitsStored <= ds.get("HighBit", 0) < ds.BitsAllocated:
        raise Undecodable(
            f"The DICOM image does not hold its values in the lowest bits: High Bit is {ds.HighBit}, "
            f"Bits Stored {ds.BitsStored}."
        )


def _needs(ds: Dataset, syntax: UID, plugin: str) -> int:
    """Bytes of working memory beside the file and the reduced result."""
    pixels = int(ds.Rows) * int(ds.Columns)
    if plugin == "gdcm":
        return _GDCM_BYTES_PER_PIXEL * pixels
    if syntax.is_encapsulated:
        return _ENCAPSULATED_BYTES_PER_PIXEL * pixels
    return 2 * pixels * int(ds.BitsAllocated) // 8


def _check_length(ds: Dataset, syntax: UID) -> None:
    """Compare what the dataset says of the size with the pixels or the codestream that is there."""
    if not ds.get("PixelData"):
        raise Undecodable("The DICOM file is truncated or holds no image: PixelData is missing.")
    rows, columns, sample = ds.Rows, ds.Columns, ds.BitsAllocated // 8
    if not syntax.is_encapsulated:
        row = columns * sample
        if not rows * row <= len(ds.PixelData) < (rows + 1) * row + 1:
            raise Undecodable(
                "The DICOM file is truncated or corrupt: its pixels are not Rows x Columns."
            )
        return
    if syntax == RLELossless:
        return  # it has no size of its own; `_by_pillow` compares
    frame = _frame(ds)
    if syntax in JPEG2000TransferSyntaxes or syntax.name.startswith("High-Throughput"):
        fits = _jpeg2000_shape(frame) == (rows, columns, 1)
    else:
        fits = _jpeg_shape(frame)[:3] == (rows, columns, 1)
    if not fits:
        raise Undecodable(
            "The DICOM file is corrupt: its compressed pixels are not gray and Rows x Columns."
        )


def _frame(ds: Dataset) -> bytes:
    return get_frame(ds.PixelData, 0, number_of_frames=1)


def _jpeg_shape(stream: bytes) -> tuple[int, int, int, int]:
    """Rows, columns, components and bits (ISO 10918-1 B.2.2, ISO 14495-1 C.2.2)."""
    at = 2
    while stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            bits, rows, columns, components = struct.unpack(">BHHB", stream[at + 4 : at + 10])
            return rows, columns, components, bits
        at += 1 if marker == 0xFF else 2 + int.from_bytes(stream[at + 2 : at + 4])
    raise ValueError("no frame header")


def _jpeg2000_shape(stream: bytes) -> tuple[int, int, int]:
    """Rows, columns and components from the SIZ segment (ISO 15444-1 A.5.1)."""
    at = stream.index(b"\xff\x4f\xff\x51") + 8
    right, bottom, left, top = (
        int.from_bytes(stream[at + 4 * n : at + 4 * n + 4]) for n in range(4)
    )
    return bottom - top, right - left, int.from_bytes(stream[at + 32 : at + 34])


def _plugin(ds: Dataset, syntax: UID) -> str:
    """The name of pydicom's plugin that decodes the pixels; "" where there is none to choose."""
    if not syntax.is_encapsulated or syntax == RLELossless:
        return ""
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise Undecodable(
            f"The transfer syntax {syntax.name} ({syntax}) is not read here."
        ) from None
    if not (syntax == JPEGExtended12Bit and ds.BitsStored > 8):
        for name in _PLUGINS:
            if name in decoder.available_plugins:
                return name
    if syntax in GDCM_SYNTAXES:
        return "gdcm"
    raise Undecodable(
        f"The transfer syntax {syntax.name} ({syntax}) needs a decoder that is not installed: "
        f"{'; or '.join(decoder.missing_dependencies)}."
    )


def _by_gdcm(ds: Dataset, syntax: UID) -> npt.NDArray[Any]:
    frame = _frame(ds)
    rows, columns, _, bits = _jpeg_shape(frame)
    # No more of it: it has the keys to our identity.
    environment = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-P", str(_GDCM_PROGRAM), str(columns), str(rows), str(bits), syntax],
        input=frame,
        capture_output=True,
        timeout=gdcm_frame.SECONDS,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    samples: npt.NDArray[Any] = np.frombuffer(done.stdout, np.uint8 if bits <= 8 else np.uint16)
    if ds.PixelRepresentation:
        unused = 8 * samples.itemsize - min(ds.BitsStored, bits)
        samples = (samples << unused).view(f"i{samples.itemsize}") >> unused
    return samples.reshape(rows, columns)


def _by_pillow(ds: Dataset) -> npt.NDArray[Any]:
    """RLE (PS3.5 G), which is PackBits: a segment for each byte of the samples, the highest first.

    pydicom unpacks in Python, all that there is: up to 64 times the file, in seconds.
    """
    frame, pixels, size = memoryview(_frame(ds)), ds.Rows * ds.Columns, ds.BitsAllocated // 8
    count, *starts = struct.unpack("<16L", frame[:64])
    if count != size:
        raise ValueError("not a segment for each byte")
    samples = np.empty((pixels, size), np.uint8)
    for byte, (start, end) in enumerate(pairwise([*starts[:count], len(frame)])):
        segment = frame[start:end]
        with suppress(ValueError):
            _packbits(segment, pixels + _MOST_BEYOND + 1)
            raise Undecodable("The DICOM file is corrupt: its pixels are more than Rows x Columns.")
        samples[:, -1 - byte] = _packbits(segment, pixels)
    stored: npt.NDArray[Any] = samples.view(f"<{'i' if ds.PixelRepresentation else 'u'}{size}")
    unused = ds.BitsAllocated - ds.BitsStored
    stored <<= unused
    stored >>= unused
    return stored.reshape(ds.Rows, ds.Columns)


def _packbits(segment: memoryview, pixels: int) -> npt.NDArray[np.uint8]:
    """The first bytes of what is packed; ValueError if there are fewer."""
    unpacked = Image.frombytes("L", (pixels, 1), segment, "packbits", "L")
    return np.frombuffer(unpacked.tobytes(), np.uint8)


def _presented(stored: npt.NDArray[Any], ds: Dataset, factor: int) -> npt.NDArray[np.uint8]:
    """Stored values [rows, columns] → uint8, white is dense, both sides divided by `factor`."""
    height, width = stored.shape
    inverted = ds.PhotometricInterpretation == "MONOCHROME1"
    if ds.get("VOILUTSequence") or ("WindowCenter" in ds and "WindowWidth" in ds):
        low, high = _voi_range(ds)

        def strip(top: int, bottom: int) -> npt.NDArray[Any]:
            values = apply_voi_lut(_integers(apply_modality_lut(stored[top:bottom], ds), ds), ds)
            return ((values - low) * (255 / (high - low))).astype(np.float32)

        # A window or slope that is no number makes no pixel a number, and the cast raises.
        with np.errstate(invalid="raise", over="ignore"):
            pixels = reduced(strip, width, height, factor, as_gray)
    else:
        table = ds.get("ModalityLUTSequence")
        # A rescale changes nothing of the range that is used, but which end of it is which.
        inverted ^= not table and (ds.get("RescaleSlope") or 1) < 0
        if "PixelPaddingValue" in ds:
            pixels = _beside_padding(stored, ds, factor, 255 if inverted else 0)
        elif table or factor > 1:
            pixels = stretch(
                reduced(
                    lambda top, bottom: _looked_up(stored[top:bottom], ds), width, height, factor
                )
            )
        else:
            pixels = stretch(stored)
    return ~pixels if inverted else pixels


def _beside_padding(
    stored: npt.NDArray[Any], ds: Dataset, factor: int, background: int
) -> npt.NDArray[np.uint8]:
    """Stretch by the range that the pixels use which are no padding; padding becomes `background`.

    Padding is one stored value, or a range of them with both its ends (PS3.3 C.7.5.1.1.2).
    """
    ends = [ds.PixelPaddingValue, ds.get("PixelPaddingRangeLimit", ds.PixelPaddingValue)]
    # Written with or without a sign, whatever the pixels have.
    wrapped = np.array(ends, np.int64).astype(np.int16 if ds.PixelRepresentation else np.uint16)
    first, last = sorted(wrapped.tolist())

    def is_padding(values: npt.NDArray[Any]) -> Any:
        return (first <= values) & (values <= last)

    sample = sampled(stored)
    picture = sample[~is_padding(sample)]
    low, high = used_range(_looked_up(picture, ds)) if picture.size else (0.0, 255.0)

    def strip(top: int, bottom: int) -> npt.NDArray[np.float32]:
        part = stored[top:bottom]
        values = (_looked_up(part, ds).astype(np.float32) - low) * (255 / (high - low))
        values[is_padding(part)] = background
        return values

    height, width = stored.shape
    return reduced(strip, width, height, factor, as_gray)


def _looked_up(stored: npt.NDArray[Any], ds: Dataset) -> npt.NDArray[Any]:
    """Stored values through the modality LUT, if there is one."""
    if not ds.get("ModalityLUTSequence"):
        return stored
    return apply_modality_lut(stored.astype(np.int32), ds)


def _integers(values: npt.NDArray[Any], ds: Dataset) -> npt.NDArray[Any]:
    return np.rint(values).astype(np.int32) if ds.get("VOILUTSequence") else values


def _voi_range(ds: Dataset) -> tuple[float, float]:
    """The values that the first VOI LUT or window maps the darkest and the brightest to."""
    if ds.get("VOILUTSequence"):
        item = ds.VOILUTSequence[0]
        entries, first, _ = item.LUTDescriptor
        # pydicom's index has the depth of the entries: of 8 bits, it overflows after 256 of them.
        item.LUTDescriptor[2] = 16
        table = apply_voi_lut(np.arange(first, first + (entries or 2**16)), ds)
        return float(table.min()), float(table.max())
    with np.errstate(over="ignore"):
        low, high = apply_voi_lut(np.array([-1e30, 1e30]), ds)
    return float(low), float(high)


def _view_position(ds: Dataset) -> str | None:
    position = str(ds.get("ViewPosition") or "").upper()
    return position if position in _VIEW_POSITIONS else None


def _paediatric(ds: Dataset) -> bool | None:
    """Whether Patient's Age (PS3.5 6.2, AS) is under 18 years; nothing else of it is kept."""
    age = str(ds.get("PatientAge") or "")
    if len(age) != 4 or not age[:3].isdecimal() or age[3] not in "DWMY":
        return None
    return int(age[:3]) < {"D": 6574, "W": 939, "M": 216, "Y": 18}[age[3]]


def _portable(ds: Dataset) -> bool | None:
    """Whether Station Name or Series Description says so; nothing else of them is kept."""
    said = [str(ds.get(keyword) or "") for keyword in ("StationName", "SeriesDescription")]
    return any("PORTABLE" in each.upper() for each in said) if any(said) else None
