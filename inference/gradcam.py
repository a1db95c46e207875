"""Class maps → heatmaps (Grad-CAM, Selvaraju et al. 2017)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def heatmaps(class_maps: Sequence[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
    """Keep what speaks for each class and bring all maps to one scale from 0 to 1.

    The scale is common so that the maps of several classes can be compared; a single map thus reaches 1.
    Maps with nothing in favour of their class are zero everywhere.

    Args:
        class_maps: float32 [rows, columns] each.
    """
    positive = [class_map.clip(min=0) for class_map in class_maps]
    highest = max((float(heat.max()) for heat in positive), default=0.0)
    if highest == 0:
        return positive
    return [np.divide(heat, highest, dtype=np.float32) for heat in positive]
