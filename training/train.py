"""Train one network from one config, in epochs that a kill at any moment costs at most one of."""

import dataclasses
import importlib
import json
import os
import pkgutil
import runpy
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from inference.preprocessing import equalize_locally, squash
from training import configs, networks
from training.augmentation import Augmentation, augment
from training.data import DataError, Example, check_labels, of_split, read_pixels
from training.tracking import Observer


@dataclass(frozen=True)
class Config:
    """Everything that decides a run, save the data."""

    backbone: str
    classes: tuple[str, ...] = ("covid19", "normal", "pneumonia", "tuberculosis")
    size: int = 224
    weights: str | None = "imagenet"
    epochs: int = 40
    batch: int = 32
    learning_rate: float = 1e-3
    warmup_epochs: int = 2
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    dropout: float = 0.2
    batch_norm_momentum: float = 0.95
    mixup: float = 0.2
    weight_average: float = 0.99
    source_balance: float = 0.5
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 1


def load_config(name: str) -> Config:
    """The `config` of `training/configs/NAME.py`, or of the file `name` if it ends with `.py`.

    Raises:
        ValueError: There is no such config.
    """
    if name.endswith(".py"):
        found = runpy.run_path(name).get("config")
        if not isinstance(found, Config):
            raise ValueError(f"{name} has no `config = Config(…)`.")
        return found
    names = sorted(module.name for module in pkgutil.iter_modules(configs.__path__))
    if name not in names:
        raise ValueError(
            f"There is no config {name!r} in training/configs; it has {', '.join(names)}."
        )
    return importlib.import_module(f"training.configs.{name}").config


def read_config(run: Path) -> Config:
    """The config that a run was made with."""
    settings = json.loads((run / "state.json").read_text())["config"]
    augmentation = Augmentation(**settings.pop("augmentation"))
    return Config(**{**settings, "classes": tuple(settings["classes"])}, augmentation=augmentation)


class Batches(keras.utils.PyDataset):
    """Augmented batches of one epoch: the same seed and epoch give the same batches, resumed or not."""

    def __init__(
        self,
        images: Sequence[npt.NDArray[np.uint8]],
        targets: npt.NDArray[np.float32],
        weights: npt.NDArray[np.float32],
        config: Config,
        epoch: int,
    ) -> None:
        super().__init__(workers=2, max_queue_size=16)
        self.images, self.targets, self.weights = images, targets, weights
        self.config, self.epoch = config, epoch
        self.order = np.random.default_rng([config.seed, epoch]).permutation(len(images))

    def __len__(self) -> int:
        return len(self.images) // self.config.batch

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        config = self.config
        chosen = self.order[index * config.batch : (index + 1) * config.batch]
        random = np.random.default_rng([config.seed, self.epoch, index])
        images = [augment(self.images[i], config.size, config.augmentation, random) for i in chosen]
        batch, targets, weights = _as_batch(images), self.targets[chosen], self.weights[chosen]
        if not config.mixup:
            return batch, targets, weights
        # Mixup (Zhang et al. 2018) with each image's neighbour: labels are noisy, and mixed images
        # keep the network from learning single ones by heart.
        share = random.beta(config.mixup, config.mixup, (len(batch), 1)).astype(np.float32)
        share = np.maximum(share, 1 - share)
        batch = share[..., None, None] * batch + (1 - share[..., None, None]) * np.roll(batch, 1, 0)
        return batch, share * targets + (1 - share) * np.roll(targets, 1, 0), weights


def train(
    config: Config,
    examples: Sequence[Example],
    run: Path,
    *,
    resume: bool = False,
    observer: Observer | None = None,
) -> Path:
    """Train until `config.epochs`, keeping the network that is best on the validation split.

    After each epoch `run` holds the whole state; `resume` goes on from there. The state file names its
    checkpoint and is replaced in one step, so a kill can leave a stray file but no false state; if it
    leaves `best.keras` an epoch behind, `resume` mends that.

    Args:
        config: The run.
        examples: The data set; its splits `train` and `val` are used.
        run: A folder for checkpoints and figures.
        resume: Go on with what `run` holds (start afresh if it holds nothing).
        observer: Is told of the start, of each epoch after it is safe on disk, and of the end.

    Returns:
        The file of the best network.

    Raises:
        FileExistsError: `run` holds a run and `resume` is not set.
        ValueError: `run` was made with another config.
        DataError: A split or a label does not go with the config, or an image cannot be read.
    """
    cv2.setNumThreads(1)  # the batches' own threads are enough; more would fight with the network's
    state = _open_run(config, run, resume)
    first, history = state["epochs_done"], state["history"]
    observer = observer or Observer()
    if first == config.epochs:
        observer.started(config, examples, run)  # a kill may have kept the end from it
        observer.finished(run / "best.keras")
        return run / "best.keras"
    training, validation = of_split(examples, "train"), of_split(examples, "val")
    check_labels([*training, *validation], config.classes)
    if len(training) < config.batch:
        raise DataError(f"{len(training)} training images do not fill a batch of {config.batch}.")
    images = _read_all(training, "reading train")
    inputs = np.concatenate(
        [
            _as_batch([equalize_locally(squash(pixels, config.size))])
            for pixels in _read_all(validation, "reading val")
        ]
    )
    targets, weights = _one_hot(training, config), _weights(training, config)
    expected = _one_hot(validation, config)
    steps = len(training) // config.batch

    keras.utils.set_random_seed(config.seed + first)
    model = keras.models.load_model(run / state["checkpoint"]) if first else _compile(config, steps)
    observer.started(config, examples, run)
    with tqdm(
        total=config.epochs * steps, initial=first * steps, desc=run.name, unit="step", disable=None
    ) as bar:
        step = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())
        for epoch in range(first, config.epochs):
            batches = Batches(images, targets, weights, config, epoch)
            figures = model.fit(
                batches,
                epochs=epoch + 1,
                initial_epoch=epoch,
                shuffle=False,  # `Batches` has its own order, which a resumed run repeats
                verbose=0,
                callbacks=[step],
            ).history
            logits = model.predict(inputs, batch_size=64, verbose=0)
            row = {
                "epoch": epoch + 1,
                "loss": figures["loss"][0],
                "accuracy": figures["accuracy"][0],
                **_validate(logits, expected),
            }
            history.append(row)
            tqdm.write(" ".join(f"{key} {value:.4g}" for key, value in row.items()))
            state = _close_epoch(model, run, state, history)
            observer.epoch(row)
    observer.finished(run / "best.keras")
    return run / "best.keras"


