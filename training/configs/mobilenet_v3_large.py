"""MobileNetV3Large at 224 px: first the head alone, then all.

python -m training train mobilenet_v3_large --data DATA --lungs MASKS.npz

Not run to its end on the maintainers' data yet; training/RESULTS.md has what was measured.
"""

from training.augmentation import Augmentation
from training.config import Config

config = Config(
    backbone="mobilenet_v3_large",
    head_epochs=2,
    epochs=36,
    patience=10,
    augmentation=Augmentation(surroundings=0.6, lung_crop=0.3, tone=0.25),
)
