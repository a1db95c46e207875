"""MobileNetV3Small at 224 px: the network that is shipped.

python -m training train mobilenet_v3_small --data DATA
"""

from training.train import Config

# Sources are not balanced: a small source that only one class has would teach the network the source.
config = Config(backbone="mobilenet_v3_small", epochs=26, source_balance=0.0)
