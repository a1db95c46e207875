"""32 clients at once; APP_LOAD_SECONDS says for how long, 5 if it says nothing."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
import requests

from tests import drawing
from tests.app.asking import Client, claims, in_json, without_chance
from tests.tools.running import REPOSITORY, StartHost
from tests.waiting import until

CLIENTS = 32
SECONDS = float(os.environ.get("APP_LOAD_SECONDS", "5"))

CHEST = drawing.draw_chest(700, 600, seed=7)
DEEP = CHEST.astype(np.uint16) * 16
JPEG = drawing.encode_jpeg(CHEST)
LOSSLESS = "1.2.840.10008.1.2.4.70"  # of those that are decoded in a process of their own


@dataclass(frozen=True)
class Asked:
    """A request to predict, and the status of its answer."""

    status: int
    body: bytes | None = None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    form: dict[str, Any] | None = None
    json: dict[str, str] | None = None


ASKED = {
    "jpeg": Asked(200, JPEG),
    "large jpeg": Asked(200, drawing.encode_jpeg(drawing.draw_chest(2400, 2000, seed=8))),
    "png": Asked(200, drawing.encode_png(DEEP), {"explain": "all", "size": "256"}),
    "webp": Asked(200, drawing.encode_webp(CHEST), {"explain": "normal", "overlay": "png"}),
    "bmp": Asked(200, drawing.encode_bmp(CHEST), {"explain": "none"}),
    "tiff": Asked(200, drawing.encode_tiff(DEEP), {"size": "1024"}),
    "dicom": Asked(200, drawing.encode_dicom(DEEP, bits_stored=12)),
    "lossless dicom": Asked(200, drawing.encode_dicom(CHEST, transfer_syntax=LOSSLESS)),
    "form": Asked(200, form={"image": ("a.jpg", JPEG)}),
    "json": Asked(200, json=in_json(JPEG), query={"explain": "all"}),
    "forced": Asked(200, drawing.encode_png(CHEST[:50, :50]), {"force": "true"}),
    "small": Asked(422, drawing.encode_png(CHEST[:50, :50])),
    "blank": Asked(422, drawing.encode_png(np.zeros((500, 500), np.uint8))),
    "cut": Asked(422, JPEG[:9000]),
    "cut dicom": Asked(422, drawing.encode_dicom(CHEST)[:-9000]),
    "claims": Asked(413, claims(10_000, 5_000)),
    "too many bytes": Asked(413, bytes(10 * 2**20 + 1)),
    "another kind": Asked(415, b"%PDF-1.7"),
    "another type": Asked(415, JPEG, headers={"Content-Type": "text/plain"}),
    "nothing": Asked(400, b""),
    "no json": Asked(400, b"{", headers={"Content-Type": "application/json"}),
    "wrong query": Asked(400, JPEG, {"size": "1"}),
    "link inside": Asked(403, json={"image_url": "http://127.0.0.1/"}),
}


def ask(session: requests.Session, url: str, asked: Asked) -> tuple[int, dict[str, Any]]:
    """The status and the content of the answer."""
    answer = session.post(
        f"{url}/api/predict",
        params=asked.query,
        data=asked.body,
        headers=asked.headers,
        files=asked.form,
        json=asked.json,
        timeout=60,
    )
    return answer.status_code, answer.json()


@contextmanager
def all_closed_in_the_end(process: psutil.Process, folder: Path) -> Iterator[None]:
    """Whatever is opened in the block is closed soon after it: files, sockets, processes."""
    before, files = process.num_fds(), [file.path for file in process.open_files()]
    yield
    until(lambda: process.num_fds() <= before)
    assert [file.path for file in process.open_files()] == files
    assert process.children() == []
    assert list(folder.iterdir()) == []


def test_32_clients_get_the_answers_that_each_would_get_alone(
    start_host: StartHost, tmp_path: Path
) -> None:
    host = start_host(REPOSITORY, TMPDIR=str(tmp_path))
    client = Client(host)
    process = psutil.Process(host.process.pid)
    with requests.Session() as session:
        alone = {name: ask(session, host.url, asked) for name, asked in ASKED.items()}
    assert {name: status for name, (status, _) in alone.items()} == {
        name: asked.status for name, asked in ASKED.items()
    }
    expected = {name: (status, without_chance(answer)) for name, (status, answer) in alone.items()}
    ids: list[str] = []
    wrong: list[str] = []
    deadline = time.monotonic() + SECONDS

    def keep_asking(number: int) -> int:
        choose = random.Random(number)
        count = 0
        with requests.Session() as session:
            while count == 0 or time.monotonic() < deadline:
                name = choose.choice(list(ASKED))
                status, answer = ask(session, host.url, ASKED[name])
                ids.append(answer["request_id"])
                if (status, without_chance(answer)) != expected[name]:
                    wrong.append(f"{name}: {status} {str(answer)[:500]}")
                count += 1
        return count

    with all_closed_in_the_end(process, tmp_path), ThreadPoolExecutor(CLIENTS) as pool:
        counts = list(pool.map(keep_asking, range(CLIENTS)))

    assert wrong == []
    assert len(set(ids)) == len(ids) == sum(counts)
    assert host.log().count("/api/predict") == sum(counts) + len(ASKED)
    assert "Traceback" not in host.log()
    assert host.process.poll() is None
    assert client.get("/api/health").json()["status"] == "ready"
    print(f"{sum(counts)} answers to {CLIENTS} clients in {SECONDS:g} s")


def test_32_clients_who_are_the_first_get_one_answer(start_host: StartHost) -> None:
    host = start_host(REPOSITORY)

    def first(_: int) -> tuple[int, dict[str, Any]]:
        with requests.Session() as session:
            status, answer = ask(session, host.url, ASKED["jpeg"])
        return status, without_chance(answer)

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(first, range(CLIENTS)))
    assert answers[0][0] == 200
    assert answers == [answers[0]] * CLIENTS


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_eight_at_a_time_at_every_limit_stay_within_400_mebibytes(start_host: StartHost) -> None:
    host = start_host(REPOSITORY)
    side = 6324  # of 40 megapixels
    blank = np.zeros((side, side), np.uint8)
    wide = blank[: side * 2 // 3]  # a WebP needs six bytes a pixel, of four that there are
    bodies = [
        encode_colour_png(blank),
        drawing.encode_webp(wide, method=0),
        drawing.encode_dicom(blank.astype(np.uint16), transfer_syntax="1.2.840.10008.1.2.1.99"),
        bytes(10 * 2**20),
    ]

    def ask_for(number: int) -> int:
        body = bodies[number % len(bodies)]
        if number % 8 < 4:
            return requests.post(f"{host.url}/api/predict", data=body, timeout=300).status_code
        return requests.post(f"{host.url}/api/predict", json=in_json(body), timeout=300).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(ask_for, range(24)))
    # The gate refuses what is blank, but not before it has been decoded.
    assert statuses == [422, 422, 422, 415] * 6
    assert psutil.Process(host.process.pid).memory_info().rss / 2**20 < 200
    status = Path(f"/proc/{host.process.pid}/status").read_text()
    [peak] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    assert peak / 1024 < 400


def encode_colour_png(pixels: drawing.Gray) -> bytes:
    """PNG of four channels."""
    return cv2.imencode(".png", cv2.merge([pixels] * 4), [cv2.IMWRITE_PNG_COMPRESSION, 1])[
        1
    ].tobytes()
