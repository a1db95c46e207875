"""A place to deploy to: a folder in which a package is unpacked, and a local host that serves it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.tools.running import RunningHost, start

KEY = "s3cret"


class Slot:
    """Deploying replaces what is there and starts it, as Azure does; `url` stays the same."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._folder = folder
        self._environment = environment
        self._host: RunningHost | None = None
        self._count = 0
        # Stays bound without listening: nobody else is given the port while nothing serves there.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self._port = self._reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def deploy(self, package: Path) -> None:
        """Unpack and start; AssertionError where it does not start: nothing serves then."""
        self.stop()
        self._count += 1
        app = self._folder / f"app-{self._count}"
        with zipfile.ZipFile(package) as archive:
            archive.extractall(app)
        options = ("--port", str(self._port), "--enable-auth", "--key", KEY, "--quiet")
        log_file = self._folder / f"log-{self._count}"
        self._host = start(app, *options, log_file=log_file, **self._environment)

    def stop(self) -> None:
        """Stop what serves."""
        if self._host is not None:
            self._host.stop()
            self._host = None

    def close(self) -> None:
        """Stop what serves and let go of the port."""
        self.stop()
        self._reserved.close()


_AZ = """\
#!{python}
import json, os, shutil, sys, urllib.error, urllib.request
from pathlib import Path

words, blobs = sys.argv[1:], Path(os.environ["AZ_BLOBS"])
options = dict(zip(words, words[1:]))
with open(os.environ["AZ_LOG"], "a") as log:
    print(json.dumps(words), file=log)
blob = blobs / options.get("--name", "-")
match words[:4]:
    case ["functionapp", "deployment", "source", "config-zip"]:
        try:
            urllib.request.urlopen(os.environ["AZ_SLOT"], options["--src"].encode()).read()
        except urllib.error.HTTPError as error:
            sys.exit(f"ERROR: {{error.read().decode()}}")
    case ["functionapp", "keys", "list", *_]:
        print(json.dumps({{"functionKeys": {{"default": "{key}"}}}}))
    case ["storage", "blob", "exists", *_]:
        print(json.dumps({{"exists": blob.is_file()}}))
    case ["storage", "blob", "download", *_]:
        shutil.copy(blob, options["--file"])
    case ["storage", "blob", "upload", *_]:
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(options["--file"], blob)
    case _:
        sys.exit(f"ERROR: unknown command {{words}}")
"""


class Cloud:
    """What stands here for Azure: a slot, a folder of blobs, and a command `az` that reaches both.

    Everything but that command is real: the packages, the app in its host, the test and its way back.
    """

    def __init__(self, folder: Path, slot: Slot) -> None:
        self.blobs, self.log = folder / "blobs", folder / "az.log"
        self.blobs.mkdir(parents=True)
        self.log.touch()
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "az").write_text(_AZ.format(python=sys.executable, key=KEY))
        (bin_folder / "az").chmod(0o755)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                package = self.rfile.read(int(self.headers["content-length"])).decode()
                try:
                    slot.deploy(Path(package))
                    status, said = 200, "deployed"
                except AssertionError as error:
                    status, said = 500, str(error)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(said.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.environment = {
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "AZ_BLOBS": str(self.blobs),
            "AZ_LOG": str(self.log),
            "AZ_SLOT": f"http://127.0.0.1:{self._server.server_port}",
        }

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self.blobs)
