"""Lung masks, for training and for auditing; serving does without them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data import DataError, Example

Masks = npt.NDArray[np.uint8]


def read_masks(file: Path, examples: Sequence[Example]) -> list[Masks | None]:
    """The lung mask of each example, in order: uint8 0/1 [rows, columns], or None where there is none.

    A mask covers the radiograph squashed to a square. The file is a `.npz` with `path` [n] (as in the
    data set's manifest), `masks` uint8 [n, rows, columns], and optionally `ok` bool [n]; masks that are
    not ok count as missing.

    Raises:
        DataError: The file is not there, is no such file, or knows none of the examples.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            paths, masks = arrays["path"], arrays["masks"]
            ok = arrays["ok"] if "ok" in arrays else np.ones(len(paths), bool)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{file}: lung masks are a .npz file with the arrays path and masks ({error})."
        ) from error
    known = {str(path): mask for path, mask, usable in zip(paths, masks, ok, strict=True) if usable}
    found = [_by_ending(known, example.path) for example in examples]
    if not any(mask is not None for mask in found):
        raise DataError(
            f"{file}: it has no mask for any of the {len(examples)} images; it names them as {paths[0]}, the "
            f"data set has {examples[0].path}."
            if len(paths)
            else f"{file}: it has no mask."
        )
    return found


def _by_ending(known: dict[str, Masks], path: Path) -> Masks | None:
    """Manifests name files relative to themselves; examples have the whole path."""
    parts = path.parts
    for start in range(len(parts)):
        mask = known.get("/".join(parts[start:]))
        if mask is not None:
            return mask
    return None
