"""Leave-one-source-out: train without a source, then see what the network makes of it.

A split drawn at random, even by patient, leaves every hospital on both sides. Only a source that training
never saw says what to expect in the next hospital.
"""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from inference.preprocessing import preprocess
from model_store.manifest import Input
from training.config import Config
from training.data import Example, read_pixels
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
        config: The run; early stopping and everything else use the other sources' validation images.
        examples: The data set.
        source: The source to leave out.
        folder: For the run (`folder/SOURCE`) and the predictions.

    Returns:
        `folder/SOURCE.json`: `source`, `classes`, and `rows` with the path, label, source, split and
        logits of every image of the source, whatever its split.
    """
    file = folder / f"{source}.json"
    if file.exists():
        return file
    without = (*config.without_sources, source)
    best = train(
        dataclasses.replace(config, without_sources=without), examples, folder / source, resume=True
    )
    model = keras.models.load_model(best, compile=False)
    spec = Input(size=config.size, channels=1, low=0.0, high=255.0)
    held_out = [each for each in examples if each.source == source]
    rows = []
    for start in tqdm(range(0, len(held_out), 32), f"predicting {source}", disable=None):
        chosen = held_out[start : start + 32]
        batch = np.concatenate([preprocess(read_pixels(each), spec) for each in chosen])
        logits = model.predict_on_batch(batch)["logits"]
        rows += [
            {
                "path": "/".join(each.path.parts[-3:]),
                "label": each.label,
                "source": each.source,
                "split": each.split,
                "logits": values.tolist(),
            }
            for each, values in zip(chosen, logits, strict=True)
        ]
    partial = file.with_name(f"{file.name}.part")
    partial.write_text(
        json.dumps({"source": source, "classes": config.classes, "rows": rows}) + "\n"
    )
    os.replace(partial, file)
    return file
