"""How long each step of an answer took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Timing:
    """Milliseconds spent in each step, in the order of the steps."""

    started: float = field(default_factory=time.perf_counter)
    steps: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.steps[name] = 1000 * (time.perf_counter() - begin)

    @property
    def total(self) -> float:
        """Milliseconds since the start."""
        return 1000 * (time.perf_counter() - self.started)
