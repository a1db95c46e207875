"""A new split by group: no patient, and no picture, is in two splits."""

import csv
import os
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.data.duplicates import BYTES, PIXELS, Pair, together
from training.data.examples import SPLITS, DataError, Example, manifest_of, read_rows
from training.data.survey import Unreadable

#: What may be left out of a split, and what it is.
LEAVE_OUT = {
    "unreadable": "files that are no image that can be read",
    "exact": "all but the first of images with the same pixels",
    "near": "all but the first of images that show the same picture",
    "conflicting": "every image of a picture that has two labels",
}

_COLUMNS = ("path", "label", "split", "source", "group")


@dataclass(frozen=True)
class LeftOut:
    """An example that is not in the split, why, and the one that it is like (if that is why)."""

    example: Example
    reason: str
    like: Example | None = None


def leave_out(
    examples: Sequence[Example],
    pairs: Iterable[Pair],
    unreadable: Iterable[Unreadable],
    kinds: Collection[str],
) -> list[LeftOut]:
    """What the kinds, keys of LEAVE_OUT, leave out; an example is named once, by its first reason.

    Pairs name examples by their places in the sequence, which the unreadable ones are not part of.
    """
    found: dict[Path, LeftOut] = {}
    if "unreadable" in kinds:
        for each in unreadable:
            found[each.example.path] = LeftOut(each.example, f"unreadable: {each.reason}")
    same = [pair for pair in pairs if pair.same_picture]
    if "conflicting" in kinds:
        for picture in _pictures(examples, same):
            if len({example.label for example in picture}) > 1:
                for example in picture:
                    other = next(each for each in picture if each.label != example.label)
                    reason = f"labelled {example.label}, another copy {other.label}"
                    found.setdefault(example.path, LeftOut(example, reason, other))
    for kind, counted in (("exact", (BYTES, PIXELS)), ("near", None)):
        if kind in kinds:
            chosen = [pair for pair in same if counted is None or pair.kind in counted]
            for picture in _pictures(examples, chosen):
                remaining = [example for example in picture if example.path not in found]
                for example in remaining[1:]:
                    reason = "same pixels" if kind == "exact" else "same picture"
                    found[example.path] = LeftOut(example, reason, remaining[0])
    return list(found.values())


def _pictures(examples: Sequence[Example], pairs: Sequence[Pair]) -> list[list[Example]]:
    """The examples that pairs join, whatever their groups, in order."""
    alone = [replace(example, group=str(place)) for place, example in enumerate(examples)]
    sets: dict[int, list[Example]] = defaultdict(list)
    for number, example in zip(together(alone, pairs), examples, strict=True):
        sets[int(number)].append(example)
    return [members for members in sets.values() if len(members) > 1]


def split(
    examples: Sequence[Example],
    shares: Sequence[float],
    seed: int,
    pairs: Iterable[Pair] = (),
) -> list[Example]:
    """The same examples, in order, with new splits, drawn by group inside each class and source.

    Groups that pairs join stay together, so that what looks alike is in one split. Large groups are
    placed first, each where most images are missing; what one source's groups leave uneven, the next
    source of the class evens out.

    Args:
        examples: The data set, or the part of it that stays.
        shares: Of train, val and test, in this order; they sum to 1.
        seed: Draws the order of groups; the same examples in any order get the same splits.
        pairs: Examples that must stay together, by their places.

    Raises:
        DataError: The shares are not three numbers from 0 that sum to 1.
    """
    if len(shares) != len(SPLITS) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise DataError(
            f"The shares are {' '.join(map(str, shares))}; they are three from 0 to 1 that sum to 1."
        )
    units: dict[int, list[Example]] = defaultdict(list)
    for number, example in zip(together(examples, pairs), examples, strict=True):
        units[int(number)].append(example)
    strata: dict[tuple[str, str], list[list[Example]]] = defaultdict(list)
    for unit in units.values():
        cells = Counter((example.label, example.source) for example in unit)
        strata[min(cells, key=lambda cell: (-cells[cell], cell))].append(unit)
    draw = random.Random(seed)
    chosen: dict[Path, str] = {}
    missing: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(SPLITS))
    for (label, _), members in sorted(strata.items()):
        members.sort(key=lambda unit: min((each.group, each.path.name) for each in unit))
        draw.shuffle(members)
        members.sort(key=len, reverse=True)
        images = sum(map(len, members))
        of_class = missing[label]
        for place, share in enumerate(shares):
            of_class[place] += share * images
        for unit in members:
            place = max(range(len(SPLITS)), key=of_class.__getitem__)
            of_class[place] -= len(unit)
            chosen.update((example.path, SPLITS[place]) for example in unit)
    return [replace(example, split=chosen[example.path]) for example in examples]


def write_manifest(examples: Sequence[Example], file: Path, location: Path) -> None:
    """Write a manifest whose paths are relative to it; further columns of the old one are kept.

    Args:
        examples: What to write.
        file: Where to; what is there is replaced at once, when the new one is whole.
        location: Where the examples were read from.
    """
    rows = [_row(example, file) for example in examples]
    old = manifest_of(location)
    if old:
        further = {
            os.path.abspath(old.parent / row["path"]): {
                name: value for name, value in row.items() if name and name not in _COLUMNS
            }
            for _, row in read_rows(old, {"path"})
        }
        for row, example in zip(rows, examples, strict=True):
            row.update(further.get(os.path.abspath(example.path), {}))
    _write(rows, _COLUMNS, file)


def write_left_out(left_out: Sequence[LeftOut], file: Path) -> None:
    """Write a table of what was left out, why, and what it is like; paths are relative to it."""
    rows = [
        {
            **_row(each.example, file),
            "reason": each.reason,
            "like": _relative(each.like.path, file) if each.like else "",
        }
        for each in left_out
    ]
    _write(rows, (*_COLUMNS, "reason", "like"), file)


def _row(example: Example, file: Path) -> dict[str, str]:
    return {
        "path": _relative(example.path, file),
        "label": example.label,
        "split": example.split,
        "source": example.source,
        "group": example.group,
    }


def _relative(path: Path, file: Path) -> str:
    return Path(os.path.relpath(path, file.parent)).as_posix()


def _write(rows: Sequence[dict[str, str]], first: Sequence[str], file: Path) -> None:
    names = list(dict.fromkeys([*first, *(name for row in rows for name in row)]))
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    with part.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, names, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    part.replace(file)
