"""A search that may be killed, goes on, and never looks at the test split."""

import json
import math
import multiprocessing
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

from tests.training.tiny import config as tiny
from training.__main__ import main
from training.augmentation import Augmentation
from training.config import Config, load_config
from training.run_state import read_config
from training.space import SPACE, as_python, configured, values_of
from training.tune import Judge, TakenOver, Tuning, open_study, take_up, tune

# Of the libraries, about each other.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:keras",
    "ignore::DeprecationWarning:gast",
    "ignore:Heartbeat of storage",
    "ignore::optuna.exceptions.ExperimentalWarning",
)


@pytest.fixture(scope="module")
def data(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn data set with a test split that no one can read."""
    copy = tmp_path_factory.mktemp("data") / "drawn"
    shutil.copytree(drawn, copy)
    for file in copy.glob("test/*/*"):
        file.unlink()
        file.mkdir()
    return copy


@pytest.fixture(scope="module")
def tuning(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    folder = tmp_path_factory.mktemp("tuning")
    return Tuning(
        config="tests/training/tiny.py",
        data=data,
        study=folder / "tiny.db",
        runs=folder / "runs",
        trials=2,
        changes={"epochs": 5},
        heartbeat=3,
    )


def command(tuning: Tuning, *more: str) -> list[str]:
    return [
        *("tune", tuning.config, "--data", str(tuning.data), "--trials", str(tuning.trials)),
        *("--study", str(tuning.study), "--runs", str(tuning.runs), "--epochs", "5"),
        *("--heartbeat", "3", *more),
    ]


@pytest.fixture(scope="module")
def killed(tuning: Tuning) -> str:
    """The first trial, killed after its first epoch; what the command said."""

    def kill() -> None:
        while not (tuning.runs / "000" / "state.json").exists():
            time.sleep(0.005)
        for process in multiprocessing.active_children():
            process.kill()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with pytest.raises(RuntimeError) as raised:
        tune(tuning, 1)
    killer.join()
    return str(raised.value)


@pytest.fixture(scope="module")
def trials(killed: str, tuning: Tuning) -> list[FrozenTrial]:
    """All trials, after two processes have gone on with the study."""
    assert main(command(tuning, "--processes", "2")) == 0
    return open_study(tuning).get_trials()


def test_a_command_whose_processes_were_killed_says_where_to_look(
    killed: str, tuning: Tuning
) -> None:
    assert killed.startswith("0 of 2 trials have finished, and the processes ended with -9; ")
    assert "tiny.log says why. The same command goes on." in killed


def test_a_killed_trial_is_taken_up_again_in_its_run(
    trials: list[FrozenTrial], tuning: Tuning
) -> None:
    assert (trials[0].number, trials[0].state) == (0, TrialState.FAIL)
    done = [each for each in trials if each.state == TrialState.COMPLETE]
    (again,) = [each for each in done if each.user_attrs["run"] == str(tuning.runs / "000")]
    assert again.params == trials[0].params == values_of(tiny)
    assert list(again.intermediate_values) == [1, 2, 3, 4, 5]


def test_the_study_has_as_many_trials_as_were_asked_each_with_its_run_and_figures(
    trials: list[FrozenTrial], tuning: Tuning
) -> None:
    finished = [each for each in trials if each.state == TrialState.COMPLETE]
    assert len(finished) == 2
    assert len({each.user_attrs["run"] for each in finished}) == 2
    for trial in finished:
        run = Path(trial.user_attrs["run"])
        history = json.loads((run / "state.json").read_text())["history"]
        best = min(history, key=lambda row: row["val_loss"])
        assert trial.value == best["val_loss"]
        assert trial.user_attrs["val_accuracy"] == best["val_accuracy"]
        assert trial.user_attrs["epoch"] == best["epoch"]
        assert trial.intermediate_values == {row["epoch"]: row["val_loss"] for row in history}
        assert read_config(run) == configured(replace(tiny, epochs=5), trial.params)


def test_a_study_that_is_complete_only_shows_its_best_and_writes_a_config_that_can_be_trained(
    trials: list[FrozenTrial], tuning: Tuning, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", tuning.config, "--study", str(tuning.study), "--show"]) == 0
    shown = capsys.readouterr().out
    finished = [each for each in trials if each.state == TrialState.COMPLETE]
    best = min(finished, key=lambda trial: trial.value)
    lines = shown.splitlines()
    assert lines[0] == "2 trials are complete, 0 were ended early."
    assert lines[2].split() == ["trial", "val", "loss", "val", "accuracy", "epoch", "run"]
    assert lines[3].startswith(f"{best.number}      {best.value:.4f}    ")
    assert "learning_rate                  0.01    " in shown
    file = tuning.study.parent / "tiny_best.py"
    assert f"python -m training train {file} --data DATA" in shown
    # With the epochs of the config, not with the fewer ones of a trial.
    assert load_config(str(file)) == configured(tiny, best.params)
    assert load_config(str(file)).epochs == 12
    assert f"validation loss {best.value:.4f}" in file.read_text().split('"""')[1]


def test_a_study_is_not_mixed_with_trials_of_other_settings_or_runs(
    trials: list[FrozenTrial], tuning: Tuning, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command(tuning), "--epochs", "4"]) == 2
    assert "tiny.db was begun with another setting (epochs);" in capsys.readouterr().err
    assert main([*command(tuning), "--study", str(tuning.study.with_name("new.db"))]) == 2
    assert "runs has the runs of another study;" in capsys.readouterr().err


