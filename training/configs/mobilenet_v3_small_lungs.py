"""MobileNetV3Small with a map of the lungs, and surroundings that are swapped between patients.

Version 2026.11.2, and one half of 2026.11.5:

python -m training train mobilenet_v3_small_lungs --data DATA --lungs MASKS.npz

85 minutes on two cores that had other work too.
Best validation loss in epoch 56: accuracy 0.914; on the test split 0.887, mean recall 0.889, and 0.889 of
the heat in the lungs.
"""

from training.augmentation import Augmentation
from training.config import Config

config = Config(
    backbone="mobilenet_v3_small",
    size=224,
    stride=16,
    early_sizes=(160,),
    early_share=0.74,
    frozen_before="expanded_conv_3",
    without_sources=("ieee8023",),
    epochs=70,
    batch=32,
    source_balance=0.75,
    augmentation=Augmentation(surroundings=0.6, lung_crop=0.3, tone=0.25),
)
