"""MODEL_CARD.md (Mitchell et al. 2019, "Model Cards for Model Reporting"), written from figures and facts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from training.data import Example
from training.figures import as_text, number, span, table


@dataclass(frozen=True)
class Facts:
    """What the card says of a version besides its figures.

    `examples` is the data set that it was trained and tested on; `coverage` the share of the validation
    images that `threshold` was fitted to answer with certainty; `seen_before` are training images that not
    this run but a network that it began from had been trained on; `adjusted` is what was added to the logits
    of classes after training; `gate` is whether it refuses what is no chest radiograph.
    """

    version: str
    created: str
    architecture: str
    classes: tuple[str, ...]
    size: int
    preprocessing: str
    temperature: float
    threshold: float
    coverage: float
    training_data: str
    examples: Sequence[Example]
    seen_before: Sequence[Example] = ()
    adjusted: tuple[float, ...] = ()
    gate: bool = False


def model_card(facts: Facts, metrics: Mapping[str, Any]) -> str:
    """The card as Markdown.

    Args:
        facts: Of the version.
        metrics: `test` and `val` → what `assess` found, with `sanity` and `left_out` under `test`; what was
            not measured is None or missing, and the card says so.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("training"),
        autoescape=False,  # Markdown
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "as_text": as_text,
        "number": number,
        "left_out_table": _left_out,
        "shortcuts_table": _shortcuts,
        "heat_table": _heat,
        "lungs_table": _lungs,
        "sanity_table": _sanity,
    }
    cells = {
        split: {f"{each.label} of {each.source}" for each in facts.examples if each.split == split}
        for split in ("train", "test")
    }
    cells["train"] |= {f"{each.label} of {each.source}" for each in facts.seen_before}
    return environment.get_template("MODEL_CARD.md").render(
        facts=facts,
        zip=zip,
        training=_sources(facts.examples, "train"),
        seen_before=_sources(facts.seen_before, "train") if facts.seen_before else None,
        evaluation=_sources(facts.examples, "test"),
        unseen=sorted(cells["test"] - cells["train"]),
        test=metrics["test"],
        val=metrics["val"],
        left_out=metrics["test"].get("left_out"),
    )


def _sources(examples: Sequence[Example], split: str) -> str:
    """Images of a split by source, class and licence."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    licences: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in examples:
        if each.split == split:
            counts[each.source, each.label] += 1
            licences[each.source, each.label].add(each.licence or "not stated")
    return table(
        ["source", "class", "images", "licence"],
        [
            [*cell, str(count), ", ".join(sorted(licences[cell]))]
            for cell, count in sorted(counts.items())
        ],
    )


def _left_out(found: Mapping[str, Any]) -> str:
    return table(
        ["left out", "class", "images", "recall", "95 %", "most named instead"],
        [
            [
                source,
                label,
                f"{cell['images']:.0f}",
                number(cell["recall"]),
                span(cell["interval"]),
                _most_named(cell["named"], label),
            ]
            for source, row in found["sources"].items()
            for label, cell in row["cells"].items()
        ],
    )


def _most_named(named: Mapping[str, float], label: str) -> str:
    others = {name: share for name, share in named.items() if name != label and share > 0}
    if not others:
        return "–"
    most = max(others, key=lambda name: others[name])
    return f"{most} ({others[most]:.2f})"


def _shortcuts(found: Mapping[str, Any]) -> str:
    return table(
        ["altered", "images", "accuracy before", "accuracy", "mean recall", "answer stays"],
        [
            [name.replace("_", " "), f"{row['images']:.0f}"]
            + [
                number(row[key])
                for key in ("accuracy_before", "accuracy", "balanced_accuracy", "kept")
            ]
            for name, row in found.items()
        ],
    )


def _heat(found: Mapping[str, Any]) -> str:
    return table(
        ["class/source", "images", "heat", "95 %", "uniform map", "centred blob", "pointing game"],
        [
            [cell, f"{row['images']:.0f}", number(row["share"]), span(row["share_interval"])]
            + [number(row[key]) for key in ("uniform", "blob", "pointing")]
            for cell, row in {"all": found, **found["sources"]}.items()
        ],
    )


def _lungs(found: Mapping[str, Any]) -> str:
    return table(
        ["source", "images", "Dice", "95 %", "no lungs", "heat inside", "by mask", "uniform map"],
        [
            [source, f"{row['images']:.0f}", number(row["dice"]), span(row["dice_interval"])]
            + [number(row[key]) for key in ("implausible", "share", "share_by_mask", "uniform")]
            for source, row in {"all": found, **found["sources"]}.items()
        ],
    )


def _sanity(found: Mapping[str, Any]) -> str:
    return table(
        ["random down to", "share of layers", "rank correlation", "SSIM"],
        [
            [
                step["down_to"],
                number(step["layers"], 2),
                number(step["spearman"]),
                number(step["ssim"]),
            ]
            for step in found["steps"]
        ],
    )
