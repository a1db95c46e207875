"""How long an archive takes on Azure Functions Flex Consumption, what it costs and what holds it up.

Prints the tables of docs/scale.md for the numbers that are given: sums, and beside them a simulation.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from archive.prices import Prices
from model_store.progress import progress
from tools import options
from tools.cost import CORES
from tools.scale.fluid import enough, plan
from tools.scale.model import Platform, Work, alone, limits
from tools.scale.simulation import simulate

SIZES = (10**4, 10**5, 10**6, 10**7, 10**8)
CEILINGS = (10, 40, 250)
SLOTS = (1, 2, 4, 6, 8)
WAITS = (5, 15, 50)


def sizes(work: Work, platform: Platform, prices: Prices) -> Iterator[str]:
    """What an instance of each size does."""
    yield "| instance memory | cores | images a second | US$ for a million | more are of no use from |"
    yield "| --- | --- | --- | --- | --- |"
    for memory, cores in CORES.items():
        here = replace(platform, memory=memory)
        million = plan(10**6, work, replace(here, maximum=1), prices).dollars
        yield (
            f"| {memory} MB | {cores:g} | {alone(work, here) * work.images_a_message:.0f} | "
            f"{million:.2f} | {enough(work, here)} instances |"
        )


def parts(work: Work, platform: Platform) -> Iterator[str]:
    """What each part lets through, narrowest first."""
    yield "| part | images a second at most | as many as instances |"
    yield "| --- | --- | --- |"
    one = alone(work, platform)
    found = limits(work, platform) | {
        "cores of the region": int(platform.region_cores / platform.cores) * one,
        "maximumInstanceCount": platform.maximum * one,
    }
    for name, rate in sorted(found.items(), key=lambda item: item[1]):
        yield f"| {name} | {rate * work.images_a_message:,.0f} | {rate / one:.0f} |"


def archives(work: Work, platform: Platform, prices: Prices, simulated: int) -> Iterator[str]:
    """Archives of every size under several ceilings; up to `simulated` images played through as well."""
    yield "| images | instances at most | that work | time | simulated | US$ | what holds it up |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    played = sum(size // work.images_a_message for size in SIZES if size <= simulated)
    with progress("simulating", played * len(CEILINGS)) as told:
        for size in SIZES:
            for maximum in CEILINGS:
                here = replace(platform, maximum=maximum)
                planned = plan(size, work, here, prices)
                run = "–"
                if size <= simulated:
                    messages = size // work.images_a_message
                    run = _time(simulate(messages, work, here, told=told).seconds)
                yield (
                    f"| {size:,} | {maximum} | {planned.instances} | {_time(planned.seconds)} | {run} | "
                    f"{planned.dollars:,.2f} | {planned.limit} |"
                )


def concurrency(work: Work, platform: Platform) -> Iterator[str]:
    """Images a second of one instance by messages at a time and by the wait for a blob."""
    yield f"| messages at a time | {' | '.join(f'wait {wait} ms' for wait in WAITS)} |"
    yield f"| --- |{' --- |' * len(WAITS)}"
    for slots in SLOTS:
        rates = [
            alone(replace(work, wait_ms=wait), replace(platform, slots=slots))
            * work.images_a_message
            for wait in WAITS
        ]
        yield f"| {slots} | {' | '.join(f'{rate:.0f}' for rate in rates)} |"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = _parser().parse_args(arguments)
    if given.measure is not None:
        from tools.scale.measured import measure

        print(measure(given.measure))
        return 0
    values = vars(given)
    work, platform = options.given(Work, values), options.given(Platform, values)
    prices = options.given(Prices, values)
    if given.figure:
        from tools.scale.figure import draw

        draw(given.figure, work, platform, CEILINGS)
        return 0
    for part in (
        sizes(work, platform, prices),
        parts(work, platform),
        archives(work, platform, prices, given.simulated),
        concurrency(work, platform),
    ):
        print("\n".join(part), end="\n\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--measure",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="measure what an answer costs a core here instead, for drawn radiographs or for these",
    )
    parser.add_argument(
        "--figure",
        type=Path,
        metavar="FILE",
        help="draw the picture of docs/scale.md into an SVG instead",
    )
    parser.add_argument(
        "--simulated",
        type=int,
        default=10**6,
        metavar="N",
        help="images up to which an archive is simulated as well (default: 1000000, some seconds)",
    )
    options.add(parser, "what an image takes", Work)
    options.add(parser, "what the platform gives", Platform)
    options.add(parser, "prices, US$", Prices)
    return parser


if __name__ == "__main__":
    sys.exit(main())
