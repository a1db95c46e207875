"""Labelled radiographs: from a `manifest.csv` or from folders named after splits and classes."""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.decoding import PixelBudget, decode
from inference.errors import ServiceError

SPLITS = ("train", "val", "test")

#: Class folders of the public four-class Kaggle set, whose fourth name is misspelt.
FOLDER_LABELS = {
    "covid19": "covid19",
    "normal": "normal",
    "pneumonia": "pneumonia",
    "tuberculosis": "tuberculosis",
    "turberculosis": "tuberculosis",
}

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".dcm"}
_MAX_PIXELS = 200_000_000
_BUDGET = PixelBudget(_MAX_PIXELS)


class DataError(ValueError):
    """A data set that cannot be read; the message names the place and what is expected there."""


@dataclass(frozen=True)
class Example:
    """One labelled radiograph. `source` is where it was collected; `group` is the patient if known."""

    path: Path
    label: str
    split: str
    source: str
    group: str
    licence: str = ""  # as the manifest calls it; empty where it does not say


def read_dataset(location: Path) -> list[Example]:
    """Read a `manifest.csv`, a folder that has one, or folders `train|val|test/CLASS/…`.

    A manifest needs the columns `path` (relative to the manifest), `label` and `split`; `source`,
    `group` and `licence_class` or `licence` are used where they are there.

    Raises:
        DataError: Nothing is there, or a row, a class or a split is not understood.
    """
    if location.is_dir() and (location / "manifest.csv").is_file():
        location = location / "manifest.csv"
    if location.is_file():
        examples = _read_manifest(location)
    elif location.is_dir():
        examples = _read_folders(location)
    else:
        raise DataError(f"{location}: there is no such file or folder.")
    if not examples:
        raise DataError(
            f"{location}: no radiograph found. A manifest.csv with the columns path, label, split, or "
            "folders such as train/NORMAL/ are expected."
        )
    return examples


def _read_manifest(file: Path) -> list[Example]:
    with file.open(newline="", encoding="utf-8-sig") as stream:  # spreadsheets write a BOM
        rows = csv.DictReader(stream)
        missing = {"path", "label", "split"} - set(rows.fieldnames or ())
        if missing:
            raise DataError(f"{file}: the columns {', '.join(sorted(missing))} are missing.")
        return [_example(row, file, rows.line_num) for row in rows]


def _example(row: dict[str, str], file: Path, line: int) -> Example:
    where = f"{file}, line {line}"
    for column in ("path", "label"):
        if not row[column]:
            raise DataError(f"{where}: {column} is empty.")
    if row["split"] not in SPLITS:
        raise DataError(f"{where}: split is {row['split']!r}; it is one of {', '.join(SPLITS)}.")
    return Example(
        path=file.parent / row["path"],
        label=row["label"],
        split=row["split"],
        source=row.get("source") or file.parent.name,
        group=row.get("group") or row["path"],
        licence=row.get("licence_class") or row.get("licence") or "",
    )


def _read_folders(root: Path) -> list[Example]:
    examples = []
    for split in SPLITS:
        for folder in sorted(path for path in root.glob(f"{split}/*") if path.is_dir()):
            label = FOLDER_LABELS.get(folder.name.lower())
            if label is None:
                raise DataError(f"{folder}: a class folder is one of {', '.join(FOLDER_LABELS)}.")
            examples += [
                Example(path, label, split, root.name, str(path.relative_to(root)))
                for path in sorted(folder.iterdir())
                if path.suffix.lower() in _SUFFIXES
            ]
    return examples


def of_split(examples: Sequence[Example], split: str) -> list[Example]:
    """The examples of one split, in order.

    Raises:
        DataError: It has none.
    """
    chosen = [example for example in examples if example.split == split]
    if not chosen:
        raise DataError(f"The data set has no image in its split {split}.")
    return chosen


def check_labels(examples: Sequence[Example], classes: Sequence[str]) -> None:
    """Raise DataError unless every label is one of the classes."""
    unknown = sorted({example.label for example in examples} - set(classes))
    if unknown:
        raise DataError(
            f"The data set has the labels {', '.join(unknown)}; the model has the classes "
            f"{', '.join(classes)}."
        )


def read_pixels(example: Example) -> npt.NDArray[np.uint8]:
    """Gray values of one example, uint8 [height, width], decoded as serving decodes them.

    Raises:
        DataError: The file is no image that can be read.
    """
    try:
        return decode(example.path.read_bytes(), max_pixels=_MAX_PIXELS, budget=_BUDGET).pixels
    except ServiceError as error:
        raise DataError(f"{example.path}: {error.detail}") from error


def fingerprint(examples: Sequence[Example]) -> str:
    """SHA-256 over every image's bytes, label and split, whatever the files are called or their order."""
    lines = sorted(
        f"{hashlib.sha256(example.path.read_bytes()).hexdigest()} {example.label} {example.split}\n"
        for example in examples
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
