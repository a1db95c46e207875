"""Lung masks find their images, whatever folder these have been put into."""

from pathlib import Path

import numpy as np
import pytest

from training.data import DataError, Example
from training.lungs import read_masks


def example(path: str) -> Example:
    return Example(Path(path), "normal", "train", "clinic", "patient")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    masks = np.stack([np.full((4, 4), number, np.uint8) for number in (0, 1, 1)])
    paths = ["images/a/1.jpg", "images/b/1.jpg", "images/b/2.jpg"]
    np.savez(tmp_path / "masks.npz", path=paths, masks=masks, ok=[True, True, False])
    return tmp_path / "masks.npz"


def test_an_image_has_the_mask_of_the_path_that_its_own_ends_with(file: Path) -> None:
    found = read_masks(file, [example("/data/images/b/1.jpg"), example("images/a/1.jpg")])
    assert [mask is not None and int(mask.sum()) for mask in found] == [16, 0]


def test_a_mask_that_is_not_ok_and_one_that_is_not_there_are_none(file: Path) -> None:
    chosen = [example(f"images/b/{name}.jpg") for name in (2, 3, 1)]
    assert [mask is None for mask in read_masks(file, chosen)] == [True, True, False]


def test_masks_of_other_images_are_said_to_be_so(file: Path) -> None:
    with pytest.raises(DataError, match="it has no mask for any of the 1 images"):
        read_masks(file, [example("images/c/1.jpg")])


@pytest.mark.parametrize("content", [None, b"no zip", "other arrays"])
def test_what_is_no_file_of_masks_is_said_to_be_so(tmp_path: Path, content: object) -> None:
    file = tmp_path / "masks.npz"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content:
        np.savez(file, other=[1])
    with pytest.raises(
        DataError, match=r"lung masks are a \.npz file with the arrays path and masks"
    ):
        read_masks(file, [example("1.jpg")])
