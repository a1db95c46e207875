"""The probe finds what was put into the figures, and nothing where nothing is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.data import Example
from training.data.shortcuts import probe_shortcuts
from training.data.survey import Surveyed


def surveyed(number: int, label: str, width: int = 100, source: str = "clinic") -> Surveyed:
    """An image whose figures are noise but for its width."""
    random = np.random.default_rng(number)
    return Surveyed(
        Example(Path(f"{number}.png"), label, "train", source, str(number)),
        "PNG",
        width,
        100,
        b"",
        b"",
        shape=np.log([width, 100, width / 100]).astype(np.float32),
        border=random.normal(size=10).astype(np.float32),
        tone=random.normal(size=9).astype(np.float32),
        thumbnail=random.normal(size=64).astype(np.float32),
    )


def test_a_class_that_is_wider_is_told_by_its_size_alone() -> None:
    images = [surveyed(n, ("normal", "covid19")[n % 2], 100 + 20 * (n % 2)) for n in range(60)]
    probes = {each.figures: each for each in probe_shortcuts(images, np.arange(60))}
    assert list(probes) == [
        "size and aspect ratio",
        "border",
        "brightness and sharpness",
        "all of these",
        "8 x 8 thumbnail",
    ]
    size = probes["size and aspect ratio"]
    assert (size.target, size.images, size.largest, size.chance) == ("class", 60, 0.5, 0.5)
    assert (size.accuracy, size.mean_recall) == (1, 1)
    assert 0.2 < probes["border"].accuracy < 0.8


def test_the_accuracy_stands_beside_the_share_of_the_largest_class() -> None:
    images = [surveyed(n, "normal" if n % 4 else "covid19") for n in range(80)]
    size = probe_shortcuts(images, np.arange(80))[0]
    # All have the same size: the largest class is named always.
    assert (size.accuracy, size.largest) == (0.75, 0.75)
    assert (size.mean_recall, size.chance) == (0.5, 0.5)


def test_a_group_is_never_on_both_sides_of_a_fold() -> None:
    # Every patient has two images of his own figures and a label of chance.
    labels = np.random.default_rng(0).integers(0, 2, 60)
    images = [
        replace(
            surveyed(number // 2, str(labels[number // 2])),
            example=Example(Path(f"{number}.png"), str(labels[number // 2]), "train", "", ""),
        )
        for number in range(120)
    ]
    by_patient = {p.figures: p for p in probe_shortcuts(images, np.arange(120) // 2)}
    leaking = {p.figures: p for p in probe_shortcuts(images, np.arange(120))}
    assert leaking["8 x 8 thumbnail"].accuracy > 0.8
    assert by_patient["8 x 8 thumbnail"].accuracy < 0.7


def test_sources_are_told_as_classes_are() -> None:
    images = [
        surveyed(n, ("normal", "covid19")[n % 2], 100 + 50 * (n // 30), ("a", "b")[n // 30])
        for n in range(60)
    ]
    size = {p.target: p for p in probe_shortcuts(images, np.arange(60)) if "size" in p.figures}
    assert size["source"].accuracy == 1
    assert size["class"].accuracy < 0.7


@pytest.mark.parametrize(
    "labels",
    [[], ["normal"] * 4, ["normal", "covid19"], ["normal", "normal", "normal", "covid19"]],
    ids=["no image", "one class", "an image a class", "one class with groups enough"],
)
def test_what_cannot_be_cross_validated_is_not_probed(labels: list[str]) -> None:
    images = [surveyed(number, label) for number, label in enumerate(labels)]
    assert probe_shortcuts(images, np.arange(len(images))) == []
