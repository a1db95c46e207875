"""The figures of twelve predictions, each worked out by hand."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from training.evaluators import Predictions
from training.evaluators.calibration import Bin, calibration, reliability
from training.evaluators.discrimination import (
    by_class,
    by_source,
    confusion,
    overall,
    worst_cell,
)
from training.evaluators.selection import abstention, risk_coverage, selection
from training.figures import as_text, figures

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


def test_each_class_in_each_source_against_the_images_of_that_source(twelve: Predictions) -> None:
    found = {f"{label}/{source}": row for label, source, row in by_source(twelve)}
    assert {cell: (row["images"], row["sensitivity"]) for cell, row in found.items()} == {
        "a/here": (2, 1.0),
        "a/there": (2, 0.0),
        "b/here": (4, 0.75),
        "c/there": (4, 0.75),
    }
    # Here are two of a and four of b; none of b is taken for a, and one of them for c.
    assert found["a/here"] == {
        "images": 2,
        "sensitivity": 1,
        "specificity": 1,
        "f1": 1,
        "auroc": 1,
    }
    assert found["b/here"]["f1"] == pytest.approx(6 / 7)
    assert found["a/there"]["specificity"] == 3 / 4


def test_the_worst_cell_is_one_of_those_that_are_large_and_known() -> None:
    rows = {
        "a/here": {"images": 24, "sensitivity": 0.1},
        "a/there": {"images": 25, "sensitivity": 0.2},
        "b/here": {"images": 90, "sensitivity": 0.3},
        "b/there": {"images": 90, "sensitivity": 0.4},
    }
    assert worst_cell(rows) == ("a/there", 0.2)
    assert worst_cell(rows, among={"a/here", "b/here", "b/there"}) == ("b/here", 0.3)
    assert worst_cell(rows, least=10) == ("a/here", 0.1)
    name, recall = worst_cell(rows, least=100)
    assert name is None
    assert math.isnan(recall)


def test_calibration_leaves_out_what_was_not_answered(twelve: Predictions) -> None:
    found = calibration(twelve, bins=5)
    # 0.4-0.6: two answers, none right, confidence 0.5. 0.6-0.8: four, three right, 0.65.
    # 0.8-1: five, all right, 0.84.
    assert found["ece"] == pytest.approx((2 * 0.5 + 4 * 0.1 + 5 * 0.16) / 11)
    squares = (0.06, 0.26, 0.62, 0.06, 0.14, 1.26, 0.02, 0.14, 0.06, 0.62, 0.02)
    assert found["brier"] == pytest.approx(sum(squares) / 11)


def test_the_reliability_diagram_has_the_bins_that_have_answers(twelve: Predictions) -> None:
    found = reliability(twelve, bins=5)
    assert [(each.low, each.high, each.images) for each in found] == [
        (0.4, 0.6, 2),
        (0.6, 0.8, 4),
        (0.8, 1.0, 5),
    ]
    assert found[1] == Bin(0.6, 0.8, 4, pytest.approx(0.65), 0.75)


def test_the_most_certain_answers_come_first_in_the_risk_coverage_curve(
    twelve: Predictions,
) -> None:
    coverage, risk = risk_coverage(twelve)
    # Confidence: .9 .9 .8 .8 .8 .7 .7 .6 (right) .6 (wrong) .5 .5 (wrong) and no answer (wrong).
    np.testing.assert_allclose(coverage, np.arange(1, 13) / 12)
    expected = [0] * 8 + [1 / 9, 2 / 10, 3 / 11, 4 / 12]
    np.testing.assert_allclose(risk, expected)
    found = selection(twelve, share=10 / 12)
    assert found["aurc"] == pytest.approx(sum(expected) / 12)
    assert found["accuracy_most_certain"] == pytest.approx(8 / 10)


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
    assert math.isnan(c["f1"])
    assert math.isnan(c["auroc"])
    # Nor does it count in the means, though one image was taken for it.
    assert overall(only_a_and_b) == pytest.approx(
        {
            "accuracy": 5 / 8,
            "macro_f1": (4 / 6 + 6 / 8) / 2,
            "balanced_accuracy": (2 / 4 + 3 / 4) / 2,
        }
    )


def test_the_tables_show_every_figure(twelve: Predictions) -> None:
    # A source may be called as a repository is.
    twelve = replace(twelve, sources=[f"clinic/{source}" for source in twelve.sources])
    text = re.sub(" +", " ", as_text(figures(twelve, threshold=0.7)))
    for line in (
        "| accuracy | 0.6667 | 0.417–0.917 |",
        "| macro-F1 | 0.6905 | ",
        "| accuracy of the 80 % most certain | 0.8000 | ",
        "| recall in the worst source and class | – | – |",
        "| share of certain answers | 0.5833 | – |",
        "| a | 4 | 0.500 | 0.00–1.00 | 0.875 | 0.571 | 0.734 |",
        "| b | clinic/here | 4 | 0.750 | ",
        "| true \\ answer | a | b | c | no answer |",
        "| a | 2 | 1 | 0 | 1 |",
    ):
        assert line in text
