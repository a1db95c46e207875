"""A long run of good, bad and hostile requests by 1, 4, 8, 16 and 32 clients (locust).

`make soak REQUESTS=100000 SECONDS=7200` runs it in an environment of its own. Every answer is held
against the OpenAPI document, and the same request has to have the same answer each time; the host's
memory, files and threads are watched. Exit status 0 if all bars were met. Written is build/soak.json.
"""

from __future__ import annotations

import locust  # first, because gevent replaces the sockets that others import

# isort: split

import argparse
import hashlib
import json
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import jsonschema_rs
import psutil
import requests
from locust import FastHttpUser, constant, task
from locust.env import Environment
from tqdm import tqdm

from tests.soak.asked import SHARES, Asked, everything
from tests.tools.running import REPOSITORY, start

CLIENTS = (1, 4, 8, 16, 32)
GROWTH, PEAK_MIB = 5.0, 400.0  # per cent, and the bar for requests at every limit
CHANCE = ("timing_ms", "request_id")
RESULT = REPOSITORY / "build" / "soak.json"


@dataclass
class Seen:
    """What came back, and what the host looked like meanwhile."""

    validators: dict[tuple[str, str], Any]
    statuses: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    undocumented: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    def note(self, asked: Asked, status: int, body: bytes) -> None:
        """Hold an answer against the document and against the one before."""
        self.statuses[str(status)] = self.statuses.get(str(status), 0) + 1
        route = asked.path.partition("?")[0]
        key = (f"{asked.method.lower()} {route}", str(status))
        if key in self.validators:
            validator = self.validators[key]
            try:
                content = json.loads(body) if validator else body.decode()
                if validator:
                    validator.validate(content)
            except ValueError as error:
                self.undocumented.append(f"{asked.name}: {status}: {str(error)[:200]}")
                return
        elif not (
            asked.method == "GET" and status == 404
        ):  # a path that the document does not have
            self.undocumented.append(f"{asked.name}: {status}")
            return
        if status == 200 and route != "/api/health" and asked.method == "POST":
            content = {name: each for name, each in content.items() if name not in CHANCE}
            digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
            if self.digests.setdefault(asked.name, digest) != digest:
                self.different.append(asked.name)


def main() -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=7200, help="at most; default: %(default)s")
    given = parser.parse_args()
    print("Drawing what to ask …", file=sys.stderr)
    kinds = everything()
    RESULT.parent.mkdir(exist_ok=True)
    host = start(REPOSITORY, "--quiet", log_file=RESULT.with_suffix(".log"))
    try:
        result = _soak(host.url, psutil.Process(host.process.pid), kinds, given)
        result["crashes"] = int(host.process.poll() is not None)
        result["traces_in_log"] = host.log().count("Traceback")
    finally:
        host.process.kill()
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    missed = _missed(result, given.requests)
    print(
        json.dumps({name: value for name, value in result.items() if name != "examples"}, indent=2)
    )
    print("\n".join(f"MISSED: {each}" for each in missed) or "Every bar was met.")
    print(f"Written: {RESULT}")
    return int(bool(missed))


