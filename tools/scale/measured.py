"""What an image costs a core, on this machine: time of the process, so that other work disturbs it little."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, quantiles
from time import perf_counter, process_time

from inference.errors import ServiceError
from inference.reading import Options
from inference.service import Service
from inference.settings import Settings
from model_store.progress import progress
from tools import radiographs

_TIMES = 60


def measure(files: Sequence[Path]) -> str:
    """Answer for each file, or for drawn radiographs of 1 and 5 megapixels, and say what that took.

    Returns:
        A table in Markdown: core and elapsed time of an answer in milliseconds, without and with a picture.
    """
    service = Service(Settings.from_environment())
    if files:
        images = {"given": [file.read_bytes() for file in files]}
    else:
        drawn = {"1024 x 1024": (1024, 1024), "2500 x 2048": (2500, 2048)}
        images = {
            name: [radiographs.jpeg(radiographs.draw(*size))] * _TIMES
            for name, size in drawn.items()
        }
    rows = [
        "| images | picture | answered | core, mean | core, 10–90 % | elapsed, mean |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    with progress("answering", 2 * sum(map(len, images.values()))) as told:
        for name, contents in images.items():
            for explain in ("none", "predicted"):
                times = []
                for data in [contents[0], *contents]:
                    times.append(_answer(service, data, Options(explain=explain, force=True)))
                    told()
                core = [each[0] for each in times[1:] if each]
                elapsed = [each[1] for each in times[1:] if each]
                tenths = quantiles(core, n=10) if len(core) > 1 else core * 9
                rows.append(
                    f"| {name} | {explain} | {len(core)} of {len(contents)} | {mean(core):.1f} ms | "
                    f"{tenths[0]:.1f}–{tenths[-1]:.1f} | {mean(elapsed):.1f} ms |"
                )
    return "\n".join(rows)


def _answer(service: Service, data: bytes, options: Options) -> tuple[float, float] | None:
    """Core and elapsed milliseconds, or nothing for what is no radiograph that can be read."""
    core, elapsed = process_time(), perf_counter()
    try:
        service.predict(data, options, "scale")
    except ServiceError:
        return None
    return 1000 * (process_time() - core), 1000 * (perf_counter() - elapsed)
