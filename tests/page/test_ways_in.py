"""Every way by which an image comes to the page, and what is sent of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from hashlib import sha256

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests import drawing
from tests.page.visiting import File, Visit

CHEST = drawing.draw_chest(320, 280, seed=4)
#: Places and the gray values that CHEST has there (means of 5 x 5 pixels).
PLACES = [(0.5, 0.5), (0.3, 0.4), (0.7, 0.4), (0.1, 0.9)]
GIVEN: dict[str, Callable[[Visit, File], None]] = {
    "chosen": lambda visit, file: visit.choose(file),
    "dropped": lambda visit, file: visit.drop(file),
    "pasted": lambda visit, file: visit.paste(file),
    "photographed": lambda visit, file: visit.choose(file, field="#camera"),
}
LINK = "https://images.example.org/chest%201.jpg"


def gif() -> bytes:
    file = io.BytesIO()
    Image.fromarray(CHEST).save(file, "GIF")
    return file.getvalue()


@pytest.mark.parametrize("way", GIVEN)
def test_an_image_can_be(way: str, visit: Visit, chest: bytes) -> None:
    GIVEN[way](visit, ("chest.jpg", "image/jpeg", chest))
    visit.send()
    assert visit.heading().startswith(("Tuberculosis", "Pneumonia", "Normal", "COVID-19"))
    [prediction] = visit.predictions
    assert prediction.json()["input"]["sha256"] == sha256(chest).hexdigest()


@pytest.mark.parametrize(
    "give",
    [
        lambda visit: (visit.page.fill("#link", LINK), visit.page.click("#add")),
        lambda visit: (visit.page.fill("#link", LINK), visit.page.press("#link", "Enter")),
        lambda visit: visit.paste(text=LINK),
        lambda visit: visit.drop(link=LINK),
    ],
    ids=["typed", "typed with Enter", "pasted", "dropped"],
)
def test_a_link_is_left_to_the_service_which_sends_its_picture(
    give: Callable[[Visit], None], visit: Visit, chest: bytes
) -> None:
    visit.sends_instead(chest)
    give(visit)
    expect(visit.page.locator("#stage")).to_contain_text("The service will send the picture")
    visit.send()
    assert json.loads(visit.links[0] or "") == {"image_url": LINK}
    expect(visit.answer).to_contain_text("The picture is the service's")
    assert 0 < visit.gray([(0.5, 0.5)])[0] < 255


FILES = {
    "PNG": ("a.png", drawing.encode_png(CHEST)),
    "WebP": ("a.webp", drawing.encode_webp(CHEST, lossless=True)),
    "BMP": ("a.bmp", drawing.encode_bmp(CHEST)),
    "TIFF": ("a.tif", drawing.encode_tiff(CHEST)),
    "deep PNG": ("a.png", drawing.encode_png(CHEST.astype(np.uint16) * 16)),
    "DICOM": ("a.dcm", drawing.encode_dicom(CHEST)),
    "DICOM without an ending": ("IM0001", drawing.encode_dicom(CHEST)),
    "turned JPEG": (
        "a.jpg",
        drawing.encode_jpeg(np.ascontiguousarray(np.rot90(CHEST)), orientation=6),
    ),
    "turned WebP": (
        "a.webp",
        drawing.encode_webp(np.ascontiguousarray(np.rot90(CHEST)), lossless=True, orientation=6),
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_each_format_is_sent_as_it_is_and_its_picture_shown(kind: str, visit: Visit) -> None:
    name, data = FILES[kind]
    answer = visit.see((name, "", data))
    assert answer["input"]["sha256"] == sha256(data).hexdigest()
    assert (answer["input"]["width"], answer["input"]["height"]) == (320, 280)
    wanted = cv2.blur(CHEST, (5, 5))
    for (x, y), gray in zip(PLACES, visit.gray(PLACES), strict=True):
        # Grain and JPEG blur one pixel; what is subtracted from an overlay is not exact.
        assert abs(gray - int(wanted[int(y * 280), int(x * 320)])) < 25, (x, y)


def test_what_the_service_does_not_read_but_the_browser_does_is_made_a_jpeg(visit: Visit) -> None:
    answer = visit.see(("chest.gif", "image/gif", gif()))
    assert answer["input"]["format"] == "JPEG"
    assert (answer["input"]["width"], answer["input"]["height"]) == (320, 280)
    expect(visit.answer).to_contain_text("Made a JPEG in your browser")


def test_an_image_above_ten_mebibytes_is_shrunk_in_the_browser_with_a_note(visit: Visit) -> None:
    large = drawing.encode_bmp(cv2.resize(CHEST, (3500, 3063)))
    assert len(large) > 10 * 2**20
    answer = visit.see(("large.bmp", "image/bmp", large))
    assert (answer["input"]["width"], answer["input"]["height"]) == (2048, 1792)
    assert int(visit.sent[0].all_headers()["content-length"]) < 2**20
    expect(visit.answer).to_contain_text("Shrunk in your browser from 10.2 MB to")


def test_nothing_is_sent_before_the_button_is_pressed(visit: Visit, chest: bytes) -> None:
    visit.drop(("chest.jpg", "image/jpeg", chest))
    expect(visit.page.locator("#send")).to_be_focused()
    expect(visit.answer).to_contain_text("not sent yet")
    assert visit.gray([(0.5, 0.5)])[0] > 0
    assert visit.sent == []


def test_a_box_sends_at_once_what_is_added(visit: Visit, chest: bytes) -> None:
    visit.page.check("#at-once")
    visit.drop(("one.jpg", "image/jpeg", chest))
    visit.wait()
    visit.drop(("two.png", "image/png", FILES["PNG"][1]))
    visit.wait()
    expect(visit.page.locator("#strip .answered")).to_have_count(2)
    assert len(visit.sent) == 2


def test_what_holds_no_image_is_told(visit: Visit) -> None:
    visit.drop()
    expect(visit.page.locator("#alert")).to_have_text("There is no image in that.")
    visit.page.fill("#link", "ftp://example.org/a.jpg")
    visit.page.click("#add")
    expect(visit.page.locator("#alert")).to_have_text("A link begins with http:// or https://.")
    assert visit.sent == []


def test_while_it_waits_it_shows_progress_and_can_be_cancelled(visit: Visit, chest: bytes) -> None:
    visit.holds()
    visit.choose(("a.jpg", "image/jpeg", chest), ("b.jpg", "image/jpeg", chest))
    visit.page.click("#send")
    expect(visit.page.locator("#progress")).to_be_visible()
    expect(visit.answer).to_contain_text("on its way")
    visit.page.click("#cancel")
    expect(visit.answer).to_have_class("cancelled")
    assert visit.heading() == "Cancelled"
    expect(visit.page.locator("#progress")).to_be_hidden()
    visit.page.unroute_all()
    visit.answer.get_by_text("Try again").click()
    visit.wait()
    expect(visit.answer).to_have_class("answered")


def test_what_was_cancelled_is_sent_with_all_that_waits(visit: Visit, chest: bytes) -> None:
    visit.holds()
    visit.choose(*((f"{number}.jpg", "image/jpeg", chest) for number in range(3)))
    visit.page.click("#send")
    visit.page.click("#cancel")
    expect(visit.page.locator("#strip .cancelled")).to_have_count(3)
    visit.page.unroute_all()
    visit.choose(("3.jpg", "image/jpeg", chest))
    visit.send()
    expect(visit.page.locator("#status")).to_have_text("4 of 4 answered")
    expect(visit.page.locator("#send")).to_be_hidden()


def test_of_many_images_at_once_few_are_decoded_at_a_time(visit: Visit, chest: bytes) -> None:
    visit.page.evaluate("""() => {
        const decode = createImageBitmap;
        let now = 0;
        window.most = 0;
        window.createImageBitmap = async (blob) => {
            window.most = Math.max(window.most, ++now);
            try { return await decode(blob); } finally { now--; }
        };
    }""")
    visit.drop(*((f"{number}.jpg", "image/jpeg", chest) for number in range(12)))
    expect(visit.page.locator("#strip .thumb canvas[width='160']")).to_have_count(12)
    assert visit.page.evaluate("window.most") <= 2  # a thumbnail's and the one that is looked at


def test_an_image_can_be_taken_away_again(visit: Visit, chest: bytes) -> None:
    visit.choose(("a.jpg", "image/jpeg", chest), ("b.jpg", "image/jpeg", chest))
    visit.page.get_by_label("Remove a.jpg").click()
    assert visit.heading() == "b.jpg"
    visit.page.click("#clear")
    expect(visit.page.locator("#work")).to_be_hidden()
