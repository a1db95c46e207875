"""Memory of the serving process under load, eight requests at a time unless told otherwise.

The serving process is the local host's: Azure's own Python runtime with the app, and a small web server in
front of it. GDCM decodes in processes of its own, which count: an instance has to hold them as well.
"""

import http.client
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_store.progress import progress
from tools.bench.bodies import Body, at_the_limits, typical
from tools.bench.local_host import Host, predict, running
from tools.bench.measurement import Measurement, NotMeasured, Plan, Row

TYPICAL_BAR = 220
WORST_BAR = 400
FLAT_BAR = 5.0
#: Requests that the first and the last median are taken over, where there are enough.
WINDOW = 1000


@dataclass
class Load:
    """What was seen from outside: statuses by body, and MiB in the order of the answers."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    resident: list[float] = field(default_factory=list)
    seconds: float = 0.0
    peak_of_server: float = 0.0
    peak_together: float = 0.0

    @property
    def peak(self) -> float:
        """Of the server and its children; what is held together is only seen every 20 ms."""
        return max(self.peak_of_server, self.peak_together)


def measure_typical(plan: Plan) -> Measurement:
    """Radiographs of up to 6 megapixels in turn, over and over."""
    bodies = typical()
    random.Random(0).shuffle(bodies)
    count = max(plan.requests, 2 * plan.at_once)
    load = _drive("memory-typical", bodies, count, plan)
    _check(load, lambda status: status == 200)
    made = len(load.resident)
    warm_up = min(200, made // 4)
    window = max(1, min(WINDOW, (made - warm_up) // 3))
    first = statistics.median(load.resident[warm_up : warm_up + window])
    last = statistics.median(load.resident[-window:])
    growth = 100 * (last / first - 1)
    return Measurement(
        {"peak_mib_typical": load.peak},
        (
            _row(f"memory: peak over {made:,} requests up to 6 MP", load, TYPICAL_BAR),
            Row(
                f"  the same, last {window:,} against first {window:,}",
                f"{last:.0f} MiB",
                f"(first) {first:.0f} MiB",
                f"{growth:+.1f} %",
                f"<= {FLAT_BAR:g} %",
                abs(growth) <= FLAT_BAR,
            ),
        ),
        _details(load, plan) | {"first_mib": first, "last_mib": last, "growth_percent": growth},
    )


def measure_worst(plan: Plan) -> Measurement:
    """Requests at every limit, each several times, in an order by chance that is always the same."""
    bodies = at_the_limits(plan.megapixels) * plan.repeats
    random.Random(0).shuffle(bodies)
    load = _drive("memory-worst", bodies, len(bodies), plan)
    _check(load, lambda status: status < 500)
    what = f"memory: peak over {len(load.resident):,} requests at every limit"
    return Measurement(
        {"peak_mib_worst": load.peak}, (_row(what, load, WORST_BAR),), _details(load, plan)
    )


def _row(what: str, load: Load, bar: float) -> Row:
    return Row(
        what,
        f"{load.peak:.0f} MiB",
        "",
        f"{len(load.resident) / load.seconds:.0f} requests/s",
        f"<= {bar:g} MiB",
        load.peak <= bar,
    )


def _details(load: Load, plan: Plan) -> dict[str, Any]:
    return {
        "requests": len(load.resident),
        "at_once": plan.at_once,
        "seconds": load.seconds,
        "peak_mib_of_server": load.peak_of_server,
        "peak_mib_together": load.peak_together,
        "statuses": {f"{name}: {status}": n for (name, status), n in sorted(load.statuses.items())},
    }


def _check(load: Load, right: Callable[[int], bool]) -> None:
    if wrong := [f"{name}: {status}" for name, status in load.statuses if not right(status)]:
        raise NotMeasured(f"The local host answered wrongly: {', '.join(wrong)}.")


def _drive(what: str, bodies: Sequence[Body], count: int, plan: Plan) -> Load:
    """Make requests from as many threads as the plan says until there are enough or the time is up."""
    if not Path("/proc/self/status").is_file():
        raise NotMeasured("Memory is read from /proc, which only Linux has.")
    load = Load()
    numbers = iter(range(count))
    lock = threading.Lock()
    failures: list[Exception] = []

    def client(host: Host, deadline: float, step: Callable[[], object]) -> None:
        connection = host.connect()
        while not failures and time.perf_counter() < deadline:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            body = bodies[number % len(bodies)]
            try:
                status = predict(connection, body.media_type, body.data)
            except (OSError, http.client.HTTPException) as error:
                failures.append(error)
                return
            with lock:
                load.statuses[body.name, status] += 1
                load.resident.append(mebibytes(host.pid, "VmRSS"))
                step()

    with running() as host, progress(what, count) as step, _watched(host.pid, load):
        started = time.perf_counter()
        arguments = (host, started + plan.seconds, step)
        clients = [threading.Thread(target=client, args=arguments) for _ in range(plan.at_once)]
        for each in clients:
            each.start()
        for each in clients:
            each.join()
        load.seconds = time.perf_counter() - started
        if failures:
            raise NotMeasured(f"The local host did not answer: {failures[0]!r}.")
        load.peak_of_server = mebibytes(host.pid, "VmHWM")
    return load


@contextmanager
def _watched(pid: int, load: Load) -> Iterator[None]:
    """Note every 20 ms what the process and its children hold together."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            together = sum(mebibytes(each, "VmRSS") for each in (pid, *_children(pid)))
            load.peak_together = max(load.peak_together, together)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _children(pid: int) -> list[int]:
    """Those that run a program of their own: until then a new one shows its parent's memory as its own."""
    children: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended
            children += map(int, file.read_text().split())
    return [each for each in children if _command(each) != _command(pid)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


def mebibytes(pid: int, key: str) -> float:
    """A figure of /proc/PID/status; 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{key}:")), 0.0)
