"""The local host as the serving process: started on a free port, asked over loopback."""

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

from tools.bench.measurement import QUERY, REPOSITORY, NotMeasured

_TARGET = f"/api/predict?{urlencode(QUERY)}"


@dataclass(frozen=True)
class Host:
    """Where it listens, and its process."""

    port: int
    pid: int

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is kept open between requests."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)


@contextmanager
def running() -> Iterator[Host]:
    """Start it and stop it in the end.

    Raises:
        NotMeasured: It does not start.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "tools.local_host", "--port", "0", "--quiet"],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"Listening on http://\S+:(\d+)", line):
                    yield Host(int(found[1]), process.pid)
                    return
            raise NotMeasured("The local host does not start; see python -m tools.local_host.")
        finally:
            process.terminate()


def predict(connection: http.client.HTTPConnection, media_type: str, body: bytes) -> int:
    """Ask for one prediction; the status."""
    connection.request("POST", _TARGET, body, {"content-type": media_type})
    response = connection.getresponse()
    response.read()
    return response.status


def first_answer(image: bytes) -> float:
    """Seconds from the start of the local host's process to its first answer.

    Raises:
        NotMeasured: It does not start, or answers with an error.
    """
    started = time.perf_counter()
    with running() as host:
        status = predict(host.connect(), "image/jpeg", image)
        seconds = time.perf_counter() - started
    if status != 200:
        raise NotMeasured(f"The local host answered with {status}.")
    return seconds
