"""Parts that break while the service runs: what the client gets, and that the next request works."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import numpy as np
import psutil
import pytest

from inference.course import Course
from inference.service import Service
from inference.settings import Settings
from model_store.store import BUNDLED, FolderStore
from tests import drawing
from tests.app.asking import Client, without_chance
from tests.app.conftest import CopyApp
from tests.tools.running import REPOSITORY, RunningHost, StartHost, command
from tests.waiting import until

ACTIVE = FolderStore(BUNDLED).active()
JPEG = drawing.encode_jpeg(drawing.draw_chest(300, 260, seed=5))
#: Of 36 megapixels; of several at a time all but one wait for the budget.
LARGE = drawing.encode_png(np.kron(drawing.draw_chest(400, 350, 6), np.ones((16, 16), np.uint8)))


def answer(client: Client) -> dict[str, object]:
    """The answer to a good request, whatever else is going on."""
    return without_chance(client.answer(JPEG, force="true"))


class TestABrokenVersion:
    """The store's newest version is broken; the one before it, or the bundled one, serves."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Path:
        """A store with the versions `good` and, active, `newest`."""
        for name in ("good", "newest"):
            folder = tmp_path / "store" / name
            shutil.copytree(BUNDLED / ACTIVE, folder, ignore=shutil.ignore_patterns("*.keras"))
            manifest = folder / "manifest.json"
            content = json.loads(manifest.read_text()) | {"version": name}
            manifest.write_text(json.dumps(content))
        (tmp_path / "store" / "ACTIVE").write_text("newest\ngood\n")
        return tmp_path / "store"

    @staticmethod
    def manifest(**facts: object) -> Callable[[Path], None]:
        """Harm done to the manifest."""

        def harm(folder: Path) -> None:
            file = folder / "manifest.json"
            file.write_text(json.dumps(json.loads(file.read_text()) | facts))

        return harm

    HARM: ClassVar[dict[str, tuple[Callable[[Path], object], str]]] = {
        "truncated": (
            lambda folder: os.truncate(folder / "model.tflite", 1000),
            "model.tflite has 1000 bytes",
        ),
        "empty": (lambda folder: os.truncate(folder / "model.tflite", 0), "model.tflite has 0"),
        "another network": (
            lambda folder: (folder / "model.tflite").write_bytes(
                bytes((folder / "model.tflite").stat().st_size)
            ),
            "does not have the SHA-256",
        ),
        "no network": (lambda folder: (folder / "model.tflite").unlink(), "is missing"),
        "a manifest cut off": (
            lambda folder: os.truncate(folder / "manifest.json", 500),
            "manifest.json",
        ),
        "an unknown schema": (manifest(schema_version=99), "schema_version is 99; it takes 1"),
        "more classes than the network": (
            manifest(classes=[{"label": f"c{n}", "name": f"C{n}"} for n in range(7)]),
            "The network has 4 logits for 7 classes",
        ),
        "another preprocessing": (manifest(preprocessing="squash-0"), "the preprocessing squash-0"),
        "no folder": (shutil.rmtree, "There is no version 'newest'"),
    }

    @pytest.mark.parametrize("what", HARM)
    def test_gives_way_to_the_last_good_one_and_health_says_why(
        self, store: Path, what: str
    ) -> None:
        harm, reason = self.HARM[what]
        harm(store / "newest")
        service = Service(Settings(model_store=str(store)))
        for _ in range(2):
            report = service.answer("image/jpeg", JPEG, {"force": "true"}, Course("1")).to_json()
            assert report["model"]["version"] == "good"
        health = service.health()
        assert (health["status"], health["model"]["version"]) == ("degraded", "good")
        assert reason in health["reason"]
        assert str(store) not in health["reason"]

    def test_with_other_classes_is_served_under_their_names(
        self, start_host: StartHost, store: Path
    ) -> None:
        labels = ["a", "b", "c", "d"]
        classes = [{"label": label, "name": label.upper()} for label in labels]
        self.manifest(classes=classes)(store / "newest")
        client = Client(start_host(REPOSITORY, MODEL_STORE=str(store)))
        assert list(client.answer(JPEG, force="true")["probabilities"]) == labels
        problem = client.predict(JPEG, params={"explain": "normal"}).json()
        assert problem["code"] == "bad_request"
        assert "predicted, all, none, a, b, c, d" in problem["detail"]


def test_a_network_that_raises_is_a_500_and_the_next_request_works(
    start_host: StartHost, copy_app: CopyApp
) -> None:
    app = copy_app()
    with (app / "inference" / "runtime" / "litert.py").open("a") as module:
        module.write(
            "\n_run, _count = LiteRTRuntime.run, iter(range(10**9))\n"
            "def _failing(self, batch):\n"
            "    if next(_count) in (1, 2, 3, 4, 5):\n"  # 0 is the check at start
            "        raise RuntimeError('a tensor of ' + str(batch.sum()))\n"
            "    return _run(self, batch)\n"
            "LiteRTRuntime.run = _failing\n"
        )
    client = Client(start_host(app))
    for _ in range(5):
        failed = client.predict(JPEG, params={"force": "true"})
        assert (failed.status_code, failed.json()["code"]) == (500, "internal")
        assert "tensor" not in failed.text
    assert answer(client)
    assert client.host.log().count('\\nRuntimeError"}\n') == 5
    assert "a tensor of " not in client.host.log().replace("'a tensor of '", "")


