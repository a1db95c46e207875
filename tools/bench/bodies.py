"""Requests to load the service with: typical ones, and ones at every limit at once."""

import base64
import json
import tempfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import gdcm
import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
    generate_uid,
)

from tools.bench.measurement import NotMeasured
from tools.radiographs import Gray, draw, jpeg

_MAX_BYTES = 10 * 1024 * 1024
_END = b"\xff\xd9"  # of a JPEG


@dataclass(frozen=True)
class Body:
    """The body of one `POST /api/predict`."""

    name: str
    media_type: str
    data: bytes


def typical() -> list[Body]:
    """Radiographs of 0.3 to 6 megapixels as clients send them: JPEG, PNG, WebP and DICOM."""
    small, usual, large = draw(640, 512, 1), draw(1024, 1024, 2), draw(1760, 2140, 3)
    largest = draw(2450, 2448, 4)
    as_jpeg = [
        Body(f"JPEG {width}x{height}", "image/jpeg", jpeg(draw(width, height, seed)))
        for seed, (width, height) in enumerate(
            ((512, 512), (800, 640), (1024, 1024), (1024, 838), (1280, 1024), (1500, 1200)), 5
        )
    ]
    return [
        *as_jpeg,
        Body("PNG 0.3 MP", "image/png", _png(small)),
        Body("JPEG 1 MP in a form", *_form(jpeg(usual))),
        Body("WebP 1 MP", "image/webp", _webp(usual, quality=90)),
        Body("PNG 1 MP", "image/png", _png(usual)),
        Body("DICOM 1 MP", "application/dicom", _dicom(_twelve_bits(usual))),
        Body("JPEG 3.8 MP", "image/jpeg", jpeg(large)),
        Body("JPEG 1 MP in JSON", *_json(jpeg(usual))),
        Body("DICOM 3.8 MP", "application/dicom", _dicom(_twelve_bits(large[:2000]))),
        Body("colour PNG 1 MP", "image/png", _png(cv2.cvtColor(usual, cv2.COLOR_GRAY2BGR))),
        Body("DICOM RLE 1 MP", "application/dicom", _dicom(_twelve_bits(usual), RLELossless)),
        Body("JPEG 6 MP", "image/jpeg", jpeg(largest)),
        Body("DICOM JPEG 1 MP", "application/dicom", _dicom(usual, JPEGBaseline8Bit)),
        Body(
            "DICOM lossless 1 MP", "application/dicom", _dicom(_twelve_bits(usual), JPEGLosslessSV1)
        ),
        Body("WebP 6 MP", "image/webp", _webp(largest, quality=85)),
        Body("PNG 6 MP", "image/png", _png(largest)),
    ]


