"""What a network answers for a data set's images, as they are and altered."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from tqdm import tqdm

from inference.preprocessing import InputSpec, preprocess
from inference.runtime import Runtime
from training.data import Example, read_pixels
from training.evaluators import Predictions
from training.evaluators.shortcuts import WITH_MASK, WITHOUT_MASK
from training.lungs import Masks

if TYPE_CHECKING:
    import keras

#: The key of the images as they are.
ORIGINAL = "original"

Maps = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """Answers for some of a data set's images.

    `chosen` [n] are the numbers of these images; `logits` is float32 [n, classes]; `class_maps` are those of
    the predicted class before the ReLU, [rows, columns] each; `lungs` the probabilities to be lung, alike, or
    None for a network that has no map of them.
    """

    chosen: npt.NDArray[np.integer]
    logits: npt.NDArray[np.float32]
    class_maps: Sequence[Maps]
    lungs: Sequence[Maps | None]


def ask(
    runtime: Runtime,
    spec: InputSpec,
    examples: Sequence[Example],
    masks: Sequence[Masks | None] | None = None,
    *,
    altered: bool = False,
) -> dict[str, Answers]:
    """Run images through decoding, preprocessing and network, as they are served.

    Each file is decoded once. Alterations are made before preprocessing, as if they were in the file.

    Args:
        runtime: The network.
        spec: Its input.
        examples: The images, n of them.
        masks: Their lung masks; images without one are left out of the alterations that need it.
        altered: Whether the alterations of the shortcut audit are asked too.

    Returns:
        `original`, and with `altered` each alteration's name → answers.

    Raises:
        DataError: An image cannot be read.
    """
    found: dict[str, list[tuple[int, Maps, Maps, Maps | None]]] = {}
    for number, example in enumerate(tqdm(examples, "asking", unit="image", disable=None)):
        pixels = read_pixels(example)
        for name, each in _pictures(pixels, masks[number] if masks else None, altered).items():
            activations = runtime.run(preprocess(each, spec))
            predicted = int(activations.logits.argmax())
            found.setdefault(name, []).append(
                # The other classes' maps are not kept: for thousands of images they are large.
                (
                    number,
                    activations.logits,
                    activations.class_map(predicted).copy(),
                    activations.lungs,
                )
            )
    return {
        name: Answers(
            np.array([number for number, *_ in rows]),
            np.stack([logits for _, logits, _, _ in rows]),
            [class_map for _, _, class_map, _ in rows],
            [lungs for *_, lungs in rows],
        )
        for name, rows in found.items()
    }


def _pictures(
    pixels: npt.NDArray[np.uint8], mask: Masks | None, altered: bool
) -> dict[str, npt.NDArray[np.uint8]]:
    pictures = {ORIGINAL: pixels}
    if altered:
        pictures |= {name: alter(pixels) for name, alter in WITHOUT_MASK.items()}
    if altered and mask is not None:
        pictures |= {name: alter(pixels, mask) for name, alter in WITH_MASK.items()}
    return pictures


def keras_logits(
    network: "keras.Model", spec: InputSpec, examples: Sequence[Example], doing: str
) -> npt.NDArray[np.float32]:
    """What a Keras network says of images, decoded and preprocessed as they are served.

    Args:
        network: Answers with logits, or with a dictionary that has `logits`.
        spec: Its input.
        examples: The images, n of them.
        doing: What the progress bar says.

    Returns:
        float32 [n, classes].

    Raises:
        DataError: An image cannot be read.
    """
    logits = []
    with tqdm(total=len(examples), desc=doing, unit="image", leave=False, disable=None) as bar:
        # In small batches, because all inputs at once are hundreds of megabytes.
        for batch in itertools.batched(examples, 32, strict=False):
            inputs = [preprocess(read_pixels(each), spec) for each in batch]
            found = network.predict_on_batch(np.concatenate(inputs))
            logits.append(found["logits"] if isinstance(found, dict) else found)
            bar.update(len(batch))
    return np.concatenate(logits)


def predictions_from(
    answers: Answers, examples: Sequence[Example], classes: Sequence[str], temperature: float
) -> Predictions:
    """Calibrated answers beside the truth of the images that were asked."""
    asked = [examples[number] for number in answers.chosen]
    return Predictions(
        tuple(classes),
        softmax(answers.logits.astype(np.float64) / temperature, axis=1),
        np.array([list(classes).index(each.label) for each in asked]),
        [each.source for each in asked],
        [each.group for each in asked],
    )


def alterations(answers: Mapping[str, Answers]) -> dict[str, Answers]:
    """The altered ones among answers."""
    return {name: each for name, each in answers.items() if name != ORIGINAL}
