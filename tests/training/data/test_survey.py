"""What is kept of each image, and what cannot be read."""

from pathlib import Path

import numpy as np
import pytest

from tests.drawing import encode_jpeg, encode_png
from tests.training.data.conftest import AddImage, draw_patient
from training.data import Example
from training.data.survey import survey


def test_format_and_the_size_of_the_upright_original_are_kept(add: AddImage) -> None:
    wide = draw_patient(1, 160, 120)
    found = survey(
        [add("1.png", wide), add("2.jpg", encode_jpeg(wide, orientation=6))],  # 2 lies on its side
    )
    assert [(image.format, image.width, image.height) for image in found.images] == [
        ("PNG", 160, 120),
        ("JPEG", 120, 160),
    ]
    assert np.allclose(found.images[0].shape, [np.log(160), np.log(120), np.log(4 / 3)])


def test_files_that_cannot_be_read_are_named_and_do_not_stop_the_others(
    add: AddImage, tmp_path: Path
) -> None:
    broken = add("broken.jpg", encode_jpeg(draw_patient(1))[:400])
    text = add("text.png", b"no image")
    missing = Example(tmp_path / "missing.png", "normal", "train", "clinic", "")
    found = survey([broken, add("1.png", draw_patient(2)), text, missing])
    assert [image.example.path.name for image in found.images] == ["1.png"]
    assert [each.example for each in found.unreadable] == [broken, text, missing]
    assert "truncated" in found.unreadable[0].reason
    assert "no image that is read here" in found.unreadable[1].reason
    assert found.unreadable[2].reason == "No such file or directory"
    assert len(found.squares) == 1


def test_the_same_pixels_in_another_file_have_the_same_digest_and_other_bytes(
    add: AddImage,
) -> None:
    pixels = draw_patient(1)
    one, two, three = survey(
        [
            add("1.png", pixels),
            add("2.png", encode_png(pixels, compress_level=0)),
            add("3.png", pixels.reshape(150, 140)),  # the same values in another shape
        ]
    ).images
    assert one.pixels == two.pixels
    assert one.content != two.content
    assert one.pixels != three.pixels


def test_border_figures_show_a_frame_and_no_lung(add: AddImage) -> None:
    pixels = np.full((100, 100), 128, np.uint8)
    pixels[:4] = 255
    framed, other = survey(
        [add("1.png", pixels), add("2.png", np.full((100, 100), 128, np.uint8))]
    ).images
    # Mean and deviation of top, bottom, left and right; shares of black and of white. The top is
    # white, and so are 4 of 100 pixels of the left and right edges.
    assert framed.border == pytest.approx(
        [255, 0, 128, 0, 133.08, 24.887, 133.08, 24.887, 0, (400 + 16 + 16) / 1600], abs=0.01
    )
    assert list(other.border) == [128, 0, 128, 0, 128, 0, 128, 0, 0, 0]


def test_sharpness_falls_when_a_picture_is_blurred(add: AddImage) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8)
    halves = np.kron(noise[::2, ::2], np.ones((2, 2), np.uint8))
    sharp, blurred = survey([add("1.png", noise), add("2.png", halves)]).images
    assert sharp.tone[0] == pytest.approx(127.5, abs=1)
    assert sharp.tone[-2] > blurred.tone[-2] > 0


def test_a_thumbnail_holds_the_mean_of_each_sixty_fourth(add: AddImage) -> None:
    tiles = np.arange(0, 128, 2, dtype=np.uint8).reshape(8, 8)
    (image,) = survey([add("1.png", np.kron(tiles, np.ones((16, 16), np.uint8)))]).images
    assert list(image.thumbnail) == list(range(0, 128, 2))


def test_no_image_at_all_is_no_error() -> None:
    found = survey([])
    assert (found.images, found.unreadable, len(found.squares)) == ([], [], 0)
