"""Temperature and threshold say what they promise."""

import numpy as np
import pytest
from scipy.special import softmax

from training.calibrate import fit_temperature, fit_threshold


@pytest.fixture(scope="module")
def honest() -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax is the very distribution that the labels were drawn from."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (20_000, 4))
    sums = softmax(logits, axis=1).cumsum(axis=1)
    return logits, (random.random((len(logits), 1)) > sums).sum(axis=1)


def test_logits_that_say_what_is_so_need_no_temperature(
    honest: tuple[np.ndarray, np.ndarray],
) -> None:
    assert fit_temperature(*honest) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("factor", [3, 0.5])
def test_the_temperature_of_scaled_logits_is_scaled_as_much(
    honest: tuple[np.ndarray, np.ndarray], factor: float
) -> None:
    logits, labels = honest
    temperature = fit_temperature(logits, labels)
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor * temperature, rel=1e-3)


def test_the_temperature_stays_within_reason_where_all_or_no_answers_are_right() -> None:
    logits = np.array([[5.0, 0.0], [0.0, 5.0]])
    assert 0.04 < fit_temperature(logits, np.array([0, 1])) < 1
    assert 1 < fit_temperature(logits, np.array([1, 0])) < 21


@pytest.mark.parametrize(
    ("coverage", "certain"), [(1.0, 5), (0.8, 4), (0.6, 3), (0.4, 2), (0.2, 1)]
)
def test_the_threshold_lets_the_asked_share_of_the_answers_pass(
    coverage: float, certain: int
) -> None:
    highest = np.array([0.9, 0.55, 0.7, 0.8, 0.6])
    logits = np.log(np.column_stack([highest, 1 - highest]))
    threshold = fit_threshold(2 * logits, 2, coverage)
    assert (highest >= threshold - 1e-9).sum() == certain
