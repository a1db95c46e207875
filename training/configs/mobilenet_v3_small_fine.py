"""MobileNetV3Small, second stage at 256 px: the run of `mobilenet_v3_small`, continued gently.

python -m training train mobilenet_v3_small_fine --data DATA --run build/runs/mobilenet_v3_small_fine
"""

from training.augmentation import Augmentation
from training.train import Config

config = Config(
    backbone="mobilenet_v3_small",
    size=256,
    weights="build/runs/mobilenet_v3_small/best.keras",
    epochs=14,
    learning_rate=3e-4,
    warmup_epochs=1,
    mixup=0.1,
    augmentation=Augmentation(identity=0.25),
)
