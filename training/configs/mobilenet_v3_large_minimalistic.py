"""MobileNetV3Large, minimalistic (no squeeze-and-excitation, no hard swish), at 224 px.

python -m training train mobilenet_v3_large_minimalistic --data DATA
"""

from training.train import Config

config = Config(backbone="mobilenet_v3_large_minimalistic", epochs=20, warmup_epochs=1)
