"""Leave-one-source-out: which sources can be spared, and what is predicted of them."""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.training import tiny
from tests.training.conftest import FOLDERS
from training.__main__ import main
from training.data import FOLDER_LABELS, Example, read_dataset
from training.leave_out import leave_out, sources_to_spare
from training.left_out import read_left_out

# Of the libraries, about each other.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:keras", "ignore::DeprecationWarning:gast"
)


def examples(*cells: tuple[str, str, str]) -> list[Example]:
    return [Example(Path("x"), label, split, source, "g") for label, split, source in cells]


def test_a_source_can_be_spared_if_each_of_its_classes_is_trained_from_another() -> None:
    chosen = examples(
        ("normal", "train", "a"),
        ("normal", "train", "b"),
        ("covid19", "train", "b"),  # nobody else trains it: b has to stay
        ("covid19", "test", "a"),
        ("normal", "test", "c"),  # not trained on anyway
    )
    assert sources_to_spare(chosen) == ["a"]
    assert sources_to_spare(chosen, without=["b"]) == []


def test_where_no_source_or_an_unknown_one_is_to_be_left_out_nothing_is_trained(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["leave-out", "tests/training/tiny.py", "--data", str(drawn), "--to", str(tmp_path)]
    assert main(command) == 2
    assert "No source can be left out: each has a class that no other" in capsys.readouterr().err
    assert main([*command, "--sources", "here"]) == 2
    assert f"The data set has no source here; it has {drawn.name}." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def two_sources(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """The drawn images, every other one said to come from another clinic."""
    file = tmp_path_factory.mktemp("sources") / "manifest.csv"
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["path", "label", "split", "source"])
        for split, number in (("train", 8), ("val", 4), ("test", 4)):
            for folder in FOLDERS:
                for index in range(number):
                    path = drawn / split / folder / f"{index}.png"
                    source = ("here", "there")[index % 2]
                    rows.writerow([path, FOLDER_LABELS[folder.lower()], split, source])
    return read_dataset(file)


def test_a_source_is_predicted_whole_by_a_network_that_never_saw_it(
    two_sources: list[Example], tmp_path: Path
) -> None:
    config = dataclasses.replace(tiny.config, epochs=2)
    file = leave_out(config, two_sources, "there", tmp_path)
    assert file == tmp_path / "there.json"
    [(source, found)] = read_left_out(tmp_path).items()
    assert source == "there"
    assert found.classes == ("covid19", "normal", "pneumonia", "tuberculosis")
    assert found.probabilities.shape == (4 * (4 + 2 + 2), 4)
    assert np.isfinite(found.probabilities).all()
    assert set(found.sources) == {"there"}
    assert json.loads(file.read_text())["temperature"] > 0
    state = json.loads((tmp_path / "there" / "state.json").read_text())
    assert state["config"]["without_sources"] == ["there"]
    before = file.stat().st_mtime_ns
    assert leave_out(config, two_sources, "there", tmp_path).stat().st_mtime_ns == before
    with pytest.raises(ValueError, match=r"another config \(epochs differ\)"):
        leave_out(dataclasses.replace(config, epochs=3), two_sources, "there", tmp_path)

    # What is added after training needs no other training.
    state["config"]["adjusted"] = [-1.0, 0.0, 0.0, 0.5]
    (tmp_path / "there" / "state.json").write_text(json.dumps(state))
    plain = np.array([row["logits"] for row in json.loads(file.read_text())["rows"]])
    file.unlink()
    adjusted = dataclasses.replace(config, adjusted=(-1.0, 0.0, 0.0, 0.5))
    leave_out(adjusted, two_sources, "there", tmp_path)
    moved = np.array([row["logits"] for row in json.loads(file.read_text())["rows"]])
    np.testing.assert_allclose(moved - plain, [[-1.0, 0.0, 0.0, 0.5]] * len(plain), atol=1e-4)
