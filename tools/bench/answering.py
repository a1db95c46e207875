"""One side of a comparison: a process that answers one image again and again, and who runs it.

The process prints its first answer, the JSON in one line, then the milliseconds of each further one.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.bench.measurement import REPOSITORY, NotMeasured

#: Answers after the first that are not counted.
_WARM_UP = 3


@dataclass(frozen=True)
class Run:
    """Seconds from the start of the process to its first answer; milliseconds of the others."""

    first: float
    others: tuple[float, ...] = ()


def give(answer: Callable[[], str | bytes], count: int) -> None:
    """Answer once, and then `count` times against the clock."""
    first = answer()
    print(first if isinstance(first, str) else first.decode(), flush=True)
    durations = []
    for _ in range(count and count + _WARM_UP):
        started = time.perf_counter()
        answer()
        durations.append(1000 * (time.perf_counter() - started))
    print(json.dumps(durations[_WARM_UP:]))


def run(module: str, image: Path, answers: int, *options: str) -> Run:
    """Start `python -m module IMAGE ANSWERS` and wait until it has given them.

    Raises:
        NotMeasured: It did not answer.
    """
    command = [sys.executable, "-m", module, str(image.resolve()), str(answers), *options]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        first = time.perf_counter() - started
        rest = process.stdout.read()
        if process.wait():
            log.seek(0)
            raise NotMeasured(f"{module} ended with {process.returncode}: {log.read()[-800:]}")
    if not json.loads(line)["explanations"]:
        raise NotMeasured(f"{module} answered without an explanation.")
    return Run(first, tuple(json.loads(rest)))