def _soak(
    url: str, process: psutil.Process, kinds: dict[str, list[Asked]], given: argparse.Namespace
) -> dict[str, Any]:
    seen = Seen(_validators(requests.get(f"{url}/api/openapi.json", timeout=60).json()))
    started, latencies = time.monotonic(), {}
    with tqdm(total=given.requests, unit=" requests", disable=None) as bar:
        # Growth is what is kept after this: all of it once, by as many clients as in the end.
        warm = [asked for name in ("limit", "radiograph", "route") for asked in kinds[name]]
        random.Random(0).shuffle(warm)
        most = CLIENTS[-1]
        _phase(url, most, len(warm), seen, iter(warm), process, bar, started + given.seconds)
        files, threads = _settled(process)
        first = statistics.median(seen.resident[-len(warm) // 2 :])
        for number, clients in enumerate(CLIENTS):
            count = (given.requests - seen.requests) // (len(CLIENTS) - number)
            choose = _choices(kinds, seed=clients)
            stats = _phase(url, clients, count, seen, choose, process, bar, started + given.seconds)
            latencies[clients] = {
                f"p{100 * share:g}": stats.get_response_time_percentile(share)
                for share in (0.5, 0.95, 0.99)
            }
            tqdm.write(f"{clients:2} clients: {latencies[clients]} ms")
        files_after, threads_after = _settled(process)
    last = statistics.median(seen.resident[-max(1, min(1000, len(seen.resident) // 10)) :])
    return {
        "requests": seen.requests,
        "seconds": round(time.monotonic() - started),
        "undocumented": len(seen.undocumented),
        "different": len(seen.different),
        "peak_mib": round(_peak(process), 1),
        "first_mib": round(first, 1),
        "last_mib": round(last, 1),
        "growth": round(100 * (last / first - 1), 2),
        "p95_ms": latencies[8]["p95"],
        "latency_ms": latencies,
        "files_leaked": max(0, files_after - files),
        "threads_leaked": max(0, threads_after - threads),
        "statuses": dict(sorted(seen.statuses.items())),
        "examples": (seen.undocumented + seen.different)[:50],
    }


def _missed(result: dict[str, Any], requests_wanted: int) -> list[str]:
    """The bars that were missed, as sentences."""
    wanted = {
        f"{requests_wanted:,} requests": result["requests"] >= requests_wanted,
        "no undocumented answer": result["undocumented"] == 0,
        "equal input, equal output": result["different"] == 0,
        "no crash, no trace": result["crashes"] + result["traces_in_log"] == 0,
        f"peak at most {PEAK_MIB:g} MiB": result["peak_mib"] <= PEAK_MIB,
        f"growth at most {GROWTH:g} %": result["growth"] <= GROWTH,
        "no file and no thread leaked": result["files_leaked"] + result["threads_leaked"] == 0,
    }
    return [name for name, met in wanted.items() if not met]


def _validators(document: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """By "method path" and status: what checks a JSON answer, or None for text."""
    found = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation.get("responses", {}).items():
                for media_type, content in response.get("content", {}).items():
                    schema = {**content["schema"], "components": document["components"]}
                    json_ = "json" in media_type
                    found[f"{method} {path}", status] = (
                        jsonschema_rs.validator_for(schema) if json_ else None
                    )
    return found


def _choices(kinds: dict[str, list[Asked]], seed: int) -> Any:
    choose = random.Random(seed)
    names, weights = list(SHARES), list(SHARES.values())
    while True:
        [name] = choose.choices(names, weights)
        yield choose.choice(kinds[name])


def _phase(
    url: str,
    clients: int,
    count: int,
    seen: Seen,
    choose: Any,
    process: psutil.Process,
    bar: tqdm[Any],
    deadline: float,
) -> Any:
    """So many requests by so many clients; locust's statistics of them."""
    left = [count]

    class Client(FastHttpUser):
        host = url
        wait_time = constant(0)
        network_timeout = connection_timeout = 120.0

        @task
        def ask(self) -> None:
            asked = next(choose, None) if left[0] > 0 and time.monotonic() < deadline else None
            if asked is None:
                gevent.sleep(0.05)
                return
            left[0] -= 1
            headers = {"Content-Type": asked.content_type} if asked.content_type else {}
            with self.client.request(
                asked.method,
                asked.path,
                data=asked.body or None,
                headers=headers,
                name="all",
                catch_response=True,
            ) as answer:
                seen.note(asked, answer.status_code, answer.content or b"")
                answer.success()
            seen.resident.append(process.memory_info().rss / 2**20)
            bar.update()

    environment = Environment(user_classes=[Client])
    runner = environment.create_local_runner()
    before = seen.requests
    runner.start(clients, spawn_rate=clients)
    while seen.requests - before < count and time.monotonic() < deadline + 120:
        gevent.sleep(0.05)
        if time.monotonic() > deadline and left[0] > 0:
            left[0] = 0
            break
    runner.quit()
    return environment.stats.total


def _settled(process: psutil.Process) -> tuple[int, int]:
    """Open files and threads when nothing is going on any more."""
    gevent.sleep(7)  # longer than idle connections are kept
    return process.num_fds(), process.num_threads()


def _peak(process: psutil.Process) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    [peak] = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return peak / 1024


if __name__ == "__main__":
    assert locust.__version__
    sys.exit(main())
