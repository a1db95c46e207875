"""The folder of a run: what a kill at any moment must leave whole."""

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

import keras

from training.augmentation import Augmentation
from training.config import Config, completed, settings_of
from training.dotted import dotted

BEST = "best.keras"


@dataclasses.dataclass(frozen=True)
class RunState:
    """What `state.json` holds: the config, the last checkpoint's file name, and a row of figures an epoch."""

    config: dict[str, Any]
    checkpoint: str | None
    history: list[dict[str, float]]

    @property
    def epochs_done(self) -> int:
        """How many epochs are over."""
        return len(self.history)

    @property
    def best_epoch(self) -> int:
        """The epoch with the least validation loss, the last one of equals; 0 before the first."""
        losses = [row["val_loss"] for row in self.history]
        return max((i + 1 for i, loss in enumerate(losses) if loss == min(losses)), default=0)


def read_state(run: Path) -> RunState:
    """The state of a run; fields of its config that are newer than it have their defaults.

    Raises:
        FileNotFoundError: There is no run.
        ValueError: The file is not as `close_epoch` writes it.
    """
    file = run / "state.json"
    if not file.exists():
        raise FileNotFoundError(f"{run} holds no run: there is no {file.name} in it.")
    try:
        content = json.loads(file.read_text())
        return RunState(**{**content, "config": completed(content["config"])})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is not what a training writes; name another run.") from error


def read_config(run: Path) -> Config:
    """The config that a run was made with.

    Raises:
        FileNotFoundError: There is no run.
        ValueError: See `read_state`, or the config has a field that was removed since.
    """
    settings = dict(read_state(run).config)
    known = dict(dotted(settings_of(Config(settings["backbone"]))))
    if removed := [name for name, _ in dotted(settings) if name not in known]:
        raise ValueError(
            f"{run} was made with {', '.join(removed)}, which configs no longer have: use the code that "
            "made it, or train anew."
        )
    augmentation = Augmentation(**settings.pop("augmentation"))
    lists = {key: tuple(value) for key, value in settings.items() if isinstance(value, list)}
    return Config(**{**settings, **lists}, augmentation=augmentation)


def open_run(config: Config, run: Path, resume: bool) -> RunState:
    """Begin a run, or take up what its folder holds.

    Raises:
        FileExistsError: `run` holds a run and `resume` is not set.
        ValueError: `run` was made with another config.
    """
    settings = settings_of(config)
    if not (run / "state.json").exists():
        run.mkdir(parents=True, exist_ok=True)
        return RunState(settings, None, [])
    if not resume:
        raise FileExistsError(
            f"{run} holds a run already: go on with --resume or name another --run."
        )
    state = read_state(run)
    if state.config != settings:
        keys = {**settings, **state.config}
        changed = [key for key in keys if state.config.get(key) != settings.get(key)]
        raise ValueError(
            f"{run} was made with another config ({', '.join(changed)} differ): go on with that one, or name "
            "another folder."
        )
    _keep_best(run, state)
    return state


def close_epoch(model: keras.Model, run: Path, state: RunState, row: dict[str, float]) -> RunState:
    """Save the network and what the epoch has come to; the state file is replaced in one step."""
    checkpoint = f"epoch-{state.epochs_done + 1:03}.keras"
    partial = run / f"part-{checkpoint}"
    model.save(partial)
    os.replace(partial, run / checkpoint)
    new = RunState(state.config, checkpoint, [*state.history, row])
    partial = run / "state.json.part"
    partial.write_text(json.dumps(dataclasses.asdict(new), indent=1))
    os.replace(partial, run / "state.json")
    _keep_best(run, new)
    if state.checkpoint:
        (run / state.checkpoint).unlink(missing_ok=True)
    return new


def _keep_best(run: Path, state: RunState) -> None:
    """Copy the last checkpoint to `best.keras` if no epoch was better."""
    if state.best_epoch == state.epochs_done:
        partial = run / f"part-{BEST}"
        shutil.copyfile(run / str(state.checkpoint), partial)
        os.replace(partial, run / BEST)
