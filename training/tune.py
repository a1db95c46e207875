"""Search for a better config with Optuna: any number of processes, any of which may be killed at any time.

The study is one SQLite file. A trial is a run like any other, in a folder of its own; its processes learn
from one another by the study alone. What counts is the loss on the validation split, at its best epoch; the
test split is not even read.
"""

import json
import math
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from filelock import FileLock
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DatabaseError
from tqdm import tqdm

from training.columns import columns
from training.data import Example, fingerprint, read_dataset
from training.space import SPACE, as_python, configured, values_of
from training.tracking import Observer

if TYPE_CHECKING:
    from training.config import Config

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Tuning:
    """What the processes of a study have to know.

    `config` is a name or a .py file, `changes` are made to it; `study` is the SQLite file, `runs` the folder
    of the trials' runs. They go on until `trials` trials have finished, and start none after `timeout`
    seconds. A trial that has not given a sign for four `heartbeat`s (seconds) was killed.
    """

    config: str
    data: Path
    study: Path
    runs: Path
    trials: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = math.inf
    heartbeat: int = 15


class TakenOver(BaseException):
    """This trial was silent for so long that another process does it now."""


def tune(tuning: Tuning, processes: int) -> optuna.Study:
    """Tune in so many new processes until the study has its trials; show how far it is.

    The first trial is the config as it is. A study that exists is gone on with.

    Raises:
        ValueError: The study was made with another config or other data.
        RuntimeError: Every process ended, and the study has not all of its trials.
    """
    study = open_study(tuning)
    config = _config(tuning)
    with _turn(tuning):  # the same command may begin in two terminals at once
        _check_same(study, config, tuning)
        study.enqueue_trial(values_of(config), skip_if_exists=True)
    if processes > 1:
        threads = max(1, (os.cpu_count() or 1) // processes)
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
    context = multiprocessing.get_context("spawn")  # TensorFlow does not outlast a fork
    workers = [context.Process(target=_work, args=(tuning,)) for _ in range(processes)]
    try:
        for worker in workers:
            worker.start()
        out_of_time = time.monotonic() + tuning.timeout
        _watch(study, workers, tuning)
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.kill()  # what it was doing is taken up by the next process
    done, failed = len(_trials(study, *FINISHED)), [each.exitcode for each in workers]
    if done < tuning.trials and (any(failed) or time.monotonic() < out_of_time):
        raise RuntimeError(
            f"{done} of {tuning.trials} trials have finished, and the processes ended with "
            f"{', '.join(map(str, failed))}; {_log(tuning)} says why"
            f"{_last_words(tuning) if 1 in failed else ''}. The same command goes on."
        )
    return study


def open_study(tuning: Tuning) -> optuna.Study:
    """Open the study, or create it.

    Raises:
        ValueError: The file is there and is none.
    """
    tuning.study.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            storage = RDBStorage(
                f"sqlite:///{tuning.study}",
                engine_kwargs={"connect_args": {"timeout": 60}},  # of waiting for the others
                heartbeat_interval=tuning.heartbeat,
                grace_period=4 * tuning.heartbeat,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
            )
        except DatabaseError as error:
            raise ValueError(
                f"{tuning.study} cannot be opened as a study ({error.orig}); name another --study."
            ) from error
    return optuna.create_study(storage=storage, study_name=tuning.study.stem, load_if_exists=True)


def _config(tuning: Tuning) -> "Config":
    from training.config import load_config

    return replace(load_config(tuning.config), **tuning.changes)


def _examples(tuning: Tuning) -> list[Example]:
    return [each for each in read_dataset(tuning.data) if each.split != "test"]


def _log(tuning: Tuning) -> Path:
    return tuning.study.with_suffix(".log")


def _last_words(tuning: Tuning) -> str:
    """What the log ends with, where a process ended by an error."""
    lines = _log(tuning).read_text(errors="replace").rstrip().splitlines()
    return f" ({lines[-1]})" if lines else ""


def _turn(tuning: Tuning) -> FileLock:
    """Held by the one process that looks at the study and changes it; a kill lets go of it."""
    return FileLock(tuning.study.with_suffix(".lock"))


def _check_same(study: optuna.Study, config: "Config", tuning: Tuning) -> None:
    """Trials can be compared if all but what is tuned is the same."""
    from training.config import completed, settings_of

    settings = {**settings_of(config), "data": fingerprint(_examples(tuning))}
    before = study.user_attrs.get("settings")
    if before is None:
        if tuning.runs.exists():
            raise ValueError(
                f"{tuning.runs} has the runs of another study; name other --runs, or remove it."
            )
        study.set_user_attr("settings", settings)
    elif (before := completed(before)) != settings:
        keys = {**before, **settings}
        changed = ", ".join(key for key in keys if before.get(key) != settings.get(key))
        raise ValueError(
            f"{tuning.study} was begun with another setting ({changed}); name another --study."
        )


def _trials(study: optuna.Study, *states: TrialState) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=states)


