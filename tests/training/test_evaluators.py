"""The figures of twelve predictions, each worked out by hand."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from training.evaluate import as_text, figures
from training.evaluators import Predictions
from training.evaluators.calibration import abstention, calibration
from training.evaluators.discrimination import by_class, by_source, confusion, overall

#: True class, source, probabilities of a, b and c; zeros are an image that was not answered.
TWELVE = [
    (0, "here", (0.8, 0.1, 0.1)),
    (0, "here", (0.6, 0.3, 0.1)),
    (0, "there", (0.4, 0.5, 0.1)),  # wrong
    (0, "there", (0.0, 0.0, 0.0)),
    (1, "here", (0.1, 0.8, 0.1)),
    (1, "here", (0.2, 0.7, 0.1)),
    (1, "here", (0.3, 0.1, 0.6)),  # wrong
    (1, "here", (0.1, 0.9, 0.0)),
    (2, "there", (0.1, 0.2, 0.7)),
    (2, "there", (0.1, 0.1, 0.8)),
    (2, "there", (0.5, 0.1, 0.4)),  # wrong
    (2, "there", (0.0, 0.1, 0.9)),
]


@pytest.fixture
def twelve() -> Predictions:
    expected, sources, probabilities = zip(*TWELVE, strict=True)
    return Predictions(("a", "b", "c"), np.array(probabilities), np.array(expected), sources)


def test_the_confusion_matrix_has_a_column_for_what_was_not_answered(twelve: Predictions) -> None:
    assert confusion(twelve).tolist() == [[2, 1, 0, 1], [0, 3, 1, 0], [1, 0, 3, 0]]


def test_an_image_that_was_not_answered_counts_as_wrong(twelve: Predictions) -> None:
    assert twelve.predicted.tolist() == [0, 0, 1, -1, 1, 1, 2, 1, 2, 2, 0, 2]
    assert twelve.answered.tolist() == [True] * 3 + [False] + [True] * 8
    assert twelve.correct.sum() == 8


def test_overall_figures(twelve: Predictions) -> None:
    assert overall(twelve) == pytest.approx(
        {
            "accuracy": 8 / 12,
            "macro_f1": (4 / 7 + 6 / 8 + 6 / 8) / 3,
            "balanced_accuracy": (2 / 4 + 3 / 4 + 3 / 4) / 3,
        }
    )


def test_figures_of_each_class_against_the_rest(twelve: Predictions) -> None:
    found = dict(by_class(twelve))
    common = {"images": 4, "specificity": 7 / 8}
    # AUROC: of the 4 x 8 pairs, those in which the image of the class has more; a tie is a half.
    a = {"sensitivity": 2 / 4, "f1": 4 / 7, "auroc": 23.5 / 32}
    b = {"sensitivity": 3 / 4, "f1": 6 / 8, "auroc": 27 / 32}
    c = {"sensitivity": 3 / 4, "f1": 6 / 8, "auroc": 31 / 32}
    assert list(found) == ["a", "b", "c"]
    for label, row in (("a", a), ("b", b), ("c", c)):
        assert found[label] == pytest.approx(common | row), label


def test_sensitivity_of_each_class_in_each_source(twelve: Predictions) -> None:
    assert list(by_source(twelve)) == [
        ("a", "here", {"images": 2, "sensitivity": 1.0}),
        ("a", "there", {"images": 2, "sensitivity": 0.0}),
        ("b", "here", {"images": 4, "sensitivity": 0.75}),
        ("c", "there", {"images": 4, "sensitivity": 0.75}),
    ]


def test_calibration_leaves_out_what_was_not_answered(twelve: Predictions) -> None:
    found = calibration(twelve, bins=5)
    # 0.4-0.6: two answers, none right, confidence 0.5. 0.6-0.8: four, three right, 0.65.
    # 0.8-1: five, all right, 0.84.
    assert found["ece"] == pytest.approx((2 * 0.5 + 4 * 0.1 + 5 * 0.16) / 11)
    squares = (0.06, 0.26, 0.62, 0.06, 0.14, 1.26, 0.02, 0.14, 0.06, 0.62, 0.02)
    assert found["brier"] == pytest.approx(sum(squares) / 11)


def test_certainty_of_one_is_in_the_highest_bin() -> None:
    sure = Predictions(("a", "b"), np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]), ["", ""])
    assert calibration(sure) == pytest.approx({"ece": 0.5, "brier": 1.0})


@pytest.mark.parametrize(
    ("threshold", "coverage", "accuracy"), [(0.7, 7 / 12, 1), (0.5, 11 / 12, 8 / 11), (0.95, 0, -1)]
)
def test_abstention_trades_coverage_for_accuracy(
    twelve: Predictions, threshold: float, coverage: float, accuracy: float
) -> None:
    found = abstention(twelve, threshold)
    assert found["coverage"] == pytest.approx(coverage)
    if coverage:
        assert found["accuracy_if_certain"] == pytest.approx(accuracy)
    else:
        assert math.isnan(found["accuracy_if_certain"])


@pytest.mark.filterwarnings("error")
def test_a_class_without_images_has_no_sensitivity_and_no_auroc(twelve: Predictions) -> None:
    only_a_and_b = Predictions(
        twelve.classes, twelve.probabilities[:8], twelve.expected[:8], twelve.sources[:8]
    )
    c = dict(by_class(only_a_and_b))["c"]
    assert c["images"] == 0
    assert c["specificity"] == pytest.approx(7 / 8)
    assert math.isnan(c["sensitivity"])
    assert math.isnan(c["auroc"])


def test_the_tables_show_every_figure(twelve: Predictions) -> None:
    # A source may be called as a repository is.
    twelve = replace(twelve, sources=[f"clinic/{source}" for source in twelve.sources])
    text = re.sub(" +", " ", as_text(twelve, figures(twelve, threshold=0.7)))
    for line in (
        "| accuracy | 0.6667 |",
        "| macro_f1 | 0.6905 |",
        "| coverage | 0.5833 |",
        "| a | 4 | 0.500 | 0.875 | 0.571 | 0.734 |",
        "| b | clinic/here | 4 | 0.750 |",
        "| true \\ predicted | a | b | c | no answer |",
        "| a | 2 | 1 | 0 | 1 |",
    ):
        assert line in text
