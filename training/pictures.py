"""Figures as pictures: SVG for a page, in the page's own font and colours; PNG for the notebook."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Readable on white and on black.
BLUE, ORANGE, GRAY = "#3d85c6", "#d9822b", "#8c8c8c"

#: Drawn with this colour, text and axes get that of the page.
_INK = "#010203"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
}


def reliability_diagram(found: Mapping[str, Any]) -> Figure:
    """Accuracy against confidence by bin; the size of a dot is the share of the answers."""
    bins = found["reliability"]
    with mpl.rc_context(STYLE):
        figure, axes = _axes(4.2, 3.6, "confidence", "accuracy")
        axes.plot([0, 1], [0, 1], color=GRAY, linewidth=1, linestyle="--")
        confidence = [each["confidence"] for each in bins]
        accuracy = [each["accuracy"] for each in bins]
        total = sum(each["images"] for each in bins) or 1
        axes.plot(confidence, accuracy, color=BLUE, linewidth=1)
        sizes = [8 + 400 * each["images"] / total for each in bins]
        axes.scatter(confidence, accuracy, s=sizes, color=BLUE, alpha=0.7, linewidths=0)
        axes.set(xlim=(0, 1.04), ylim=(0, 1.04))
        return figure


def risk_coverage_curve(found: Mapping[str, Any]) -> Figure:
    """Share of mistakes against share of images answered, and where the threshold puts the service."""
    with mpl.rc_context(STYLE):
        figure, axes = _axes(4.2, 3.6, "coverage", "share of mistakes")
        coverage, risk = zip(*found["risk_coverage"], strict=True)
        axes.plot(coverage, risk, color=BLUE)
        if found.get("accuracy_if_certain") is not None:
            point = found["coverage"], 1 - found["accuracy_if_certain"]
            axes.scatter(*point, color=ORANGE, zorder=3)
            axes.annotate(
                "threshold", point, (-8, 8), textcoords="offset points", ha="right", color=ORANGE
            )
        axes.set(xlim=(0, 1.02))
        axes.set_ylim(bottom=0)
        return figure


def recall_by_cell(found: Mapping[str, Any]) -> Figure:
    """Recall of each class in each source with its interval."""
    cells = found["sources"]
    ranges = [found["intervals"]["sources"][cell]["sensitivity"] for cell in cells]
    return _forest(
        [f"{cell} ({row['images']:.0f})" for cell, row in cells.items()],
        [row["sensitivity"] for row in cells.values()],
        ranges,
        "recall",
    )


def recall_left_out(left_out: Mapping[str, Any]) -> Figure:
    """Recall of each class in sources that the network was trained without."""
    cells = {
        f"{label}/{source} ({cell['images']:.0f})": cell
        for source, row in left_out["sources"].items()
        for label, cell in row["cells"].items()
    }
    return _forest(
        list(cells),
        [cell["recall"] for cell in cells.values()],
        [cell["interval"] for cell in cells.values()],
        "recall, trained without the source",
    )


def accuracy_when_altered(found: Mapping[str, Any]) -> Figure:
    """Accuracy on altered images beside the same images as they are."""
    audits = found["shortcuts"]
    with mpl.rc_context(STYLE):
        figure, axes = _axes(4.6, 0.6 + 0.5 * len(audits), "accuracy", "")
        places = range(len(audits))
        before = [row["accuracy_before"] for row in audits.values()]
        after = [row["accuracy"] for row in audits.values()]
        axes.barh([p - 0.2 for p in places], before, 0.38, color=GRAY, label="as they are")
        axes.barh([p + 0.2 for p in places], after, 0.38, color=BLUE, label="altered")
        axes.set(xlim=(0, 1), yticks=list(places))
        axes.set_yticklabels([name.replace("_", " ") for name in audits])
        axes.invert_yaxis()
        figure.legend(loc="outside upper center", ncols=2)
        return figure


def heat_by_cell(found: Mapping[str, Any]) -> Figure:
    """Share of heat in the lungs by cell, beside the uniform map and the centred blob."""
    rows = {"all": found["heat"], **found["heat"]["sources"]}
    with mpl.rc_context(STYLE):
        figure, axes = _axes(4.6, 0.8 + 0.36 * len(rows), "share of heat in the lungs", "")
        places = list(range(len(rows)))
        axes.barh(places, [row["share"] or 0 for row in rows.values()], 0.6, color=BLUE)
        for key, marker, name in (("uniform", "|", "uniform map"), ("blob", "x", "centred blob")):
            values = [row[key] for row in rows.values()]
            look = {"marker": marker, "s": 60, "color": ORANGE, "linewidths": 2, "zorder": 3}
            axes.scatter(values, places, label=name, **look)
        axes.set(xlim=(0, 1), yticks=places)
        axes.set_yticklabels([f"{cell} ({row['images']:.0f})" for cell, row in rows.items()])
        axes.invert_yaxis()
        figure.legend(loc="outside upper center", ncols=2)
        return figure


def sanity_curve(sanity: Mapping[str, Any]) -> Figure:
    """Similarity to the trained network's heatmaps against the share of layers that were randomised."""
    layers = [0, *(step["layers"] for step in sanity["steps"])]
    with mpl.rc_context(STYLE):
        figure, axes = _axes(
            4.6, 3.2, "share of layers randomised, from the output down", "similarity"
        )
        for key, colour, name in (
            ("spearman", BLUE, "rank correlation"),
            ("ssim", ORANGE, "SSIM"),
        ):
            values = [1, *(step[key] for step in sanity["steps"])]
            axes.plot(layers, values, marker="o", markersize=4, color=colour, label=name)
            axes.axhline(sanity["between_images"][key], color=colour, linewidth=1, linestyle=":")
        axes.set(xlim=(0, 1.02), ylim=(min(-0.2, *axes.get_ylim()), 1.04))
        figure.legend(loc="outside upper center", ncols=2)
        return figure


def _forest(
    names: Sequence[str],
    values: Sequence[float],
    ranges: Sequence[Sequence[float | None]],
    label: str,
) -> Figure:
    with mpl.rc_context(STYLE):
        figure, axes = _axes(4.6, 0.7 + 0.3 * len(names), label, "")
        places = list(range(len(names)))
        axes.hlines(places, *np.array(ranges, float).T, color=BLUE, linewidth=2)
        axes.scatter(values, places, color=BLUE, zorder=3, s=24)
        axes.set(xlim=(-0.02, 1.02), yticks=places)
        axes.set_yticklabels(names)
        axes.invert_yaxis()
        axes.grid(axis="x", color=GRAY, alpha=0.3)
        return figure


def _axes(width: float, height: float, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure((width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y)
    return figure, axes


def as_svg(figure: Figure, key: str) -> str:
    """An `<svg>` element to put into a page; `key` keeps its ids apart from other pictures'."""
    stream = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{key}-', text)
    return re.sub(r'(url\(|href=")#', rf"\1#{key}-", text)


def as_png(figure: Figure, dpi: int = 90) -> bytes:
    """The picture on white, the same bytes for the same figure."""
    stream = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return stream.getvalue()
