"""The course of a request: how long each step of its answer took, and what is known of it by then."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from inference.classification import Classification
    from inference.gate import Verdict
    from model_store.manifest import Manifest


@dataclass
class Course:
    """Filled on the way, so that it can also be told of a request that got stuck; None: not so far yet.

    Attributes:
        request_id: What the platform calls the request.
        steps: Milliseconds spent in each step, in the order of the steps.
        form: How the body holds the image or its link; None also where it does so in no known way.
        link: Whether it holds a link.
        manifest: The model's that answers.
        degraded: Whether that model is a stand-in.
        format: The image's, such as `JPEG`.
        pixels: Width x height of the image.
        verdict: The gate's on an image that it let pass, or was forced to.
        classification: What the model makes of the image.
    """

    request_id: str
    started: float = field(default_factory=time.perf_counter)
    steps: dict[str, float] = field(default_factory=dict)
    form: Literal["form", "json", "raw"] | None = None
    link: bool = False
    manifest: "Manifest | None" = None
    degraded: bool | None = None
    format: str | None = None
    pixels: int | None = None
    verdict: "Verdict | None" = None
    classification: "Classification | None" = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.steps[name] = 1000 * (time.perf_counter() - begin)

    @property
    def timing_ms(self) -> dict[str, float]:
        """Milliseconds of each step, and the `total` since the start."""
        return {**self.steps, "total": 1000 * (time.perf_counter() - self.started)}
