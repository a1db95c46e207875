"""A small app, and a local host that runs it (or any other) in a process of its own.

In a process of its own because the runtime keeps the app in module globals: one process runs one
app.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]

SAMPLE_APP = """
import asyncio
import os
import threading
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
two, four = threading.Barrier(2), threading.Barrier(4)
running = set()


@app.route("hello", methods=["GET"])
def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"hello {req.params.get('name', 'nobody')}")


@app.route("later", methods=["GET"])
async def later(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    await asyncio.sleep(0.01)
    return func.HttpResponse(f"{context.function_name} {len(context.invocation_id)}")


@app.route("items/{number:int}/{part?}", methods=["GET"])
def items(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(sorted(req.route_params.items())))


@app.route("echo", methods=["POST"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body(), mimetype="application/octet-stream")


@app.route("headers", methods=["GET"])
def headers(req: func.HttpRequest) -> func.HttpResponse:
    answer = func.HttpResponse(req.headers["x-question"], status_code=418, mimetype="text/plain")
    answer.headers["X-Answer"] = "yes"
    answer.headers.add("Set-Cookie", "one=1; Path=/; HttpOnly")
    answer.headers.add("Set-Cookie", "two=2; Max-Age=60")
    return answer


@app.route("upload", methods=["POST"])
def upload(req: func.HttpRequest) -> func.HttpResponse:
    file = req.files["image"]
    return func.HttpResponse(f"{file.filename} {len(file.read())} {req.form['note']}")


@app.route("locked", auth_level=func.AuthLevel.FUNCTION)
def locked(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("open")


@app.route("boom")
def boom(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("the reason for the log")


@app.route("together")
def together(req: func.HttpRequest) -> func.HttpResponse:
    try:
        four.wait(30)
    except threading.BrokenBarrierError:
        return func.HttpResponse("alone", status_code=503)
    return func.HttpResponse("together")


@app.route("how-many")
def how_many(req: func.HttpRequest) -> func.HttpResponse:
    running.add(threading.get_ident())
    two.wait(30)
    time.sleep(0.2)  # for whoever else is let in
    count = len(running)
    running.discard(threading.get_ident())
    return func.HttpResponse(str(count))


@app.route("held")
def held(req: func.HttpRequest) -> func.HttpResponse:
    open("held-has-begun", "w").close()
    for _ in range(3000):
        if os.path.exists("held-may-end"):
            break
        time.sleep(0.01)
    return func.HttpResponse("held")


@app.route("slow")
def slow(req: func.HttpRequest) -> func.HttpResponse:
    open("slow-has-begun", "w").close()
    time.sleep(1)
    return func.HttpResponse("finished")


@app.route("environment/{name}")
def environment(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ.get(req.route_params["name"], "(not set)"))


@app.route("files/{*path}", methods=["GET"])
def z_files(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params.get("path", "(none)"))


@app.route("{ignored:maxlength(0)?}", methods=["GET"])
def home(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("home")
"""


def write_app(folder: Path, source: str = SAMPLE_APP, **files: str) -> Path:
    """Write an app with an empty route prefix; in the names of ``files`` an ``_`` is a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "function_app.py").write_text(textwrap.dedent(source))
    host_json = '{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}'
    for name, content in {"host_json": host_json, **files}.items():
        (folder / name.replace("_", ".")).write_text(content)
    return folder


@dataclass(frozen=True)
class RunningHost:
    """A local host that listens: its address, what it said at start, and where its log goes."""

    url: str
    banner: str
    process: subprocess.Popen[str]
    log_file: Path

    def log(self) -> str:
        """What it has written to stderr so far."""
        return self.log_file.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of this name that the app has logged so far."""
        return events(self.log(), name)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop and wait; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=120)


def events(log: str, name: str) -> list[dict[str, Any]]:
    """The events of this name in a log: JSON objects, each from somewhere in a line to its end."""
    found = re.findall(r'(\{"event": .*)', log)
    return [event for event in map(json.loads, found) if event["event"] == name]


def command(app_dir: Path, *options: str) -> list[str]:
    """The command line of the local host."""
    return [sys.executable, "-m", "tools.local_host", "--app-dir", str(app_dir), *options]


def start(app_dir: Path, *options: str, log_file: Path, **environment: str) -> RunningHost:
    """Start the local host on a free port and wait until it listens; AssertionError if it ends."""
    with log_file.open("w") as log:
        process = subprocess.Popen(
            command(app_dir, "--port", "0", *options),
            cwd=REPOSITORY,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    banner = ""
    for line in process.stdout:
        banner += line
        if found := re.match(r"Listening on (\S+)", line):
            return RunningHost(found[1], banner, process, log_file)
    raise AssertionError(f"The host ended with {process.wait()}:\n{log_file.read_text()}")


# start() with a log file of its own, stopped when the tests of the module are done.
type StartHost = Callable[..., RunningHost]
