"""`python -m training data fetch | check | split`."""

import argparse
import shlex
import sys
from pathlib import Path

from training.data.examples import SPLITS, DataError, read_dataset

_DATA = (
    "a manifest.csv, its folder, or a folder with train/CLASS/, val/CLASS/, test/CLASS/ or CLASS/"
)


def add_data_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `data` with its own commands; each sets `command`, a function of the options."""
    data = commands.add_parser("data", help="fetch, check and split a data set")
    actions = data.add_subparsers(dest="action", required=True, metavar="COMMAND")

    fetch = actions.add_parser(
        "fetch",
        help="download the public four-class Kaggle set (1.7 GB)",
        description="Download the public four-class Kaggle set; needs kagglehub and your API token.",
    )
    fetch.add_argument("--to", type=Path, default=Path("build/kaggle"), help="folder (%(default)s)")
    fetch.set_defaults(command=_fetch, goes_on="The same command goes on.")

    check = actions.add_parser(
        "check",
        help="count, look for duplicates and leaks, probe for shortcuts",
        description="Count a data set, look for unreadable files, duplicates and patients in several "
        "splits, and probe how far figures that show no lung tell the classes. Nothing is changed.",
    )
    check.add_argument("data", type=Path, metavar="DATA", help=_DATA)
    check.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures")
    check.add_argument("--json", type=Path, metavar="FILE", help="write all that was found")
    check.add_argument(
        "--strict",
        action="store_true",
        help="exit with 1 if a picture or a group is in two splits, a picture has two labels, or a split "
        "lacks a class",
    )
    check.set_defaults(command=_check)

    split = actions.add_parser(
        "split",
        help="draw train, val and test anew, by group",
        description="Draw a new split by group inside each class and source and write it as a manifest. "
        "No image is moved, changed or deleted.",
    )
    split.add_argument("data", type=Path, metavar="DATA", help=_DATA)
    split.add_argument("--to", type=Path, required=True, metavar="FILE", help="the new manifest")
    split.add_argument(
        "--shares", type=float, nargs=3, default=(0.75, 0.1, 0.15), metavar=("TRAIN", "VAL", "TEST")
    )
    split.add_argument("--seed", type=int, default=0)
    split.add_argument(
        "--duplicates",
        choices=("together", "ignore"),
        default="together",
        help="whether images that show the same picture or patient go into one split (%(default)s)",
    )
    split.add_argument(
        "--leave-out",
        nargs="+",
        default=[],
        choices=("unreadable", "exact", "near", "conflicting"),
        help="leave files out that cannot be read, copies but the first (exact: same pixels; near: same "
        "picture), pictures with two labels; each is named in FILE's neighbour *.left_out.csv",
    )
    split.add_argument("--force", action="store_true", help="write over files that are there")
    split.set_defaults(command=_split)


def _fetch(options: argparse.Namespace) -> int:
    from training.data.fetching import fetch

    root = fetch(options.to)
    examples = read_dataset(root)
    following = f"python -m training data check {shlex.quote(str(root))}"
    print(f"{len(examples)} images are in {root}. Next: {following}")
    return 0


def _check(options: argparse.Namespace) -> int:
    import json

    from training.data.checking import as_json, as_text, check, problems
    from training.data.report import write_report

    found = check(read_dataset(options.data, unsplit=True))
    print(as_text(found))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(as_json(found), indent=1) + "\n")
    if options.html:
        folder = options.data.resolve()
        title = folder.parent.name if folder.is_file() else folder.name
        write_report(found, title, options.html)
        print(f"\nThe pictures are in {options.html}.")
    return int(options.strict and bool(problems(found)))


def _split(options: argparse.Namespace) -> int:
    from training.columns import columns
    from training.data.checking import counts_by_split
    from training.data.duplicates import find_duplicates
    from training.data.splitting import leave_out, split, write_left_out, write_manifest
    from training.data.survey import survey

    beside = options.to.with_name(f"{options.to.stem}.left_out.csv")
    there = [file for file in (options.to, beside) if file.exists()]
    if there and not options.force:
        raise DataError(f"{there[0]} is there already; name another file or give --force.")
    examples = read_dataset(options.data, unsplit=True)
    pairs, unreadable, left_out = [], [], []
    if options.duplicates == "together" or options.leave_out:
        found = survey(examples)
        pairs, unreadable = find_duplicates(found), found.unreadable
        # Pairs count the readable images, so the others stand behind them.
        examples = [image.example for image in found.images] + [each.example for each in unreadable]
        left_out = leave_out(examples, pairs, unreadable, options.leave_out)
    kept = pairs if options.duplicates == "together" else []
    gone = {each.example.path for each in left_out}
    drawn = split(examples, options.shares, options.seed, kept)
    drawn = [example for example in drawn if example.path not in gone]
    write_manifest(drawn, options.to, options.data)
    for each in left_out:
        like = f" ({each.like.path})" if each.like else ""
        print(f"left out: {each.example.path}: {each.reason}{like}")
    if left_out:
        write_left_out(left_out, beside)
    elif beside.exists():
        beside.unlink()  # of the manifest that was replaced
    for each in unreadable:
        if each.example.path not in gone:
            print(f"cannot be read: {each.example.path}: {each.reason}", file=sys.stderr)
    print("images (groups, where they are fewer)")
    print(columns(*counts_by_split(drawn)))
    print(", ".join(f"{name} {sum(each.split == name for each in drawn)}" for name in SPLITS))
    print(f"Next: python -m training data check {shlex.quote(str(options.to))} --strict")
    return 0
