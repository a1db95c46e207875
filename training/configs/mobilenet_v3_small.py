"""MobileNetV3Small at 224 px: the network that is shipped.

python -m training train mobilenet_v3_small --data DATA --run build/runs/mobilenet_v3_small
"""

from training.train import Config

config = Config(backbone="mobilenet_v3_small", epochs=36)
