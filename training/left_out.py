"""Leave-one-source-out: what networks say of sources that they were trained without.

One file a source, `FOLDER/SOURCE.json`:

    {"source": "kermany", "classes": ["covid19", …], "temperature": 1.2,
     "rows": [{"path": "…", "label": "normal", "source": "kermany", "group": "…", "logits": [0.1, …]}, …]}

`rows` are all images of the source (train, val and test) as the network trained without it answers;
`temperature` (1 if left out) was fitted on that network's own validation images; `group` is the patient
(the path if left out).
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from training.data import DataError, Example
from training.evaluators import Predictions


def write_left_out(
    folder: Path,
    source: str,
    classes: Sequence[str],
    examples: Sequence[Example],
    logits: npt.NDArray[np.floating],
    *,
    temperature: float = 1.0,
) -> Path:
    """Write what the network trained without `source` says of that source's examples; logits [n, classes]."""
    rows = [
        {
            "path": example.path.as_posix(),
            "label": example.label,
            "source": example.source,
            "group": example.group,
            "logits": scores,
        }
        for example, scores in zip(examples, np.asarray(logits, float).tolist(), strict=True)
    ]
    content = {
        "source": source,
        "classes": list(classes),
        "temperature": temperature,
        "rows": rows,
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{source}.json"
    partial = folder / f"{source}.part"
    partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    os.replace(partial, file)
    return file


def read_left_out(folder: Path) -> dict[str, Predictions]:
    """The files of a folder, by source.

    Raises:
        DataError: There is none, or one is not as it is described above.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise DataError(f"{folder}: there is no SOURCE.json of a left-out source.")
    found = {}
    for file in files:
        try:
            content = json.loads(file.read_text())
            found[content["source"]] = _predictions(content)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{file}: it takes source, classes and rows of path, label, source, logits "
                f"({type(error).__name__}: {error})."
            ) from error
    return found


def _predictions(content: dict[str, Any]) -> Predictions:
    classes = tuple(content["classes"])
    rows = content["rows"]
    logits = np.array([row["logits"] for row in rows], float).reshape(len(rows), len(classes))
    return Predictions(
        classes,
        softmax(logits / content.get("temperature", 1.0), axis=1),
        np.array([classes.index(row["label"]) for row in rows]),
        [row["source"] for row in rows],
        [row.get("group") or row["path"] for row in rows],
    )
