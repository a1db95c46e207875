"""What is to be measured, and what a measurement comes to."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]

#: Any answer is measured, whatever the gate thinks of a drawn radiograph.
QUERY = {"force": "true"}


class NotMeasured(Exception):
    """Something that a measurement needs is not there or has failed; the text says what."""


@dataclass(frozen=True)
class Plan:
    """How much is measured. `image` is the radiograph for everything that needs only one."""

    image: Path
    #: Labelled radiographs for parity, see `training.data`; None: drawn ones.
    data: Path | None = None
    #: Where packages are kept between runs.
    build: Path = REPOSITORY / "build"
    #: Fresh processes of each side.
    rounds: int = 7
    #: Radiographs dropped onto the page, each onto a fresh one.
    drops: int = 20
    #: Warm answers that one process of each side gives.
    answers: int = 200
    keras_answers: int = 30
    overhead_answers: int = 1000
    requests: int = 10_000
    #: For so long at most, even where there are requests left.
    seconds: float = 360
    #: How often each request at a limit is made.
    repeats: int = 4
    #: Megapixels of the largest pictures; the service takes 40.
    megapixels: int = 40
    #: Requests at a time under load.
    at_once: int = 8
    drawn: int = 64
    #: Images of a job on a disk and of one that a queue brings, and rows that are collected.
    archive: int = 6000
    queued: int = 10_000
    rows: int = 1_000_000


@dataclass(frozen=True)
class Row:
    """A line of the table; `met` is None where there is no bar."""

    what: str
    ours: str
    keras: str = ""
    result: str = ""
    bar: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Measurement:
    """Figures by their key in bench.json, lines of the table, and whatever explains them."""

    figures: Mapping[str, float]
    rows: tuple[Row, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile of some durations."""

    median: float
    p95: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value; the percentile is the nearest value that was measured."""
        ordered = sorted(values)
        return cls(
            statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1) + 0.5)], len(ordered)
        )

    def text(self, unit: str, digits: int) -> str:
        """For a person."""
        return f"{self.median:.{digits}f} {unit} (p95 {self.p95:.{digits}f})"
