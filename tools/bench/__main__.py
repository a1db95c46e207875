"""The command: measure what was asked for, print one table, write bench.json."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from inference.settings import SettingsError
from model_store.errors import StoreError
from tools.bench import machine
from tools.bench.measurement import REPOSITORY, Measurement, NotMeasured, Plan, Row

#: Each measurement by name: its module, its function, and its figure's key in bench.json.
MEASUREMENTS = {
    "cold": ("cold", "measure", "cold_ratio"),
    "warm": ("warm", "measure", "warm_ratio"),
    "overhead": ("overhead", "measure", "overhead_ratio"),
    "gate": ("gate", "measure", "gate_ms"),
    "memory-typical": ("memory", "measure_typical", "peak_mib_typical"),
    "memory-worst": ("memory", "measure_worst", "peak_mib_worst"),
    "memory-archive": ("queue", "measure", "peak_mib_archive"),
    "package": ("package", "measure", "package_mb"),
    "parity": ("parity", "measure", "parity_max_abs"),
    "page": ("page", "measure", "page_ms"),
    "archive": ("archive", "measure_rate", "archive_ratio"),
    "collect": ("archive", "measure_collect", "collect_seconds"),
}

_DESCRIPTION = """\
Measure what this project promises: speed against the Keras way (load_model, predict, Grad-CAM by
GradientTape, same network, same images), memory under load, size of the package, and that LiteRT
answers as Keras does. Everything runs in this run, on this machine, in fresh processes that take
turns; medians are compared. Nothing else should run meanwhile: look at the load in the table."""

_EPILOG = """\
exit status: 0 every bar was met; 1 one was missed, so that this can be a check; 2 something could
not be measured (the table says what), or the arguments are wrong.

The file has the keys cold_ratio, warm_ratio, overhead_ratio, gate_ms, peak_mib_typical,
peak_mib_worst, peak_mib_archive, package_mb, parity_max_abs, page_ms, archive_ratio,
collect_seconds (null: not measured) and details.

examples:
  python -m tools.bench                            all of it, about 15 minutes
  python -m tools.bench --quick                    a look, about a minute; good for no claims
  python -m tools.bench --only warm overhead       two of them
  BENCH_DATA=FOLDER python -m tools.bench --only parity
                                                   on the test split of real radiographs"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = _parser().parse_args(arguments)
    found: dict[str, Measurement] = {}
    failed: dict[str, str] = {}
    facts = machine.describe()
    with tempfile.TemporaryDirectory() as folder:
        plan = _plan(given, Path(folder))
        for name in (name for name in MEASUREMENTS if name in given.only):
            module, function, _ = MEASUREMENTS[name]
            measure: Callable[[Plan], Measurement] = getattr(
                import_module(f"tools.bench.{module}"), function
            )
            try:
                found[name] = measure(plan)
            except (NotMeasured, StoreError, SettingsError, ImportError) as error:
                failed[name] = str(error)
    rows = [row for each in found.values() for row in each.rows]
    _print(facts, rows, failed, quick=given.quick)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(_content(facts, given, found, failed), indent=2) + "\n")
    print(f"Written: {given.json}")
    return 2 if failed else int(any(row.met is False for row in rows))


def _plan(given: argparse.Namespace, folder: Path) -> Plan:
    image = given.image
    if image is None:
        from tools.radiographs import draw, jpeg

        image = folder / "radiograph.jpg"
        image.write_bytes(jpeg(draw(1024, 1024)))
    plan = Plan(image=image, data=given.data, at_once=given.at_once, megapixels=given.megapixels)
    if not given.quick:
        return plan
    return replace(
        plan,
        rounds=1,
        drops=3,
        answers=30,
        keras_answers=5,
        overhead_answers=50,
        requests=100,
        seconds=20,
        repeats=1,
        archive=60,
        queued=160,
        rows=20_000,
        megapixels=min(4, given.megapixels),
        drawn=4,
    )


def _content(
    facts: Mapping[str, Any],
    given: argparse.Namespace,
    found: Mapping[str, Measurement],
    failed: Mapping[str, str],
) -> dict[str, Any]:
    figures = {key: value for each in found.values() for key, value in each.figures.items()}
    details: dict[str, Any] = {"machine": facts, "quick": given.quick, "not_measured": failed}
    for name, each in found.items():
        bars = [{"what": row.what.strip(), "bar": row.bar, "met": row.met} for row in each.rows]
        details[name] = {**each.details, "rows": bars}
    return {key: figures.get(key) for *_, key in MEASUREMENTS.values()} | {"details": details}


def _print(
    facts: Mapping[str, Any], rows: Sequence[Row], failed: Mapping[str, str], *, quick: bool
) -> None:
    libraries = ", ".join(f"{name} {version}" for name, version in facts["libraries"].items())
    print(
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['system']}\n"
        f"Python {facts['python']}, {libraries}"
    )
    busy = facts["load_at_start"] > 0.3 * facts["cores"]
    note = ": the machine was busy, so times are worth little" if busy else ""
    print(f"Load at the start: {facts['load_at_start']}{note}")
    if quick:
        print("A quick look: too few to claim anything by.")
    met = {True: "met", False: "MISSED", None: ""}
    head = ("", "ours", "the Keras way", "result", "bar", "")
    lines = [
        head,
        *((row.what, row.ours, row.keras, row.result, row.bar, met[row.met]) for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print()
    for line in lines:
        print("  ".join(map(str.ljust, line, widths)).rstrip())
    print()
    for name, reason in failed.items():
        print(f"NOT MEASURED {name}: {reason}")


def _parser() -> argparse.ArgumentParser:
    data = os.environ.get("BENCH_DATA")
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="few repetitions, smaller extremes")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        choices=tuple(MEASUREMENTS),
        default=tuple(MEASUREMENTS),
        help=f"some of: {', '.join(MEASUREMENTS)}",
    )
    parser.add_argument(
        "--at-once", type=int, default=8, metavar="N", help="requests at a time under load (8)"
    )
    parser.add_argument(
        "--megapixels",
        type=int,
        default=40,
        metavar="N",
        help="of the largest pictures (40), with MAX_IMAGE_PIXELS set to the same",
    )
    parser.add_argument(
        "--image", type=Path, metavar="FILE", help="a JPEG for the speeds (default: a drawn one)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        default=Path(data) if data else None,
        help="images with a manifest.csv for parity (default: BENCH_DATA, or drawn ones)",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        default=REPOSITORY / "build" / "bench.json",
        help="where the figures go (default: build/bench.json)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