def _open_run(config: Config, run: Path, resume: bool) -> dict[str, Any]:
    settings = json.loads(json.dumps(dataclasses.asdict(config)))
    file = run / "state.json"
    if not file.exists():
        run.mkdir(parents=True, exist_ok=True)
        return {"config": settings, "epochs_done": 0, "checkpoint": None, "history": []}
    if not resume:
        raise FileExistsError(
            f"{run} holds a run already: go on with --resume or name another --run."
        )
    state: dict[str, Any] = json.loads(file.read_text())
    if state["config"] != settings:
        keys = {**settings, **state["config"]}
        changed = [key for key in keys if state["config"].get(key) != settings.get(key)]
        raise ValueError(f"{run} was made with another config ({', '.join(changed)} differ).")
    _keep_best(run, state)
    return state


def _close_epoch(
    model: keras.Model, run: Path, state: dict[str, Any], history: list[dict[str, float]]
) -> dict[str, Any]:
    done = len(history)
    checkpoint = f"epoch-{done:03}.keras"
    _save(model, run / checkpoint)
    new = {**state, "epochs_done": done, "checkpoint": checkpoint, "history": history}
    partial = run / "state.json.part"
    partial.write_text(json.dumps(new, indent=1))
    os.replace(partial, run / "state.json")
    _keep_best(run, new)
    if state["checkpoint"]:
        (run / state["checkpoint"]).unlink(missing_ok=True)
    return new


def _keep_best(run: Path, state: dict[str, Any]) -> None:
    """Copy the last checkpoint to `best.keras` if no epoch was better."""
    losses = [row["val_loss"] for row in state["history"]]
    if losses[-1] == min(losses):
        partial = run / "part-best.keras"
        shutil.copyfile(run / state["checkpoint"], partial)
        os.replace(partial, run / "best.keras")


def _save(model: keras.Model, file: Path) -> None:
    partial = file.with_name(f"part-{file.name}")
    model.save(partial)
    os.replace(partial, file)


def _compile(config: Config, steps: int) -> keras.Model:
    model = networks.build(
        config.backbone,
        len(config.classes),
        config.size,
        config.weights,
        dropout=config.dropout,
        batch_norm_momentum=config.batch_norm_momentum,
    )
    warmup = config.warmup_epochs * steps
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 100,
        decay_steps=max(1, config.epochs * steps - warmup),
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
    )
    # Keras puts the averaged weights in place when `fit` ends, which is after each epoch here.
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        use_ema=True,
        ema_momentum=config.weight_average,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=config.label_smoothing
    )
    model.compile(optimizer, loss, metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")])
    return model


def _read_all(examples: Sequence[Example], title: str) -> list[npt.NDArray[np.uint8]]:
    with ThreadPoolExecutor() as pool:
        return list(
            tqdm(pool.map(read_pixels, examples), title, len(examples), leave=False, disable=None)
        )


def _as_batch(images: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
    return np.stack(images)[..., np.newaxis].astype(np.float32)


def _one_hot(examples: Sequence[Example], config: Config) -> npt.NDArray[np.float32]:
    numbers = [config.classes.index(example.label) for example in examples]
    return np.eye(len(config.classes), dtype=np.float32)[numbers]


def _weights(examples: Sequence[Example], config: Config) -> npt.NDArray[np.float32]:
    """Classes weigh the same; inside a class, an image of a small source counts more.

    `source_balance` says how much: 0 not at all, 1 so that all sources of a class weigh the same.
    """
    sizes = Counter((example.label, example.source) for example in examples)
    raw = {pair: float(size) ** -config.source_balance for pair, size in sizes.items()}
    totals = Counter[str]()
    for (label, source), weight in raw.items():
        totals[label] += weight * sizes[label, source]
    share = len(examples) / len(totals)
    return np.array(
        [raw[e.label, e.source] * share / totals[e.label] for e in examples], dtype=np.float32
    )


def _validate(logits: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return {
        "val_loss": float(-(log_probabilities * expected).sum(axis=1).mean()),
        "val_accuracy": float((logits.argmax(axis=1) == expected.argmax(axis=1)).mean()),
    }
