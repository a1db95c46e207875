"""A network → a run whose network names a class more or less readily."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import keras

from model_store.manifest import MANIFEST, Manifest
from training.config import Config
from training.data import Example
from training.join import as_run
from training.run_state import BEST, read_config


def adjust(
    source: Path,
    logits: Mapping[str, float],
    examples: Sequence[Example],
    to: Path,
    *,
    without: Sequence[str] = (),
    seen_before: Sequence[str] = (),
) -> Path:
    """Add constants to classes' logits, and note what the network then does on the validation split.

    Its features, heatmaps and embedding stay as they are: only where one class gives way to another moves,
    as after a change of the classes' frequencies (Saerens et al. 2002, for logits).

    Args:
        source: The folder of a run or of a version.
        logits: What is added, by class.
        examples: The data set, for its validation split.
        to: A folder for the run, as `train` leaves it after its last epoch.
        without: Sources that a version went without, where its manifest does not say; a run knows them.
        seen_before: Of these, what a network that a version began from had been trained on.

    Returns:
        The file of the new network.

    Raises:
        ValueError: There is no such class.
        FileExistsError, DataError: See `join.as_run`.
    """
    network, config = _read(source, tuple(without), tuple(seen_before))
    unknown = sorted(logits.keys() - set(config.classes))
    if unknown:
        raise ValueError(
            f"{source} has no class {', '.join(unknown)}; it has {', '.join(config.classes)}."
        )
    before = dict(zip(config.classes, config.adjusted or (0.0,) * len(config.classes), strict=True))
    added = tuple(before[label] + logits.get(label, 0.0) for label in config.classes)
    model = keras.models.load_model(network, compile=False)
    if not isinstance(model.output, dict):  # a version's
        model = keras.Model(model.input, {"logits": model.output}, name=model.name)
    head = model.get_layer("class_maps")
    kernel, bias = head.get_weights()
    head.set_weights([kernel, bias + [logits.get(label, 0.0) for label in config.classes]])
    return as_run(model, replace(config, adjusted=added, epochs=1), examples, to)


def _read(
    source: Path, without: tuple[str, ...], seen_before: tuple[str, ...]
) -> tuple[Path, Config]:
    if not (source / MANIFEST).exists():
        return source / BEST, read_config(source)
    manifest = Manifest.read(source)
    config = Config(
        manifest.architecture,
        classes=manifest.labels,
        size=manifest.input.size,
        adjusted=manifest.adjusted,
        without_sources=without or manifest.without_sources,
        seen_before=seen_before,
    )
    return source / "model.keras", config