def test_a_study_that_was_begun_before_a_setting_was_added_goes_on_with_its_default(
    trials: list[FrozenTrial], tuning: Tuning, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study(tuning)
    settings = dict(study.user_attrs["settings"])
    del settings["hidden_lungs"]
    study.set_user_attr("settings", settings)
    assert main(command(tuning)) == 0
    study.set_user_attr("settings", {**settings, "hidden_lungs": 0.5})
    assert main(command(tuning)) == 2
    assert "was begun with another setting (hidden_lungs)" in capsys.readouterr().err
    study.set_user_attr("settings", settings)


def test_an_error_that_ends_the_processes_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(data, broken, ignore=shutil.ignore_patterns("test"))
    (broken / "train" / "NORMAL" / "0.png").write_bytes(b"no image")
    files = ["--study", str(tmp_path / "broken.db"), "--runs", str(tmp_path / "runs")]
    assert main(["tune", "tests/training/tiny.py", "--data", str(broken), *files]) == 1
    message = capsys.readouterr().err
    assert "0 of 50 trials have finished, and the processes ended with 1;" in message
    assert "0.png: The bytes are no image that is read here" in message


def test_what_is_wrong_with_the_command_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", "tests/training/tiny.py"]) == 2
    assert "--data is missing; only --show does without." in capsys.readouterr().err
    nothing = tmp_path / "nothing.db"
    assert main(["tune", "tests/training/tiny.py", "--show", "--study", str(nothing)]) == 2
    assert f"There is no study {nothing}." in capsys.readouterr().err
    assert not nothing.exists()
    (tmp_path / "notes.txt").write_text("It went well.")
    words = ["--data", str(tmp_path), "--study", str(tmp_path / "notes.txt")]
    assert main(["tune", "tests/training/tiny.py", *words]) == 2
    message = "notes.txt cannot be opened as a study (file is not a database); name another"
    assert message in capsys.readouterr().err
    (tmp_path / "empty.py").write_text("settings = 1\n")
    assert main(["tune", str(tmp_path / "empty.py"), "--data", str(tmp_path)]) == 2
    assert "empty.py has no `config = Config(…)`." in capsys.readouterr().err


@pytest.fixture
def judged(tmp_path: Path) -> optuna.Study:
    """A study of one process with five trials whose loss went to 0.5 in three epochs."""
    study = open_study(Tuning("tiny", tmp_path, tmp_path / "s.db", tmp_path, 9))
    study.pruner = optuna.pruners.MedianPruner(n_warmup_steps=2)
    for _ in range(5):
        trial = study.ask()
        judge = Judge(trial)
        for epoch, loss in enumerate([1.5, 1.0, 0.5], 1):
            judge.epoch({"epoch": epoch, "val_loss": loss})
        study.tell(trial, 0.5)
    return study


def test_a_trial_that_others_are_far_ahead_of_is_ended_but_not_in_its_first_epochs(
    judged: optuna.Study,
) -> None:
    judge = Judge(judged.ask())
    judge.epoch({"epoch": 1, "val_loss": 1.6})
    with pytest.raises(optuna.TrialPruned):
        judge.epoch({"epoch": 2, "val_loss": 1.6})
    better = Judge(judged.ask())
    for epoch, loss in enumerate([1.6, 0.9, 0.4], 1):
        better.epoch({"epoch": epoch, "val_loss": loss})


def test_a_trial_whose_loss_is_no_number_is_ended_at_once(judged: optuna.Study) -> None:
    with pytest.raises(optuna.TrialPruned):
        Judge(judged.ask()).epoch({"epoch": 1, "val_loss": math.nan})


def test_a_trial_that_another_process_has_taken_over_is_given_up(judged: optuna.Study) -> None:
    trial = judged.ask()
    judged.tell(trial, state=TrialState.FAIL)  # what is done with a trial that gave no sign
    with pytest.raises(TakenOver):
        Judge(trial).epoch({"epoch": 1, "val_loss": 0.1})


def test_a_trial_that_was_killed_before_its_first_sign_is_taken_up_too(
    judged: optuna.Study,
) -> None:
    judged.enqueue_trial({"dropout": 0.25})
    number = judged.ask().number  # and nothing more is heard of it
    begun = judged.ask()
    begun.set_user_attr("begun", begun.number)
    take_up(judged, silence=60)
    assert judged.get_trials()[number].state == TrialState.RUNNING
    take_up(judged, silence=0)
    assert judged.get_trials()[number].state == TrialState.FAIL
    assert judged.get_trials()[begun.number].state == TrialState.RUNNING
    again = judged.ask()
    assert RetryHeartbeatStaleTrialCallback.retried_trial_number(judged.get_trials()[-1]) == number
    assert again.suggest_float("dropout", 0, 1) == 0.25


def test_every_name_of_the_space_is_a_setting_whose_default_lies_in_its_range() -> None:
    default = Config("mobilenet_v3_small")
    for name, value in values_of(default).items():
        assert SPACE[name]._contains(value), name


def test_values_go_into_the_config_and_its_augmentation_with_three_digits() -> None:
    found = configured(tiny, {"learning_rate": 0.00123456, "augmentation.zoom": 0.25})
    assert found == replace(
        tiny, learning_rate=0.00123, augmentation=replace(tiny.augmentation, zoom=0.25)
    )


def test_a_config_as_python_is_the_same_config_with_nothing_but_what_differs(
    tmp_path: Path,
) -> None:
    changed = Config("tiny", size=96, weights=None, augmentation=Augmentation(flip=0.25))
    text = as_python(changed, "What it is.")
    assert text == (
        '"""What it is."""\n\n'
        "from training.augmentation import Augmentation\n"
        "from training.config import Config\n\n"
        "config = Config(\n"
        '    backbone="tiny",\n'
        "    size=96,\n"
        "    weights=None,\n"
        "    augmentation=Augmentation(\n"
        "        flip=0.25,\n"
        "    ),\n"
        ")\n"
    )
    (tmp_path / "changed.py").write_text(text)
    assert load_config(str(tmp_path / "changed.py")) == changed
    quoted = Config("tiny", weights="Ann's", lungs='the "best"', without_sources=("a", "b's"))
    (tmp_path / "quoted.py").write_text(as_python(quoted, ""))
    assert load_config(str(tmp_path / "quoted.py")) == quoted
    plain: Any = as_python(Config("tiny"), "")
    assert "Augmentation" not in plain
