"""What there is to know of a data set before training on it, and what would make its figures dishonest."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.columns import columns
from training.data.duplicates import Pair, find_duplicates, together
from training.data.examples import SPLITS, Example
from training.data.shortcuts import Probe, probe_shortcuts
from training.data.survey import Survey, Surveyed, Unreadable, survey


@dataclass(frozen=True)
class Check:
    """What was found; pairs, the worst first, name images by their places in `images`."""

    images: list[Surveyed]
    unreadable: list[Unreadable]
    pairs: list[Pair]
    spanning: dict[tuple[str, str], list[str]]
    probes: list[Probe]

    def examples(self, pair: Pair) -> tuple[Example, Example]:
        """The two images of a pair."""
        return self.images[pair.first].example, self.images[pair.second].example

    def all_examples(self) -> list[Example]:
        """What was read, then what could not be read."""
        return [each.example for each in (*self.images, *self.unreadable)]

    def across_splits(self) -> list[Pair]:
        """The same picture in two splits."""
        return [
            pair
            for pair in self.pairs
            if pair.same_picture and len({each.split for each in self.examples(pair)}) == 2
        ]

    def conflicting(self) -> list[Pair]:
        """The same picture with two labels."""
        return [
            pair
            for pair in self.pairs
            if pair.same_picture and len({each.label for each in self.examples(pair)}) == 2
        ]

    def missing_classes(self) -> list[str]:
        """The classes that one of the splits has no image of that can be read."""
        cells = {(image.example.label, image.example.split) for image in self.images}
        labels, splits = ({cell[place] for cell in cells} for place in (0, 1))
        return [
            each for each in sorted(labels) if any((each, split) not in cells for split in splits)
        ]


def check(examples: Sequence[Example]) -> Check:
    """Read every image and look for all of it; what cannot be read is among the findings."""
    found: Survey = survey(examples)
    readable = [image.example for image in found.images]
    pairs = find_duplicates(found)
    return Check(
        images=found.images,
        unreadable=found.unreadable,
        pairs=sorted(
            pairs, key=lambda pair: _harm(readable[pair.first], readable[pair.second], pair)
        ),
        spanning=spanning_groups(examples),
        probes=probe_shortcuts(found.images, together(readable, pairs)),
    )


def _harm(first: Example, second: Example, pair: Pair) -> tuple[bool, bool, bool, float]:
    """Sorts the same picture before the same patient, and two labels or splits before one."""
    same_label, same_split = first.label == second.label, first.split == second.split
    return not pair.same_picture, same_label, same_split, -pair.likeness


def spanning_groups(examples: Iterable[Example]) -> dict[tuple[str, str], list[str]]:
    """The splits of each (source, group) that is in more than one of them."""
    splits: dict[tuple[str, str], set[str]] = defaultdict(set)
    for example in examples:
        splits[example.source, example.group].add(example.split)
    return {
        group: sorted(among, key=split_order) for group, among in splits.items() if len(among) > 1
    }


def split_order(split: str) -> int:
    """Train, val, test, then what has no split."""
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)


def problems(found: Check) -> list[str]:
    """Sentences on what makes a figure on this data set dishonest; empty where nothing does."""
    counted = (
        ("pairs of the same picture in two splits", len(found.across_splits())),
        ("pairs of the same picture with two labels", len(found.conflicting())),
        ("groups (patients) in more than one split", len(found.spanning)),
        ("classes without an image in one of the splits", len(found.missing_classes())),
    )
    return [f"{what}: {number}" for what, number in counted if number]


def counts(examples: Iterable[Example]) -> list[dict[str, Any]]:
    """Images and groups of each class, source and split, in this order."""
    images: Counter[tuple[str, str, str]] = Counter()
    groups: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for example in examples:
        cell = (example.label, example.source, example.split)
        images[cell] += 1
        groups[cell].add(example.group)
    in_order = sorted(images, key=lambda cell: (cell[0], cell[1], split_order(cell[2])))
    names = ("label", "source", "split")
    return [
        {**dict(zip(names, cell, strict=True)), "images": images[cell], "groups": len(groups[cell])}
        for cell in in_order
    ]


def counts_by_split(examples: Iterable[Example]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table: a row a class and source, a column a split, of images (of groups)."""
    cells = {(row["label"], row["source"], row["split"]): row for row in counts(examples)}
    splits = sorted({split for _, _, split in cells}, key=split_order)
    rows = []
    for label, source in sorted({(label, source) for label, source, _ in cells}):
        of_splits = (cells.get((label, source, split)) for split in splits)
        rows.append([label, source, *(_images_and_groups(cell) for cell in of_splits)])
    return ["class", "source", *(split or "not split" for split in splits)], rows


