"""Runs are joined into a run that can be exported."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.training.conftest import Python
from training.__main__ import main
from training.run_state import read_config

# Of the libraries, about each other.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:keras", "ignore::DeprecationWarning:gast"
)


@pytest.fixture(scope="module")
def joined(
    runs: tuple[Path, Path], drawn: Path, python: Python, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    to = tmp_path_factory.mktemp("joined") / "pair"
    done = python("-m", "training", "join", *runs, "--data", drawn, "--run", to)
    assert done.returncode == 0, done.stderr
    assert "val_accuracy" in done.stdout
    return to


def test_a_joined_run_is_over_and_names_what_it_was_made_of(
    joined: Path, runs: tuple[Path, Path]
) -> None:
    config = read_config(joined)
    assert config.joined == tuple(str(run / "best.keras") for run in runs)
    assert config.epochs == 1
    [row] = json.loads((joined / "state.json").read_text())["history"]
    assert row["val_accuracy"] >= 0.8  # as each of the two


def test_a_joined_run_is_exported_like_any_other(
    joined: Path, drawn: Path, python: Python, tmp_path: Path
) -> None:
    done = python(
        *("-m", "training", "export", joined, "--data", drawn),
        *("--store", tmp_path, "--version", "2.0", "--sanity-images", "0"),
    )
    assert done.returncode == 0, done.stderr
    model = keras.models.load_model(tmp_path / "2.0" / "model.keras", compile=False)
    assert model.get_layer("class_maps").kernel.shape == (1, 1, 32, 4)
    assert model.predict(np.zeros((1, 64, 64, 1), np.float32), verbose=0).shape == (1, 4)


def test_runs_that_differ_in_what_they_went_without_are_not_joined(
    runs: tuple[Path, Path], drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    state = json.loads((runs[0] / "state.json").read_text())
    state["config"]["without_sources"] = ["elsewhere"]
    (other / "state.json").write_text(json.dumps(state))
    (other / "best.keras").write_bytes((runs[0] / "best.keras").read_bytes())
    words = [str(each) for each in (runs[0], other, "--data", drawn, "--run", tmp_path / "pair")]
    assert main(["join", *words]) == 2
    assert "differ in without_sources" in capsys.readouterr().err
