"""Train one network from one config, in epochs that a kill at any moment costs at most one of."""

import itertools
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import scipy.special
from tqdm import tqdm

from inference.preprocessing import equalize_locally, squash
from training import networks
from training.augmentation import Chest
from training.batches import Batches, as_batch, draw_probabilities
from training.config import Config
from training.data import DataError, Example, check_labels, of_split, read_pixels
from training.lungs import read_masks
from training.run_state import BEST, RunState, close_epoch, open_run
from training.tracking import Observer


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
        DataError: A split or a label does not go with the config, or an image or mask cannot be read.
    """
    cv2.setNumThreads(1)  # the batches' own threads are enough; more would fight with the network's
    state = open_run(config, run, resume)
    observer = observer or Observer()
    if is_over(state, config):
        observer.started(config, examples, run)  # a kill may have kept the end from it
        observer.finished(run / BEST)
        return run / BEST
    examples = [each for each in examples if each.source not in config.without_sources]
    training, validation = of_split(examples, "train"), of_split(examples, "val")
    check_labels([*training, *validation], config.classes)
    if absent := sorted(set(config.classes) - {each.label for each in training}):
        tqdm.write(
            f"warning: no training image is of {', '.join(absent)}; the network will hardly ever answer so. "
            "A config file can name other classes.",
            file=sys.stderr,
        )
    if len(training) < config.batch:
        raise DataError(
            f"{len(training)} training images do not fill a batch of {config.batch}; a config file can name "
            "a smaller one."
        )
    keras.utils.set_random_seed(config.seed + state.epochs_done)
    model = keras.models.load_model(run / state.checkpoint) if state.checkpoint else _build(config)
    chests = _read_chests(training, config)
    inputs = as_batch(
        [
            equalize_locally(squash(pixels, config.size))
            for pixels in _read_all(validation, "reading val")
        ]
    )
    targets, expected = targets_of(training, chests, config), _one_hot(validation, config)
    probabilities = draw_probabilities(training, config.source_balance)
    steps = len(training) // config.batch
    compiled = set[int]()  # sides of images

    observer.started(config, examples, run)
    with tqdm(
        total=config.epochs * steps,
        initial=state.epochs_done * steps,
        desc=run.name,
        unit="step",
        disable=None,
    ) as bar:

        def step(batch: int, logs: object) -> None:
            if bar.postfix:
                bar.set_postfix_str("")
            bar.update()

        while not is_over(state, config):
            epoch = state.epochs_done
            if epoch in (0, config.head_epochs):
                _compile(model, config, steps, head_only=epoch < config.head_epochs)
                compiled.clear()
            batches = Batches(chests, targets, probabilities, config, epoch)
            if batches.size not in compiled:  # there is a graph for each, made at its first step
                compiled.add(batches.size)
                bar.set_postfix_str("compiling")
            figures = model.fit(
                batches,
                epochs=epoch + 1,
                initial_epoch=epoch,
                shuffle=False,  # `Batches` has its own order, which a resumed run repeats
                verbose=0,
                callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=step)],
            ).history
            batches.let_go()
            logits = model.predict(inputs, batch_size=32, verbose=0)["logits"]
            row = {"epoch": epoch + 1, **{key: values[0] for key, values in figures.items()}}
            row.update(validate(logits, expected))
            tqdm.write(" ".join(f"{key} {value:.4g}" for key, value in row.items()))
            state = close_epoch(model, run, state, row)
            observer.epoch(row)
    observer.finished(run / BEST)
    return run / BEST


def is_over(state: RunState, config: Config) -> bool:
    """Whether all epochs are done, or `config.patience` has run out."""
    waited = state.epochs_done - state.best_epoch
    stopped = config.patience is not None and waited >= config.patience
    return state.epochs_done >= config.epochs or stopped


def targets_of(
    examples: Sequence[Example], chests: Sequence[Chest], config: Config
) -> npt.NDArray[np.float32]:
    """What the network is to answer, float32 [n, classes]: the labels, softened by the teachers."""
    labels = _one_hot(examples, config)
    if not config.teachers:
        return labels
    answers = np.zeros_like(labels)
    for file in config.teachers:
        teacher = keras.models.load_model(file, compile=False)
        batches = list(itertools.batched(chests, 32, strict=False))
        for number, batch in enumerate(tqdm(batches, "asking teachers", leave=False, disable=None)):
            images = [equalize_locally(squash(chest.pixels, config.size)) for chest in batch]
            found = teacher.predict_on_batch(as_batch(images))
            logits = found["logits"] if isinstance(found, dict) else found
            answers[32 * number : 32 * number + len(batch)] += scipy.special.softmax(logits, axis=1)
    share = config.teachers_share
    return (1 - share) * labels + share * answers / len(config.teachers)


def _build(config: Config) -> keras.Model:
    model = networks.build(
        config.backbone,
        len(config.classes),
        None if config.start_from else config.weights,
        dropout=config.dropout,
        batch_norm_momentum=config.batch_norm_momentum,
        stride=config.stride,
        lungs=config.lungs is not None,
    )
    if config.start_from:
        networks.copy_weights(keras.models.load_model(config.start_from, compile=False), model)
    return model


def _compile(model: keras.Model, config: Config, steps: int, *, head_only: bool) -> None:
    """Say what is trained from now on, and how: the head's epochs and the rest have a schedule each."""
    networks.freeze(model, networks.HEAD if head_only else config.frozen_before)
    epochs = config.head_epochs if head_only else config.epochs - config.head_epochs
    warmup = min(config.warmup_epochs, epochs) * steps
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 100,
        decay_steps=max(1, epochs * steps - warmup),
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
    losses: dict[str, Any] = {
        "logits": keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=config.label_smoothing
        )
    }
    if config.lungs:
        losses["lungs"] = lung_loss
    model.compile(
        optimizer,
        losses,
        loss_weights={"logits": 1.0, "lungs": config.lungs_weight} if config.lungs else None,
        metrics={"logits": [keras.metrics.CategoricalAccuracy(name="accuracy")]},
    )


