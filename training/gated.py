"""A version → the same version with a gate, and what is said of the gate: its figures against their bars."""

import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inference.gate import Gate
from inference.preprocessing import VERSION
from inference.runtime import Runtime
from inference.runtime.litert import LiteRTRuntime
from model_store.manifest import FileRecord, Input, Manifest
from model_store.store import FolderStore
from training.data import Example, of_split, seen_or_asked
from training.evaluators.gate import Judged, gate_figures, mistakes
from training.figures import number, table
from training.gate import fit_gate, judge_all
from training.negatives import pictures_of
from training.new_version import check_new, now

#: Figure → what a person calls it, its bar, and whether more is better.
BARS: dict[str, tuple[str, float, bool]] = {
    "auroc": ("AUROC against all that is to be refused", 0.995, True),
    "auroc_never_trained": ("AUROC against kinds never trained on", 0.98, True),
    "refused": ("frontal chest X-rays refused", 0.01, False),
    "worst_source": ("the same in the worst source", 0.03, False),
    "passed_photographs_and_documents": ("photographs and documents passed", 0.005, False),
    "passed_lateral_and_other_body_parts": (
        "lateral views and other body parts passed",
        0.05,
        False,
    ),
    "right_reason_turned": ("turned or inverted: told by the right reason, least of", 0.95, True),
}

_ABOUT = """\
It refuses what is no upright frontal chest radiograph, and says why. A linear probe (discriminant
analysis) reads the network's embedding and histograms of gradients of its input; blank, tiny and coloured
pictures and pages of text are refused before. It was fitted on the training splits of the radiographs, as
they are, varied, turned and inverted, and on other pictures, of which whole kinds were kept out."""

#: Where the card of a version says what its gate does.
_HEADING = "## Gate"
_BEFORE = "## Ethical considerations"
_WITHOUT = "- It has no gate: it does not tell whether a picture is a chest X-ray at all.\n"


@dataclass(frozen=True)
class GateReport:
    """What the gate said of each picture of the test splits, and its figures.

    `found` is that of `gate_figures` and, if the gate was fitted now, `left_out` (see
    `training.gate.refused_when_left_out`).
    """

    judged: Judged
    found: dict[str, Any]


def assess_gate(
    gate: Gate,
    runtime: Runtime,
    spec: Input,
    radiographs: Sequence[Example],
    others: Sequence[Example],
    left_out: Mapping[str, Mapping[str, float]] | None = None,
) -> GateReport:
    """Judge a split of radiographs and the others' test split.

    Raises:
        DataError: An image cannot be read.
    """
    judged = judge_all(gate, runtime, spec, radiographs, others)
    return GateReport(judged, gate_figures(judged) | {"left_out": left_out})


def fitted(
    runtime: Runtime, spec: Input, radiographs: Sequence[Example], others: Sequence[Example]
) -> tuple[Gate, GateReport]:
    """Fit a gate on the training splits and judge the test splits with it.

    Raises:
        DataError: A split is empty or an image cannot be read.
    """
    tested, _ = of_split(radiographs, "test"), pictures_of(others, "test")  # said before the work
    gate, left_out = fit_gate(runtime, spec, radiographs, others)
    return gate, assess_gate(gate, runtime, spec, tested, others, left_out)


def of_version(manifest: Manifest) -> Gate:
    """The gate that a version has.

    Raises:
        ValueError: It has none, or one that this code does not read.
    """
    if manifest.gate is None:
        raise ValueError(
            f"Version {manifest.version} has no gate. Make a version with one: "
            f"python -m training gate {manifest.version} … --as NAME"
        )
    return Gate.from_manifest(manifest.gate)


