"""Several runs' networks → one run whose network answers with the mean of their class maps."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from inference.preprocessing import preprocess
from model_store.manifest import Input
from training import networks
from training.data import DataError, Example, check_labels, of_split, read_pixels
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
        FileExistsError: `to` holds a run.
    """
    first, *others = [read_config(run) for run in runs]
    for key in ("classes", "size", "without_sources"):
        if any(getattr(other, key) != getattr(first, key) for other in others):
            raise ValueError(f"The runs differ in {key}; only networks that agree can be joined.")
    validation = [
        each for each in of_split(examples, "val") if each.source not in first.without_sources
    ]
    if not validation:
        raise DataError("The validation split has only sources that the runs went without.")
    check_labels(validation, first.classes)
    config = replace(first, joined=tuple(str(run / BEST) for run in runs), epochs=1)
    state = open_run(config, to, resume=False)
    models = [keras.models.load_model(run / BEST, compile=False) for run in runs]
    model = networks.join(models, first.size)
    spec = Input(size=first.size, channels=1, low=0.0, high=255.0)
    batches = list(itertools.batched(validation, 32, strict=False))
    logits = np.concatenate(
        [
            model.predict_on_batch(
                np.concatenate([preprocess(read_pixels(each), spec) for each in batch])
            )["logits"]
            for batch in tqdm(batches, "validating", leave=False, disable=None)
        ]
    )
    expected = np.eye(len(first.classes))[[first.classes.index(each.label) for each in validation]]
    close_epoch(model, to, state, {"epoch": 1, **validate(logits, expected)})
    return to / BEST
