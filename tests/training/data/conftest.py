"""Drawn patients: unlike `draw_chest`, whose chests share their bones, no two are alike."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.drawing import Gray, draw_chest, encode_png
from training.data import Example

type AddImage = Callable[..., Example]


def draw_patient(seed: int, width: int = 150, height: int = 140) -> Gray:
    """A drawn chest with structures of its own at every size, uint8 [height, width]."""
    random = np.random.default_rng(seed)
    own = sum(
        cv2.resize(
            random.normal(0, 25, (cells, cells)), (width, height), interpolation=cv2.INTER_CUBIC
        )
        for cells in (6, 12, 24)
    )
    return np.clip(draw_chest(width, height, seed) * 0.6 + 50 + own, 0, 255).astype(np.uint8)


@pytest.fixture
def add(tmp_path: Path) -> AddImage:
    """Write an image (pixels, or the bytes of a file) and give its example."""

    def add_image(
        name: str,
        content: Gray | bytes,
        label: str = "normal",
        split: str = "train",
        source: str = "clinic",
        group: str = "",
    ) -> Example:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else encode_png(content))
        return Example(file, label, split, source, group or name)

    return add_image
