"""How well the gate tells frontal chest X-rays from the rest, and whether it says rightly what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from inference.gate import FRONTAL
from training.evaluators import share

#: Reasons that are as right where a look at the picture sufficed.
ALSO_RIGHT = {"not_a_radiograph": ("coloured", "page")}
#: Of these kinds the resolution alone (64 pixels) tells that they are no radiographs: counted apart.
SMALL = "mednist64_"


@dataclass(frozen=True)
class Judged:
    """What the gate said of n pictures, beside what they are.

    `kinds` has `FRONTAL`, ways of turning one (`rotated:left`), and kinds of the collection of others;
    `sources` where a radiograph was collected, empty for others. `reasons` is what it should be refused
    for, empty for frontal ones; `told` what it was refused for, empty where it passed. `scores` is 0 where a
    look at the picture sufficed. `trained` says whether the gate was fitted on pictures of the kind.
    """

    names: Sequence[str]
    kinds: npt.NDArray[np.str_]
    sources: npt.NDArray[np.str_]
    reasons: npt.NDArray[np.str_]
    told: npt.NDArray[np.str_]
    scores: npt.NDArray[np.floating]
    trained: npt.NDArray[np.bool_]

    @property
    def frontal(self) -> npt.NDArray[np.bool_]:
        """Which are frontal chest X-rays, [n]."""
        return self.kinds == FRONTAL

    @property
    def passed(self) -> npt.NDArray[np.bool_]:
        """Which the gate let through, [n]."""
        return self.told == ""


def gate_figures(judged: Judged) -> dict[str, Any]:
    """Figures of the gate.

    Returns:
        Numbers, NaN where there is no such picture: `auroc` of frontal chest X-rays against all others
        (turned and inverted ones too), `auroc_others` against the others' collection alone,
        `auroc_never_trained` against its kinds that the gate was never fitted on, both without the pictures
        of 64 pixels; `refused` (share of the frontal ones), `worst_source` (the same in the worst source with
        at least 25), `passed_photographs_and_documents`, `passed_lateral_and_other_body_parts`,
        `passed_never_trained`, `passed_turned`, `right_reason_turned` (the least of the ways of turning).
        Objects: `sources` → `images`, `refused`; `kinds` → `images`, `passed`, `right_reason`, `trained`;
        `confusion` → should → told → images.
    """
    kinds, frontal, passed = judged.kinds, judged.frontal, judged.passed
    small = np.char.startswith(kinds, SMALL)
    turned = ~frontal & (judged.sources != "")
    others = ~frontal & ~turned
    reason = judged.reasons
    right = judged.told == reason
    for should, others_told in ALSO_RIGHT.items():
        right |= (reason == should) & np.isin(judged.told, others_told)
    rows = {
        str(kind): {
            "images": int((kinds == kind).sum()),
            "passed": share(passed[kinds == kind]),
            "right_reason": share(right[kinds == kind]),
            "trained": bool(judged.trained[kinds == kind].any()),
        }
        for kind in sorted(set(kinds[~frontal]))
    }
    sources = {
        str(source): {
            "images": int((frontal & (judged.sources == source)).sum()),
            "refused": share(~passed[frontal & (judged.sources == source)]),
        }
        for source in sorted(set(judged.sources[frontal]))
    }
    ways = sorted(set(reason[turned]))
    confusion = {
        str(should) or "passes": {
            str(told) or "passes": int((judged.told[reason == should] == told).sum())
            for told in sorted(set(judged.told[reason == should]))
        }
        for should in sorted(set(reason))
    }
    body = np.isin(reason, ("lateral", "other_body_part")) & ~small
    return {
        "images": len(kinds),
        "auroc": _auroc(judged, ~frontal),
        "auroc_others": _auroc(judged, others & ~small),
        "auroc_never_trained": _auroc(judged, others & ~small & ~judged.trained),
        "refused": share(~passed[frontal]),
        "worst_source": max(
            (row["refused"] for row in sources.values() if row["images"] >= 25),
            default=float("nan"),
        ),
        "passed_photographs_and_documents": share(passed[reason == "not_a_radiograph"]),
        "passed_lateral_and_other_body_parts": share(passed[body]),
        "passed_never_trained": share(passed[others & ~small & ~judged.trained]),
        "passed_turned": share(passed[turned]),
        "right_reason_turned": min(
            (share(right[turned & (reason == way)]) for way in ways), default=float("nan")
        ),
        "sources": sources,
        "kinds": rows,
        "confusion": confusion,
    }


def mistakes(judged: Judged, most: int = 10) -> tuple[list[int], list[int]]:
    """The numbers of frontal chest X-rays refused, and of other pictures passed, the worst first."""
    order = np.argsort(judged.scores, kind="stable")
    refused = [int(each) for each in order if judged.frontal[each] and not judged.passed[each]]
    passed = [int(each) for each in order[::-1] if not judged.frontal[each] and judged.passed[each]]
    return refused[:most], passed[:most]


def _auroc(judged: Judged, negative: npt.NDArray[np.bool_]) -> float:
    frontal = judged.frontal
    if not (frontal.any() and negative.any()):
        return float("nan")
    truth = np.r_[np.ones(frontal.sum()), np.zeros(negative.sum())]
    return float(roc_auc_score(truth, np.r_[judged.scores[frontal], judged.scores[negative]]))
