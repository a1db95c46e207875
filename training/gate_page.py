"""The gate's mistakes as pictures: a page by itself, and a part of the report."""

import base64
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from training.data import Example, read_pixels
from training.evaluators.gate import Judged, mistakes
from training.figures import number, span, without_nan, write_json
from training.gated import BARS, GateReport
from training.negatives import turned

#: Of each sort of mistake, and their long side in pixels.
MOST, SIDE = 24, 192


def write_page(report: GateReport, version: str, folder: Path) -> None:
    """Write `gate.html` and `gate.json` into a folder."""
    write_json(report.found, folder / "gate.json")
    page = html_templates().get_template("gate_page.html")
    (folder / "gate.html").write_text(
        page.render(version=version, gate=section_of(report)), encoding="utf-8"
    )


def html_templates() -> jinja2.Environment:
    """The templates of pages, with what writes figures in them."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("training"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"figure": number, "span": span}
    return environment


def section_of(report: GateReport) -> dict[str, Any]:
    """What `gate.html` shows: the figures, their bars, and pictures of the mistakes."""
    refused, passed = mistakes(report.judged, MOST)
    return {
        **without_nan(report.found),
        "bars": BARS,
        "wrongly": {
            "Refused, though a frontal chest X-ray": [_picture(report.judged, n) for n in refused],
            "Passed, though it is none": [_picture(report.judged, n) for n in passed],
        },
    }


def _picture(judged: Judged, number: int) -> dict[str, Any]:
    kind, path = str(judged.kinds[number]), Path(judged.names[number])
    pixels = read_pixels(Example(path, kind, "test", "", ""))
    pixels = turned(pixels).get(kind, pixels)
    scale = SIDE / max(pixels.shape)
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", np.asarray(small))
    told = str(judged.told[number]) or "passed"
    return {
        "base64": base64.b64encode(data.tobytes()).decode(),
        "alt": f"{kind}: {told}",
        "caption": f"{kind} → {told} {judged.scores[number]:.3f}",
        "name": path.name,
    }