@contextmanager
def isolated(tmp_path: Path, *prepare: str) -> Iterator[RunningHost]:
    """A host whose file system was prepared by shell commands that nobody else sees."""
    for way in (["unshare", "-Urm"], ["sudo", "-n", "unshare", "-m"]):
        if shutil.which(way[0]) and not subprocess.run([*way, "true"], check=False).returncode:
            break
    else:
        reason = "a mount namespace is needed: Linux, with user namespaces or sudo"
        (pytest.fail if os.environ.get("STRICT") == "1" else pytest.skip)(reason)
    script = " && ".join([*prepare, 'exec "$@"'])
    log_file = tmp_path / "log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [*way, "sh", "-c", script, "sh", *command(REPOSITORY, "--port", "0")],
            cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.match(r"Listening on (\S+)", line):
                yield RunningHost(found[1], "", process, log_file)
                return
        raise AssertionError(log_file.read_text())
    finally:
        process.terminate()
        process.wait(120)
        process.stdout.close()


LOSSLESS = drawing.encode_dicom(
    drawing.draw_chest(300, 260, seed=5), transfer_syntax="1.2.840.10008.1.2.4.70"
)


@pytest.mark.parametrize(
    "prepare",
    [
        ("mount -o remount,bind,ro /",),
        (
            "mount -t tmpfs -o size=4k none /tmp",
            "{ head -c 9000 /dev/zero > /tmp/full 2> /dev/null || true; }",
        ),
    ],
    ids=["no write permission", "a full disk"],
)
def test_where_nothing_can_be_written_everything_is_answered(
    tmp_path: Path, prepare: tuple[str, ...]
) -> None:
    with isolated(tmp_path, *prepare) as host:
        client = Client(host)
        assert answer(client)
        for body in (LOSSLESS, LARGE):
            assert client.predict(body, params={"force": "true"}).status_code in (200, 422)
        assert client.predict(files={"image": ("a.jpg", JPEG)}).status_code in (200, 422)
        assert client.get("/api/health").json()["status"] == "ready"
        assert "Traceback" not in host.log()


def test_the_clock_may_jump_since_no_answer_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(Settings())
    service.answer("image/jpeg", JPEG, {"force": "true"}, Course("1"))
    jumps = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    report = service.answer("image/jpeg", JPEG, {"force": "true"}, Course("1")).to_json()
    assert all(0 <= spent < 60_000 for spent in report["timing_ms"].values())


def connect(client: Client, length: int) -> socket.socket:
    """A request to predict whose body the host has begun to wait for."""
    host, port = client.host.url.removeprefix("http://").split(":")
    sock = socket.create_connection((host, int(port)), timeout=120)
    head = f"POST /api/predict?force=true HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
    sock.sendall(head.encode() + b"Content-Type: image/jpeg\r\nExpect: 100-continue\r\n\r\n")
    told = b""
    while not told.endswith(b"\r\n\r\n"):
        told += sock.recv(1)
    assert told.startswith(b"HTTP/1.1 100 ")
    return sock


def status(sock: socket.socket) -> bytes:
    """The beginning of the answer; empty where whoever owes it is gone."""
    with sock, suppress(ConnectionError):
        return sock.recv(12)
    return b""


def test_slow_clients_hold_up_nobody(client: Client) -> None:
    process = psutil.Process(client.host.process.pid)
    expected = answer(client)
    before = process.num_fds()
    slow = [connect(client, len(JPEG)) for _ in range(40)]
    for sock in slow:
        sock.sendall(JPEG[:100])
    assert answer(client) == expected
    for sock in slow[:4]:
        for at in range(100, len(JPEG), 2000):
            sock.sendall(JPEG[at : at + 2000])
        assert status(sock) == b"HTTP/1.1 200"
    for sock in slow:
        sock.close()
    until(lambda: process.num_fds() <= before)
    assert answer(client) == expected


def test_clients_that_leave_leave_nothing_behind(client: Client) -> None:
    process = psutil.Process(client.host.process.pid)
    expected = answer(client)
    before = process.num_fds()
    for length in (0, 1000, len(JPEG), len(LARGE)):
        body = LARGE if length == len(LARGE) else JPEG
        for _ in range(3):
            sock = connect(client, len(body))
            sock.sendall(body[:length])
            # A reset and no farewell: who waited for the answer is gone.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.close()
    until(lambda: process.num_fds() <= before)
    assert answer(client) == expected
    assert "Traceback" not in client.host.log()


def ask_for_large_ones(client: Client) -> list[socket.socket]:
    """Four requests that the host has begun to answer."""
    asked = [connect(client, len(LARGE)) for _ in range(4)]
    for sock in asked:
        sock.sendall(LARGE)
    return asked


def test_who_has_asked_before_sigterm_is_answered(start_host: StartHost) -> None:
    client = Client(start_host(REPOSITORY))
    answer(client)
    asked = ask_for_large_ones(client)
    client.host.process.send_signal(signal.SIGTERM)
    assert [status(sock) for sock in asked] == [b"HTTP/1.1 200"] * 4
    assert client.host.process.wait(120) == 0
    assert "Traceback" not in client.host.log()


def test_a_host_that_is_killed_leaves_nothing_that_hinders_the_next(
    start_host: StartHost, tmp_path: Path
) -> None:
    first = Client(start_host(REPOSITORY, TMPDIR=str(tmp_path)))
    expected = answer(first)
    asked = ask_for_large_ones(first)
    first.host.process.kill()
    assert b"" in [status(sock) for sock in asked]
    assert list(tmp_path.iterdir()) == []
    assert answer(Client(start_host(REPOSITORY, TMPDIR=str(tmp_path)))) == expected