def at_the_limits(megapixels: int) -> list[Body]:
    """As many bytes or pixels as are read, in the forms that take most memory, and hostile ones.

    Args:
        megapixels: How large the largest are; the service reads 40.
    """
    area = megapixels * 1_000_000
    side = int(area**0.5)
    smooth: Gray = cv2.GaussianBlur(draw(side, side), (9, 9), 0)  # type: ignore[assignment]
    flat = np.zeros_like(smooth)
    flat[side // 4 : -side // 4, side // 4 : -side // 4] = 180
    deep = flat.astype(np.uint16) * 256
    wide: Gray = cv2.resize(smooth, (16_000, area * 2 // 3 // 16_000))  # type: ignore[assignment]
    baseline = jpeg(smooth, 60)
    full = _jpeg_of_bytes(_MAX_BYTES - 1024, side)
    png = _png(flat)
    return [
        Body("JPEG of as many bytes", "image/jpeg", full),
        Body("16-bit PNG", "image/png", _png(deep)),
        Body("RGBA PNG", "image/png", _png(cv2.merge([flat, flat, flat, flat]))),
        Body("CMYK JPEG", "image/jpeg", _pillow(smooth, "JPEG", "CMYK", quality=50)),
        Body(
            "progressive CMYK JPEG",
            "image/jpeg",
            _pillow(_part(smooth, 1 / 2), "JPEG", "CMYK", quality=50, progressive=True),
        ),
        Body(
            "progressive JPEG",
            "image/jpeg",
            _pillow(smooth, "JPEG", "L", quality=60, progressive=True),
        ),
        Body("WebP", "image/webp", _webp(wide, quality=60)),
        Body(
            "lossless WebP with alpha",
            "image/webp",
            _webp(_part(flat, 1 / 2), mode="RGBA", lossless=True, method=0),
        ),
        Body("16-bit TIFF", "image/tiff", _pillow(deep, "TIFF", compression="tiff_lzw")),
        Body("BMP", "image/bmp", _pillow(smooth[:1000, : min(side, 10_000)], "BMP")),
        Body("JSON of as many bytes", *_json(full)),
        Body("form of as many bytes", *_form(full)),
        Body("DICOM", "application/dicom", _dicom(_twelve_bits(smooth[:2000, :2600]))),
        *(
            Body(name, "application/dicom", _dicom(_part(deep, share), syntax))
            for name, syntax, share in (
                ("DICOM RLE", RLELossless, 4 / 7),
                ("DICOM JPEG 2000", JPEG2000Lossless, 4 / 7),
                ("DICOM lossless JPEG", JPEGLosslessSV1, 4 / 11),
            )
        ),
        Body("deflated DICOM", "application/dicom", _deflated(_dicom(deep))),
        Body("hostile: truncated JPEG", "image/jpeg", baseline[: len(baseline) // 2]),
        Body("hostile: JPEG with a hole", "image/jpeg", baseline[: len(baseline) // 2] + _END),
        Body("hostile: truncated PNG", "image/png", png[: len(png) // 2]),
        Body("hostile: corrupt PNG", "image/png", png[:-30] + bytes(30)),
        Body("hostile: PNG of 4 gigapixels", "image/png", _claiming(png, 2**16 - 1)),
        Body("hostile: not an image", "application/octet-stream", b"x" * _MAX_BYTES),
        Body("hostile: JSON of brackets", "application/json", b"[" * _MAX_BYTES),
    ]


def _jpeg_of_bytes(most: int, side: int) -> bytes:
    """A picture whose JPEG just fits: the quality is searched for."""
    pixels = draw(side, side, 9)
    low, high, best = 1, 100, b""
    while low <= high:
        quality = (low + high) // 2
        data = jpeg(pixels, quality)
        if len(data) <= most:
            low, best = quality + 1, data
        else:
            high = quality - 1
    return best


def _part[Pixels: npt.NDArray[Any]](pixels: Pixels, share: float) -> Pixels:
    """The upper left of a square picture: what is left of 40 megapixels where a file needs more
    than 4 bytes a pixel."""
    side = int(len(pixels) * share**0.5)
    return np.ascontiguousarray(pixels[:side, :side])  # type: ignore[return-value]


def _png(pixels: npt.NDArray[Any]) -> bytes:
    _, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    return data.tobytes()


def _webp(pixels: Gray, mode: str = "RGB", **options: Any) -> bytes:
    return _pillow(pixels, "WEBP", mode, **options)


def _pillow(pixels: npt.NDArray[Any], kind: str, mode: str | None = None, **options: Any) -> bytes:
    image = Image.fromarray(pixels)
    image = image if mode is None else image.convert(mode)
    if mode == "RGBA":
        image.putalpha(200)
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _claiming(png: bytes, side: int) -> bytes:
    """The PNG with another size in its header, and the checksum to go with it."""
    header = b"IHDR" + 2 * side.to_bytes(4) + png[24:29]
    return png[:12] + header + zlib.crc32(header).to_bytes(4) + png[33:]


def _json(image: bytes) -> tuple[str, bytes]:
    content = {"image": base64.b64encode(image).decode()}
    return "application/json", json.dumps(content).encode()


def _form(image: bytes) -> tuple[str, bytes]:
    edge = "boundary-of-the-benchmark"
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="image.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + image + f"\r\n--{edge}--\r\n".encode()
    return f"multipart/form-data; boundary={edge}", body


def _twelve_bits(pixels: Gray) -> npt.NDArray[np.uint16]:
    return pixels.astype(np.uint16) * 16 + 7


def _dicom(pixels: npt.NDArray[Any], syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """A DICOM file of gray pixels, stored as the transfer syntax says."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = generate_uid(None)
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, 0
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    if syntax == JPEGBaseline8Bit:
        dataset.PixelData = encapsulate([jpeg(pixels)])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    elif syntax == JPEGLosslessSV1:
        return _by_gdcm(dataset)
    elif syntax != ExplicitVRLittleEndian:
        dataset.compress(syntax, encoding_plugin=_ENCODERS[syntax], generate_instance_uid=False)
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _by_gdcm(dataset: Dataset) -> bytes:
    """The file as lossless JPEG, which only GDCM writes, from file to file."""
    with tempfile.TemporaryDirectory() as folder:
        plain, compressed = Path(folder, "plain.dcm"), Path(folder, "compressed.dcm")
        dataset.save_as(plain, enforce_file_format=True)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(plain))
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        done = reader.Read()
        change.SetInput(reader.GetImage())
        done = done and change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(compressed))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        if not (done and writer.Write()):
            raise NotMeasured("GDCM could not write a lossless JPEG.")
        return compressed.read_bytes()


def _deflated(explicit: bytes) -> bytes:
    """The file with its dataset deflated (PS3.5 A.5)."""
    from pydicom import dcmread

    dataset = dcmread(BytesIO(explicit))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


#: Those that are fast; pydicom's own RLE encoder is not.
_ENCODERS = {RLELossless: "pydicom", JPEG2000Lossless: "pylibjpeg"}
