"""A second network beside `mobilenet_v3_small_lungs_taught`, from other weights and with coarser maps.

python -m training train mobilenet_v3_small_lungs_second --data DATA --lungs MASKS.npz \
    --start-from model_store/models/2026.11.1/model.keras \
    --teachers model_store/models/2026.11.1/model.keras build/runs/mobilenet_v3_small_lungs/best.keras
python -m training join build/runs/mobilenet_v3_small_lungs build/runs/mobilenet_v3_small_lungs_second \
    --data DATA --run build/runs/pair
python -m training adjust build/runs/pair --logit covid19=-0.5 --data DATA --run build/runs/adjusted

22 minutes on two busy cores. Best validation loss in epoch 12: accuracy 0.912. The pair was version
2026.11.3: validation accuracy 0.916, on the test split 0.901, mean recall 0.902. Adjusted it is version
2026.11.5: 0.910, 0.897 and 0.897.
"""

from dataclasses import replace

from training.configs.mobilenet_v3_small_lungs_taught import config as taught

config = replace(
    taught,
    stride=32,
    epochs=20,
    learning_rate=7e-4,
    seed=2,
    seen_before=("ieee8023",),  # by 2026.11.1
)
