"""HTML that needs nothing beside it: elements that escape their text, pictures and plots inside."""

import base64
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import cv2
import numpy as np
import numpy.typing as npt

Element = ElementTree.Element

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 72rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; border-bottom: 1px solid #8886; }
th.number, td.number { text-align: right; }
.pictures { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); }
.pairs, .plots { display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); }
.pair > div { display: grid; grid-template-columns: 1fr 1fr; gap: 0.25rem; align-items: start; }
figure { margin: 0; }
figcaption { font-size: 0.8rem; }
img { width: 100%; max-width: 20rem; height: auto; background: #000; }
svg { width: 100%; max-width: 22rem; height: auto; }
.bad { border-left: 0.3rem solid #c33; padding-left: 0.8rem; }
.good { border-left: 0.3rem solid #393; padding-left: 0.8rem; }
"""


def element(tag: str, *content: Element | str, **attributes: object) -> Element:
    """An element; a trailing underscore of an attribute's name is dropped, others become hyphens."""
    made = Element(
        tag, {name.rstrip("_").replace("_", "-"): str(value) for name, value in attributes.items()}
    )
    for each in content:
        if isinstance(each, Element):
            made.append(each)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + _printable(each)
        else:
            made.text = (made.text or "") + _printable(each)
    return made


def page(title: str, *content: Element) -> str:
    """A whole document in UTF-8, for wide and narrow, bright and dark screens."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", _STYLE),
    )
    body = element("body", element("h1", title), *content)
    html = element("html", head, body, lang="en")
    return "<!doctype html>\n" + ElementTree.tostring(html, encoding="unicode", method="html")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Element:
    """A table that scrolls where it is too wide; numbers stand to the right."""
    numbers = [
        bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        for place in range(len(head))
    ]

    def line(tag: str, cells: Sequence[object]) -> Element:
        return element(
            "tr",
            *(
                element(tag, _cell(cell), **({"class": "number"} if number else {}))
                for cell, number in zip(cells, numbers, strict=True)
            ),
        )

    body = element("tbody", *(line("td", row) for row in rows))
    return element("div", element("table", element("thead", line("th", head)), body), class_="wide")


def image(pixels: npt.NDArray[np.uint8], name: str, longest: int = 240) -> Element:
    """Gray uint8 [height, width] as a JPEG inside the page, with its long side reduced to `longest`."""
    scale = min(1.0, longest / max(pixels.shape))
    width, height = (max(1, round(scale * side)) for side in pixels.shape[::-1])
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    source = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    return element("img", src=source, alt=name, width=width, height=height)


def histograms(title: str, values: Mapping[str, Sequence[float]], bins: int = 30) -> Element:
    """One histogram a name, one below the other on a common axis, each as high as its fullest bin."""
    every = [value for group in values.values() for value in group]
    low, high = min(every), max(every)
    high = high if high > low else low + 1
    row, wide, left = 44, 320, 8
    tall = row * len(values) + 16
    drawn = []
    for place, (name, group) in enumerate(values.items()):
        counts, _ = np.histogram(group, bins, (low, high))
        floor = row * (place + 1) - 2
        drawn.append(element("text", f"{name} ({len(group)})", x=left, y=floor - 30, font_size=10))
        for at, count in enumerate(counts):
            if count:
                height = max(1.0, 26 * count / max(counts))
                drawn.append(
                    element(
                        "rect",
                        x=f"{left + at * wide / bins:.1f}",
                        y=f"{floor - height:.1f}",
                        width=f"{wide / bins - 1:.1f}",
                        height=f"{height:.1f}",
                    )
                )
    for at, anchor, value in ((left, "start", low), (left + wide, "end", high)):
        drawn.append(
            element("text", f"{value:.3g}", x=at, y=tall - 4, font_size=10, text_anchor=anchor)
        )
    svg = element(
        "svg",
        *drawn,
        viewBox=f"0 0 {wide + 2 * left} {tall}",
        fill="currentColor",
        role="img",
        aria_label=title,
    )
    return element("figure", element("figcaption", title), svg)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _printable(text: str) -> str:
    """File names may hold what HTML cannot."""
    return "".join(each if each.isprintable() or each == "\n" else "�" for each in text)
