"""Leave-one-source-out: train without a source, then see what the network makes of it.

A split drawn at random, even by patient, leaves every hospital on both sides. Only a source that training
never saw says what to expect in the next hospital.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from training.answers import keras_logits
from training.calibrate import fit_temperature
from training.config import Config
from training.data import Example, of_split
from training.left_out import write_left_out
from training.run_state import open_run
from training.train import train


def sources_to_spare(examples: Sequence[Example], without: Sequence[str] = ()) -> list[str]:
    """Sources whose classes all have training images of another source (of `without`, none counts)."""
    trained = {(e.label, e.source) for e in examples if e.split == "train"}
    trained = {(label, source) for label, source in trained if source not in without}
    return [
        source
        for source in sorted({source for _, source in trained})
        if all(
            any(label == other and source != elsewhere for other, elsewhere in trained)
            for label in {label for label, own in trained if own == source}
        )
    ]


def leave_out(config: Config, examples: Sequence[Example], source: str, folder: Path) -> Path:
    """Train without a source (or go on with it, or take what is there) and predict all of its images.

    Args:
        config: The run; early stopping and everything else use the other sources' validation images. What
            it says is `adjusted` is added to the answers.
        examples: The data set.
        source: The source to leave out.
        folder: For the run (`folder/SOURCE`) and the predictions.

    Returns:
        `folder/SOURCE.json`, as `left_out.write_left_out` writes it, with every image of the source,
        whatever its split, and the temperature that the other sources' validation images ask for.

    Raises:
        ValueError: The folder has what another config led to.
    """
    file = folder / f"{source}.json"
    config = dataclasses.replace(config, without_sources=(*config.without_sources, source))
    if file.exists():
        open_run(config, folder / source, resume=True)  # refuses another config
        return file
    best = train(config, examples, folder / source, resume=True)
    model = keras.models.load_model(best, compile=False)
    validation = [
        each for each in of_split(examples, "val") if each.source not in config.without_sources
    ]
    expected = np.array([config.classes.index(each.label) for each in validation])
    added = np.array(config.adjusted or 0.0)
    known = keras_logits(model, config.input, validation, "validating") + added
    temperature = fit_temperature(known, expected)
    held_out = [each for each in examples if each.source == source]
    logits = keras_logits(model, config.input, held_out, f"predicting {source}") + added
    return write_left_out(folder, source, config.classes, held_out, logits, temperature=temperature)
