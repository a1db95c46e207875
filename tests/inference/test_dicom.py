"""DICOM files: what the standard says of gray values, and what a file may get wrong."""

import base64
import fcntl
import io
import json
import logging
import os
import signal
import subprocess
import sys
import termios
import textwrap
import warnings
import zlib
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom", reason="the extra 'dicom' is not installed")

from pydicom.encaps import get_frame  # noqa: E402
from pydicom.uid import (  # noqa: E402
    JPEG2000,
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from inference import dicom  # noqa: E402
from inference.decoding import decode  # noqa: E402
from inference.errors import TooLarge, Undecodable, UnsupportedMedia  # noqa: E402
from inference.pixel_budget import PixelBudget  # noqa: E402
from inference.radiograph import Radiograph  # noqa: E402
from tests.drawing import draw_chest, encode_dicom, encode_jpeg  # noqa: E402
from tests.waiting import until  # noqa: E402

CHEST = draw_chest(64, 48)
CHEST_12 = (CHEST.astype(np.uint16) << 4) + (CHEST >> 4)  # 0 ... 4095
CHEST_12[0, 0], CHEST_12[0, 1] = 0, 4095

# 100 * row + column, [16, 24], lossless by OpenJPH, as none of the decoders here writes HTJ2K.
HTJ2K_RAMP = base64.b64decode(
    "/0//UQApQAAAAAAYAAAAEAAAAAAAAAAAAAAAGAAAABAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB"
    "/1wAEyCIkJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAIQAAf+TwAAmW/wFB3QA"
    "wAASgOAAB3QAoAAJwCIX+QCiNADAABLAABVAiIBLdACOO3b8ABCAd1YAwAATQAAVwPDYFPJ1AMCBgYGBgeAY9jGB7LgA"
    "wAAngABbQADz8ClL5gDGRqPRaDQajUaj8f8QAhAe/YhAe/YhAey/AP/Z"
)


def decoded(data: bytes, max_pixels: int = 40_000_000) -> Radiograph:
    return decode(data, max_pixels=max_pixels, budget=PixelBudget(max_pixels))


def shown(pixels: list[int], dtype: type = np.uint16, **options: object) -> list[int]:
    """What a DICOM file of one row shows."""
    return decoded(encode_dicom(np.array([pixels], dtype), **options)).pixels[0].tolist()


# Gray values


def test_8_bits_without_a_window_stay_as_they_are() -> None:
    assert shown([0, 7, 100, 255], np.uint8) == [0, 7, 100, 255]


def test_12_bits_without_a_window_use_the_whole_range() -> None:
    assert shown([0, 819, 2730, 4095], bits_stored=12) == [0, 51, 170, 255]


def test_signed_values_without_a_window_use_the_whole_range() -> None:
    assert shown([-1000, 20, 1040], np.int16, bits_stored=12) == [0, 128, 255]


def test_monochrome1_is_shown_inverted() -> None:
    assert shown([0, 819, 2730, 4095], bits_stored=12, photometric="MONOCHROME1") == [
        255,
        204,
        85,
        0,
    ]


def test_both_kinds_of_monochrome_give_the_same_radiograph() -> None:
    dense_is_low = encode_dicom(4095 - CHEST_12, bits_stored=12, photometric="MONOCHROME1")
    dense_is_high = encode_dicom(CHEST_12, bits_stored=12)
    assert np.array_equal(decoded(dense_is_low).pixels, decoded(dense_is_high).pixels)


def test_a_linear_window_follows_the_standard() -> None:
    # PS3.3 C.11.2.1.2.1: black up to c - 0.5 - (w - 1) / 2 = 1000, white above 2000.
    window = {"WindowCenter": 1500.5, "WindowWidth": 1001, "bits_stored": 12}
    assert shown([0, 1000, 1200, 1500, 2000, 4095], **window) == [0, 0, 51, 128, 255, 255]


def test_a_linear_exact_window_follows_the_standard() -> None:
    # PS3.3 C.11.2.1.3.2: black up to c - w / 2 = 1000, white above 2000.
    window = {"WindowCenter": 1500, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"}
    assert shown([1000, 1200, 1400, 1600, 2000], **window) == [0, 51, 102, 153, 255]


def test_a_sigmoid_window_follows_the_standard() -> None:
    # PS3.3 C.11.2.1.3.1: 255 / (1 + exp(-4 (x - 1000) / 400))
    window = {"WindowCenter": 1000, "WindowWidth": 400, "VOILUTFunction": "SIGMOID"}
    assert shown([0, 900, 1000, 1100, 4000], **window) == [0, 69, 128, 186, 255]


def test_the_first_of_several_windows_is_used() -> None:
    window = {"WindowCenter": [1500, 9], "WindowWidth": [1000, 9], "VOILUTFunction": "LINEAR_EXACT"}
    assert shown([1000, 1400, 2000], **window) == [0, 102, 255]


def test_a_window_applies_to_rescaled_values() -> None:
    # 2 x - 1000 is -1000, 0, 200, 1000
    options = {"RescaleSlope": 2, "RescaleIntercept": -1000, "RescaleType": "US"}
    window = {"WindowCenter": 500, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"}
    assert shown([0, 500, 600, 1000], **options, **window) == [0, 0, 51, 255]


@pytest.mark.parametrize(
    "empty",
    ["VOILUTFunction", "RescaleSlope", "RescaleIntercept", "VOILUTSequence", "ViewPosition"],
)
def test_an_element_without_a_value_means_the_same_as_none(empty: str) -> None:
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    given = {"RescaleSlope": 1, "RescaleIntercept": 0} if "Rescale" in empty else {}
    value = [] if empty == "VOILUTSequence" else ""
    assert shown([0, 2048, 4095], **(window | given | {empty: value})) == [0, 128, 255]


@pytest.mark.parametrize("half", [{"WindowWidth": 10}, {"WindowCenter": 10}])
def test_half_a_window_is_none(half: dict[str, int]) -> None:
    assert shown([0, 1000, 4000], **half) == shown([0, 1000, 4000])


def test_a_rescale_with_a_negative_slope_inverts_with_and_without_a_window() -> None:
    options = {"RescaleSlope": -1, "RescaleIntercept": 4095, "bits_stored": 12}
    window = {"WindowCenter": 2047.5, "WindowWidth": 4095, "VOILUTFunction": "LINEAR_EXACT"}
    assert shown([0, 819, 4095], **options) == [255, 204, 0]
    assert shown([0, 819, 4095], **options, **window) == [255, 204, 0]


def _table(first: int, values: list[int], bits: int) -> pydicom.Sequence:
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US", [len(values), first, bits])
    item.add_new("LUTData", "US", values)
    return pydicom.Sequence([item])


def test_a_modality_lut_is_looked_up_from_its_first_value() -> None:
    table = _table(10, [0, 1000, 4000, 16000], 16)
    # below the first value the first entry, above the last one the last entry
    assert shown([5, 10, 11, 12, 13, 99], ModalityLUTSequence=table) == [0, 0, 16, 64, 255, 255]


@pytest.mark.parametrize(("bits", "top", "middle"), [(8, 255, 127), (16, 65535, 128)])
def test_a_voi_lut_is_looked_up_whatever_its_depth(bits: int, top: int, middle: int) -> None:
    table = _table(1000, [entry * top // 511 for entry in range(512)], bits)
    assert shown([0, 1000, 1256, 1511, 4000], VOILUTSequence=table) == [0, 0, middle, 255, 255]


# Padding (PS3.3 C.7.5.1.1.2): without it, the other three pixels are 1000, 1408 and 2020.


@pytest.mark.parametrize(
    ("stored", "dtype", "elements"),
    [
        ([0, 1000, 1408, 2020], np.uint16, {"PixelPaddingValue": 0}),
        ([63536, 1000, 1408, 2020], np.uint16, {"PixelPaddingValue": 63536}),
        ([-2000, -20, 388, 1000], np.int16, {"PixelPaddingValue": -2000}),
        ([0, 1000, 1408, 2020], np.uint16, {"PixelPaddingValue": 0, "RescaleSlope": 2}),
    ],
)
def test_padding_is_black_and_does_not_count_for_the_range(
    stored: list[int], dtype: type, elements: dict[str, int]
) -> None:
    assert shown(stored, dtype, **elements) == [0, 0, 102, 255]


def test_padding_is_black_where_low_values_are_white() -> None:
    padded = [4095, 2020, 1612, 1000]
    assert shown(padded, PixelPaddingValue=4095, photometric="MONOCHROME1") == [0, 0, 102, 255]
    turned = {"RescaleSlope": -1, "RescaleIntercept": 4095}
    assert shown(padded, PixelPaddingValue=4095, **turned) == [0, 0, 102, 255]
    both = turned | {"photometric": "MONOCHROME1"}
    assert shown(padded, PixelPaddingValue=4095, **both) == [0, 255, 153, 0]
    assert shown([0, 2020, 1612, 1000], PixelPaddingValue=0, **turned) == [0, 0, 102, 255]


@pytest.mark.parametrize(("value", "limit"), [(10, 20), (20, 10)])
def test_a_range_of_padding_has_both_its_ends(value: int, limit: int) -> None:
    padding = {"PixelPaddingValue": value, "PixelPaddingRangeLimit": limit}
    assert shown([9, 10, 15, 20, 21, 1029], **padding) == [0, 0, 0, 0, 3, 255]
    inverse = padding | {"photometric": "MONOCHROME1"}
    assert shown([9, 10, 15, 20, 21, 1029], **inverse) == [255, 0, 0, 0, 252, 0]


def test_padding_may_be_written_with_a_sign_that_the_pixels_do_not_have() -> None:
    signed = encode_dicom(np.array([[-2000, -20, 388, 1000]], np.int16), PixelPaddingValue=-2000)
    assert b"\x28\0\x20\1SS" in signed
    as_unsigned = signed.replace(b"\x28\0\x20\1SS", b"\x28\0\x20\1US")
    assert decoded(as_unsigned).pixels.tolist() == [[0, 0, 102, 255]]


def test_8_bits_beside_padding_stay_as_they_are() -> None:
    assert shown([0, 7, 255, 100], np.uint8, PixelPaddingValue=255) == [0, 7, 0, 100]


def test_padding_is_a_stored_value_whatever_a_modality_lut_makes_of_it() -> None:
    table = _table(10, [9000, 1000, 1408, 2020, 10], 16)
    padded = {"ModalityLUTSequence": table, "PixelPaddingValue": 10}
    assert shown([10, 11, 12, 13], **padded) == [0, 0, 102, 255]


def test_padding_does_not_count_where_there_is_a_window() -> None:
    window = {"WindowCenter": 1500, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"}
    assert shown([1000, 1400, 2000], PixelPaddingValue=2000, **window) == [0, 102, 255]


def test_a_picture_of_nothing_but_padding_is_black() -> None:
    assert shown([3000, 3000], PixelPaddingValue=3000, photometric="MONOCHROME1") == [0, 0]


def test_padding_around_a_large_picture_is_reduced_with_it() -> None:
    pixels = np.full((2048, 2048), 63536, np.uint16)
    pixels[1:1024] = np.linspace(1000, 2020, 2048)
    shown = decoded(encode_dicom(pixels, PixelPaddingValue=63536)).pixels
    assert shown.shape == (1024, 1024)
    assert not shown[512:].any()
    assert np.abs(shown[1:512] - np.linspace(0, 255, 1024)).max() < 1.5
    assert np.abs(shown[0] - np.linspace(0, 127.5, 1024)).max() < 1.5


# Transfer syntaxes


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEGLossless,
        JPEGLosslessSV1,
        JPEGLSLossless,
        JPEG2000Lossless,
    ],
    ids=lambda syntax: syntax.name,
)
@pytest.mark.parametrize("kind", ["8 bits", "12 bits", "16 bits, signed"])
def test_lossless_files_give_the_values_that_were_stored(syntax: str, kind: str) -> None:
    pixels, bits = {
        "8 bits": (CHEST, 8),
        "12 bits": (CHEST_12, 12),
        "16 bits, signed": (CHEST_12.astype(np.int16) - 2048, 16),
    }[kind]
    data = encode_dicom(pixels, transfer_syntax=syntax, bits_stored=bits)
    radiograph = decoded(data)
    assert (radiograph.format, radiograph.width, radiograph.height) == ("DICOM", 64, 48)
    expected = CHEST if bits == 8 else np.rint(CHEST_12 * (255 / 4095))
    assert np.abs(radiograph.pixels.astype(int) - expected).max() <= (0 if bits == 8 else 1)


@pytest.mark.parametrize(
    ("syntax", "bits"),
    [(JPEGBaseline8Bit, 8), (JPEGExtended12Bit, 12), (JPEGLSNearLossless, 12), (JPEG2000, 12)],
    ids=lambda value: getattr(value, "name", f"{value} bits"),
)
def test_lossy_files_give_about_the_values_that_were_stored(syntax: str, bits: int) -> None:
    pixels = CHEST if bits == 8 else CHEST_12
    radiograph = decoded(encode_dicom(pixels, transfer_syntax=syntax, bits_stored=bits))
    assert np.abs(radiograph.pixels.astype(int) - CHEST).mean() < 3


def test_htj2k_gives_the_values_that_were_stored() -> None:
    ramp = (100 * np.arange(16)[:, None] + np.arange(24)).astype(np.uint16)  # 0 ... 1523
    data = encode_dicom(ramp, transfer_syntax=HTJ2KLossless, bits_stored=16, codestream=HTJ2K_RAMP)
    assert np.abs(decoded(data).pixels - ramp * (255 / 1523)).max() <= 0.51


def test_negative_12_bit_values_keep_their_sign_through_lossless_jpeg() -> None:
    pixels = np.array([[-2048, 0, 2047], [-1, 1, 2]], np.int16)
    data = encode_dicom(pixels, transfer_syntax=JPEGLosslessSV1, bits_stored=12)
    assert decoded(data).pixels.tolist() == [[0, 128, 255], [127, 128, 128]]


def test_a_file_without_preamble_is_read_by_its_first_elements() -> None:
    assert np.array_equal(decoded(encode_dicom(CHEST)[132:]).pixels, CHEST)


def test_a_preamble_that_begins_like_a_tiff_is_still_dicom() -> None:
    data = encode_dicom(CHEST)
    assert decoded(b"II*\0" + data[4:]).format == "DICOM"


def test_large_dicom_is_reduced() -> None:
    radiograph = decoded(encode_dicom(draw_chest(2048, 2048)))
    assert (radiograph.width, radiograph.pixels.shape) == (2048, (1024, 1024))


# What else is known


@pytest.mark.parametrize(("stored", "told"), [("PA", "PA"), ("LL", "LL"), ("MR^SMITH", None)])
def test_only_standard_view_positions_are_told(stored: str, told: str | None) -> None:
    assert decoded(encode_dicom(CHEST, ViewPosition=stored)).view_position == told


@pytest.mark.parametrize(
    ("age", "child"),
    [("017Y", True), ("018Y", False), ("006M", True), ("090D", True), ("", None), ("old", None)],
)
def test_of_the_age_only_childhood_is_told(age: str, child: bool | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = encode_dicom(CHEST, PatientAge=age)
    assert decoded(data).paediatric is child


@pytest.mark.parametrize(
    ("station", "series", "told"),
    [
        ("PORTABLE1", "", True),
        ("", "Chest portable", True),
        ("ROOM 2", "CHEST PA", False),
        ("", "", None),
    ],
)
def test_of_station_and_series_only_a_portable_device_is_told(
    station: str, series: str, told: bool | None
) -> None:
    data = encode_dicom(CHEST, StationName=station, SeriesDescription=series)
    assert decoded(data).portable is told


def test_nothing_of_a_patient_reaches_a_log_or_an_error(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = encode_dicom(
            CHEST, PatientName="SECRET^NAME", PatientBirthDate="SECRETDA", PatientAge="SECR",
            StudyDescription="SECRET", WindowCenter=1, WindowWidth=0,
        )  # fmt: skip
    with (
        caplog.at_level(logging.DEBUG),
        warnings.catch_warnings(record=True, action="always") as warned,
        pytest.raises(Undecodable) as refused,
    ):
        decoded(data)
    said = [refused.value.detail, refused.value.log, caplog.text, *map(str, warned)]
    said += capfd.readouterr()
    assert not any("SECR" in text for text in said)
    assert not warned
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "element", ["WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept"]
)
@pytest.mark.parametrize("value", [b"NaN ", b"inf ", b"-inf"])
def test_a_window_or_rescale_that_is_no_number_is_refused_and_not_shown(
    element: str, value: bytes
) -> None:
    numbers = {"WindowCenter": 40, "WindowWidth": 400, "RescaleSlope": 1, "RescaleIntercept": 0}
    data = encode_dicom(CHEST, **(numbers | {element: 7777}))
    with warnings.catch_warnings(action="error"), pytest.raises(Undecodable):
        decoded(data.replace(b"7777", value))


def test_what_a_decoder_complains_of_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    data = encode_dicom(CHEST, transfer_syntax=JPEG2000Lossless)
    stream = data.index(b"\xff\x4f\xff\x51")
    with caplog.at_level(logging.DEBUG), pytest.raises(Undecodable):
        decoded(data[: stream + 60] + bytes(len(data) - stream - 60))
    assert caplog.text == ""


@pytest.mark.parametrize("age", ["²²²Y", "0x1Y", "+18Y", "-01Y", " 18Y"])
def test_an_age_that_is_no_number_is_none(age: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = encode_dicom(CHEST, SpecificCharacterSet="ISO_IR 192", PatientAge="000Y")
    assert (
        decoded(data.replace(b"000Y", age.encode("latin-1", "ignore").ljust(4)[:4])).paediatric
        is None
    )


# Errors


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"NumberOfFrames": 2}, "several frames"),
        ({"photometric": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": 0}, "in colour"),
        ({"photometric": "PALETTE COLOR"}, "palette"),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "8 to 16 bits"),
        ({"PixelData": None}, "PixelData is missing"),
        ({"Rows": 49}, "not Rows x Columns"),
        ({"Rows": 24}, "not Rows x Columns"),
        ({"Columns": 0}, "Columns is missing"),
        ({"WindowCenter": 5, "WindowWidth": 0}, "window, rescale, padding or lookup table"),
        ({"PixelPaddingValue": [0, 1]}, "window, rescale, padding or lookup table"),
        ({"BitsStored": 4, "HighBit": 7}, "High Bit is 7, Bits Stored 4"),
    ],
)
def test_what_is_no_single_gray_frame_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(Undecodable, match=words):
        decoded(encode_dicom(CHEST, **options))


@pytest.mark.parametrize(
    "syntax", [JPEGBaseline8Bit, JPEG2000Lossless, JPEGLosslessSV1, RLELossless]
)
@pytest.mark.parametrize("size", [(24, 64), (48, 32), (480, 640)])
def test_a_codestream_of_another_size_is_refused_before_it_is_decoded(
    syntax: str, size: tuple[int, int]
) -> None:
    rows, columns = size
    data = encode_dicom(CHEST, transfer_syntax=syntax)
    lying = data.replace(
        b"\x28\0\x10\0US\x02\0" + (48).to_bytes(2, "little"),
        b"\x28\0\x10\0US\x02\0" + rows.to_bytes(2, "little"),
    ).replace(
        b"\x28\0\x11\0US\x02\0" + (64).to_bytes(2, "little"),
        b"\x28\0\x11\0US\x02\0" + columns.to_bytes(2, "little"),
    )
    assert lying != data
    with pytest.raises(Undecodable):
        decoded(lying)


def test_a_colour_jpeg_that_is_said_to_be_gray_is_refused() -> None:
    colour = encode_jpeg(CHEST, mode="RGB")
    with pytest.raises(Undecodable, match="compressed pixels are not gray"):
        decoded(encode_dicom(CHEST, transfer_syntax=JPEGBaseline8Bit, codestream=colour))


def test_more_pixels_than_allowed_are_refused() -> None:
    with pytest.raises(TooLarge, match="64 x 48 pixels; at most 3,000"):
        decoded(encode_dicom(CHEST), max_pixels=3000)


def test_a_deflated_bomb_is_not_inflated() -> None:
    data = encode_dicom(CHEST, transfer_syntax=DeflatedExplicitVRLittleEndian)
    meta = data[: 132 + 12 + int.from_bytes(data[140:144], "little")]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = meta + packer.compress(bytes(50_000_000)) + packer.flush()
    assert len(bomb) < 100_000
    with pytest.raises(TooLarge, match="more bytes"):
        decoded(bomb, max_pixels=1_000_000)


def test_a_size_after_the_pixels_does_not_count() -> None:
    file = encode_dicom(CHEST)
    later = b"\x28\0\x10\0US\2\0\xff\xff"  # Rows, once more
    assert np.array_equal(decoded(file + later).pixels, decoded(file).pixels)


def test_pydicom_does_without_gdcm_in_this_process() -> None:
    code = "import sys, inference.dicom as d; print('gdcm' in sys.modules, len(d.GDCM_SYNTAXES))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["False", "8"]


def _rle(*segments: bytes) -> bytes:
    """A frame of RLE (PS3.5 G)."""
    starts = [64 + len(b"".join(segments[:number])) for number in range(len(segments))]
    head = [len(segments), *starts, *[0] * (15 - len(segments))]
    return b"".join(number.to_bytes(4, "little") for number in head) + b"".join(segments)


def test_rle_may_pack_across_rows_and_beyond_the_last_one_but_no_more_than_a_run() -> None:
    def file(*segments: bytes) -> bytes:
        square = np.zeros((4, 4), np.uint8)
        return encode_dicom(square, transfer_syntax=RLELossless, codestream=_rle(*segments))

    across = b"\xfb\x07" + b"\x01\x08\x09" + b"\x80" + b"\xf9\x0a"  # 6, 2 and 8 bytes
    rows = [[7, 7, 7, 7], [7, 7, 8, 9], [10, 10, 10, 10], [10, 10, 10, 10]]
    assert decoded(file(across)).pixels.tolist() == rows
    assert decoded(file(across + b"\x81\x0b")).pixels.tolist() == rows  # 128 too many
    with pytest.raises(Undecodable, match="more than Rows x Columns"):
        decoded(file(across + b"\x81\x0b" + b"\x00\x0b"))
    with pytest.raises(Undecodable, match="truncated or corrupt"):
        decoded(file(across[:-2] + b"\xfa\x0a"))  # one too few
    with pytest.raises(Undecodable, match="truncated or corrupt"):
        decoded(file(across, across))


def test_what_rle_has_above_the_bits_that_are_stored_does_not_count() -> None:
    frame = _rle(b"\x01\xf7\x18", b"\x01\xff\x00")
    options = {"transfer_syntax": RLELossless, "bits_stored": 12, "codestream": frame}
    unsigned = decoded(encode_dicom(np.zeros((1, 2), np.uint16), **options))  # 0x7ff, 0x800
    assert unsigned.pixels.tolist() == [[0, 1]]
    signed = decoded(encode_dicom(np.zeros((1, 2), np.int16), **options))  # 2047, -2048
    assert signed.pixels.tolist() == [[255, 0]]


def test_an_rle_bomb_is_not_unpacked() -> None:
    header = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56)
    bomb = encode_dicom(CHEST, transfer_syntax=RLELossless, codestream=header + b"\x81\0" * 99_999)
    with pytest.raises(Undecodable, match="Rows x Columns"):
        decoded(bomb)


def test_a_transfer_syntax_that_is_not_read_is_named() -> None:
    video = encode_dicom(CHEST, transfer_syntax=MPEG2MPML, codestream=b"\0\0\1\xb3")
    with pytest.raises(Undecodable, match=r"MPEG2 Main Profile .*1\.2\.840\.10008\.1\.2\.4\.100"):
        decoded(video)
    unknown = video.replace(b"1.2.840.10008.1.2.4.100", b"1.2.3.4.5".ljust(23, b"\0"))
    with pytest.raises(Undecodable, match=r"1\.2\.3\.4\.5 .* not known"):
        decoded(unknown)


def test_what_a_transfer_syntax_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom, "_PLUGINS", ())
    monkeypatch.setattr(dicom, "GDCM_SYNTAXES", frozenset())
    with pytest.raises(Undecodable) as refused:
        decoded(encode_dicom(CHEST, transfer_syntax=JPEGLSLossless))
    assert "JPEG-LS Lossless" in refused.value.detail
    assert "1.2.840.10008.1.2.4.80" in refused.value.detail
    assert "not installed" in refused.value.detail


def test_without_the_extra_a_dicom_file_is_refused_and_the_extra_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import inference

    monkeypatch.delattr(inference, "dicom")
    monkeypatch.delitem(sys.modules, "inference.dicom")
    monkeypatch.setitem(sys.modules, "pydicom.config", None)
    with pytest.raises(UnsupportedMedia, match="dicom"):
        decoded(encode_dicom(CHEST))


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless, JPEGLosslessSV1,
     JPEGLSLossless, JPEG2000Lossless, JPEGBaseline8Bit],
    ids=lambda syntax: syntax.name,
)  # fmt: skip
def test_truncated_and_corrupt_files_give_a_documented_error_or_a_picture(syntax: str) -> None:
    data = encode_dicom(CHEST, transfer_syntax=syntax)
    for length in range(0, len(data) - 8, max(1, len(data) // 40)):
        with pytest.raises((UnsupportedMedia, Undecodable)):
            decoded(data[:length])
    random = np.random.default_rng(0)
    for _ in range(30):
        broken = bytearray(data)
        for place in random.integers(132, len(data), 4):
            broken[place] = random.integers(256)
        try:
            radiograph = decoded(bytes(broken), max_pixels=1_000_000)
        except (UnsupportedMedia, TooLarge, Undecodable):
            continue
        assert radiograph.pixels.dtype == np.uint8


def test_a_codestream_that_kills_gdcm_does_not_kill_the_service() -> None:
    """Mutated lossless JPEG: about one in 400 of them ends a process that runs GDCM."""
    data = encode_dicom(CHEST_12, transfer_syntax=JPEGLosslessSV1, bits_stored=12)
    table = data.rindex(b"\xff\xc4")
    for place in range(table + 4, table + 22):
        broken = bytearray(data)
        broken[place] = 255
        try:
            decoded(bytes(broken))
        except Undecodable as refused:
            assert "corrupt" in refused.detail  # noqa: PT017


type Seen = Callable[[], tuple[dict[str, str], list[int], list[int]]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Seen:
    """What a process of GDCM has: its environment, and in the end its limits of memory and time."""
    look = """
        import atexit, json, os
        from pathlib import Path
        from resource import RLIMIT_AS, RLIMIT_CPU, getrlimit

        environment = dict(os.environ)

        @atexit.register
        def tell():
            seen = [environment, getrlimit(RLIMIT_AS), getrlimit(RLIMIT_CPU)]
            Path(__file__).with_name("seen").write_text(json.dumps(seen))
    """
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(look))
    monkeypatch.syspath_prepend(tmp_path)
    return lambda: json.loads((tmp_path / "seen").read_text())


def test_of_our_environment_gdcm_gets_nothing_but_where_libraries_are(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, "/nowhere")
    decoded(encode_dicom(CHEST, transfer_syntax=JPEGLosslessSV1))
    environment, _, _ = seen()
    # LC_CTYPE is Python's own (PEP 538).
    assert set(environment) - {"LC_CTYPE"} == {"LD_LIBRARY_PATH", "PYTHONPATH"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere address space may have no limit")
def test_the_most_pixels_that_gdcm_may_decode_fit_into_the_memory_that_it_may_take(
    seen: Seen,
) -> None:
    noise = np.random.default_rng(0).integers(0, 2**16, (3814, 3812), dtype=np.uint16)
    assert decoded(encode_dicom(noise, transfer_syntax=JPEGLSLossless)).width == 3812
    _, memory, seconds = seen()
    assert memory == [2**29 + 32 * 3814 * 3812] * 2
    assert seconds == [60, 60]
    with pytest.raises(TooLarge):
        decoded(encode_dicom(draw_chest(3814, 3814), transfer_syntax=JPEGLSLossless))


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how full a pipe is")
def test_what_gdcm_gives_is_whole_though_its_process_is_frozen_while_it_writes() -> None:
    """As a platform may do with a container, for which PYTHONUNBUFFERED is usual."""
    chest = draw_chest(700, 600)  # more than a pipe holds
    data = encode_dicom(chest, transfer_syntax=JPEGLosslessSV1)
    frame = get_frame(pydicom.dcmread(io.BytesIO(data)).PixelData, 0, number_of_frames=1)
    command = [sys.executable, str(dicom._GDCM_PROGRAM), "700", "600", "8", JPEGLosslessSV1]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": "1"}, **pipes) as process:
        process.stdin.write(frame)
        process.stdin.close()
        output = process.stdout.fileno()
        size = fcntl.fcntl(output, fcntl.F_GETPIPE_SZ)
        until(lambda: array("i", fcntl.ioctl(output, termios.FIONREAD, bytes(4)))[0] == size)
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGCONT)
        assert process.stdout.read() == chest.tobytes()


@pytest.mark.shared
def test_a_real_chest_radiograph_of_both_kinds_of_monochrome(shared: Path) -> None:
    folder = shared / "originals" / "dicom"
    pictures = [decoded(path.read_bytes()) for path in sorted(folder.glob("*.dcm"))]
    assert len(pictures) == 2
    for radiograph in pictures:
        assert (radiograph.width, radiograph.height) == (1024, 1024)
        assert radiograph.view_position == "PA"
    # One is the other with its photometric interpretation changed to MONOCHROME1.
    assert np.array_equal(pictures[0].pixels, 255 - pictures[1].pixels)