def _work(tuning: Tuning) -> None:
    """Do trials until the study has enough: a process of its own, whose output goes into the log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent has it too, and ends this
    log = os.open(_log(tuning), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout.reconfigure(line_buffering=True)  # or a kill would take what was not yet written
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    study, config, examples = open_study(tuning), _config(tuning), _examples(tuning)
    # A trial may be behind for a while: a higher learning rate pays late.
    study.pruner = optuna.pruners.MedianPruner(n_warmup_steps=1 + config.epochs // 3)
    turn = _turn(tuning)

    def objective(trial: optuna.Trial) -> float:
        turn.release()  # this trial counts now: the other processes may look
        return _objective(trial, tuning, config, examples)

    out_of_time = time.monotonic() + tuning.timeout
    while time.monotonic() < out_of_time:
        _end_with_parent()
        # Between looking and beginning no other process may begin one, or there would be too many.
        with turn:
            take_up(study, 4 * tuning.heartbeat)
            begun = _trials(study, TrialState.RUNNING, *FINISHED)
            if len(begun) < tuning.trials:
                with suppress(TakenOver):
                    # gc: a network's parts hold each other.
                    study.optimize(objective, n_trials=1, gc_after_trial=True)
                continue
        if sum(trial.state in FINISHED for trial in begun) >= tuning.trials:
            return
        time.sleep(0.5)  # should one of those that run be killed, it is done here


def take_up(study: optuna.Study, silence: float) -> None:
    """Put the trials into the queue again whose processes were killed: without a sign for so many seconds."""
    optuna.storages.fail_stale_trials(study)
    # What was killed before its first heartbeat, Optuna would take for running for ever.
    for trial in _trials(study, TrialState.RUNNING):
        age = (datetime.now() - trial.datetime_start).total_seconds()
        if age > silence and trial.user_attrs.get("begun") != trial.number:
            try:
                study.tell(trial.number, state=TrialState.FAIL)
            except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
                continue  # another process was faster
            RetryHeartbeatStaleTrialCallback()(study, trial)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent and not parent.is_alive():
        raise SystemExit("The process that began the tuning is gone.")


def _objective(
    trial: optuna.Trial, tuning: Tuning, base: "Config", examples: Sequence[Example]
) -> float:
    """Train once; the loss on the validation split, at the epoch where it is lowest."""
    values = {
        name: trial.suggest_float(name, each.low, each.high, log=each.log)
        for name, each in SPACE.items()
    }
    # Before what takes longer, because until then it may be taken up.
    trial.set_user_attr("begun", trial.number)
    import keras

    from training.train import train

    # A trial that was killed is another trial now, and goes on with the same run.
    this = trial.study.get_trials(deepcopy=False)[trial.number]
    first = RetryHeartbeatStaleTrialCallback.retried_trial_number(this)
    run = tuning.runs / f"{trial.number if first is None else first:03}"
    trial.set_user_attr("run", str(run))
    keras.utils.clear_session()
    train(configured(base, values), examples, run, resume=True, observer=Judge(trial))
    history = json.loads((run / "state.json").read_text())["history"]
    best = min(history, key=lambda row: row["val_loss"])
    trial.set_user_attr("val_accuracy", best["val_accuracy"])
    trial.set_user_attr("epoch", best["epoch"])
    return float(best["val_loss"])


class Judge(Observer):
    """Tells a trial of each epoch, and ends one that others are far ahead of, or that came to no number."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial

    def started(self, config: "Config", examples: Sequence[Example], run: Path) -> None:
        state = run / "state.json"
        for row in json.loads(state.read_text())["history"] if state.exists() else []:
            self._trial.report(row["val_loss"], row["epoch"])

    def epoch(self, row: dict[str, float]) -> None:
        _end_with_parent()
        trial = self._trial
        if trial.study.get_trials(deepcopy=False)[trial.number].state != TrialState.RUNNING:
            raise TakenOver
        trial.report(row["val_loss"], int(row["epoch"]))
        if not math.isfinite(row["val_loss"]) or trial.should_prune():
            raise optuna.TrialPruned


