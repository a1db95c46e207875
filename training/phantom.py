"""A drawn chest, for pictures that anybody may see: radiographs are their patients' and are not published.

A phantom is what radiology calls a thing that stands in for a patient. This one has about the shapes and
the gray of a frontal radiograph and no diagnosis; nothing is trained or measured on it.
"""

import cv2
import numpy as np
import numpy.typing as npt

from training.augmentation import Chest

Field = npt.NDArray[np.float32]

#: Side of the lungs' mask, as in files of masks.
_MASK = 64


def phantom(seed: int = 0, side: int = 320) -> Chest:
    """Draw a frontal chest of side x side pixels with its lung mask; each seed is another one.

    Soft tissue, spine, heart and ribs are added up, the air of the lungs is taken away, and the sum is
    exposed like a film. In a corner stands a letter, as on many radiographs.
    """
    random = np.random.default_rng(seed)
    # x from -1 (the patient's right) to 1, y from 0 (neck) to 1 (upper abdomen).
    across, down = np.linspace(-1, 1, side), np.linspace(0, 1, side)
    x, y = (each.astype(np.float32) for each in np.meshgrid(across, down))
    wide, high = random.uniform(0.25, 0.33), random.uniform(0.31, 0.37)
    lungs = _ellipse(x, y, -0.40, 0.46, wide, high) + _ellipse(x, y, 0.40, 0.46, wide, high)
    heart = _ellipse(x, y, 0.12, 0.64, random.uniform(0.24, 0.32), 0.17)
    lungs *= 1 - 0.8 * heart
    ribs = (0.5 + 0.5 * np.cos(2 * np.pi * (9 * y + 2.2 * x**2))) * _ellipse(x, y, 0, 0.5, 0.8, 0.5)
    density = (
        0.55 * _ellipse(x, y, 0, 0.75, 0.95, 0.72)
        + random.uniform(0.10, 0.16) * _soft(0.09 - np.abs(x), 0.04)
        + 0.28 * heart
        + 0.09 * ribs
        - random.uniform(0.33, 0.40) * lungs
    )
    film = 255 * (1 - np.exp(-random.uniform(1.2, 3.0) * np.clip(density, 0, None)))
    film += random.normal(0, 3, film.shape)
    pixels = np.clip(film, 0, 255).astype(np.uint8)
    place = (int(random.choice([0.04, 0.84]) * side), int(0.12 * side))
    letter, size = str(random.choice(["L", "R"])), side / 280
    cv2.putText(pixels, letter, place, cv2.FONT_HERSHEY_SIMPLEX, size, 250, round(2 * size))
    mask = cv2.resize(lungs, (_MASK, _MASK), interpolation=cv2.INTER_AREA) > 0.5
    return Chest(pixels, mask.astype(np.uint8))


def _ellipse(x: Field, y: Field, across: float, down: float, wide: float, high: float) -> Field:
    return _soft(1 - ((x - across) / wide) ** 2 - ((y - down) / high) ** 2, 0.25)


def _soft(inside: Field, edge: float) -> Field:
    """1 where `inside` is well above 0, 0 where it is well below, an S of that width between."""
    return (1 / (1 + np.exp(-np.clip(4 * inside / edge, -30, 30)))).astype(np.float32)
