"""Drawn data sets, and a tiny network that was really trained, exported and promoted."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.drawing import draw_chest, encode_png

#: The class folders of the public four-class Kaggle set, and the marks that drawn images get here.
FOLDERS = ("COVID19", "NORMAL", "PNEUMONIA", "TURBERCULOSIS")
ROOT = Path(__file__).parents[2]

#: About where drawn lungs are, on the grid of 64 x 64 that masks have.
LUNGS = np.zeros((64, 64), np.uint8)
LUNGS[14:50, 10:28] = LUNGS[14:50, 36:54] = 1

type Python = Callable[..., subprocess.CompletedProcess[str]]


def draw_marked(folder: str, seed: int) -> npt.NDArray[np.uint8]:
    """A drawn chest of 96 x 80 with stripes that tell its class, so that a tiny network can learn it."""
    chest = draw_chest(96, 80, seed)
    stripe = np.arange(96) % 12 < 6
    marks = {
        "COVID19": np.broadcast_to(stripe[:80, np.newaxis], (80, 96)),
        "NORMAL": np.zeros((80, 96), bool),
        "PNEUMONIA": np.broadcast_to(stripe, (80, 96)),
        "TURBERCULOSIS": stripe[:80, np.newaxis] & stripe,
    }
    return np.where(marks[folder], 255 - chest // 4, chest).astype(np.uint8)


def draw_folders(root: Path, images: Mapping[str, int]) -> Path:
    """A data set in the Kaggle set's folders, so many images a class in each split.

    One image in each split has a wrong label, so that no network can be right and sure of all.
    """
    for split, number in images.items():
        for folder in FOLDERS:
            (root / split / folder).mkdir(parents=True)
            for index in range(number):
                seed = len(FOLDERS) * (index + 1000 * len(split)) + FOLDERS.index(folder)
                file = root / split / folder / f"{index}.png"
                wrong = folder == "COVID19" and index == 0
                mark = "NORMAL" if wrong else folder
                file.write_bytes(encode_png(draw_marked(mark, seed)))
    return root


def environment(**settings: object) -> dict[str, str]:
    """This process's environment with TensorFlow silent, and settings changed."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    return {**os.environ, **quiet, **{key: str(value) for key, value in settings.items()}}


class Terminal(io.StringIO):
    """A stderr on which bars are drawn; Ctrl-C is pressed as soon as `then` is written."""

    def __init__(self, then: str = "") -> None:
        super().__init__()
        self._then = then

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._then and self._then in text:
            self._then = ""
            # Where tests run in the background, a shell has set it to be ignored.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.raise_signal(signal.SIGINT)
        return written


@pytest.fixture(scope="session")
def python() -> Python:
    """Run `python ARGUMENTS` in the root of the project; settings are given by keyword."""

    def run(*arguments: object, **settings: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env=environment(**settings),
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of drawn images: 8 a class to train, 4 to validate, 4 to test; with `lungs.npz`."""
    root = draw_folders(tmp_path_factory.mktemp("drawn"), {"train": 8, "val": 4, "test": 4})
    # All but one have a mask.
    paths = sorted(str(file.relative_to(root)) for file in root.rglob("*.png"))[1:]
    np.savez(root / "lungs.npz", path=paths, masks=np.stack([LUNGS] * len(paths)))
    return root


@pytest.fixture(scope="session")
def runs(
    drawn: Path, python: Python, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Two runs of `tests.training.tiny` with the same seed, never interrupted."""
    folder = tmp_path_factory.mktemp("runs")
    one, two = folder / "one", folder / "two"
    done = python("-m", "tests.training.tiny", drawn, EPOCHS, one, two)
    assert done.returncode == 0, done.stderr
    return one, two


#: So many epochs that the tiny network learns its classes.
EPOCHS = 12


@pytest.fixture(scope="session")
def exported(
    runs: tuple[Path, Path], drawn: Path, python: Python, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A store with the version 1.0 in it, exported from the first run and not promoted."""
    store = tmp_path_factory.mktemp("store")
    done = python(
        *("-m", "training", "export", runs[0], "--data", drawn),
        *("--store", store, "--version", "1.0", "--coverage", "0.75"),
    )
    assert done.returncode == 0, done.stderr
    return store


@pytest.fixture(scope="session")
def rgb_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like Keras's ImageNet weights of MobileNetV3Small without top, with random values."""
    import keras

    keras.utils.set_random_seed(0)
    colour = keras.applications.MobileNetV3Small(
        input_shape=(64, 64, 3), include_top=False, weights=None
    )
    file = tmp_path_factory.mktemp("weights") / "no_top.weights.h5"
    colour.save_weights(file)
    return file
