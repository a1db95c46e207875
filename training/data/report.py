"""The findings on a data set as one HTML page with pictures."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from training.data.checking import Check, counts_by_split, problems, sizes
from training.data.duplicates import Pair
from training.data.examples import Example, read_pixels
from training.data.markup import Element, element, histograms, image, page, table
from training.data.survey import Surveyed

_SAMPLES = 4
_PAIRS = 60
_LINES = 200


def write_report(found: Check, title: str, file: Path) -> None:
    """Write the page; at most 4 images a class and source and 60 pairs are shown, the JSON has all."""
    html = page(
        f"Data set: {title}",
        *_summary(found),
        *_counts(found),
        *_shortcuts(found),
        *_duplicates(found),
        *_spanning(found),
        *_unreadable(found),
        *_sizes(found),
        *_samples(found),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(html, encoding="utf-8")


def _summary(found: Check) -> Iterable[Element]:
    wrong = problems(found)
    if wrong:
        lines = element("ul", *(element("li", line) for line in wrong))
        yield element(
            "div",
            element("p", "Figures on this data set would not be honest:"),
            lines,
            class_="bad",
        )
    else:
        text = (
            "No picture and no group (patient) is in two splits, no picture has two labels, and no split "
            "lacks a class."
        )
        yield element("p", text, class_="good")


def _counts(found: Check) -> Iterable[Element]:
    yield element("h2", "Images")
    text = f"{len(found.images)} images, {len(found.unreadable)} that cannot be read."
    yield element("p", f"{text} In brackets: groups (patients), where they are fewer.")
    yield table(*counts_by_split(found.all_examples()))


def _shortcuts(found: Check) -> Iterable[Element]:
    yield element("h2", "Shortcuts")
    yield element(
        "p",
        "How well figures that show no lung tell the classes and the sources, cross-validated by group. "
        "What they reach, a network can reach without looking at a lung: on images of the same sources "
        "only what lies above it counts.",
    )
    yield table(
        ("tells", "from", "images", "accuracy", "largest class", "mean recall", "chance"),
        [
            (
                probe.target,
                probe.figures,
                probe.images,
                probe.accuracy,
                probe.largest,
                probe.mean_recall,
                probe.chance,
            )
            for probe in found.probes
        ],
    )


def _duplicates(found: Check) -> Iterable[Element]:
    yield element("h2", "Duplicates")
    if not found.pairs:
        yield element("p", "None was found.")
        return
    yield element(
        "p",
        "“Same picture” also finds copies that were cropped, turned, mirrored, squeezed or exposed anew. "
        "“Same patient?” is a guess, to be looked at, and not counted above.",
    )
    text = f"{len(found.pairs)} pairs, those with two labels or splits first"
    shown = found.pairs[:_PAIRS]
    yield element("p", text + (f"; {_PAIRS} are shown." if shown != found.pairs else "."))
    yield element("div", *(_pair(found, pair) for pair in shown), class_="pairs")


def _pair(found: Check, pair: Pair) -> Element:
    notes = [f"{pair.kind} ({pair.likeness:.2f}{', mirrored' if pair.mirrored else ''})"]
    both = found.examples(pair)
    if both[0].split != both[1].split:
        notes.append("two splits")
    if both[0].label != both[1].label:
        notes.append("two labels")
    pictures = element("div", *(_figure(example) for example in both))
    return element("figure", element("figcaption", "; ".join(notes)), pictures, class_="pair")


def _figure(example: Example) -> Element:
    caption = " · ".join(
        filter(None, (example.label, example.source, example.split, example.path.name))
    )
    return element(
        "figure",
        image(read_pixels(example), example.path.name),
        element("figcaption", caption),
    )


def _spanning(found: Check) -> Iterable[Element]:
    yield element("h2", "Groups in several splits")
    rows = [
        (source, group, ", ".join(splits))
        for (source, group), splits in sorted(found.spanning.items())
    ]
    yield from _table_or_none(("source", "group", "splits"), rows)


def _unreadable(found: Check) -> Iterable[Element]:
    yield element("h2", "Files that cannot be read")
    rows = [(str(each.example.path), each.reason) for each in found.unreadable]
    yield from _table_or_none(("file", "why"), rows)


def _table_or_none(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterable[Element]:
    yield table(head, rows[:_LINES]) if rows else element("p", "None.")
    if len(rows) > _LINES:
        yield element("p", f"{len(rows) - _LINES} more are in the JSON file.")


def _sizes(found: Check) -> Iterable[Element]:
    yield element("h2", "Sizes and formats")
    if not found.images:
        return
    by_label: dict[str, list[Surveyed]] = defaultdict(list)
    for surveyed in sorted(found.images, key=lambda each: each.example.label):
        by_label[surveyed.example.label].append(surveyed)
    plots = (
        ("Width in pixels", lambda each: each.width),
        ("Height in pixels", lambda each: each.height),
        ("Aspect ratio (width / height)", lambda each: each.width / each.height),
        ("Mean gray value", lambda each: float(each.tone[0])),
    )
    yield element(
        "div",
        *(
            histograms(title, {label: list(map(of, group)) for label, group in by_label.items()})
            for title, of in plots
        ),
        class_="plots",
    )
    yield table(
        ("class", "source", "formats", "width", "height", "aspect ratio"),
        [
            (
                row["label"],
                row["source"],
                ", ".join(f"{name} {number}" for name, number in row["formats"].items()),
                *(
                    " – ".join(f"{value:g}" for value in row[key])
                    for key in ("width", "height", "aspect")
                ),
            )
            for row in sizes(found.images)
        ],
    )
    yield element("p", "Widths, heights and ratios: least, median, largest.")


def _samples(found: Check) -> Iterable[Element]:
    yield element("h2", "A sample of every class and source")
    cells: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for surveyed in found.images:
        cells[surveyed.example.label, surveyed.example.source].append(surveyed.example)
    for (label, source), members in sorted(cells.items()):
        yield element("h3", f"{label}, {source}")
        places = np.linspace(0, len(members) - 1, min(_SAMPLES, len(members))).round().astype(int)
        yield element("div", *(_figure(members[place]) for place in places), class_="pictures")
