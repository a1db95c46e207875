"""Radiographs drawn by code, and files of every format made from them."""

import io
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

Gray = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]


def draw_chest(width: int, height: int, seed: int = 0) -> Gray:
    """Draw a frontal chest radiograph, uint8 [height, width]: no patient's, but of that make.

    What X-rays cross is added up (soft tissue, spine, heart, ribs, clavicles), air is taken away
    (lungs, trachea), and the sum is exposed like a film. Each seed is another chest.
    """
    random = np.random.default_rng(seed)
    scale = min(1.0, 1024 / max(width, height))
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    # x from -1 (the patient's right) to 1, y from 0 (neck) to 1 (upper abdomen).
    x, y = np.meshgrid(
        np.linspace(-1, 1, columns, dtype=np.float32), np.linspace(0, 1, rows, dtype=np.float32)
    )
    x = x / random.uniform(0.93, 1.02) + random.uniform(-0.03, 0.03)
    y = (y - random.uniform(-0.01, 0.03)) / random.uniform(0.95, 1.03)
    lungs = _lung(x, y, -1) + _lung(x, y, 1)
    density = (
        0.62 * _body(x, y)
        + random.uniform(0.12, 0.18) * _spine(x, y)
        + random.uniform(0.26, 0.32) * _heart(x, y, random)
        + 0.12 * _soft(0.12 - np.abs(x) + 0.15 * (y - 0.4) ** 2, 0.05)
        + 0.10 * _clavicles(x, y)
        + 0.10 * _ribs(x, y, random)
        - 0.10 * _soft(0.045 - np.abs(x), 0.02) * _soft(0.33 - y, 0.04)
        - random.uniform(0.36, 0.42) * np.clip(lungs, 0, 1)
        + _vessels(x, y, lungs, random)
        + 0.07 * (y - 0.5)
    ).astype(np.float32)
    film = 255 * (1 - np.exp(-2.2 * np.clip(density, 0, None))) * random.uniform(0.98, 1.1)
    film = cv2.resize(film.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    film += random.normal(0, random.uniform(1.5, 3.5), film.shape).astype(np.float32)
    return np.clip(np.rint(film), 0, 255).astype(np.uint8)


def _soft(inside: Field, edge: float) -> Field:
    """1 where `inside` is well above 0, 0 where it is well below, an S of that width between."""
    return (1 / (1 + np.exp(-np.clip(4 * inside / edge, -30, 30)))).astype(np.float32)


def _body(x: Field, y: Field) -> Field:
    half = 0.24 + 0.84 * _soft(y - 0.07 - 0.08 * x**2, 0.11) - 0.10 * _soft(y - 0.5, 0.3)
    return _soft(half - np.abs(x), 0.06)


def _lung(x: Field, y: Field, side: int) -> Field:
    """The patient's right lung is on the left of the picture (`side` -1)."""
    across = side * x
    lateral = 0.77 * np.clip(1 - np.abs((y - 0.85) / 0.80) ** 2.6, 0, 1) ** 0.5
    medial = 0.13 + 0.04 * np.cos(6 * y)
    dome = 0.79 + 0.015 * side - 0.12 * np.exp(-(((across - 0.36) / 0.28) ** 2)) + 0.06 * across**2
    return (
        _soft(lateral - across, 0.06) * _soft(across - medial, 0.08) * _soft(dome - y, 0.03)
    ).astype(np.float32)


def _heart(x: Field, y: Field, random: np.random.Generator) -> Field:
    wide, low = random.uniform(0.25, 0.31), random.uniform(0.63, 0.67)
    turned = x - 0.12 - 0.25 * (y - low)
    ventricles = 1 - (turned / wide) ** 2 - ((y - low) / 0.155) ** 2
    aorta = 1 - ((x - 0.06) / 0.13) ** 2 - ((y - 0.33) / 0.09) ** 2
    return np.maximum(_soft(ventricles, 0.35), 0.5 * _soft(aorta, 0.5))


def _spine(x: Field, y: Field) -> Field:
    vertebrae = 0.8 + 0.2 * np.cos(2 * np.pi * y * 15)
    return (_soft(0.08 - np.abs(x), 0.05) * vertebrae).astype(np.float32)


def _ribs(x: Field, y: Field, random: np.random.Generator) -> Field:
    across = np.abs(x)
    ribs = np.zeros_like(x)
    first, gap = random.uniform(0.10, 0.12), random.uniform(0.075, 0.082)
    for rib in range(10):
        behind = first + gap * rib - 0.05 * np.sin(np.pi * across / 0.75) + 0.16 * across**2
        distance = np.abs(y - behind)
        # Cortical bone shows brighter at the edges.
        band = _soft(0.016 - distance, 0.008) * (0.7 + 0.3 * (distance / 0.016) ** 2)
        ribs += band * _soft(across - 0.06, 0.03)
        front = first + 0.10 + gap * rib - 0.38 * (across - 0.75)
        ribs += 0.45 * _soft(0.017 - np.abs(y - front), 0.012) * _soft(across - 0.3, 0.1)
    cage = 0.83 * np.clip(1 - np.abs((y - 0.85) / 0.84) ** 2.6, 0, 1) ** 0.5
    return np.clip(ribs, 0, 1.2) * _soft(cage - across, 0.03) * _soft(0.9 - y, 0.08)


def _clavicles(x: Field, y: Field) -> Field:
    across = np.abs(x)
    middle = 0.20 - 0.12 * across + 0.012 * np.sin(2 * np.pi * across / 0.6)
    ends = _soft(across - 0.07, 0.03) * _soft(0.68 - across, 0.03)
    return _soft(0.018 - np.abs(y - middle), 0.008) * ends


def _vessels(x: Field, y: Field, lungs: Field, random: np.random.Generator) -> Field:
    """Marks that branch from both hila and fade outwards: noise of three sizes."""
    marks = np.zeros_like(x)
    for cells, weight in ((14, 0.5), (40, 0.35), (90, 0.25)):
        grid = random.normal(0, 1, (cells, cells)).astype(np.float32)
        marks += weight * cv2.resize(grid, x.shape[::-1], interpolation=cv2.INTER_CUBIC)
    hila = np.exp(-(((np.abs(x) - 0.2) / 0.14) ** 2) - ((y - 0.47) / 0.13) ** 2)
    near = 0.35 + np.exp(-(((np.abs(x) - 0.2) / 0.28) ** 2) - ((y - 0.5) / 0.25) ** 2)
    return (lungs * (0.10 * hila + 0.03 * near * marks)).astype(np.float32)


def encode_jpeg(
    pixels: npt.NDArray[np.uint8],
    *,
    quality: int = 90,
    mode: str = "L",
    orientation: int | None = None,
    progressive: bool = False,
    subsampling: int = 0,
    **options: Any,
) -> bytes:
    """JPEG of gray pixels; `mode` may be L, RGB or CMYK (stored inverted, as Adobe does)."""
    return _saved(
        Image.fromarray(pixels).convert(mode),
        "JPEG",
        quality=quality,
        progressive=progressive,
        subsampling=subsampling,
        exif=_exif(orientation),
        **options,
    )


def encode_png(
    pixels: npt.NDArray[Any],
    *,
    mode: str | None = None,
    alpha: Gray | None = None,
    orientation: int | None = None,
    **options: Any,
) -> bytes:
    """PNG of uint8 or uint16 [h, w], or of uint8 colour [h, w, 3].

    `mode` 1, P or RGB converts; `alpha` adds a channel; `transparency` names a gray value (tRNS).
    """
    image = Image.fromarray(pixels)
    if mode is not None:
        image = image.convert(mode)
    if alpha is not None:
        image = image.convert("LA" if image.mode == "L" else "RGBA")
        image.putalpha(Image.fromarray(alpha))
    return _saved(image, "PNG", exif=_exif(orientation), **options)


def encode_interlaced_png(pixels: Gray) -> bytes:
    """An Adam7 PNG of gray pixels (ISO 15948 8.2), which Pillow reads but does not write."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    rows = b"".join(
        b"\0" + row.tobytes()
        for left, top, across, down in (*passes, (0, 1, 1, 2))
        for row in pixels[top::down, left::across]
        if row.size
    )
    height, width = pixels.shape
    header = struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def encode_webp(pixels: Gray, *, alpha: Gray | None = None, **options: Any) -> bytes:
    """WebP; `lossless=True` keeps every value."""
    image = Image.fromarray(pixels).convert("RGB")
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    orientation = options.pop("orientation", None)
    return _saved(image, "WEBP", exif=_exif(orientation), **options)


def encode_bmp(pixels: Gray, *, mode: str = "L") -> bytes:
    """BMP of gray pixels; `mode` may be 1, L, P or RGB."""
    return _saved(Image.fromarray(pixels).convert(mode), "BMP")


def encode_tiff(
    pixels: npt.NDArray[Any], *, mode: str | None = None, pages: int = 1, **options: Any
) -> bytes:
    """TIFF of uint8 or uint16 [h, w]; `compression` and `tiffinfo` are Pillow's."""
    image = Image.fromarray(pixels)
    image = image if mode is None else image.convert(mode)
    return _saved(image, "TIFF", save_all=True, append_images=[image] * (pages - 1), **options)


def encode_dicom(
    pixels: npt.NDArray[Any],
    *,
    transfer_syntax: str = "1.2.840.10008.1.2.1",
    bits_stored: int | None = None,
    photometric: str = "MONOCHROME2",
    codestream: bytes | None = None,
    **elements: Any,
) -> bytes:
    """A DICOM file of [rows, columns], 8 or 16 bits, signed or not, or of [rows, columns, 3].

    `elements` are set by keyword (`WindowCenter=40`), and a value of None removes one. What pydicom
    cannot compress, GDCM does (an even number of pixels); `codestream` is taken as it is.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(None)
    ds.PatientName, ds.PatientID = "DRAWN^BY CODE", "0"
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    if pixels.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated = 8 * pixels.itemsize
    ds.BitsStored = bits_stored or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return _written(ds, transfer_syntax, codestream)


def _written(ds: Any, transfer_syntax: str, codestream: bytes | None) -> bytes:
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    syntax = UID(transfer_syntax)
    if syntax.is_encapsulated:
        ds.PixelData = encapsulate([codestream or _compressed(ds, syntax)])
        ds["PixelData"].VR = "OB"
    elif not syntax.is_little_endian and ds.BitsAllocated == 16:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    ds.file_meta.TransferSyntaxUID = syntax
    file = io.BytesIO()
    ds.save_as(
        file,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
        enforce_file_format=True,
    )
    return file.getvalue()


def _compressed(ds: Any, syntax: Any) -> bytes:
    from pydicom.encaps import get_frame
    from pydicom.pixels.encoders.base import get_encoder
    from pydicom.uid import JPEG2000, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

    if syntax == RLELossless:
        return bytes(get_encoder(syntax).encode(ds, index=0, encoding_plugin="pydicom"))
    if syntax in (JPEG2000, JPEG2000Lossless):
        options: dict[str, Any] = {"j2k_cr": [5]} if syntax == JPEG2000 else {}
        encoder = get_encoder(syntax)
        return bytes(encoder.encode(ds, index=0, encoding_plugin="pylibjpeg", **options))
    if syntax == JPEGBaseline8Bit:
        return encode_jpeg(ds.pixel_array)

    import gdcm
    from pydicom import dcmread

    # GDCM takes and gives files only; its objects hold each other, so their order matters.
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "plain.dcm"), Path(folder, "compressed.dcm")
        ds.save_as(source, enforce_file_format=True)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(source))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
        change.SetInput(reader.GetImage())
        if not change.Change():
            del change  # before what it refers to, or GDCM ends the process
            raise ValueError(f"GDCM cannot write {syntax.name} of this shape")
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(target))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return get_frame(dcmread(target).PixelData, 0, number_of_frames=1)


def _exif(orientation: int | None) -> bytes:
    if orientation is None:
        return b""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif.tobytes()


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
