"""`mobilenet_v3_small_lungs` at 160 px and with fewer epochs, for questions that take many runs.

python -m training leave-out mobilenet_v3_small_lungs_160 --data DATA --lungs MASKS.npz

6 to 15 minutes a source beside other work. Mean recall over nine left-out classes of sources: 0.398.
"""

from dataclasses import replace

from training.configs.mobilenet_v3_small_lungs import config as full

config = replace(full, size=160, early_sizes=(), epochs=10)
