"""What Azure asks for, and what the work on an archive comes to."""

from dataclasses import dataclass, field
from typing import Any


def _price(default: float, of: str) -> Any:
    return field(default=default, metadata={"help": of})


@dataclass(frozen=True)
class Prices:
    """US$ of 2025–26; they differ by region and change, so look them up before you rely on them."""

    gb_second: float = _price(0.000026, "an instance on demand, for a GB and a second")
    million_calls: float = _price(0.40, "a million calls")
    ready_gb_second: float = _price(
        0.000004, "an idle always-ready instance, for a GB and a second"
    )
    stored_gb: float = _price(0.0208, "a GB of storage for a month")
    ten_thousand_writes: float = _price(0.065, "ten thousand writes to storage")
    ten_thousand_reads: float = _price(0.005, "ten thousand reads of blobs")
    ten_thousand_queue_calls: float = _price(0.004, "ten thousand calls of a queue")
    alert: float = _price(0.50, "a log alert that asks every 15 minutes, for a month")


def dollars(
    gb_seconds: float, messages: float, reads: float, writes: float, prices: Prices
) -> float:
    """US$ for instances, messages (put, got, deleted; a call of the function each) and requests of blobs."""
    return (
        gb_seconds * prices.gb_second
        + messages / 1e6 * prices.million_calls
        + 3 * messages / 10_000 * prices.ten_thousand_queue_calls
        + reads / 10_000 * prices.ten_thousand_reads
        + writes / 10_000 * prices.ten_thousand_writes
    )
