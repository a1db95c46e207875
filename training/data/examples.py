"""Labelled radiographs: from a `manifest.csv` or from folders named after splits and classes."""

import csv
import hashlib
import re
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from inference.decoding import decode
from inference.errors import ServiceError
from inference.pixel_budget import PixelBudget
from inference.radiograph import Radiograph

SPLITS = ("train", "val", "test")

#: Names of split folders in lower case; the public four-class Kaggle set has the shortest ones.
FOLDER_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}

#: Class folders of that set, whose fourth name is misspelt, in lower case and without marks.
FOLDER_LABELS = {
    "covid19": "covid19",
    "normal": "normal",
    "pneumonia": "pneumonia",
    "tuberculosis": "tuberculosis",
    "turberculosis": "tuberculosis",
}

#: How file names of the public sets begin that name the patient: the children's hospital's
#: (person12_virus_34, NORMAL2-IM-0123-0001), which count anew in each folder, and NIH's (00001234_005), which
#: do not. Those of the tuberculosis and COVID-19 sets have a number for each image.
_PATIENT_OF_FOLDER = re.compile(r"person\d+_(?:bacteria|virus)(?=_)|(?:NORMAL2-)?IM-\d+(?=-)")
_PATIENT = re.compile(r"\d{8}(?=_\d{3}(?!\d))")

