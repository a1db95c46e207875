"""Augmented batches, drawn so that no class and no source drowns the others."""

from collections import Counter
from collections.abc import Sequence

import cv2
import keras
import numpy as np
import numpy.typing as npt

from training.augmentation import Chest, augment, hide_lungs
from training.config import Config
from training.data import Example

#: An entry of the lungs' target that stands for "not known"; far below 0, so that mixup keeps it there.
UNKNOWN = np.float32(-1e3)


class Batches(keras.utils.PyDataset):
    """The batches of one epoch: the same seed and epoch give the same ones, resumed or not.

    Images are drawn with the given probabilities [n], some of them several times in an epoch.
    """

    def __init__(
        self,
        chests: Sequence[Chest],
        targets: npt.NDArray[np.float32],
        probabilities: npt.NDArray[np.float64],
        config: Config,
        epoch: int,
    ) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self.chests, self.targets = chests, targets
        self.config, self.epoch = config, epoch
        self.steps = len(chests) // config.batch
        random = np.random.default_rng([config.seed, epoch])
        early = config.early_sizes if epoch < config.early_share * config.epochs else ()
        self.size = int(random.choice(early)) if early else config.size
        self.drawn = random.choice(len(chests), (2, self.steps, config.batch), p=probabilities)

    def __len__(self) -> int:
        return self.steps

    def let_go(self) -> None:
        """Forget the images: TensorFlow keeps for ever what it once drew batches from."""
        self.chests = ()

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        config = self.config
        chosen, others = self.drawn[:, index]
        random = np.random.default_rng([config.seed, self.epoch, index])
        chests, targets = [self.chests[each] for each in chosen], self.targets[chosen]
        for number in np.flatnonzero(random.random(len(chosen)) < config.hidden_lungs):
            if chests[number].lungs is not None:
                chests[number] = hide_lungs(chests[number], random)
                targets[number] = 1 / targets.shape[1]
        pairs = [
            augment(chest, self.chests[other], self.size, config.augmentation, random)
            for chest, other in zip(chests, others, strict=True)
        ]
        batch, truth = as_batch([image for image, _ in pairs]), {"logits": targets}
        if config.lungs:
            grid = self.size // config.stride
            truth["lungs"] = np.stack([_lung_share(lungs, grid) for _, lungs in pairs])
        if not config.mixup:
            return batch, truth
        # Mixup (Zhang et al. 2018) with each image's neighbour: labels are noisy, and mixed images
        # keep the network from learning single ones by heart.
        share = random.beta(config.mixup, config.mixup, len(batch)).astype(np.float32)
        share = np.maximum(share, 1 - share)
        return _mixed(batch, share), {key: _mixed(each, share) for key, each in truth.items()}


def as_batch(images: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
    """uint8 [size, size] each → float32 [n, size, size, 1] in 0–255."""
    return np.stack(images)[..., np.newaxis].astype(np.float32)


def draw_probabilities(
    examples: Sequence[Example], source_balance: float
) -> npt.NDArray[np.float64]:
    """With which probability each image is drawn, [n]; they sum to 1.

    Classes are drawn equally often; inside a class, an image of a small source more often.
    `source_balance` says how much: 0 not at all, 1 so that all sources of a class are drawn equally often.
    """
    sizes = Counter((example.label, example.source) for example in examples)
    raw = {pair: float(size) ** -source_balance for pair, size in sizes.items()}
    totals = Counter[str]()
    for (label, source), weight in raw.items():
        totals[label] += weight * sizes[label, source]
    return np.array([raw[e.label, e.source] / totals[e.label] / len(totals) for e in examples])


def _lung_share(lungs: npt.NDArray[np.uint8] | None, grid: int) -> npt.NDArray[np.float32]:
    """The share of lung at each position, float32 [grid, grid, 1]; `UNKNOWN` where nothing is known."""
    if lungs is None:
        return np.full((grid, grid, 1), UNKNOWN, np.float32)
    share = cv2.resize(lungs, (grid, grid), interpolation=cv2.INTER_AREA)
    return share[..., np.newaxis].astype(np.float32) / 255


def _mixed(values: np.ndarray, share: npt.NDArray[np.float32]) -> np.ndarray:
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    return share * values + (1 - share) * np.roll(values, 1, 0)
