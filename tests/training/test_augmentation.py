"""Every random change gives a picture that the network takes, and the same one for the same seed."""

from dataclasses import fields, replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from inference.preprocessing import equalize_locally, preprocess, squash
from tests.drawing import draw_chest
from tests.training.conftest import LUNGS
from training.augmentation import Augmentation, Chest, augment, hide_lungs

CHEST = draw_chest(300, 260)
NOTHING = Augmentation(**{field.name: 0 for field in fields(Augmentation)})


OTHER = Chest(255 - draw_chest(200, 240, 5), np.roll(LUNGS, 5, axis=0))


def augmented(
    strength: Augmentation, seed: int = 0, size: int = 224, pixels: np.ndarray = CHEST
) -> np.ndarray:
    return with_lungs(strength, seed, size, pixels)[0]


def with_lungs(
    strength: Augmentation, seed: int = 0, size: int = 224, pixels: np.ndarray = CHEST
) -> tuple[np.ndarray, np.ndarray]:
    picture, lungs = augment(
        Chest(pixels, LUNGS), OTHER, size, strength, np.random.default_rng(seed)
    )
    assert lungs is not None
    assert lungs.shape == (size, size)
    return picture, lungs


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_the_same_seed_gives_the_same_picture_and_another_seed_another() -> None:
    pictures = [augmented(Augmentation(), seed) for seed in range(20)]
    again = [augmented(Augmentation(), seed) for seed in range(20)]
    assert all(np.array_equal(one, two) for one, two in zip(pictures, again, strict=True))
    # One in seven is left as it is, so that a few may be equal to each other.
    assert len({picture.tobytes() for picture in pictures}) > 10


@pytest.mark.parametrize("size", [64, 224, 256, 300])
def test_an_image_left_as_it_is_has_the_very_values_that_serving_gives_it(size: int) -> None:
    spec = SimpleNamespace(size=size, channels=1, low=0.0, high=255.0)
    served = preprocess(CHEST, spec)[0, :, :, 0]
    assert np.array_equal(augmented(Augmentation(identity=1), size=size), served)


def test_all_strengths_at_zero_change_nothing() -> None:
    assert np.array_equal(augmented(NOTHING, size=256), equalize_locally(squash(CHEST, 256)))


@pytest.mark.parametrize("size", [32, 97, 224])
@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (64, 64), (1025, 701)])
def test_any_picture_becomes_a_square_of_the_size_in_8_bits(
    shape: tuple[int, int], size: int
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    before = pixels.copy()
    always = Augmentation(**{field.name: 1 for field in fields(Augmentation)})
    always = replace(always, identity=0, rotation_degrees=20, zoom=0.5, stretch=0.5, shift=0.2)
    for seed in range(12):
        picture = augmented(always, seed, size, pixels)
        assert picture.shape == (size, size)
        assert picture.dtype == np.uint8
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize(
    ("change", "strength"),
    [
        *(
            (name, 1)
            for name in ("flip", "exposure", "resolution", "sharpness", "local_contrast", "shading")
        ),
        *((name, 1) for name in ("marks", "noise", "compression", "erasing")),
        *(("rotation_degrees", 5), ("zoom", 0.18), ("stretch", 0.12), ("shift", 0.06)),
    ],
)
def test_each_change_alone_alters_the_picture_and_leaves_it_a_chest(
    change: str, strength: float
) -> None:
    unchanged = augmented(NOTHING).astype(float)
    pictures = [augmented(replace(NOTHING, **{change: strength}), seed) for seed in range(12)]
    assert all(distance(picture, unchanged) > 0 for picture in pictures)
    if change == "flip":
        pictures = [picture[:, ::-1] for picture in pictures]
    likeness = [np.corrcoef(picture.ravel(), unchanged.ravel())[0, 1] for picture in pictures]
    assert np.median(likeness) > 0.5, likeness


def test_a_flip_mirrors_left_and_right() -> None:
    flipped = augmented(replace(NOTHING, flip=1))
    unchanged = augmented(NOTHING)
    assert distance(flipped, unchanged[:, ::-1]) < distance(flipped, unchanged) / 2


def test_surroundings_come_from_elsewhere_and_the_lungs_stay() -> None:
    unchanged = augmented(NOTHING, size=256).astype(float)
    # Away from the edge, where the two are blended, and from what equalisation spreads.
    inside = np.zeros((256, 256), bool)
    inside[80:176, 52:100] = inside[80:176, 156:204] = True
    outside = np.ones((256, 256), bool)
    outside[28:228, 12:244] = False
    for seed in range(12):
        changed = augmented(replace(NOTHING, surroundings=1), seed, size=256).astype(float)
        difference = np.abs(changed - unchanged)
        assert difference[inside].mean() < difference[outside].mean() / 1.5, seed


def test_a_cut_to_the_lungs_fills_the_picture_with_them() -> None:
    for seed in range(12):
        lungs = with_lungs(replace(NOTHING, lung_crop=1), seed)[1] > 127
        rows, columns = lungs.any(axis=1).mean(), lungs.any(axis=0).mean()
        assert rows > 0.7, seed
        assert columns > 0.55, seed  # what is between the lungs counts as without


def test_the_mask_moves_with_the_picture() -> None:
    # The picture is the mask itself, so that the two must stay alike.
    pixels = LUNGS * np.uint8(200)
    strength = replace(NOTHING, flip=0.5, rotation_degrees=8, zoom=0.2, stretch=0.2, shift=0.1)
    for seed in range(12):
        picture, lungs = with_lungs(strength, seed, pixels=pixels)
        overlap = (picture > 100) & (lungs > 127)
        assert overlap.sum() > 0.93 * max((picture > 100).sum(), (lungs > 127).sum()), seed


def test_tone_goes_towards_that_of_the_other() -> None:
    dark = Chest(np.minimum(CHEST, 60), LUNGS)
    tones = [
        augment(Chest(CHEST), dark, 224, replace(NOTHING, tone=1), np.random.default_rng(seed))[0]
        for seed in range(6)
    ]
    unchanged = augmented(NOTHING)
    assert all(distance(tone, unchanged) > 1 for tone in tones)


def test_without_masks_what_needs_them_does_nothing() -> None:
    strength = replace(NOTHING, surroundings=1, lung_crop=1)
    picture, lungs = augment(Chest(CHEST), OTHER, 224, strength, np.random.default_rng(1))
    assert lungs is None
    assert np.array_equal(picture, augmented(NOTHING))


def test_hidden_lungs_are_gone_and_what_is_around_them_stays() -> None:
    unchanged = cv2.resize(CHEST, (256, 256), interpolation=cv2.INTER_AREA).astype(float)
    inside = np.zeros((256, 256), bool)
    inside[80:176, 52:100] = inside[80:176, 156:204] = True
    outside = np.ones((256, 256), bool)
    outside[28:228, 12:244] = False
    for seed in range(12):
        hidden = hide_lungs(Chest(CHEST, LUNGS), np.random.default_rng(seed))
        before, after = (
            (each - cv2.GaussianBlur(each, (0, 0), 3))[inside]
            for each in (unchanged, hidden.pixels.astype(float))
        )
        # What is there now may have detail, but none that has to do with what was there.
        assert abs((before * after).mean()) < 0.3 * before.var(), seed
        assert np.abs(hidden.pixels - unchanged)[outside].mean() < 5, seed
        assert hidden.lungs is LUNGS


def test_lungs_that_are_not_known_cannot_be_hidden() -> None:
    chest = Chest(CHEST)
    assert hide_lungs(chest, np.random.default_rng(0)) is chest
