"""What is answered: one Report for HTTP, the command line and everything else."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from inference.classification import Classification
from inference.gate import Verdict
from inference.notice import NOTICE
from inference.overlay import Overlay
from inference.radiograph import Radiograph
from model_store.manifest import Manifest


@dataclass(frozen=True)
class Served:
    """The model that answers: its manifest, the SHA-256 of the file in use, and what runs it."""

    manifest: Manifest
    sha256: str
    runtime: str


@dataclass(frozen=True)
class Explanation:
    """Where the network looked for one class; `heatmap` is float32 [rows, columns], 0–1."""

    label: str
    heatmap: npt.NDArray[np.float32]
    overlay: Overlay
    #: Share of the heat inside the lungs, 0–1; None where no lungs are known, or no heat.
    lung_share: float | None = None


@dataclass(frozen=True)
class Report:
    """Everything that is known of one radiograph after one pass."""

    radiograph: Radiograph
    sha256: str
    verdict: Verdict
    classification: Classification
    explanations: tuple[Explanation, ...]
    #: Of the predicted class, whatever is explained; as in `Explanation`.
    lung_share: float | None
    warnings: tuple[str, ...]
    model: Served
    timing_ms: Mapping[str, float]
    request_id: str

    def to_json(self) -> dict[str, Any]:
        """The body of a 200 answer."""
        manifest = self.model.manifest
        predicted = manifest.classes[self.classification.number]
        return {
            "prediction": {
                "label": predicted.label,
                "name": predicted.name,
                "probability": self.classification.probability,
                "certain": self.classification.certain,
            },
            "probabilities": dict(
                zip(manifest.labels, self.classification.probabilities.tolist(), strict=True)
            ),
            "explanations": [_explanation(each) for each in self.explanations],
            "input": {
                "format": self.radiograph.format,
                "width": self.radiograph.width,
                "height": self.radiograph.height,
                "sha256": self.sha256,
            },
            "gate": {
                "chest_xray": self.verdict.chest_xray,
                "score": self.verdict.score,
                "reasons": list(self.verdict.reasons),
            },
            "warnings": list(self.warnings),
            "model": {
                "name": manifest.name,
                "version": manifest.version,
                "sha256": self.model.sha256,
                "preprocessing": manifest.preprocessing,
                "runtime": self.model.runtime,
            },
            "timing_ms": {step: round(value, 2) for step, value in self.timing_ms.items()},
            "request_id": self.request_id,
            "notice": NOTICE,
        }

    def to_bytes(self) -> bytes:
        """`to_json` as it is sent, UTF-8."""
        return orjson.dumps(self.to_json())


def _explanation(explanation: Explanation) -> dict[str, Any]:
    rows, columns = explanation.heatmap.shape
    return {
        "label": explanation.label,
        "method": "grad-cam",
        "media_type": explanation.overlay.media_type,
        "width": explanation.overlay.width,
        "height": explanation.overlay.height,
        "base64": base64.b64encode(explanation.overlay.data).decode("ascii"),
        "lung_share": None if explanation.lung_share is None else round(explanation.lung_share, 4),
        "heatmap": {
            "rows": rows,
            "columns": columns,
            "values": explanation.heatmap.astype(float).round(4).ravel().tolist(),
        },
    }