@keras.saving.register_keras_serializable("training")
def lung_loss(share: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Binary cross-entropy of each position, zero where the target is negative (not known)."""
    known = keras.ops.cast(share >= 0, logits.dtype)
    losses = keras.ops.softplus(logits) - logits * keras.ops.clip(share, 0, 1)
    return keras.ops.mean(losses * known, axis=(1, 2, 3))


def _read_chests(examples: Sequence[Example], config: Config) -> list[Chest]:
    masks = read_masks(Path(config.lungs), examples) if config.lungs else [None] * len(examples)
    images = _read_all(examples, "reading train")
    return [Chest(pixels, mask) for pixels, mask in zip(images, masks, strict=True)]


def _read_all(examples: Sequence[Example], title: str) -> list[npt.NDArray[np.uint8]]:
    with ThreadPoolExecutor() as pool:
        found = pool.map(read_pixels, examples)
        try:
            return list(tqdm(found, title, len(examples), leave=False, disable=None))
        except DataError as error:
            raise DataError(
                f"{error} What leaves such files out: python -m training data split DATA --to FILE "
                "--leave-out unreadable"
            ) from error


def _one_hot(examples: Sequence[Example], config: Config) -> npt.NDArray[np.float32]:
    numbers = [config.classes.index(example.label) for example in examples]
    return np.eye(len(config.classes), dtype=np.float32)[numbers]


def validate(logits: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """Loss, accuracy and mean recall of logits [n, classes] for the one-hot truth [n, classes]."""
    log_probabilities = scipy.special.log_softmax(logits, axis=1)
    truth = expected.argmax(axis=1)
    right = logits.argmax(axis=1) == truth
    return {
        "val_loss": float(-(log_probabilities * expected).sum(axis=1).mean()),
        "val_accuracy": float(right.mean()),
        "val_recall": float(np.mean([right[truth == each].mean() for each in np.unique(truth)])),
    }