def _images_and_groups(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "–"
    groups = "" if cell["groups"] == cell["images"] else f" ({cell['groups']})"
    return f"{cell['images']}{groups}"


def sizes(images: Sequence[Surveyed]) -> list[dict[str, Any]]:
    """Formats, and quantiles of width, height and aspect ratio, of each class and source."""
    cells: dict[tuple[str, str], list[Surveyed]] = defaultdict(list)
    for image in images:
        cells[image.example.label, image.example.source].append(image)
    return [
        {
            "label": label,
            "source": source,
            "formats": dict(Counter(image.format for image in members).most_common()),
            "width": _quantiles([image.width for image in members]),
            "height": _quantiles([image.height for image in members]),
            "aspect": _quantiles([image.width / image.height for image in members]),
        }
        for (label, source), members in sorted(cells.items())
    ]


def _quantiles(values: Sequence[float]) -> list[float]:
    """Least, median and largest."""
    return [round(float(value), 3) for value in np.quantile(values, (0, 0.5, 1))]


def as_json(found: Check) -> dict[str, Any]:
    """Everything that was found, for a program."""
    return {
        "images": len(found.images),
        "problems": problems(found),
        "counts": counts(found.all_examples()),
        "sizes": sizes(found.images),
        "unreadable": [
            {"path": str(each.example.path), "reason": each.reason} for each in found.unreadable
        ],
        "duplicates": [_pair(found, pair) for pair in found.pairs],
        "groups_across_splits": [
            {"source": source, "group": group, "splits": splits}
            for (source, group), splits in sorted(found.spanning.items())
        ],
        "shortcuts": [asdict(probe) for probe in found.probes],
    }


def _pair(found: Check, pair: Pair) -> dict[str, Any]:
    both = found.examples(pair)
    return {
        "kind": pair.kind,
        "likeness": pair.likeness,
        "mirrored": pair.mirrored,
        "paths": [str(each.path) for each in both],
        "labels": [each.label for each in both],
        "splits": [each.split for each in both],
        "same_group": len({(each.source, each.group) for each in both}) == 1,
    }


def as_text(found: Check, most: int = 20) -> str:
    """The findings for a person who reads a terminal; of long lists the first `most` lines."""
    parts = [
        "images (groups, where they are fewer)\n" + columns(*counts_by_split(found.all_examples())),
        columns(
            ("class", "source", "formats", "width", "height", "aspect"),
            [
                (
                    row["label"],
                    row["source"],
                    " ".join(f"{name} {number}" for name, number in row["formats"].items()),
                    *("–".join(f"{value:g}" for value in row[key]) for key in _MEASURES),
                )
                for row in sizes(found.images)
            ],
        ),
        _listed(
            "unreadable", [f"{each.example.path}: {each.reason}" for each in found.unreadable], most
        ),
        _listed("duplicates", [_pair_line(found, pair) for pair in found.pairs], most),
        _listed(
            "groups in several splits",
            [
                f"{source}, {group}: {', '.join(splits)}"
                for (source, group), splits in sorted(found.spanning.items())
            ],
            most,
        ),
        "shortcuts: what figures that show no lung tell, cross-validated by group\n"
        + columns(
            ("tells", "from", "accuracy", "largest class", "mean recall", "chance"),
            [
                (
                    probe.target,
                    probe.figures,
                    *(
                        f"{value:.3f}"
                        for value in (
                            probe.accuracy,
                            probe.largest,
                            probe.mean_recall,
                            probe.chance,
                        )
                    ),
                )
                for probe in found.probes
            ],
        ),
        _listed("what would make figures dishonest", problems(found), most),
    ]
    return "\n\n".join(parts)


_MEASURES = ("width", "height", "aspect")


def _pair_line(found: Check, pair: Pair) -> str:
    first, second = found.examples(pair)
    notes = [f"{pair.kind} {pair.likeness:.2f}"]
    if pair.mirrored:
        notes.append("mirrored")
    if first.split != second.split:
        notes.append(f"{first.split} and {second.split}")
    if first.label != second.label:
        notes.append(f"{first.label} and {second.label}")
    return f"{', '.join(notes)}: {first.path} | {second.path}"


def _listed(title: str, lines: Sequence[str], most: int) -> str:
    if not lines:
        return f"{title}: none"
    more = [f"  and {len(lines) - most} more (--json has all)"] if len(lines) > most else []
    return "\n".join([f"{title}: {len(lines)}", *(f"  {line}" for line in lines[:most]), *more])
