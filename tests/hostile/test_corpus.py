"""Every hostile file gets a documented answer, and the service is as well afterwards as before."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from inference.decoding import decode
from inference.errors import ServiceError, Undecodable, UnsupportedMedia
from inference.pixel_budget import PixelBudget
from tests import drawing
from tests.app.asking import Client, without_chance
from tests.hostile.corpus import PICTURE, Hostile, families, files

CHEST = drawing.draw_chest(300, 260, seed=5)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")


def test_there_are_more_than_1400_different_files() -> None:
    assert len({file.data for family in families() for file in files(family)}) > 1400


def answered(client: Client, file: Hostile) -> str:
    """The code of the answer, which the OpenAPI document has to describe."""
    answer = client.predict(file.data, params={"explain": "none"})
    if answer.status_code == 200 or answer.json()["code"] == "not_a_chest_xray":
        return PICTURE
    return str(answer.json()["code"])


@pytest.mark.parametrize("family", families())
def test_every_file_gets_an_answer_that_is_right_for_it(client: Client, family: str) -> None:
    found = {file: answered(client, file) for file in files(family)}
    assert {file.name: code for file, code in found.items() if code not in file.answers} == {}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_after_all_of_them_the_service_answers_as_before_and_has_kept_its_memory(
    client: Client,
) -> None:
    good = drawing.encode_jpeg(CHEST)
    before = without_chance(client.answer(good))
    for file in files("pngs.bombs") + files("tiffs.bombs") + files("dicoms.bombs"):
        client.predict(file.data)
    assert without_chance(client.answer(good)) == before
    assert "Traceback" not in client.host.log()
    assert client.host.process.poll() is None
    status = Path(f"/proc/{client.host.process.pid}/status").read_text()
    [peak] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    assert peak / 1024 < 400


SMALL = drawing.draw_chest(16, 12, seed=1)
CUTS = {
    "JPEG": drawing.encode_jpeg(SMALL, quality=40),
    "progressive JPEG": drawing.encode_jpeg(SMALL, mode="RGB", progressive=True, quality=40),
    "CMYK JPEG": drawing.encode_jpeg(SMALL, mode="CMYK", quality=40),
    "PNG": drawing.encode_png(SMALL),
    "16-bit PNG": drawing.encode_png(SMALL.astype("uint16") * 16),
    "interlaced PNG": drawing.encode_interlaced_png(SMALL),
    "WebP": drawing.encode_webp(SMALL),
    "lossless WebP": drawing.encode_webp(SMALL, lossless=True),
    "BMP": drawing.encode_bmp(SMALL, mode="RGB"),
    "TIFF": drawing.encode_tiff(SMALL),
    "deflated TIFF": drawing.encode_tiff(SMALL, compression="tiff_adobe_deflate"),
    "DICOM": drawing.encode_dicom(SMALL),
    "implicit DICOM": drawing.encode_dicom(SMALL, transfer_syntax="1.2.840.10008.1.2"),
    "deflated DICOM": drawing.encode_dicom(SMALL, transfer_syntax="1.2.840.10008.1.2.1.99"),
    "RLE DICOM": drawing.encode_dicom(SMALL, transfer_syntax="1.2.840.10008.1.2.5"),
    "JPEG DICOM": drawing.encode_dicom(SMALL, transfer_syntax="1.2.840.10008.1.2.4.50"),
    "JPEG 2000 DICOM": drawing.encode_dicom(
        drawing.draw_chest(32, 32), transfer_syntax="1.2.840.10008.1.2.4.90"
    ),
}


def outcome(data: bytes) -> bytes | None:
    """The pixels, or None if the file was refused as no picture or a broken one."""
    try:
        return decode(data, max_pixels=10_000, budget=PixelBudget(10_000)).pixels.tobytes()
    except (UnsupportedMedia, Undecodable):
        return None


@pytest.mark.parametrize("kind", CUTS)
def test_a_file_that_is_cut_at_any_byte_is_refused_or_lacks_nothing_of_the_picture(
    kind: str,
) -> None:
    data = CUTS[kind]
    whole = outcome(data)
    assert whole is not None
    shown = [length for length in range(len(data)) if outcome(data[:length]) is not None]
    # What may be missing is padding, and the end of what DICOM encapsulates.
    assert all(length >= len(data) - 16 for length in shown)
    assert {outcome(data[:length]) for length in shown} <= {whole}


# JPEG 2000 takes too long for so many; some of it is in tests/inference/test_dicom.py.
@pytest.mark.parametrize("kind", [kind for kind in CUTS if kind != "JPEG 2000 DICOM"])
def test_a_file_with_any_one_byte_wrong_is_shown_or_refused(kind: str) -> None:
    data = CUTS[kind]
    for place in range(len(data)):
        broken = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        try:
            decode(broken, max_pixels=10_000, budget=PixelBudget(10_000))
        except ServiceError as error:
            assert error.status in (413, 415, 422)  # noqa: PT017
