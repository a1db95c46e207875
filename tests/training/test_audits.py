"""The audits: shortcuts, heat in the lungs, sources left out, and heatmaps of networks that forget."""

import json
from pathlib import Path

import numpy as np
import pytest

from training.data import DataError, Example
from training.evaluators import Predictions
from training.evaluators.heat import blob, heat_in_lungs, hottest_inside, lung_share, spread
from training.evaluators.left_out import left_out_figures
from training.evaluators.lungs import dice, lung_maps
from training.evaluators.shortcuts import (
    audit,
    border_blacked_out,
    lungs_blacked_out,
    lungs_only,
    through_128,
)
from training.left_out import read_left_out, write_left_out

CLASSES = ("normal", "pneumonia")


def predictions(expected: list[int], predicted: list[int], sources: list[str]) -> Predictions:
    return Predictions(CLASSES, np.eye(2)[predicted], np.array(expected), sources)


@pytest.fixture
def left_half() -> np.ndarray:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, :32] = 1
    return mask


def test_lungs_are_blacked_out_or_left_alone_at_the_image_s_own_size(left_half: np.ndarray) -> None:
    pixels = np.full((100, 300), 200, np.uint8)
    without, only = lungs_blacked_out(pixels, left_half), lungs_only(pixels, left_half)
    assert without.shape == only.shape == (100, 300)
    assert without.dtype == only.dtype == np.uint8
    assert not without[:, :150].any()
    assert (without[:, 150:] == 200).all()
    assert (without.astype(int) + only == 200).all()
    assert (pixels == 200).all()


def test_the_outer_tenth_of_each_side_is_the_border() -> None:
    altered = border_blacked_out(np.full((50, 100), 9, np.uint8))
    assert (altered[5:45, 10:90] == 9).all()
    assert altered.sum() == 9 * 40 * 80


def test_an_image_that_went_through_128_pixels_is_squashed_to_them() -> None:
    stripes = np.tile(np.array([0, 100], np.uint8), (256, 256))
    assert through_128(stripes).shape == (128, 128)
    assert (
        abs(through_128(stripes).astype(int) - 50) <= 1
    ).all()  # finer stripes than that are gone


def test_the_audit_says_what_stays_over_all_and_by_source() -> None:
    sources = ["here", "here", "there", "there"]
    before = predictions([0, 0, 1, 1], [0, 0, 1, 0], sources)
    after = predictions([0, 0, 1, 1], [0, 0, 0, 0], sources)
    found = audit(before, after)
    assert found["images"] == 4
    assert (found["accuracy_before"], found["accuracy"]) == (0.75, 0.5)
    assert found["balanced_accuracy"] == 0.5
    assert found["kept"] == 0.75
    assert found["named"] == {"normal": 1.0, "pneumonia": 0.0}
    assert found["sources"]["here"]["kept"] == 1.0
    assert found["sources"]["there"]["accuracy_before"] == 0.5
    assert found["sources"]["there"]["accuracy"] == 0.0


def test_a_uniform_map_has_the_lungs_area_in_the_lungs(left_half: np.ndarray) -> None:
    for side in (5, 7, 10, 14):
        assert lung_share(spread(np.ones((side, side)), left_half), left_half) == pytest.approx(0.5)
    assert lung_share(blob((64, 64)), left_half) == pytest.approx(0.5)
    middle = np.zeros((64, 64), np.uint8)
    middle[16:48, 16:48] = 1
    assert lung_share(blob((64, 64)), middle) > 2 * middle.mean()


def test_what_speaks_against_the_class_is_no_heat(left_half: np.ndarray) -> None:
    class_map = np.full((8, 8), -5.0)
    class_map[2, 1] = 3.0
    heat = spread(class_map, left_half)
    assert lung_share(heat, left_half) == pytest.approx(1.0)
    assert hottest_inside(heat, left_half)
    assert lung_share(heat[:, ::-1], left_half) == pytest.approx(0.0)
    assert not hottest_inside(heat[:, ::-1], left_half)


