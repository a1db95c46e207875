"""MobileNetV3Small with a map of the lungs, and surroundings that are swapped between patients.

python -m training train mobilenet_v3_small_lungs --data DATA --lungs MASKS.npz
"""

from training.augmentation import Augmentation
from training.config import Config

config = Config(
    backbone="mobilenet_v3_small",
    size=224,
    stride=16,
    early_sizes=(160,),
    frozen_before="expanded_conv_3",
    without_sources=("ieee8023",),
    epochs=70,
    batch=32,
    source_balance=0.75,
    augmentation=Augmentation(surroundings=0.6, lung_crop=0.3, tone=0.25),
)
