"""A class is named less readily by a constant on its logit."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from model_store.manifest import Manifest
from tests.training import tiny
from tests.training.conftest import FOLDERS, Python
from training import networks
from training.__main__ import main
from training.adjust import adjust
from training.data import FOLDER_LABELS, read_dataset
from training.join import as_run
from training.run_state import read_config

# Of the libraries, about each other.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:keras", "ignore::DeprecationWarning:gast"
)

IMAGE = np.linspace(0, 255, 64 * 64, dtype=np.float32).reshape(1, 64, 64, 1)


def test_a_runs_logit_moves_by_the_constant_and_its_maps_stay(
    runs: tuple[Path, Path], drawn: Path, tmp_path: Path
) -> None:
    words = ["--logit", "normal=-0.5", "--logit", "covid19=0.25", "--data", str(drawn)]
    assert main(["adjust", str(runs[0]), *words, "--run", str(tmp_path / "run")]) == 0
    before, after = (
        keras.models.load_model(run / "best.keras", compile=False)
        for run in (runs[0], tmp_path / "run")
    )
    moved = after.predict(IMAGE, verbose=0)["logits"] - before.predict(IMAGE, verbose=0)["logits"]
    np.testing.assert_allclose(moved[0], [0.25, -0.5, 0, 0], atol=1e-5)
    np.testing.assert_array_equal(
        before.get_layer("class_maps").kernel, after.get_layer("class_maps").kernel
    )
    assert read_config(tmp_path / "run").adjusted == (0.25, -0.5, 0, 0)


def test_a_version_can_be_adjusted_and_exported_again_and_its_card_says_so(
    runs: tuple[Path, Path], drawn: Path, python: Python, tmp_path: Path
) -> None:
    store = ["--store", tmp_path, "--sanity-images", "0"]
    first = python(
        *("-m", "training", "export", runs[0], "--data", drawn, "--version", "1.0"), *store
    )
    assert first.returncode == 0, first.stderr
    done = python(
        *("-m", "training", "adjust", tmp_path / "1.0", "--logit", "pneumonia=-2"),
        *("--data", drawn, "--run", tmp_path / "run"),
    )
    assert done.returncode == 0, done.stderr
    assert "val_accuracy" in done.stdout
    second = python(
        *("-m", "training", "export", tmp_path / "run", "--data", drawn, "--version", "1.1"), *store
    )
    assert second.returncode == 0, second.stderr
    before, after = (
        keras.models.load_model(tmp_path / version / "model.keras", compile=False)
        for version in ("1.0", "1.1")
    )
    moved = after.predict(IMAGE, verbose=0) - before.predict(IMAGE, verbose=0)
    np.testing.assert_allclose(moved[0], [0, 0, -2, 0], atol=1e-5)
    card = (tmp_path / "1.1" / "MODEL_CARD.md").read_text()
    assert "-2.00 was added to the logit of pneumonia" in card
    assert "less readily" in " ".join(card.split())
    assert "was added to the logit" not in (tmp_path / "1.0" / "MODEL_CARD.md").read_text()
    # What comes on top of it begins from there.
    adjust(
        tmp_path / "1.1",
        {"pneumonia": 0.5, "normal": 1},
        read_dataset(drawn),
        tmp_path / "again",
    )
    assert read_config(tmp_path / "again").adjusted == (0, 1, -1.5, 0)


def test_the_card_tells_what_a_network_that_it_began_from_had_been_trained_on(
    drawn: Path, python: Python, tmp_path: Path
) -> None:
    rows = [("path", "label", "split", "source", "licence")]
    for split, count in (("train", 8), ("val", 4), ("test", 4)):
        for folder in FOLDERS:
            for index in range(count):
                path = str(drawn / split / folder / f"{index}.png")
                source = ("here", "there", "elsewhere")[index % 3]
                rows.append((path, FOLDER_LABELS[folder.lower()], split, source, f"of {source}"))
    data = tmp_path / "manifest.csv"
    data.write_text("".join(",".join(row) + "\n" for row in rows))
    left = ("there", "elsewhere")
    as_run(
        networks.build("small_cnn", 4, None),
        replace(tiny.config, without_sources=left, epochs=1, seen_before=("there",)),
        read_dataset(data),
        tmp_path / "first",
    )
    words = ("--logit", "normal=0", "--data", data, "--run", tmp_path / "run")
    assert python("-m", "training", "adjust", tmp_path / "first", *words).returncode == 0
    done = python(
        *("-m", "training", "export", tmp_path / "run", "--data", data, "--version", "1.0"),
        *("--store", tmp_path / "store", "--sanity-images", "0"),
    )
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "store" / "1.0" / "MODEL_CARD.md").read_text()
    training, _, evaluation = card.partition("## Evaluation data")
    before = training.partition("had been trained on other images before")[2]
    assert "of there" in before
    assert "elsewhere" not in training
    [unseen] = [line for line in evaluation.splitlines() if line.startswith("Training saw no")]
    assert "normal of elsewhere" in unseen
    assert " there" not in unseen
    # The manifest says what it went without, so that nobody has to say it again.
    version = tmp_path / "store" / "1.0"
    assert Manifest.read(version).without_sources == left
    adjust(version, {"normal": 0.5}, read_dataset(data), tmp_path / "again")
    assert read_config(tmp_path / "again").without_sources == left


def test_a_class_that_the_network_does_not_have_is_said(
    runs: tuple[Path, Path], drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--logit", "cold=1", "--data", str(drawn), "--run", str(tmp_path / "run")]
    assert main(["adjust", str(runs[0]), *words]) == 2
    assert "has no class cold; it has covid19" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["covid19", "covid19=", "covid19=nan", "=1"])
def test_what_is_no_constant_for_a_class_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    words = ["--logit", word, "--data", str(tmp_path), "--run", str(tmp_path / "run")]
    with pytest.raises(SystemExit, match="2"):
        main(["adjust", str(tmp_path), *words])
    assert "is not CLASS=NUMBER" in capsys.readouterr().err
