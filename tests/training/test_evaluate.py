"""What is served is evaluated: through `python -m inference`, with its refusals and mistakes."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_store.store import BUNDLED, FolderStore
from tests.drawing import encode_png
from tests.training.conftest import Python, Terminal
from tests.training.test_evaluators import TWELVE
from training.__main__ import main


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Path]:
    """The manifest of twelve images that need not be there, and answers for them."""
    rows = [f"{n}.png,{'abc'[label]},test,{source}" for n, (label, source, _) in enumerate(TWELVE)]
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(["path,label,split,source", *rows]))
    answers: list[dict[str, Any]] = [
        {"file": str(tmp_path / f"{n}.png")}
        | (
            {"probabilities": dict(zip("abc", probabilities, strict=True))}
            if any(probabilities)
            else {"code": "undecodable", "detail": "The file is truncated."}
        )
        for n, (*_, probabilities) in enumerate(TWELVE)
    ]
    predictions = tmp_path / "answers.jsonl"
    # In any order: answers are found by their file.
    predictions.write_text("".join(json.dumps(each) + "\n" for each in reversed(answers)))
    return manifest, predictions


def test_answers_made_before_are_evaluated_without_a_model(
    written: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, predictions = written
    figures = tmp_path / "new" / "figures.json"
    arguments = ["--data", manifest, "--predictions", predictions, "--json", figures]
    assert main(["evaluate", *map(str, arguments)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("test: 12 images, 1 of them not answered\n")
    assert re.search(r"\| accuracy +\| 0\.6667 \| 0\.\d{3}–0\.\d{3}", printed)
    assert f"not answered: {tmp_path / '3.png'}: The file is truncated." in printed
    found = json.loads(figures.read_text())
    assert found["images"] == 12
    assert found["accuracy"] == pytest.approx(8 / 12)
    assert found["classes"]["b"]["sensitivity"] == pytest.approx(3 / 4)
    assert found["sources"]["a/there"]["images"] == 2
    assert found["sources"]["a/there"]["sensitivity"] == 0
    assert found["intervals"]["sources"]["a/there"]["sensitivity"] == [0, 0]


@pytest.fixture
def ask_far_and_near(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Evaluate 30 images each, of which all of `far` are answered wrongly, and one of `near`."""
    asked = [(source, n) for source in ("near", "far") for n in range(30)]
    rows = [f"{source}{n}.png,a,test,{source}" for source, n in asked]
    rows += ["x.png,a,train,near", "y.png,a,train,far"]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,label,split,source", *rows]))

    def ask(*more: str, **model: dict[str, str]) -> str:
        answers = [
            {
                "file": str(tmp_path / f"{source}{n}.png"),
                "probabilities": {"a": share, "b": 1 - share},
            }
            | model
            for source, n in asked
            for share in [0.9 if source == "near" and n else 0.1]
        ]
        file = tmp_path / "answers"
        file.write_text("".join(json.dumps(each) + "\n" for each in answers))
        assert main(["evaluate", "--data", str(tmp_path), "--predictions", str(file), *more]) == 0
        printed = capsys.readouterr()
        return printed.out + printed.err

    return ask


def test_the_worst_cell_is_of_what_training_saw(ask_far_and_near: Callable[..., str]) -> None:
    assert "recall in the worst source and class (a/far)" in ask_far_and_near()
    printed = ask_far_and_near("--without", "far")
    assert "recall in the worst source and class (a/near)" in printed


