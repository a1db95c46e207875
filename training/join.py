"""Several runs' networks → one run whose network answers with the mean of their class maps."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from training import networks
from training.answers import keras_logits
from training.config import Config
from training.data import DataError, Example, check_labels, of_split
from training.run_state import BEST, close_epoch, open_run, read_config
from training.train import validate


def join(runs: Sequence[Path], examples: Sequence[Example], to: Path) -> Path:
    """Join the best networks of runs into one, and note what it does on the validation split.

    Networks that began differently err differently, so that their mean errs less than each of them.

    Args:
        runs: Folders of runs with the same classes, size and left-out sources; the map of the lungs is the
            first one's.
        examples: The data set, for its validation split.
        to: A folder for the run, as `train` leaves it after its last epoch.

    Returns:
        The file of the joined network.

    Raises:
        ValueError: The runs do not go together.
        FileExistsError, DataError: See `as_run`.
    """
    first, *others = [read_config(run) for run in runs]
    for key in ("classes", "size", "without_sources"):
        if any(getattr(other, key) != getattr(first, key) for other in others):
            raise ValueError(f"The runs differ in {key}; only networks that agree can be joined.")
    seen = {source for config in (first, *others) for source in config.seen_before}
    config = replace(
        first,
        joined=tuple(str(run / BEST) for run in runs),
        seen_before=tuple(sorted(seen)),
        epochs=1,
    )
    models = [keras.models.load_model(run / BEST, compile=False) for run in runs]
    return as_run(networks.join(models, first.size), config, examples, to)


def as_run(model: keras.Model, config: Config, examples: Sequence[Example], to: Path) -> Path:
    """A run, over after one epoch, of a network that was made and not trained.

    Args:
        model: As `networks.build` makes it.
        config: Of one epoch; says how the network was made.
        examples: The data set, for what the network does on its validation split.
        to: A folder for the run, as `train` leaves it after its last epoch.

    Returns:
        The file of the network.

    Raises:
        FileExistsError: `to` holds a run.
        DataError: The validation split is empty, or a label is none of the classes.
    """
    validation = [
        each for each in of_split(examples, "val") if each.source not in config.without_sources
    ]
    if not validation:
        raise DataError("The validation split has only sources that the runs went without.")
    check_labels(validation, config.classes)
    state = open_run(config, to, resume=False)
    logits = keras_logits(model, config.input, validation, "validating")
    expected = np.eye(len(config.classes))[[config.classes.index(e.label) for e in validation]]
    close_epoch(model, to, state, {"epoch": 1, **validate(logits, expected)})
    return to / BEST