def test_heat_is_looked_at_in_right_answers_that_name_a_disease(left_half: np.ndarray) -> None:
    inside, outside = np.zeros((8, 8)), np.zeros((8, 8))
    inside[4, 1] = outside[4, 6] = 1
    found = heat_in_lungs(
        # healthy; wrong; inside; outside; without heat; without a mask
        predictions([0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1], ["x", "x", "x", "y", "y", "y"]),
        [outside, outside, inside, outside, -inside, inside],
        [left_half] * 5 + [None],
    )
    assert found["images"] == 3
    assert found["share"] == pytest.approx(1 / 3)
    assert found["pointing"] == pytest.approx(1 / 3)
    assert found["uniform"] == 0.5
    assert found["without_heat"] == pytest.approx(1 / 3)
    assert set(found["sources"]) == {"pneumonia/x", "pneumonia/y"}
    assert found["sources"]["pneumonia/x"]["share"] == pytest.approx(1.0)
    assert found["sources"]["pneumonia/y"]["images"] == 2
    assert found["sources"]["pneumonia/y"]["share"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.filterwarnings("error")
def test_where_no_disease_is_named_rightly_there_is_no_share(left_half: np.ndarray) -> None:
    found = heat_in_lungs(predictions([0, 1], [0, 0], ["", ""]), [left_half] * 2, [left_half] * 2)
    assert found["images"] == 0
    assert np.isnan(found["share"])
    assert found["sources"] == {}


def two_lungs(sure: float = 0.95) -> np.ndarray:
    """On a grid of 8 x 8: 24 of the 64 positions."""
    found = np.full((8, 8), 0.02, np.float32)
    found[1:7, 1:3] = found[1:7, 5:7] = sure
    return found


def test_dice_is_twice_what_is_shared_by_what_both_have() -> None:
    one, other = np.zeros((2, 4, 4), bool)
    one[0], other[0, 1:], other[1, 0] = True, True, True
    assert dice(one, other) == pytest.approx(2 * 3 / (4 + 4))
    assert dice(one, one) == 1
    assert dice(one, ~one) == 0
    assert dice(one & False, one & False) == 1


def test_the_network_s_own_lungs_are_held_against_masks() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[8:56, 8:24] = mask[8:56, 40:56] = 1
    inside = np.zeros((8, 8))
    inside[4, 2] = 1
    found = lung_maps(
        predictions([0, 1, 1, 1, 1], [0, 0, 1, 1, 1], ["x", "x", "x", "y", "y"]),
        [inside, inside, np.ones((8, 8)), -inside, inside],
        [two_lungs(), two_lungs(), two_lungs(), two_lungs(), two_lungs(sure=0.6)],
        [mask, None, mask, mask, mask],
    )
    assert found is not None
    assert found["images"] == 5
    assert found["implausible"] == pytest.approx(1 / 5)  # the unsure one
    assert found["dice"] == pytest.approx(1, abs=0.05)
    assert found["dice_interval"][0] > 0.95
    assert found["uniform"] == pytest.approx(24 / 64)
    x = found["sources"]["x"]
    assert x["images"] == 3
    assert x["implausible"] == 0
    # Two images with all of their heat in the lungs, and one with as much as there is area.
    assert x["share"] == pytest.approx((0.9 + 0.9 + 24 / 64) / 3, abs=0.06)
    assert x["off"] < 0.05
    y = found["sources"]["y"]
    assert y["implausible"] == 0.5
    assert np.isnan(y["share"])  # no heat, and lungs that are not believed


@pytest.mark.filterwarnings("error")
def test_without_masks_there_is_no_dice_and_without_a_map_nothing() -> None:
    two = predictions([0, 1], [0, 1], ["x", "y"])
    heats = [np.ones((8, 8))] * 2
    found = lung_maps(two, heats, [two_lungs()] * 2, None)
    assert found is not None
    assert np.isnan(found["dice"])
    assert found["share"] == pytest.approx(24 / 64, abs=0.03)
    assert lung_maps(two, heats, [None, None], None) is None


def left_out_folder(folder: Path) -> Path:
    """Thirty normal and thirty pneumonia images of `big`, two of `small`; some answers are wrong."""
    for source, images, wrong in (("big", 30, 6), ("small", 2, 2)):
        for_both = [(label, number) for label in CLASSES for number in range(images)]
        examples = [
            Example(Path(f"{label}{number}.png"), label, "test", source, f"{source}{number}")
            for label, number in for_both
        ]
        # Normal is always named; of pneumonia the first are called normal.
        answers = [int(label == "pneumonia" and number >= wrong) for label, number in for_both]
        write_left_out(folder, source, CLASSES, examples, 4 * np.eye(2)[answers], temperature=2.0)
    return folder


def test_the_recall_of_left_out_sources_is_that_of_their_cells(tmp_path: Path) -> None:
    left_out = read_left_out(left_out_folder(tmp_path))
    assert list(left_out) == ["big", "small"]
    assert left_out["big"].probabilities[0] == pytest.approx([0.8808, 0.1192], abs=1e-4)
    found = left_out_figures(left_out)
    big = found["sources"]["big"]["cells"]
    assert big["normal"]["recall"] == 1.0
    assert big["pneumonia"]["recall"] == pytest.approx(0.8)
    assert big["pneumonia"]["named"] == {"normal": pytest.approx(0.2), "pneumonia": 0.8}
    low, high = big["pneumonia"]["interval"]
    assert 0.6 < low < 0.75
    assert 0.85 < high < 1
    assert found["cells"] == 2
    assert found["mean_recall"] == pytest.approx(0.9)
    assert found["mean_recall_all"] == pytest.approx((1 + 0.8 + 1 + 0) / 4)
    # 64 answers with confidence 0.8808, 8 of them wrong.
    assert found["ece"] == pytest.approx(abs(56 / 64 - 0.8808), abs=1e-4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"source": "x", "classes": ["a"]}, "KeyError: 'rows'"),
        (
            {"source": "x", "classes": ["a"], "rows": [{"path": "", "label": "b", "logits": [1]}]},
            "it takes source, classes and rows",
        ),
        ([], "it takes source, classes and rows"),
    ],
)
def test_a_file_of_answers_that_is_not_one_is_told_in_a_sentence(
    tmp_path: Path, content: object, message: str
) -> None:
    with pytest.raises(DataError, match=r"there is no SOURCE\.json"):
        read_left_out(tmp_path)
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read_left_out(tmp_path)
