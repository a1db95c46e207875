"""What the service costs on Azure Functions Flex Consumption: prices times measured memory and time.

An instance is charged for the time in which it answers at least one request, at least a second for each
such period, at the memory that was chosen for it and not at what it uses; and each call costs a little on
top. An isolated call has a period to itself; calls that overlap share one, so a busy instance is charged by
the second, however many it answers.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from archive.prices import Prices
from tools import options
from tools.options import told

#: Cores that an instance of so many MB has.
CORES = {512: 0.25, 2048: 1.0, 4096: 2.0}

#: MiB that the peak of app and worker leaves to what else an instance runs: 400 of 512 may be used.
_MARGIN = 112
_DAY = 86_400
_MONTH = 30 * _DAY
_MILLION = 1_000_000


@dataclass(frozen=True)
class Use:
    """What was measured (`make bench`) and how the app is set up (`infra/main.bicep`)."""

    answer_ms: float = told(9.5, "time that an answer takes on one core, ms")
    peak_mib: float = told(382, "peak of app, worker and decoders at every limit at once, MiB")
    minimum_ms: float = told(1000, "billed at least for a period in which an instance answers, ms")
    concurrency: int = told(8, "requests that one instance answers at a time", 1)
    dev_instances: int = told(4, "instances at most in dev (infra/main.bicepparam)", 1)
    prod_instances: int = told(20, "instances at most in prod (infra/prod.bicepparam)", 1)
    stored: float = told(2, "packages and models with their earlier versions, GB")
    idle_writes: int = told(2000, "writes a month of an app that nobody calls")
    alerts: int = told(4, "log alerts")


def fits(memory_mb: int, use: Use) -> bool:
    """Whether an instance has room for the measured peak."""
    return use.peak_mib <= memory_mb - _MARGIN


def milliseconds(memory_mb: int, use: Use) -> float:
    """An answer's time on an instance; one Python process is taken to use one core at most."""
    return use.answer_ms / min(1.0, CORES[memory_mb])


def isolated(memory_mb: int, calls: int, prices: Prices, use: Use) -> float:
    """US$ for calls of which each has a period to itself."""
    return _charged(memory_mb, calls, calls, milliseconds(memory_mb, use), prices, use)


def bursts(memory_mb: int, calls: int, prices: Prices, use: Use) -> float:
    """US$ for calls that come as many at a time as an instance takes, with pauses between."""
    together = use.concurrency * milliseconds(memory_mb, use)
    return _charged(memory_mb, calls, calls / use.concurrency, together, prices, use)


def busy(memory_mb: int, calls: int, prices: Prices, use: Use) -> float:
    """US$ for calls that follow each other without a pause."""
    return _charged(memory_mb, calls, 1, calls * milliseconds(memory_mb, use), prices, use)


def always_ready(memory_mb: int, prices: Prices) -> float:
    """US$ a month for one instance that is kept warm and answers nothing."""
    return memory_mb / 1024 * _MONTH * prices.ready_gb_second


def ceiling(memory_mb: int, instances: int, prices: Prices) -> float:
    """US$ a day for so many instances, busy all day."""
    return instances * memory_mb / 1024 * _DAY * prices.gb_second


def idle(prices: Prices, use: Use) -> dict[str, float]:
    """US$ a month while nobody calls and nothing is kept warm, by what they are paid for."""
    writes = use.idle_writes / 10_000 * prices.ten_thousand_writes
    return {
        "functions": 0.0,
        "storage": use.stored * prices.stored_gb + writes,
        "alerts": use.alerts * prices.alert,
    }


def table(prices: Prices, use: Use) -> str:
    """All of it in Markdown, as it stands in docs/deploy.md."""

    def row(what: str, cells: Sequence[str]) -> str:
        return f"| {what} | {' | '.join(cells)} |"

    def dollars(amounts: Sequence[float], unit: str = "") -> list[str]:
        return [f"US$ {amount:,.2f}{unit}" for amount in amounts]

    sizes = tuple(CORES)
    ceilings = {"dev": use.dev_instances, "prod": use.prod_instances}
    parts = idle(prices, use)
    return "\n".join(
        (
            row("instance memory", [f"{memory} MB" for memory in sizes]),
            row("---", ["---"] * len(sizes)),
            row("cores", [f"{CORES[memory]:g}" for memory in sizes]),
            row(
                f"room for the measured peak of {use.peak_mib:g} MiB",
                ["yes" if fits(memory, use) else "**no**" for memory in sizes],
            ),
            row("one answer", [f"{milliseconds(memory, use):.0f} ms" for memory in sizes]),
            row(
                "100,000 calls, each isolated",
                dollars([isolated(memory, 100_000, prices, use) for memory in sizes]),
            ),
            row(
                "a million calls, each isolated",
                dollars([isolated(memory, _MILLION, prices, use) for memory in sizes]),
            ),
            row(
                f"a million calls, {use.concurrency} at a time",
                dollars([bursts(memory, _MILLION, prices, use) for memory in sizes]),
            ),
            row(
                "a million calls without a pause",
                dollars([busy(memory, _MILLION, prices, use) for memory in sizes]),
            ),
            row(
                "one always-ready instance, a month",
                dollars([always_ready(memory, prices) for memory in sizes]),
            ),
            *(
                row(
                    f"at most, all {instances} instances of {environment} busy",
                    dollars([ceiling(memory, instances, prices) for memory in sizes], " a day"),
                )
                for environment, instances in ceilings.items()
            ),
            "",
            f"Idle: US$ {sum(parts.values()):.2f} a month ("
            + ", ".join(f"{what} {amount:.2f}" for what, amount in parts.items())
            + ").",
        )
    )


def _charged(
    memory_mb: int, calls: float, periods: float, period_ms: float, prices: Prices, use: Use
) -> float:
    seconds = periods * max(use.minimum_ms, period_ms) / 1000
    return memory_mb / 1024 * seconds * prices.gb_second + calls / _MILLION * prices.million_calls


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = vars(_parser().parse_args(arguments))
    print(table(options.given(Prices, given), options.given(Use, given)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.cost",
        description=__doc__,
        epilog="Not counted: the free grants of each month, traffic out of Azure, telemetry beyond "
        "its free gigabytes, private endpoints.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add(parser, "prices, US$", Prices)
    options.add(parser, "use", Use)
    return parser


if __name__ == "__main__":
    sys.exit(main())
