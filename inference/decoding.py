"""Bytes → `Radiograph`: the first of them say what file it is, and that says who reads it."""

from collections.abc import Callable

from inference import pictures
from inference.errors import UnsupportedMedia
from inference.pixel_budget import PixelBudget
from inference.radiograph import Radiograph


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
        raise UnsupportedMedia
    if kinds == ["DICOM"]:
        try:
            from inference import dicom  # pydicom takes long to import and is an extra
        except ImportError:
            raise UnsupportedMedia(
                "DICOM is not read by this installation; it needs the extra 'dicom' "
                "(pip install 'pydicom' and its decoders)."
            ) from None
        return dicom.decode(data, max_pixels=max_pixels, budget=budget)
    return pictures.decode(data, kinds[0], max_pixels=max_pixels, budget=budget)


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
