"""What lowers the trust in an answer without forbidding it: the answer's `warnings`.

Each is a line `code: sentence.`; programs read the code, which stays what it is, and people the sentence.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.gate import Verdict
    from inference.radiograph import Radiograph

#: Less of the predicted class's heat in the lungs is unusual. Version 2026.11.5 has 0.69 to 0.93 in its
#: validation images, and less than this in three of 544. Inside that range the share does not tell right
#: answers from wrong ones (AUROC 0.51), so it warns of what lies at its lower end and below.
LEAST_LUNG_SHARE = 0.7

#: Code → sentence; some take a number.
SENTENCES = {
    "forced": "Answered because force=true was asked, although the gate refuses this image: {reasons}.",
    "not_checked": (
        "Whether this is a frontal chest X-ray was not checked: this model has no gate."
    ),
    "near_gate_edge": "The gate let this image pass, but only just.",
    "low_resolution": (
        "The shorter side has {shorter} pixels; the network looks at {size}, so fine detail is missing."
    ),
    "no_lungs": "The network finds no two lungs in this image, so lung_share is not known.",
    "heat_outside_lungs": (
        "Only {percent} % of what speaks for the predicted class lies in the lungs, which is unusual."
    ),
    "other_view": "The DICOM file says that this is no frontal view.",
    "ap_view": (
        "The DICOM file says that this view is anteroposterior (AP): the heart looks larger than in a "
        "posteroanterior one."
    ),
    "portable": (
        "The DICOM file says that this was taken with a portable device: such patients are sicker and lie."
    ),
    "paediatric": (
        "The DICOM file says that this is a child; the mix of the training data is on the model's card."
    ),
}


def caveats(
    verdict: "Verdict",
    radiograph: "Radiograph",
    *,
    size: int,
    lungs_found: bool | None,
    lung_share: float | None,
) -> tuple[str, ...]:
    """The warnings of an answer, the gravest first.

    Args:
        verdict: The gate's.
        radiograph: What was decoded.
        size: Side of the network's input in pixels.
        lungs_found: Whether the network's map of the lungs can be one; None where it has no map.
        lung_share: The share of the predicted class's heat in the lungs; None where it is not known.
    """
    found = _found(verdict, radiograph, size, lungs_found, lung_share)
    return tuple(f"{code}: {SENTENCES[code].format(**values)}" for code, values in found)


def _found(
    verdict: "Verdict",
    radiograph: "Radiograph",
    size: int,
    lungs_found: bool | None,
    lung_share: float | None,
) -> Iterator[tuple[str, dict[str, object]]]:
    if verdict.reasons:
        yield "forced", {"reasons": verdict.sentence}
    elif verdict.chest_xray is None:
        yield "not_checked", {}
    elif verdict.near_edge:
        yield "near_gate_edge", {}
    if lungs_found is False:
        yield "no_lungs", {}
    if lung_share is not None and lung_share < LEAST_LUNG_SHARE:
        yield "heat_outside_lungs", {"percent": round(100 * lung_share)}
    shorter = min(radiograph.width, radiograph.height)
    if shorter < size:
        yield "low_resolution", {"shorter": shorter, "size": size}
    if radiograph.view_position not in (None, "AP", "PA"):
        yield "other_view", {}
    if radiograph.view_position == "AP":
        yield "ap_view", {}
    if radiograph.portable:
        yield "portable", {}
    if radiograph.paediatric:
        yield "paediatric", {}
