"""Labelled radiographs: read here; fetched, checked and split by `python -m training data`."""

from training.data.examples import (
    FOLDER_LABELS,
    SPLITS,
    DataError,
    Example,
    check_labels,
    fingerprint,
    of_split,
    read_dataset,
    read_pixels,
    read_radiograph,
    seen_or_asked,
)

__all__ = [
    "FOLDER_LABELS",
    "SPLITS",
    "DataError",
    "Example",
    "check_labels",
    "fingerprint",
    "of_split",
    "read_dataset",
    "read_pixels",
    "read_radiograph",
    "seen_or_asked",
]
