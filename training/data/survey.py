"""Every image read once: what is kept of it to count, compare and probe the data set."""

import hashlib
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from inference.preprocessing import squash
from inference.radiograph import Radiograph
from training.data.examples import DataError, Example, read_radiograph

Gray = npt.NDArray[np.uint8]
Figures = npt.NDArray[np.float32]

#: Side of the squares that are kept, on disk, to compare pictures closely.
SQUARE = 128
_BORDER = 0.04


@dataclass(frozen=True)
class Surveyed:
    """What is kept of one image, about a kilobyte.

    `content` is the SHA-256 of the file and `pixels` that of the decoded picture. The figures are
    float32 [n]: `shape` (logarithms of width, height and aspect ratio), `border` (mean and deviation of
    the four edges, shares of black and of white), `tone` (brightness, contrast and sharpness) and
    `thumbnail` (8 x 8 gray values). None of them shows a lung.
    """

    example: Example
    format: str
    width: int
    height: int
    content: bytes
    pixels: bytes
    shape: Figures
    border: Figures
    tone: Figures
    thumbnail: Figures


@dataclass(frozen=True)
class Unreadable:
    """An example that is no image that can be read, and why."""

    example: Example
    reason: str


@dataclass(frozen=True)
class Survey:
    """What was found: `squares`, uint8 [len(images), SQUARE, SQUARE], lie in a temporary file."""

    images: list[Surveyed]
    unreadable: list[Unreadable]
    squares: Gray


def survey(examples: Sequence[Example]) -> Survey:
    """Read every image once, with threads; those that cannot be read do not stop the others."""
    cv2.setNumThreads(1)  # one thread an image is enough
    images: list[Surveyed] = []
    unreadable: list[Unreadable] = []
    with tempfile.TemporaryFile() as file, ThreadPoolExecutor() as pool:
        # The mapping stays when the file is closed.
        squares = np.memmap(file, np.uint8, "w+", shape=(max(1, len(examples)), SQUARE, SQUARE))
        found = pool.map(_look_at, examples)
        for each in tqdm(found, "reading", len(examples), unit="image", leave=False, disable=None):
            if isinstance(each, Unreadable):
                unreadable.append(each)
            else:
                surveyed, square = each
                squares[len(images)] = square
                images.append(surveyed)
    return Survey(images, unreadable, squares[: len(images)])


def _look_at(example: Example) -> tuple[Surveyed, Gray] | Unreadable:
    try:
        radiograph = read_radiograph(example)
        with example.path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        return Unreadable(example, error.strerror or str(error))
    except DataError as error:
        return Unreadable(example, str(error).removeprefix(f"{example.path}: "))
    pixels = np.ascontiguousarray(radiograph.pixels)
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels)
    surveyed = Surveyed(
        example=example,
        format=radiograph.format,
        width=radiograph.width,
        height=radiograph.height,
        content=content,
        pixels=digest.digest(),
        shape=_shape(radiograph),
        border=_border(pixels),
        tone=_tone(pixels),
        thumbnail=squash(pixels, 8).astype(np.float32).ravel(),
    )
    return surveyed, squash(pixels, SQUARE)


def _shape(radiograph: Radiograph) -> Figures:
    width, height = radiograph.width, radiograph.height
    return np.log([width, height, width / height]).astype(np.float32)


def _border(pixels: Gray) -> Figures:
    height, width = pixels.shape
    down, across = max(1, round(_BORDER * height)), max(1, round(_BORDER * width))
    edges = [pixels[:down], pixels[-down:], pixels[:, :across], pixels[:, -across:]]
    every = np.concatenate([edge.ravel() for edge in edges])
    figures = [figure for edge in edges for figure in (edge.mean(), edge.std())]
    return np.array([*figures, np.mean(every < 8), np.mean(every > 247)], np.float32)


def _tone(pixels: Gray) -> Figures:
    """Mean, deviation, five quantiles, and the logarithm of the Laplacian's deviation at two sizes."""
    squashed = squash(pixels, 2 * SQUARE)
    sharpness = [np.log1p(cv2.Laplacian(each, cv2.CV_32F).std()) for each in (pixels, squashed)]
    quantiles = np.quantile(squashed, (0.01, 0.25, 0.5, 0.75, 0.99))
    return np.array([squashed.mean(), squashed.std(), *quantiles, *sharpness], np.float32)