def add_gate(
    store: FolderStore,
    version: str,
    name: str,
    radiographs: Sequence[Example],
    others: Sequence[Example],
    *,
    without: Sequence[str] = (),
) -> tuple[Manifest, GateReport]:
    """Make the version `name` from another one: the same files, with a gate fitted now; it is not promoted.

    The gate goes without the sources that the version went without; `without` names them where its manifest
    does not.

    Raises:
        DataError: A split is empty or an image cannot be read.
        ValueError: No version may be called so, or `version` has another preprocessing.
        VersionExists: The store has this version.
        StoreError: `version` is not there or damaged.
    """
    check_new(name, store)
    before = store.verify(version)
    if before.preprocessing != VERSION:
        raise ValueError(
            f"Version {before.version} has the preprocessing {before.preprocessing}; this code has {VERSION}."
        )
    model = store.open(before.version)
    runtime = LiteRTRuntime(model.read("model.tflite"), before.outputs)
    without = tuple(without) or before.without_sources
    gate, report = fitted(runtime, before.input, seen_or_asked(radiographs, without), others)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        for file in before.files:
            (folder / file).write_bytes(model.read(file))
        if "MODEL_CARD.md" in before.files:
            card = folder / "MODEL_CARD.md"
            text = card.read_text(encoding="utf-8").replace(before.version, name)
            card.write_text(with_section(text, report.found), encoding="utf-8")
        manifest = replace(
            before,
            version=name,
            created=now(),
            files={file: FileRecord.of((folder / file).read_bytes()) for file in before.files},
            gate=gate.to_manifest(),
            without_sources=without,
            metrics=with_metrics(before.metrics, report.found),
        )
        manifest.write(folder)
        store.add(folder)
    return manifest, report


def with_metrics(metrics: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest's metrics and, among those of the split test, the gate's that have a bar."""
    own = {f"gate_{key}": found[key] for key in BARS if not math.isnan(found[key])}
    return {**metrics, "test": {**metrics.get("test", {}), **own}}


def with_section(card: str, found: Mapping[str, Any]) -> str:
    """A model card with the section of the gate, new or in the place of the one before."""
    card = re.sub(rf"{_HEADING}\n.*?(?={_BEFORE})", "", card.replace(_WITHOUT, ""), flags=re.DOTALL)
    return card.replace(_BEFORE, f"{_HEADING}\n\n{section(found)}\n\n{_BEFORE}", 1)


def section(found: Mapping[str, Any]) -> str:
    """What the card says of the gate."""
    left_out = ' ("left out": by a gate that never saw the source)' if found["left_out"] else ""
    return "\n\n".join(
        [
            _ABOUT,
            bars_table(found),
            f"Frontal chest X-rays of the test split{left_out}:",
            sources_table(found),
            "What is to be refused:",
            kinds_table(found),
        ]
    )


def bars_table(found: Mapping[str, Any]) -> str:
    """The figures that have a bar, beside it."""
    rows = []
    for key, (what, bar, more) in BARS.items():
        value = found[key]
        met = (
            "–"
            if math.isnan(value)
            else "met"
            if (value >= bar) == more or value == bar
            else "MISSED"
        )
        rows.append([what, number(value, 4), f"{'≥' if more else '≤'} {bar:g}", met])
    return table(["figure", "value", "bar", ""], rows)


def sources_table(found: Mapping[str, Any]) -> str:
    """What is refused of each source of radiographs."""
    left_out = found["left_out"] or {}
    return table(
        ["source", "images", "refused", "left out: images", "refused"],
        [
            [
                source,
                str(row["images"]),
                number(row["refused"], 4),
                f"{left_out[source]['images']:.0f}" if source in left_out else "–",
                number(left_out[source]["refused"], 4) if source in left_out else "–",
            ]
            for source, row in found["sources"].items()
        ],
    )


def kinds_table(found: Mapping[str, Any]) -> str:
    """What passes of each kind."""
    return table(
        ["kind", "trained on", "images", "passed", "right reason"],
        [
            [
                kind,
                "yes" if row["trained"] else "no",
                str(row["images"]),
                number(row["passed"]),
                number(row["right_reason"]),
            ]
            for kind, row in found["kinds"].items()
        ],
    )


def as_text(report: GateReport) -> str:
    """All tables and the worst mistakes, for a person."""
    found, judged = report.found, report.judged
    refused, passed = mistakes(judged)
    lines = [
        f"{title} {judged.scores[each]:.3f}: {judged.names[each]} ({judged.kinds[each]}"
        + (f", {judged.told[each]})" if judged.told[each] else ")")
        for title, numbers in (("refused", refused), ("passed", passed))
        for each in numbers
    ]
    return "\n\n".join(
        [
            bars_table(found),
            sources_table(found),
            kinds_table(found),
            "\n".join(lines) or "No mistake.",
        ]
    )