def _watch(study: optuna.Study, workers: Sequence[Any], tuning: Tuning) -> None:
    """A bar of the trials, with the best so far and what is being done, until the workers have ended."""
    seen = {trial.number for trial in _trials(study, *FINISHED)}
    with tqdm(
        total=tuning.trials, initial=len(seen), desc="tuning", unit="trial", disable=None
    ) as bar:
        alive = True
        while alive:
            alive = bool([each for each in workers if each.is_alive()])
            for trial in _trials(study, *FINISHED):
                if trial.number not in seen:
                    seen.add(trial.number)
                    bar.update()
                    tqdm.write(f"trial {trial.number}: {_outcome(trial)}")
            bar.set_postfix_str(_now(study))
            wait([each.sentinel for each in workers if each.is_alive()], timeout=1)


def _outcome(trial: FrozenTrial) -> str:
    if trial.state == TrialState.PRUNED:
        return f"ended after epoch {trial.last_step}, others were ahead"
    return f"val loss {trial.value:.4f}, val accuracy {trial.user_attrs['val_accuracy']:.4f}"


def _now(study: optuna.Study) -> str:
    done = [trial.value for trial in _trials(study, TrialState.COMPLETE)]
    running = _trials(study, TrialState.RUNNING)
    doing = [f"trial {each.number} after epoch {each.last_step or 0}" for each in running]
    return ", ".join([f"best {min(done):.4f}", *doing] if done else doing)


def show(tuning: Tuning, rows: int = 10) -> tuple[str, str]:
    """The best trials as tables for a person, and the best config as a Python file.

    Raises:
        ValueError: There is no such study, or none of its trials is complete.
    """
    from training.config import load_config

    if not tuning.study.exists():
        raise ValueError(f"There is no study {tuning.study}.")
    study, config = open_study(tuning), load_config(tuning.config)
    complete = sorted(_trials(study, TrialState.COMPLETE), key=lambda trial: trial.value)
    if not complete:
        raise ValueError(f"No trial of {tuning.study} is complete yet.")
    pruned = len(_trials(study, TrialState.PRUNED))
    best, own = complete[0], values_of(config)
    ranking = [
        [
            str(each.number),
            f"{each.value:.4f}",
            f"{each.user_attrs['val_accuracy']:.4f}",
            str(each.user_attrs["epoch"]),
            each.user_attrs["run"],
        ]
        for each in complete[:rows]
    ]
    settings = [
        [name, *(f"{values[name]:.3g}" for values in (own, *(t.params for t in complete[:3])))]
        for name in SPACE
    ]
    tables = [
        f"{len(complete)} trials are complete, {pruned} were ended early.",
        columns(["trial", "val loss", "val accuracy", "epoch", "run"], ranking),
        columns(["setting", "config", *(f"trial {t.number}" for t in complete[:3])], settings),
    ]
    docstring = (
        f"{Path(tuning.config).stem}, tuned: the best of {len(complete) + pruned} trials.\n\n"
        f"Trial {best.number} reached validation loss {best.value:.4f}, accuracy "
        f"{best.user_attrs['val_accuracy']:.4f} in epoch {best.user_attrs['epoch']} of "
        f"{study.user_attrs['settings']['epochs']}.\n"
    )
    return "\n\n".join(tables), as_python(configured(config, best.params), docstring)
