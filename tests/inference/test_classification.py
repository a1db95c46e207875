"""Logits become probabilities that can be believed, or are marked as not certain."""

import math

import numpy as np
import pytest

from inference.classification import classify


def probabilities(logits, temperature=1.0):
    found = classify(np.array(logits, np.float32), temperature=temperature, threshold=0.5)
    return found.probabilities.tolist()


def test_softmax_of_written_out_logits():
    # e^0 : e^1 : e^2 = 1 : 2.71828 : 7.38906, of 11.10734
    assert probabilities([0, 1, 2]) == pytest.approx([0.0900306, 0.2447285, 0.6652410], abs=1e-6)


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(0.5, [0.0024726, 0.9975274]), (1.0, [0.0474259, 0.9525741]), (3.0, [0.2689414, 0.7310586])],
)
def test_a_higher_temperature_takes_confidence_away(temperature, expected):
    assert probabilities([0, 3], temperature) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("logit", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_are_no_answer(logit):
    with pytest.raises(ValueError, match="not finite"):
        probabilities([0, logit])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("temperature", [0.05, 1.0, 20.0])
@pytest.mark.parametrize(
    "logits",
    [
        [1e4, -1e4, 0, 5],
        [-1e4, -1e4, -1e4, -1e4],
        [1e4, 1e4, 1e4, 1e4],
        [3e38, -3e38, 0, 0],
        [0, 0, 0, 0],
        [1e-30, -1e-30, 0, 0],
    ],
)
def test_probabilities_sum_to_one_however_extreme_the_logits(logits, temperature):
    found = probabilities(logits, temperature)
    assert math.isclose(sum(found), 1, abs_tol=1e-6)
    assert all(0 <= probability <= 1 for probability in found)


def test_the_predicted_class_is_the_most_probable_one():
    found = classify(np.array([1, 4, 2], np.float32), temperature=1.0, threshold=0.5)
    assert found.number == 1
    assert found.probability == pytest.approx(0.8437947, abs=1e-6)
    assert type(found.number) is int
    assert type(found.probability) is float


@pytest.mark.parametrize(
    ("threshold", "certain"), [(0.0, True), (0.5, True), (0.500001, False), (1.0, False)]
)
def test_an_answer_below_the_threshold_is_not_certain(threshold, certain):
    found = classify(np.array([2, 2], np.float32), temperature=1.0, threshold=threshold)
    assert found.probability == 0.5
    assert found.certain is certain