def test_the_manifest_says_what_the_version_that_answered_went_without(
    ask_far_and_near: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = replace(FolderStore(BUNDLED).manifest(), version="1.0", without_sources=("far",))
    (tmp_path / "store" / "1.0").mkdir(parents=True)
    manifest.write(tmp_path / "store" / "1.0")
    monkeypatch.setenv("MODEL_STORE", str(tmp_path / "store"))
    printed = ask_far_and_near(model={"version": "1.0"})
    assert "1.0 was trained without far, as its manifest says." in printed
    assert "recall in the worst source and class (a/near)" in printed
    printed = ask_far_and_near("--without", "near", model={"version": "1.0"})
    assert "as its manifest says" not in printed
    assert "recall in the worst source and class (a/far)" in printed
    printed = ask_far_and_near(model={"version": "2.0"})
    assert "There is no version '2.0'" in printed
    assert "If it was trained without a source, say --without." in printed
    assert "recall in the worst source and class (a/far)" in printed


@pytest.mark.parametrize("line", ["", "no JSON", "[1]", "{}", "\ufffd"])
def test_a_line_that_is_no_answer_is_named(
    written: tuple[Path, Path], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, predictions = written
    predictions.write_text(f"{predictions.read_text()}{line}\n")
    command = ["evaluate", "--data", str(manifest), "--predictions", str(predictions)]
    assert main(command) == 2
    assert f"{predictions}, line 13: this is no answer of python" in capsys.readouterr().err


def test_ctrl_c_ends_an_evaluation_and_what_answers_for_it(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal(then="evaluating"))
    assert main(["evaluate", "--data", str(drawn)]) == 130
    assert terminal.getvalue().endswith("\ntraining evaluate: stopped.\n")


def test_what_cannot_be_said_is_null_in_the_json(
    written: tuple[Path, Path], tmp_path: Path
) -> None:
    manifest, predictions = written
    lines = [line for line in manifest.read_text().splitlines() if ",b," not in line]
    manifest.write_text("\n".join(lines))
    arguments = ["--data", manifest, "--predictions", predictions, "--json", tmp_path / "f.json"]
    assert main(["evaluate", *map(str, arguments)]) == 0
    found = json.loads((tmp_path / "f.json").read_text())
    assert found["images"] == 8
    assert found["classes"]["b"]["auroc"] is None
    assert found["classes"]["b"]["sensitivity"] is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "0.png,a,test",
            "0.png,fracture,test",
            "labels fracture; the model has the classes a, b, c",
        ),
        ("0.png,a,test", "77.png,a,test", "There is no answer for 1 images, such as"),
        (",test,", ",val,", "The data set has no image in its split test"),
    ],
)
def test_answers_that_do_not_go_with_the_data_are_told_in_a_sentence(
    written: tuple[Path, Path],
    old: str,
    new: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manifest, predictions = written
    manifest.write_text(manifest.read_text().replace(old, new))
    command = ["evaluate", "--data", str(manifest), "--predictions", str(predictions)]
    assert main(command) == 2
    assert message in capsys.readouterr().err


def test_where_no_image_was_answered_the_reason_is_told(
    written: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, predictions = written
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([lines[0], lines[4]]))
    command = ["evaluate", "--data", str(manifest), "--predictions", str(predictions)]
    assert main(command) == 2
    assert "No image was answered" in (message := capsys.readouterr().err)
    assert "The file is truncated." in message


def test_served_answers_have_the_figures_of_the_export_and_refusals_count_as_wrong(
    exported: Path, drawn: Path, python: Python, tmp_path: Path
) -> None:
    data = shutil.copytree(drawn, tmp_path / "data")
    (data / "test" / "NORMAL" / "blank.png").write_bytes(encode_png(np.zeros((90, 90), np.uint8)))
    (data / "test" / "NORMAL" / "broken.png").write_bytes(b"no picture")
    done = python(
        *("-m", "training", "evaluate", "--data", data, "--json", tmp_path / "figures.json"),
        MODEL_STORE=exported,
        MODEL_VERSION="1.0",
    )
    assert done.returncode == 0, done.stderr
    head = "test: 18 images, 2 of them not answered\nThe answers are version 1.0's.\n"
    assert done.stdout.startswith(head)
    assert "blank.png: Refused: the picture is (nearly) of one gray value" in done.stdout
    assert "broken.png: The bytes are no image that is read here" in done.stdout
    found = json.loads((tmp_path / "figures.json").read_text())
    expected = FolderStore(exported).manifest("1.0").metrics["test"]
    assert found["images"] == 18
    assert found["accuracy"] == pytest.approx(expected["accuracy"] * 16 / 18)
    assert found["brier"] == pytest.approx(expected["brier"], abs=1e-5)


def test_data_with_a_class_that_the_model_lacks_are_told_in_a_sentence(
    exported: Path, drawn: Path, python: Python, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.csv"
    image = next(drawn.glob("test/NORMAL/*"))
    manifest.write_text(f"path,label,split\n{image},fracture,test\n")
    done = python(
        *("-m", "training", "evaluate", "--data", manifest),
        MODEL_STORE=exported,
        MODEL_VERSION="1.0",
    )
    assert done.returncode == 2
    assert done.stderr.endswith(
        "training evaluate: The data set has the labels fracture; the model has the classes "
        "covid19, normal, pneumonia, tuberculosis.\n"
    )
    assert "Traceback" not in done.stderr


def test_a_service_that_does_not_start_is_told_in_a_sentence(drawn: Path, python: Python) -> None:
    done = python("-m", "training", "evaluate", "--data", drawn, MODEL_STORE="nowhere")
    assert done.returncode == 1
    assert "MODEL_STORE is 'nowhere'; it takes" in done.stderr
    assert "0 answers for 16 files" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def bundled(
    shared: Path, python: Python, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Figures of the bundled model, as it is served, on the maintainers' test split."""
    file = tmp_path_factory.mktemp("bundled") / "figures.json"
    done = python(
        *("-m", "training", "evaluate", "--data", shared / "cxr", "--split", "test"),
        *("--json", file),
        MODEL_STORE="bundled",
        MODEL_VERSION="active",
        INFERENCE_RUNTIME="litert",
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    # The gate refuses two: films on a white page.
    assert done.stdout.startswith("test: 798 images, 2 of them not answered\n")
    return json.loads(file.read_text())


@pytest.mark.shared
def test_the_bundled_model_has_learned_its_classes(bundled: dict[str, Any]) -> None:
    # Of the network alone it is 0.901; two pictures that the gate refuses count as wrong.
    assert bundled["images"] == 798
    assert bundled["accuracy"] >= 0.895
    assert bundled["macro_f1"] >= 0.895


@pytest.mark.shared
def test_the_bundled_model_is_as_good_as_its_manifest_says(bundled: dict[str, Any]) -> None:
    promised = FolderStore(BUNDLED).manifest().metrics["test"]
    for figure in ("accuracy", "macro_f1", "balanced_accuracy", "ece", "brier"):
        assert bundled[figure] == pytest.approx(promised[figure], abs=0.003), figure
