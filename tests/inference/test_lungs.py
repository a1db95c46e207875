"""A map of lungs is believed where it can be one, and a share of heat is what it says."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.decoding import decode
from inference.lungs import SIDE, lung_mask, lung_share
from inference.pixel_budget import PixelBudget
from inference.preprocessing import preprocess
from model_store import Model
from tests.drawing import Gray

# TensorFlow's own
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*__pyct_anno:DeprecationWarning", "ignore:__array__ impl:DeprecationWarning"
)

#: Two lungs on the network's grid of 14 x 14, and what is sure of them.
LUNGS = np.zeros((14, 14), np.float32)
LUNGS[2:11, 2:6] = LUNGS[2:11, 8:12] = 0.95


def test_lungs_are_where_they_are_likelier_than_not() -> None:
    mask = lung_mask(LUNGS)
    assert mask is not None
    assert mask.shape == (SIDE, SIDE) == (64, 64)
    # 72 of 196 positions; the edge lies where the smoothed probability crosses a half.
    assert mask.mean() == pytest.approx(72 / 196, abs=0.03)
    assert mask[30, 18]
    assert mask[30, 46]
    assert not mask[30, 32]
    assert not mask[60, 18]


def changed(**parts: tuple[tuple[slice, slice], float]) -> np.ndarray:
    found = LUNGS.copy()
    for where, value in parts.values():
        found[where] = value
    return found


HALF = (slice(None), slice(7, None))


@pytest.mark.parametrize(
    "probability",
    [
        np.zeros((14, 14), np.float32),
        np.full((14, 14), 0.5, np.float32),
        np.ones((14, 14), np.float32),
        LUNGS * (np.arange(14) < 7),
        LUNGS * (np.arange(14) >= 7),
        LUNGS * (np.arange(14)[:, np.newaxis] == 5),
        LUNGS * np.float32(0.75),
        changed(rest=(HALF, 0), spot=((slice(4, 6), slice(9, 11)), 0.95)),
    ],
    ids=[
        "no lung",
        "all unsure",
        "all lung",
        "left",
        "right",
        "a stripe",
        "unsure",
        "one and a bit",
    ],
)
def test_what_cannot_be_two_lungs_is_none(probability: np.ndarray) -> None:
    assert lung_mask(probability.astype(np.float32)) is None


def test_the_share_is_that_of_the_heat_s_sum() -> None:
    mask = np.zeros((64, 64), bool)
    mask[:, :32] = True
    heat = np.zeros((4, 4), np.float32)
    heat[1, 0], heat[1, 3] = 3, 1
    assert lung_share(heat, mask) == pytest.approx(0.75)
    assert lung_share(heat / 3, mask) == pytest.approx(0.75)
    assert lung_share(np.ones((14, 14), np.float32), mask) == pytest.approx(0.5)
    assert lung_share(np.ones((14, 14), np.float32), ~mask & False) == 0


@pytest.mark.filterwarnings("error")
def test_where_there_is_no_heat_there_is_no_share() -> None:
    assert lung_share(np.zeros((14, 14), np.float32), np.ones((64, 64), bool)) is None


@pytest.mark.shared
def test_masks_of_real_lungs_are_believed(shared: Path) -> None:
    with np.load(shared / "lungs" / "masks.npz") as arrays:
        masks = arrays["masks"][arrays["ok"]]
    believed = [
        lung_mask(cv2.resize(mask.astype(np.float32), (14, 14), interpolation=cv2.INTER_AREA))
        is not None
        for mask in masks
    ]
    assert len(believed) > 4000
    assert np.mean(believed) > 0.98


@pytest.fixture(scope="module")
def drawn_lungs(bundled: Model) -> Callable[[Gray], np.ndarray]:
    """The map that the bundled network draws, whether its version has it as an output or not."""
    from inference.runtime.tensorflow import TensorFlowRuntime

    runtime = TensorFlowRuntime(bundled.read("model.keras"), lungs="lung_probability")

    def draw(pixels: Gray) -> np.ndarray:
        found = runtime.run(preprocess(pixels, bundled.manifest.input)).lungs
        assert found is not None
        return found

    return draw


def test_no_lungs_are_believed_in_what_is_blank(
    drawn_lungs: Callable[[Gray], np.ndarray],
) -> None:
    ramp = np.tile(np.linspace(0, 255, 300).astype(np.uint8), (300, 1))
    noise = np.random.default_rng(0).integers(0, 256, (300, 300)).astype(np.uint8)
    flat = [np.full((300, 300), value, np.uint8) for value in (0, 90, 255)]
    for blank in (*flat, ramp, ramp.T.copy(), noise):
        assert lung_mask(drawn_lungs(blank)) is None


@pytest.mark.shared
def test_lungs_are_believed_in_chest_radiographs_and_hardly_elsewhere(
    drawn_lungs: Callable[[Gray], np.ndarray], real: list[Gray], shared: Path
) -> None:
    budget = PixelBudget(40_000_000)
    files = sorted((shared / "not_cxr" / "images").rglob("*.jpg"))[::28]
    others = [
        decode(file.read_bytes(), max_pixels=40_000_000, budget=budget).pixels for file in files
    ]
    assert len(others) >= 50
    believed, wrongly = (
        np.mean([lung_mask(drawn_lungs(pixels)) is not None for pixels in pictures])
        for pictures in (real, others)
    )
    assert believed >= 0.95
    assert wrongly <= 0.2