_SUFFIXES = {".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".dcm"}
_MAX_PIXELS = 200_000_000
_BUDGET = PixelBudget(_MAX_PIXELS)

_SPLIT_THEM = "`python -m training data split` draws new splits and writes them as a manifest."


class DataError(ValueError):
    """A data set that cannot be read; the message names the place and what is expected there."""


@dataclass(frozen=True)
class Example:
    """One labelled radiograph. `source` is where it was collected; `group` is the patient if known.

    `split` is one of SPLITS, or empty where nothing was split yet.
    """

    path: Path
    label: str
    split: str
    source: str
    group: str
    licence: str = ""  # as the manifest calls it; empty where it does not say


def read_dataset(location: Path, *, unsplit: bool = False) -> list[Example]:
    """Read a `manifest.csv`, a folder that has one, or folders `train|val|test/CLASS/…`.

    A manifest needs the columns `path` (relative to the manifest), `label` and `split`; `source`,
    `group` and `licence_class` or `licence` are used where they are there. In folders, images are known by
    how their names end, DICOM files by how they begin as well; hidden files are passed over. The group is
    what a file's name says of the patient in the way of the public sets, within its folder where they count
    anew in each; else the file.

    With `unsplit`, a manifest may do without splits, and folders may be `CLASS/…`.

    Raises:
        DataError: Nothing is there, or a row, a class, a split or a folder inside of a class's is not
            understood.
    """
    location = manifest_of(location) or location
    if location.is_file():
        rows = read_rows(location, {"path", "label"} if unsplit else {"path", "label", "split"})
        examples = [_example(row, location, line, unsplit) for line, row in rows]
    elif location.is_dir():
        examples = _read_folders(location, unsplit)
    else:
        raise DataError(f"{location}: there is no such file or folder.")
    if not examples:
        raise DataError(
            f"{location}: no radiograph found. A manifest.csv with the columns path, label, split, or "
            f"folders such as train/NORMAL/ are expected. {_SPLIT_THEM}"
        )
    return examples


def manifest_of(location: Path) -> Path | None:
    """The manifest that `read_dataset` reads there; None where it reads folders."""
    file = location / "manifest.csv" if location.is_dir() else location
    return file if file.is_file() else None


def read_rows(file: Path, needed: Set[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a manifest as they are, each with the number of its line.

    Raises:
        DataError: A needed column is missing, or it is no CSV file in UTF-8.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:  # spreadsheets write a BOM
            rows = csv.DictReader(stream)
            missing = needed - set(rows.fieldnames or ())
            if missing:
                raise DataError(
                    f"{file}: the columns {', '.join(sorted(missing))} are missing; its first line, read "
                    f"with commas between, names {', '.join(map(repr, rows.fieldnames or ())) or 'none'}."
                )
            return [(rows.line_num, row) for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{file}: it is no CSV file in UTF-8, as which a spreadsheet can save it ({error})."
        ) from error


def _example(row: dict[str, str], file: Path, line: int, unsplit: bool) -> Example:
    where = f"{file}, line {line}"
    for column in ("path", "label"):
        if not row[column]:
            raise DataError(f"{where}: {column} is empty.")
    split = row.get("split") or ""
    if split not in SPLITS and not (unsplit and not split):
        raise DataError(f"{where}: split is {split!r}; it is one of {', '.join(SPLITS)}.")
    return Example(
        path=file.parent / row["path"],
        label=row["label"],
        split=split,
        source=row.get("source") or file.parent.name,
        group=row.get("group") or row["path"],
        licence=row.get("licence_class") or row.get("licence") or "",
    )


def _read_folders(root: Path, unsplit: bool) -> list[Example]:
    splits = [
        (split, folder)
        for folder in _folders(root)
        if (split := FOLDER_SPLITS.get(folder.name.lower()))
    ]
    splits.sort(key=lambda each: SPLITS.index(each[0]))
    examples = []
    for split, of_classes in splits or ([("", root)] if unsplit else []):
        for folder in _folders(of_classes):
            label = FOLDER_LABELS.get(re.sub(r"[\W_]", "", folder.name.lower()))
            if label is None:
                raise DataError(
                    f"{folder}: a class folder is one of {', '.join(FOLDER_LABELS)}, and lies in one of "
                    f"{', '.join(SPLITS)}; of other names or classes a manifest.csv can tell."
                )
            examples += [
                Example(path, label, split, root.name, _group(path, root))
                for path in _images(folder)
            ]
    return examples


def _folders(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir() and each.name[0] != ".")


def _images(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name[0] == ".":
            continue
        if path.suffix.lower() in _SUFFIXES:
            yield path
        elif path.is_dir():
            raise DataError(
                f"{path}: folders inside of a class folder are not read; put their images into {folder}, or "
                "write a manifest.csv, which can name patients as well."
            )
        elif _is_dicom(path):
            yield path


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(128)
        return file.read(4) == b"DICM"


def _group(path: Path, root: Path) -> str:
    if patient := _PATIENT.match(path.name):
        return patient[0]
    patient = _PATIENT_OF_FOLDER.match(path.name)
    return (path.with_name(patient[0]) if patient else path).relative_to(root).as_posix()


def of_split(examples: Sequence[Example], split: str) -> list[Example]:
    """The examples of one split, in order.

    Raises:
        DataError: It has none.
    """
    chosen = [example for example in examples if example.split == split]
    if not chosen:
        raise DataError(f"The data set has no image in its split {split}. {_SPLIT_THEM}")
    return chosen


def seen_or_asked(
    examples: Sequence[Example], without: Collection[str], split: str = "test"
) -> list[Example]:
    """The examples, but of sources that training went without those of one split alone."""
    return [each for each in examples if each.split == split or each.source not in without]


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
    return read_radiograph(example).pixels


def read_radiograph(example: Example) -> Radiograph:
    """One example decoded as serving decodes it, with its format and its original size.

    Raises:
        DataError: The file is no image that can be read.
    """
    try:
        return decode(example.path.read_bytes(), max_pixels=_MAX_PIXELS, budget=_BUDGET)
    except ServiceError as error:
        raise DataError(f"{example.path}: {error.detail}") from error


def fingerprint(examples: Sequence[Example]) -> str:
    """SHA-256 over every image's bytes, label and split, whatever the files are called or their order."""
    lines = sorted(
        f"{hashlib.sha256(example.path.read_bytes()).hexdigest()} {example.label} {example.split}\n"
        for example in tqdm(examples, "fingerprint", unit="image", leave=False, disable=None)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
