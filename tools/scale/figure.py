"""The picture of `docs/scale.md`: how long archives take, and the course of one of a million images."""

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from archive.prices import Prices
from tools.scale.fluid import plan
from tools.scale.model import Platform, Work
from tools.scale.simulation import simulate

_SIZES = [10**4, 10**5, 10**6, 10**7, 10**8]
_SIMULATED = [10**4, 10**5, 10**6]


def draw(to: Path, work: Work, platform: Platform, ceilings: tuple[int, ...]) -> None:
    """Write an SVG; the same numbers give the same file."""
    with mpl.rc_context({"svg.hashsalt": "scale", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(7.2, 3.0), layout="constrained")
        left, right = figure.subplots(1, 2)
        for maximum in ceilings:
            here = replace(platform, maximum=maximum)
            planned = [plan(size, work, here, Prices()).seconds / 3600 for size in _SIZES]
            (line,) = left.plot(_SIZES, planned, label=f"{maximum} instances at most", linewidth=1)
            runs = [simulate(size // work.images_a_message, work, here) for size in _SIMULATED]
            left.plot(_SIMULATED, [run.seconds / 3600 for run in runs], "o", color=line.get_color())
            course = runs[-1].course
            right.plot(
                [second / 60 for second, _, _ in course],
                [done * work.images_a_message / 1e6 for _, _, done in course],
                color=line.get_color(),
                linewidth=1,
            )
        left.set(xscale="log", yscale="log", xlabel="images", ylabel="hours")
        left.set_title("line: sum, dots: simulation", fontsize=8)
        left.legend(frameon=False)
        right.set(xlabel="minutes", ylabel="million images done")
        right.set_title("a job of a million", fontsize=8)
        for axes in (left, right):
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(to, format="svg", metadata={"Date": None})
