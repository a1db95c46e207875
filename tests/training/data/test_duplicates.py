"""Copies are found whatever was done to them; other patients are not taken for them."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from inference.preprocessing import equalize_locally, squash
from tests.drawing import Gray, encode_jpeg, encode_png
from tests.training.data.conftest import AddImage, draw_patient
from training.data.duplicates import (
    BYTES,
    PATIENT,
    PICTURE,
    PIXELS,
    Pair,
    compare,
    describe,
    find_duplicates,
    together,
)
from training.data.survey import SQUARE, survey


def jpeg(pixels: Gray, quality: int) -> Gray:
    return cv2.imdecode(np.frombuffer(encode_jpeg(pixels, quality=quality), np.uint8), 0)


def turned(pixels: Gray, degrees: float) -> Gray:
    height, width = pixels.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(pixels, matrix, (width, height))


def marked(pixels: Gray) -> Gray:
    pixels = pixels.copy()
    pixels[:12, :30] = 255
    return cv2.putText(pixels, "AP", (90, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 255, 2)


CHANGES: dict[str, Callable[[Gray], Gray]] = {
    "compressed": lambda pixels: jpeg(pixels, 30),
    "small": lambda pixels: cv2.resize(pixels, (96, 90), interpolation=cv2.INTER_AREA),
    "squeezed to a square": lambda pixels: cv2.resize(pixels, (256, 256)),
    "dark": lambda pixels: (pixels * 0.6).astype(np.uint8),
    "bright": lambda pixels: np.clip(pixels * 1.2 + 10, 0, 255).astype(np.uint8),
    "gamma": lambda pixels: (255 * (pixels / 255) ** 0.6).astype(np.uint8),
    "equalised": cv2.equalizeHist,
    "equalised locally": equalize_locally,
    "cropped": lambda pixels: pixels[3:-3, 3:-3],
    "framed": lambda pixels: cv2.copyMakeBorder(pixels, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=0),
    "turned": lambda pixels: turned(pixels, 3),
    "marked": marked,
}


@pytest.mark.parametrize(
    ("change", "mirrored"),
    [*((name, False) for name in CHANGES), ("small", True), ("turned", True)],
)
def test_a_changed_copy_is_found_among_other_patients(
    add: AddImage, change: str, mirrored: bool
) -> None:
    others = [add(f"{seed}.png", draw_patient(seed)) for seed in range(6)]
    copy = CHANGES[change](draw_patient(3))
    copy = copy[:, ::-1] if mirrored else copy
    (pair,) = find_duplicates(survey([*others, add("copy.png", np.ascontiguousarray(copy))]))
    assert (pair.first, pair.second, pair.kind, pair.mirrored) == (3, 6, PICTURE, mirrored)
    assert 0.85 <= pair.likeness <= 1


def test_two_patients_do_not_match_in_the_second_step() -> None:
    one, two = (squash(draw_patient(seed), SQUARE) for seed in (1, 2))
    assert compare(one, one) == pytest.approx(1)
    assert compare(one, two) < 0.5


def test_what_is_alike_and_not_the_same_is_taken_for_the_same_patient(add: AddImage) -> None:
    one, two = draw_patient(1).astype(float), draw_patient(2).astype(float)
    alike = np.clip(one + 0.75 * (two - two.mean()), 0, 255).astype(np.uint8)
    pairs = find_duplicates(survey([add("1.png", one.astype(np.uint8)), add("2.png", alike)]))
    assert [pair.kind for pair in pairs] == [PATIENT]
    assert not pairs[0].same_picture


def test_exact_duplicates_are_told_from_copies_of_the_pixels(add: AddImage) -> None:
    pixels, other = draw_patient(1), draw_patient(2)
    examples = [
        add("1.png", pixels),
        add("2.png", other),
        add("same bytes.png", encode_png(pixels)),
        add("same pixels.png", encode_png(pixels, compress_level=0)),
    ]
    assert find_duplicates(survey(examples)) == [Pair(0, 2, BYTES), Pair(0, 3, PIXELS)]


def test_blank_pictures_of_two_grays_are_like_nothing(add: AddImage) -> None:
    blank = [add(f"{gray}.png", np.full((50, 60), gray, np.uint8)) for gray in (0, 90)]
    assert find_duplicates(survey([*blank, add("1.png", draw_patient(1))])) == []


@pytest.mark.parametrize("images", [0, 1])
def test_where_nothing_can_be_compared_nothing_is_found(add: AddImage, images: int) -> None:
    examples = [add(f"{seed}.png", draw_patient(seed)) for seed in range(images)]
    assert find_duplicates(survey(examples)) == []


def test_a_mirror_image_has_the_descriptor_with_odd_frequencies_negated() -> None:
    square = squash(draw_patient(1), SQUARE)
    as_it_is, mirrored = describe(square), describe(np.ascontiguousarray(square[:, ::-1]))
    assert as_it_is.shape == (467,)
    assert np.linalg.norm(as_it_is) == pytest.approx(1)
    assert np.allclose(np.abs(as_it_is), np.abs(mirrored), atol=1e-4)
    assert float(as_it_is @ mirrored) < 0.9


def test_groups_and_pairs_join_examples(add: AddImage) -> None:
    pixels = np.zeros((4, 4), np.uint8)
    examples = [
        add("0.png", pixels, group="a"),
        add("1.png", pixels, group="b"),
        add("2.png", pixels, group="a"),
        add("3.png", pixels, group="a", source="another clinic"),
        add("4.png", pixels, group="c"),
    ]
    numbers = together(examples, [Pair(1, 4, PICTURE)])
    assert numbers[0] == numbers[2]
    assert numbers[1] == numbers[4]
    assert len(set(numbers)) == 3
    assert len(together([], [])) == 0
