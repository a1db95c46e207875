"""The command: read the settings, load the app, say where it is, serve until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from tools.local_host.host import Host
from tools.local_host.queues import listeners
from tools.local_host.routes import Route, RouteError
from tools.local_host.settings import (
    LocalSettings,
    SettingsError,
    read_http_settings,
    read_local_settings,
    read_queue_settings,
)
from tools.local_host.worker import AppFailed, Function, Worker

_DESCRIPTION = """\
Run the functions app on this machine, on the Python runtime that runs it in Azure.

Reads host.json and local.settings.json as the Azure Functions Core Tools do; environment variables
win over the latter. As there, keys are not asked for unless --enable-auth says so."""

_EXAMPLES = """\
examples:
  python -m tools.local_host
      the app in this folder, on port 7071
  python -m tools.local_host --port 0
      on any free port; the line 'Listening on' names it
  python -m tools.local_host --enable-auth --key secret
      and then: curl -H 'x-functions-key: secret' ...
  PYTHON_THREADPOOL_THREAD_COUNT=8 python -m tools.local_host
      run up to eight synchronous functions at a time"""


class StartError(Exception):
    """Why the host cannot start, in a sentence."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0 after a clean stop, 1 where the app could not be started."""
    options = _parse(arguments)
    _configure_logs(options.quiet)
    try:
        asyncio.run(_serve(options))
    except (StartError, SettingsError, RouteError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except AppFailed as error:
        print(f"{error.trace}error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.local_host",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port",
        type=int,
        help="0: any free one (default: LocalHttpPort in local.settings.json, or 7071)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="0.0.0.0: reachable from other machines (default: %(default)s)",
    )
    parser.add_argument(
        "--app-dir",
        type=Path,
        default=Path(),
        help="the folder of function_app.py (default: this one)",
    )
    parser.add_argument(
        "--enable-auth", action="store_true", help="ask for a key where a function's level does"
    )
    parser.add_argument("--key", help="the key to ask for (default: a new one, printed at start)")
    parser.add_argument(
        "--lease",
        type=float,
        default=600,
        metavar="SECONDS",
        help="hide a queue's message for so long while a function has it (default: 600, as in Azure)",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print the address, warnings and errors only"
    )
    options = parser.parse_args(arguments)
    if options.key and not options.enable_auth:
        parser.error("--key needs --enable-auth")
    return options


async def _serve(options: argparse.Namespace) -> None:
    app_dir: Path = options.app_dir.resolve()
    if not app_dir.is_dir():
        raise StartError(f"There is no folder {app_dir}.")
    local = read_local_settings(app_dir)
    for name, value in {"AZURE_FUNCTIONS_ENVIRONMENT": "Development", **local.values}.items():
        os.environ.setdefault(name, value)
    running: list[asyncio.Task[None]] = []
    key = (options.key or secrets.token_urlsafe(24)) if options.enable_auth else None

    # First the address, then the app: a port that is in use shows at once, and who calls early
    # waits as in Azure.
    with _bind(options.host, _port(options.port, local)) as server_socket:
        os.chdir(app_dir)  # Azure's worker runs in the app's folder
        async with await Worker.start(app_dir) as worker:
            for listener in listeners(worker, read_queue_settings(app_dir, options.lease)):
                running.append(asyncio.create_task(listener.listen()))
            host = Host(worker, read_http_settings(app_dir), local.cors, key)
            logging.getLogger("azure.functions").setLevel(logging.WARNING)
            url = _url(options.host, server_socket.getsockname()[1])
            if not options.quiet:
                print(_overview(worker.functions, host.routes, key, made=not options.key))
                print(_next_step(url, host.routes, "KEY" if options.key else key))
            print(f"Listening on {url}", flush=True)
            _let_uvicorn_stop_us()
            config = uvicorn.Config(
                host,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
            )
            await uvicorn.Server(config).serve(sockets=[server_socket])
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


def _port(option: int | None, local: LocalSettings) -> int:
    return option if option is not None else local.port if local.port is not None else 7071


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        server_socket = socket.socket(family, kind, protocol)
        server_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server_socket.bind(address)
        server_socket.listen(2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StartError(
            f"Port {port} of {host} cannot be used: {reason}. Choose another one with --port."
        ) from error
    return server_socket


def _url(host: str, port: int) -> str:
    name = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1", "::1") else host
    return f"http://{name}:{port}"


def _overview(
    functions: tuple[Function, ...], routes: tuple[Route, ...], key: str | None, *, made: bool
) -> str:
    """A table of the functions: name, methods, route, level. Of keys only one made here is shown."""
    rows: list[tuple[str, ...]] = [("Function", "Methods", "Route", "Level")]
    for route in routes:
        function = route.function
        methods = ",".join(function.methods or ("any",))
        rows.append((function.name, methods, f"/{route.template}", function.auth_level))
    for function in functions:
        if function.queue is not None:
            rows.append((function.name, "-", f"queue {function.queue}", "-"))
        elif function.route is None:
            rows.append((function.name, "-", f"{function.trigger}: not run here", "-"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if key is None:
        note = "Keys are not asked for; --enable-auth asks for them as Azure does."
    else:
        shown = key if made else "the one that --key gave"
        note = f"Key (header x-functions-key, or ?code=): {shown}"
    return "\n".join(["", *lines, "", note])


def _next_step(url: str, routes: tuple[Route, ...], key: str | None) -> str:
    """What to try, with ``key`` where the function asks for one; None: keys are not asked for."""
    steps = []
    if any(route.match("/") is not None for route in routes):
        steps.append(f"open {url}")
    predict = next((route for route in routes if route.template.lower() == "api/predict"), None)
    if predict is not None:
        locked = key is not None and predict.function.auth_level != "anonymous"
        header = f"-H 'x-functions-key: {key}' " if locked else ""
        steps.append(f"curl {header}-F image=@xray.jpg {url}/api/predict")
    return f"Try: {', or '.join(steps)}\nStop: Ctrl+C" if steps else "Stop: Ctrl+C"


def _configure_logs(quiet: bool) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING if quiet else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(message)s",
        datefmt="%H:%M:%S",
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # While the app is loaded the runtime logs a failure that it also returns; once is enough.
    logging.getLogger("azure.functions").setLevel(logging.CRITICAL)


def _let_uvicorn_stop_us() -> None:
    """Take the signal that uvicorn raises once more after it has stopped."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)


if __name__ == "__main__":
    sys.exit(main())
