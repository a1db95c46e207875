"""python -m model_store: look at the versions of a store, verify them, put one into use."""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from model_store.errors import ActiveDamaged, StoreError, VersionMissing
from model_store.store import Store, open_store

EPILOG = """\
exit status: 0 done; 1 it could not be done, or a version is damaged; 2 the command is wrong;
130 interrupted

examples:
  python -m model_store list
  python -m model_store verify --store /mnt/models
  python -m model_store promote 1.2.0
  python -m model_store rollback --json
  python -m model_store add build/versions/1.2.0 --store https://ACCOUNT.blob.core.windows.net/models
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command and give the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(_open(options.store), options)
        sys.stdout.flush()
        return status
    except StoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "Interrupted; nothing is half there, and the same command may be given again.",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:  # whoever reads has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _open(where: str) -> Store:
    store = open_store(where)
    if store.copies is None:
        return store
    from model_store.progress import progress

    return replace(store, progress=progress)  # type: ignore[type-var]  # a BlobStore


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model_store",
        description="Look at the versions of a model store, verify them, put one into use.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_options_of_all()],
    )
    parser.set_defaults(store="bundled", json=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Any, what: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=what, description=what, parents=[_options_of_all()])
        added.set_defaults(command=command)
        return added

    add("list", _list, "list the versions; * is the one in use")
    verify = add("verify", _verify, "hold every byte of a version, or of all, against its manifest")
    verify.add_argument("version", nargs="?", metavar="VERSION", help="a version, or: active")
    promote = add("promote", _promote, "verify a version and put it into use")
    promote.add_argument("version", metavar="VERSION")
    adding = add("add", _add, "copy a finished version into the store, whole or not at all")
    adding.add_argument("folder", metavar="FOLDER", type=Path, help="the version's folder")
    add("rollback", _rollback, "put the version into use that was before the active one")
    return parser


def _options_of_all() -> argparse.ArgumentParser:
    """What may stand before the command as well as after it."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "--store",
        metavar="STORE",
        help="a folder, or https://ACCOUNT.blob.core.windows.net/CONTAINER, opened as the identity "
        "of the app or as you are signed in; without it, the store that comes with the app",
    )
    common.add_argument("--json", action="store_true", help="print JSON for programs")
    return common


def _list(store: Store, options: argparse.Namespace) -> int:
    try:
        active = next(iter(store.history()), None)
    except ActiveDamaged as error:
        print(f"warning: {error}", file=sys.stderr)
        active = None
    rows = [_row(store, version, version == active) for version in store.versions()]
    if options.json:
        print(json.dumps(rows, indent=2))
    elif rows:
        _print_table(rows)
    else:
        print(f"There is no version in {store}.")
    return 0


def _row(store: Store, version: str, active: bool) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(
        ("active", "version", "created", "architecture", "size", "accuracy", "macro_f1", "problem")
    )
    row |= {"active": active, "version": version}
    try:
        manifest = store.manifest(version)
    except StoreError as error:
        return row | {"problem": str(error)}
    return row | {
        "created": manifest.created,
        "architecture": manifest.architecture,
        "size": sum(record.size for record in manifest.files.values()),
        "accuracy": _metric(manifest.metrics, "accuracy"),
        "macro_f1": _metric(manifest.metrics, "macro_f1"),
    }


def _metric(metrics: Mapping[str, Any], name: str) -> float | None:
    """The metric itself, else that of the test split."""
    for place in (metrics, metrics.get("test")):
        if isinstance(place, Mapping) and isinstance(value := place.get(name), (int, float)):
            return value
    return None


def _print_table(rows: list[dict[str, Any]]) -> None:
    lines = [("", "VERSION", "CREATED", "ARCHITECTURE", "SIZE", "ACCURACY", "MACRO-F1")]
    for row in rows:
        lines.append(
            (
                "*" if row["active"] else "",
                row["version"],
                row["created"] or "-",
                row["architecture"] or "-",
                f"{row['size'] / 1e6:.1f} MB" if row["size"] else "-",
                *(
                    "-" if row[key] is None else f"{row[key]:.1%}"
                    for key in ("accuracy", "macro_f1")
                ),
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        aligned = [
            f"{cell:{side}{width}}"
            for cell, side, width in zip(line, "<<<<>>>", widths, strict=True)
        ]
        print("  ".join(aligned))
    for row in rows:
        if row["problem"]:
            print(f"{row['version']}: {row['problem']}", file=sys.stderr)


def _verify(store: Store, options: argparse.Namespace) -> int:
    versions = (options.version,) if options.version else store.versions()
    if not versions:
        raise VersionMissing(f"There is no version in {store}.")
    checked = [(version, _problem(store, version)) for version in versions]
    if not options.version and (problem := _active_problem(store)):
        checked.append(("ACTIVE", problem))
    if options.json:
        print(json.dumps([{"version": name, "problem": each} for name, each in checked], indent=2))
    else:
        width = max(len(name) for name, _ in checked)
        for name, problem in checked:
            print(f"{name:{width}}  {problem or 'ok'}")
    return 1 if any(problem for _, problem in checked) else 0


def _problem(store: Store, version: str) -> str | None:
    try:
        store.verify(version)
    except StoreError as error:
        return str(error)
    return None


def _active_problem(store: Store) -> str | None:
    """What is wrong with ACTIVE; a store where no version was promoted yet is in order."""
    try:
        for version in store.history()[:1]:
            store.manifest(version)
    except StoreError as error:
        return str(error)
    return None


def _promote(store: Store, options: argparse.Namespace) -> int:
    store.promote(options.version)
    _print_active(options.version, options.json)
    return 0


def _rollback(store: Store, options: argparse.Namespace) -> int:
    _print_active(store.rollback(), options.json)
    return 0


def _add(store: Store, options: argparse.Namespace) -> int:
    version = store.add(options.folder)
    print(json.dumps({"added": version}) if options.json else f"Version {version} is there.")
    return 0


def _print_active(version: str, as_json: bool) -> None:
    print(json.dumps({"active": version}) if as_json else f"Version {version} is active.")


if __name__ == "__main__":
    sys.exit(main())
