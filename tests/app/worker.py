"""The app in a process of its own, run by Azure's runtime without HTTP and asked through pipes.

A process of its own because one runs one app. Run as a program it loads the app of a folder, says
on standard output which functions it has, and then answers a request a line.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.tools.running import events
from tools.local_host.worker import AppFailed, Function, Request, Response, Worker

REPOSITORY = Path(__file__).resolve().parents[2]


class RunningWorker:
    """A process with an app loaded; `functions` are as the runtime has indexed them."""

    def __init__(self, app_dir: Path, log_file: Path, environment: Mapping[str, str]) -> None:
        """Load an app. Raises AppFailed with the last line of what it said if that failed."""
        self._log_file = log_file
        with log_file.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.app.worker", str(app_dir)],
                cwd=REPOSITORY,
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            self.functions = [Function(**each) for each in self._read()]
        except AppFailed:
            self.close()
            raise

    def invoke(self, name: str, request: Request) -> Response:
        """Run one function on one request."""
        content = asdict(request) | {"body": base64.b64encode(request.body).decode()}
        assert self._process.stdin is not None
        print(json.dumps([name, content]), file=self._process.stdin, flush=True)
        status, headers, body = self._read()
        return Response(status, tuple(map(tuple, headers)), base64.b64decode(body))

    def log(self) -> str:
        """What it has written to stderr so far."""
        return self._log_file.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of this name that the app has logged so far."""
        return events(self.log(), name)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise AppFailed(self.log().splitlines()[-1])
        return json.loads(line)


# RunningWorker() that ends when the tests of the module are done.
type StartWorker = Callable[..., RunningWorker]


async def _serve(app_dir: Path) -> None:
    os.chdir(app_dir)
    async with await Worker.start(app_dir) as worker:
        print(json.dumps([asdict(function) for function in worker.functions]), flush=True)
        for line in sys.stdin:
            name, content = json.loads(line)
            content["body"] = base64.b64decode(content["body"])
            response = await worker.invoke(name, Request(**content))
            body = base64.b64encode(response.body).decode()
            print(json.dumps([response.status, response.headers, body]), flush=True)


if __name__ == "__main__":
    # As Azure's worker does: messages from INFO on, as they are.
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        asyncio.run(_serve(Path(sys.argv[1])))
    except AppFailed as error:
        sys.exit(str(error))
