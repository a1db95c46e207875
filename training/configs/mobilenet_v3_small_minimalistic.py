"""MobileNetV3Small without squeeze-and-excitation and hard-swish at 224 px.

python -m training train mobilenet_v3_small_minimalistic --data DATA --lungs MASKS.npz

Not run to its end on the maintainers' data yet; training/RESULTS.md has what was measured.
"""

from training.augmentation import Augmentation
from training.config import Config

config = Config(
    backbone="mobilenet_v3_small_minimalistic",
    head_epochs=2,
    epochs=36,
    patience=10,
    augmentation=Augmentation(surroundings=0.6, lung_crop=0.3, tone=0.25),
)
