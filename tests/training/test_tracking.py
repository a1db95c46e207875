"""What MLflow is told of a run, and that it never stands in the way of one."""

import json
import shutil
import socket
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from training import tracking
from training.__main__ import main
from training.data import Example, fingerprint, read_dataset
from training.run_state import read_config
from training.tracking import tracker

TINY = "tests/training/tiny.py"
FIGURES = {"loss", "accuracy", "val_loss", "val_accuracy"}

# Of the libraries, about each other.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:keras",
    "ignore::DeprecationWarning:gast",
    "ignore:The ``noload`` loader strategy",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of MLflow's in a file, as MLFLOW_TRACKING_URI names it."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture(scope="module")
def run(drawn: Path, store: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs, trained and tracked by the command."""
    folder = tmp_path_factory.mktemp("tracked")
    MlflowClient(store).create_experiment("test", str(folder / "artefacts"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        patch.setenv("MLFLOW_EXPERIMENT_NAME", "test")
        assert main(train_command(drawn, folder / "run")) == 0
    return folder / "run"


def train_command(data: Path, run: Path) -> list[str]:
    return ["train", TINY, "--data", str(data), "--run", str(run), "--epochs", "2"]


def kept(store: str, run: Path) -> Run:
    return MlflowClient(store).get_run((run / "mlflow_run_id").read_text().strip())


def epochs_of(store: str, run: Path, key: str = "val_loss") -> list[tuple[int, float]]:
    rows = MlflowClient(store).get_metric_history(kept(store, run).info.run_id, key)
    return [(row.step, row.value) for row in rows]


def test_a_run_is_kept_with_its_config_its_data_and_what_it_ran_on(
    run: Path, store: str, drawn: Path
) -> None:
    found = kept(store, run)
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    params = found.data.params
    assert params["backbone"] == "tiny"
    assert params["epochs"] == "2"
    assert params["learning_rate"] == "0.01"
    assert params["augmentation.rotation_degrees"] == "2"
    assert params["classes"] == "('covid19', 'normal', 'pneumonia', 'tuberculosis')"
    assert [params[f"data.{split}"] for split in ("train", "val", "test")] == ["32", "16", "16"]
    assert params["data.fingerprint"] == fingerprint(read_dataset(drawn))
    tags = found.data.tags
    assert tags["keras.backend"] == "tensorflow"
    assert {"version.keras", "version.tensorflow", "version.python"} <= set(tags)


def test_its_curves_are_those_of_the_state_file(run: Path, store: str) -> None:
    history = json.loads((run / "state.json").read_text())["history"]
    assert [row["epoch"] for row in history] == [1, 2]
    for key in FIGURES:
        expected = [(row["epoch"], row[key]) for row in history]
        assert epochs_of(store, run, key) == expected


def test_the_network_and_the_packages_can_be_had_from_it(
    run: Path, store: str, tmp_path: Path
) -> None:
    client, run_id = MlflowClient(store), kept(store, run).info.run_id
    files = {file.path for file in client.list_artifacts(run_id)}
    assert files == {"best.keras", "state.json", "packages.txt"}
    best = Path(client.download_artifacts(run_id, "best.keras", str(tmp_path)))
    assert best.read_bytes() == (run / "best.keras").read_bytes()
    assert "\nkeras==" in Path(client.download_artifacts(run_id, "packages.txt")).read_text()


def test_a_run_that_was_not_tracked_is_brought_in_afterwards_with_its_report(
    run: Path, store: str, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "test")
    untracked = tmp_path / "untracked"
    shutil.copytree(run, untracked, ignore=shutil.ignore_patterns("mlflow_run_id"))
    (untracked / "report.html").write_text("<p>made later</p>")
    for _ in range(2):  # a second time changes nothing
        assert main(["track", str(untracked), "--data", str(drawn)]) == 0
        found = kept(store, untracked)
        assert (found.info.run_name, found.info.status) == ("untracked", "FINISHED")
        assert found.data.params == kept(store, run).data.params
        assert epochs_of(store, untracked) == epochs_of(store, run)
        files = {file.path for file in MlflowClient(store).list_artifacts(found.info.run_id)}
        assert files == {"best.keras", "report.html", "state.json", "packages.txt"}


def test_a_resumed_run_goes_on_as_the_same_run_and_says_if_its_data_have_changed(
    run: Path,
    store: str,
    drawn: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "test")
    config, examples = read_config(run), read_dataset(drawn)
    history = [{"epoch": epoch, "val_loss": 1 / epoch} for epoch in range(1, 7)]
    run = tmp_path / "resumed"
    run.mkdir()

    def train(epochs: range, examples: list[Example]) -> None:
        observer = tracking.Tracker(store)
        observer.started(config, examples, run)
        for epoch in epochs:
            (run / "state.json").write_text(json.dumps({"history": history[:epoch]}))
            observer.epoch(history[epoch - 1])

    train(range(1, 3), examples)
    first = kept(store, run)
    assert first.info.status == "RUNNING"
    (run / "state.json").write_text(json.dumps({"history": history[:3]}))  # killed after its third
    train(range(4, 5), examples)
    assert capsys.readouterr().out == ""
    assert [step for step, _ in epochs_of(store, run)] == [1, 2, 3, 4]
    assert kept(store, run).info.run_id == first.info.run_id

    train(range(5, 6), examples[1:])
    assert "this run goes on with other data than it began with" in capsys.readouterr().out
    again = kept(store, run)
    assert again.data.params["data.fingerprint"] == fingerprint(examples)
    assert again.data.tags["data.fingerprint_when_resumed"] == fingerprint(examples[1:])

    (run / "mlflow_run_id").write_text("0" * 32)  # a run of another server
    train(range(6, 7), examples)
    assert kept(store, run).info.run_id != first.info.run_id
    assert [step for step, _ in epochs_of(store, run)] == [1, 2, 3, 4, 5, 6]


def test_a_server_that_is_dead_costs_one_warning_and_no_epoch(
    drawn: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as unheard:  # bound, so that no other takes it, and not listening
        unheard.bind(("127.0.0.1", 0))
        uri = f"http://someone:secret@127.0.0.1:{unheard.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert main(train_command(drawn, tmp_path / "run")) == 0
    said = capsys.readouterr()
    assert said.err.count("warning: MLflow failed, and training goes on without it") == 1
    assert "python -m training track" in said.err
    assert "secret" not in said.out + said.err
    assert len(json.loads((tmp_path / "run" / "state.json").read_text())["history"]) == 2
    assert (tmp_path / "run" / "best.keras").exists()


@pytest.mark.parametrize(
    ("off", "installed", "line"),
    [
        (True, True, "This run is not tracked: --no-tracking.\n"),
        (False, False, "This run is not tracked: mlflow is not installed.\n"),
    ],
)
def test_without_mlflow_one_line_says_so(
    off: bool,
    installed: bool,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not installed:
        monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: None)
    observer = tracker(off=off)
    assert type(observer) is tracking.Observer
    assert capsys.readouterr().out == line


def test_nothing_is_tracked_by_default_but_into_the_build_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracker()
    assert capsys.readouterr().out == (
        "This run is tracked in sqlite:///build/mlruns/mlflow.db\n"
        "See it: mlflow ui --backend-store-uri sqlite:///build/mlruns/mlflow.db\n"
    )
