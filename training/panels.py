"""Pictures of a data set and of small images side by side, for the notebook."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from training.pictures import BLUE, GRAY, ORANGE, STYLE

if TYPE_CHECKING:
    from training.data.shortcuts import Probe

_COLOURS = {"train": BLUE, "val": GRAY, "test": ORANGE}


def images_by_cell(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """How many images each class has in each source and split; rows as `counts` gives them."""
    names = list(dict.fromkeys(f"{row['label']}/{row['source']}" for row in rows))
    with mpl.rc_context(STYLE):
        figure = Figure((6.4, 0.9 + 0.3 * len(names)), layout="constrained")
        axes = figure.add_subplot(xlabel="images")
        reached = np.zeros(len(names))
        for split, colour in _COLOURS.items():
            images = {
                f"{r['label']}/{r['source']}": r["images"] for r in rows if r["split"] == split
            }
            widths = np.array([images.get(name, 0) for name in names])
            axes.barh(range(len(names)), widths, 0.7, left=reached, color=colour, label=split)
            reached += widths
        axes.set(yticks=range(len(names)), yticklabels=names)
        axes.invert_yaxis()
        figure.legend(loc="outside upper center", ncols=3)
        return figure


def shortcuts_told(probes: Sequence["Probe"]) -> Figure:
    """Accuracy of each probe for class and source, beside always naming the largest."""
    targets = list(dict.fromkeys(probe.target for probe in probes))
    with mpl.rc_context(STYLE):
        figure = Figure((4.2 * len(targets), 2.6), layout="constrained")
        for place, target in enumerate(targets, 1):
            chosen = [probe for probe in probes if probe.target == target]
            axes = figure.add_subplot(1, len(targets), place, xlim=(0, 1))
            axes.set(xlabel=f"accuracy in telling the {target}", yticks=range(len(chosen)))
            axes.barh(range(len(chosen)), [each.accuracy for each in chosen], 0.6, color=BLUE)
            largest = max(each.largest for each in chosen)
            axes.axvline(largest, color=ORANGE, linewidth=2, label=f"always the largest {target}")
            axes.set_yticklabels([each.figures for each in chosen] if place == 1 else [])
            axes.invert_yaxis()
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1))
        return figure


def grid(
    images: Sequence[tuple[str, npt.NDArray[Any]]],
    columns: int = 4,
    *,
    colours: str = "gray",
    limits: tuple[float, float] = (0, 255),
    outlines: Sequence[npt.NDArray[Any]] = (),
) -> Figure:
    """Images [rows, columns] with their titles, stretched to squares.

    Args:
        images: Title and values of each.
        columns: How many stand side by side.
        colours: A colour map of matplotlib.
        limits: The values that get its first and its last colour.
        outlines: For each image values over the same area, 0–1, whose half is drawn as a line.
    """
    rows = -(-len(images) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure((1.7 * columns, 1.9 * rows), layout="constrained")
        for place, (title, values) in enumerate(images):
            axes = figure.add_subplot(rows, columns, place + 1)
            axes.imshow(
                values, colours, vmin=limits[0], vmax=limits[1], extent=(0, 1, 1, 0), aspect="equal"
            )
            if place < len(outlines):
                line = outlines[place]
                y, x = ((np.arange(side) + 0.5) / side for side in line.shape)
                axes.contour(x, y, line, levels=[0.5], colors="white", linewidths=1)
            axes.set_title(title, fontsize=8)
            axes.set_axis_off()
        return figure
