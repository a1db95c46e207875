"""How far chance moves the figures: held against resampling one by one."""

import numpy as np
import pytest

from tests.training.test_evaluators import TWELVE
from training.evaluators import Predictions
from training.evaluators.calibration import calibration
from training.evaluators.discrimination import by_class, by_source, overall
from training.evaluators.intervals import draw, interval, intervals, weighted
from training.evaluators.selection import selection


@pytest.fixture
def predictions() -> Predictions:
    expected, sources, probabilities = zip(*TWELVE, strict=True)
    groups = [str(number // 2) for number in range(12)]
    return Predictions(
        ("a", "b", "c"), np.array(probabilities), np.array(expected), sources, groups
    )


def each_alone(predictions: Predictions) -> dict[tuple[str, ...], float]:
    found = {(key,): value for key, value in overall(predictions).items()}
    found |= {(key,): value for key, value in calibration(predictions).items()}
    found["accuracy_most_certain",] = selection(predictions)["accuracy_most_certain"]
    for label, row in by_class(predictions):
        found |= {("classes", label, key): row[key] for key in row if key != "images"}
    for label, source, row in by_source(predictions):
        found |= {("sources", f"{label}/{source}", key): row[key] for key in row if key != "images"}
    return found


def test_with_every_image_once_the_figures_are_those_of_the_data(predictions: Predictions) -> None:
    found = {key: value[0] for key, value in weighted(predictions, np.ones((1, 12))).items()}
    expected = each_alone(predictions)
    assert set(found) == set(expected)
    for path, value in expected.items():
        assert found[path] == pytest.approx(value, nan_ok=True), path


def test_a_resample_has_the_figures_of_the_images_it_has(predictions: Predictions) -> None:
    weights = draw(predictions.patients, 20, np.random.default_rng(3))
    found = weighted(predictions, weights)
    for number, times in enumerate(weights.astype(int)):
        expected = each_alone(predictions.take(np.repeat(np.arange(12), times)))
        for path, value in expected.items():
            assert found[path][number] == pytest.approx(value, nan_ok=True), (number, path)


def test_images_of_a_patient_are_drawn_together_and_as_many_patients_as_there_are() -> None:
    weights = draw(np.array([0, 1, 0, 2, 2]), 500, np.random.default_rng(0))
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 3] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert weights.mean() == pytest.approx(1, abs=0.1)


def test_patients_of_two_sources_may_have_the_same_number() -> None:
    found = Predictions(
        ("a", "b"), np.ones((5, 2)), np.zeros(5, int), list("xxyyy"), ["1", "2", "1", "1", "3"]
    ).patients
    assert found.tolist() == [0, 2, 1, 1, 3]


def test_of_a_single_patient_no_interval_of_the_sensitivity_is_given() -> None:
    right = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    sources, groups = ["one", "one", "two", "two"], ["1", "1", "1", "2"]
    found = intervals(Predictions(("a", "b"), right, np.zeros(4, int), sources, groups))
    assert np.isnan(found["sources"]["a/one"]["sensitivity"]).all()
    assert found["sources"]["a/two"]["sensitivity"] == [0, 1]
    assert found["classes"]["a"]["sensitivity"] == [0, 1]


def test_of_a_hundred_images_with_ninety_right_the_interval_is_the_binomial_one() -> None:
    right = np.array([[1.0, 0.0]] * 90 + [[0.0, 1.0]] * 10)
    found = intervals(Predictions(("a", "b"), right, np.zeros(100, int), ["here"] * 100))
    low, high = found["accuracy"]  # 0.90 ± 1.96 x 0.03
    assert low == pytest.approx(0.84, abs=0.015)
    assert high == pytest.approx(0.96, abs=0.015)
    assert found["sources"]["a/here"]["sensitivity"] == found["accuracy"]
    assert np.isnan(found["classes"]["b"]["sensitivity"]).all()


def test_patients_with_many_images_make_the_interval_wider() -> None:
    right = np.array([[1.0, 0.0]] * 90 + [[0.0, 1.0]] * 10)
    groups = [str(number // 10) for number in range(100)]
    found = intervals(Predictions(("a", "b"), right, np.zeros(100, int), ["here"] * 100, groups))
    low, high = found["accuracy"]  # ten patients, one of them wrong: 0.9 ± 1.96 x 0.095
    assert low == pytest.approx(0.7, abs=0.05)
    assert high == 1.0


def test_what_cannot_be_said_in_some_resamples_is_passed_over() -> None:
    assert interval(np.array([np.nan, 1.0, 2.0, 3.0, np.nan])) == [1.05, 2.95]
    assert np.isnan(interval(np.array([np.nan, np.nan]))).all()
