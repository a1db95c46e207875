"""`mobilenet_v3_small_lungs` goes on, with hidden lungs and stronger changes of style, at mixed sizes.

python -m training train mobilenet_v3_small_lungs_styles --data DATA --lungs MASKS.npz \
    --start-from build/runs/mobilenet_v3_small_lungs/best.keras

11 minutes. Last epoch: validation accuracy 0.907; on the test split 0.877. Not shipped.
"""

from dataclasses import replace

from training.augmentation import Augmentation
from training.configs.mobilenet_v3_small_lungs import config as before

config = replace(
    before,
    early_sizes=(160, 192, 224),
    early_share=0.8,
    epochs=12,
    learning_rate=4e-4,
    warmup_epochs=1,
    hidden_lungs=0.1,
    augmentation=Augmentation(
        surroundings=0.85,
        lung_crop=0.4,
        tone=0.6,
        exposure=0.8,
        resolution=0.7,
        sharpness=0.6,
        local_contrast=0.3,
        shading=0.4,
        noise=0.4,
        compression=0.4,
    ),
)
