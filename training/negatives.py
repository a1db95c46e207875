"""Pictures that the gate is to refuse: a collection of them, and radiographs turned and inverted by code."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.data import DataError, Example
from training.data.examples import manifest_of, read_rows

Image = npt.NDArray[np.uint8]

#: Kinds of the collection that no gate is ever fitted on, some of each family: how it fares with them tells
#: what it does with what nobody thought of. Chosen before anything was measured.
NEVER_TRAINED = (
    *("xray_shoulder_clavicle", "xray_dental_panoramic", "xray_abdomen"),
    *("mri_brain", "ultrasound_lung", "mednist64_ct_head", "mednist64_mri_breast"),
    *("microscopy_blood", "document_receipt_scan", "synthetic_drawing", "noise_readout"),
)
#: Kinds that nothing is fitted on: choices between gates may look at them.
ONLY_VALIDATED = ("xray_pelvis_hip_femur", "ct_web_ieee8023", "diagram_plot", "icon_logo")

#: Kinds of the probe, by how the collection's kinds begin.
PROBE = {
    "xray_chest_lateral": "lateral",
    "xray_": "other_body_part:bones",
    "ct_": "other_body_part:slice",
    "mri_": "other_body_part:slice",
    "mednist64_hand": "other_body_part:bones",
    "mednist64_": "other_body_part:slice",
    "ultrasound_": "other_body_part:slice",
    "photo_": "not_a_radiograph:photo",
    "fundus": "not_a_radiograph:photo",
    "microscopy_": "not_a_radiograph:photo",
}
#: Everything else: pages, slides, charts, drawings.
OTHERWISE = "not_a_radiograph:drawn"


def read_negatives(location: Path, radiographs: Sequence[Example]) -> list[Example]:
    """Read a collection: a `manifest.csv` with the columns `path`, `kind`, `group`.

    The label of each example is its kind. Kinds in `NEVER_TRAINED` are in the split test, those in
    `ONLY_VALIDATED` in val; others are split by group: half train, a fifth val, the rest test. Pictures of
    patients who are among `radiographs` are left out.

    Raises:
        DataError: There is no such manifest, or it has no picture.
    """
    file = manifest_of(location)
    if not file:
        raise DataError(f"{location}: there is no manifest.csv with the columns path, kind, group.")
    patients = {_patient(each.group) for each in radiographs}
    found = [
        Example(
            path=file.parent / row["path"],
            label=row["kind"],
            split=_split(row["kind"], row["group"]),
            source=row["kind"],
            group=row["group"],
        )
        for _, row in read_rows(file, {"path", "kind", "group"})
        if _patient(row["group"]) not in patients
    ]
    if not found:
        raise DataError(f"{file}: it has no picture.")
    return found


def pictures_of(others: Sequence[Example], split: str) -> list[Example]:
    """The pictures of one split of a collection, in order.

    Raises:
        DataError: It has none.
    """
    chosen = [each for each in others if each.split == split]
    if not chosen:
        raise DataError(
            f"Of the {len(others)} pictures that are no chest X-rays none is in the split {split}, which is "
            "drawn by group: more groups are needed."
        )
    return chosen


def probe_kind(kind: str) -> str:
    """What the probe calls a kind of the collection."""
    return next((name for begin, name in PROBE.items() if kind.startswith(begin)), OTHERWISE)


def turned(pixels: Image) -> dict[str, Image]:
    """The wrong ways to send a radiograph, by what the probe calls them."""
    ways = {
        "upside_down": pixels[::-1, ::-1],
        "rotated:left": np.rot90(pixels),
        "rotated:right": np.rot90(pixels, 3),
        "inverted": 255 - pixels,
    }
    return {kind: np.ascontiguousarray(picture) for kind, picture in ways.items()}


def side_by_side(pictures: Sequence[Image], random: np.random.Generator) -> Image:
    """Two pictures in one, beside or above each other, with or without a strip between."""
    side = 256
    one, two = (cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA) for each in pictures)
    strip = np.full((side, int(random.integers(0, 12))), random.choice([0, 255]), np.uint8)
    if random.random() < 0.5:
        return np.hstack([one, strip, two])
    return np.vstack([one, strip.T, two])


def _patient(group: str) -> str:
    """Collections call the same patient `nih_cxr14:00001389` and `nih:00001389`."""
    return group.replace("nih_cxr14:", "nih:")


def _split(kind: str, group: str) -> str:
    if kind in NEVER_TRAINED:
        return "test"
    if kind in ONLY_VALIDATED:
        return "val"
    place = int(hashlib.sha256(group.encode()).hexdigest(), 16) % 10
    return "train" if place < 5 else "val" if place < 7 else "test"
