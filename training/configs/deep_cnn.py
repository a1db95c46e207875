"""A deeper CNN from scratch at 224 px, after VGG.

python -m training train deep_cnn --data DATA --lungs MASKS.npz

Not run to its end on the maintainers' data yet; training/RESULTS.md has what was measured.
"""

from training.augmentation import Augmentation
from training.config import Config

config = Config(
    backbone="deep_cnn",
    weights=None,
    epochs=30,
    patience=8,
    augmentation=Augmentation(surroundings=0.6, lung_crop=0.3, tone=0.25),
)
