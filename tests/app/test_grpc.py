"""A large radiograph, and a page that is known, through the app over Azure's own protocol."""

from __future__ import annotations

import base64
import json

import cv2
import numpy as np

from tests import drawing
from tests.grpc_host.host import StartGrpcHost
from tests.tools.running import REPOSITORY


def test_eight_megabytes_are_answered_over_azures_own_protocol(
    start_grpc_host: StartGrpcHost,
) -> None:
    body = drawing.encode_bmp(drawing.draw_chest(2800, 3000, seed=1))
    assert 8 * 2**20 < len(body) < 10 * 2**20
    answer = start_grpc_host(REPOSITORY).invoke(
        "predict",
        method="POST",
        headers={"content-type": "image/bmp"},
        query={"explain": "all", "overlay": "png", "size": "1024"},
        body=body,
    )
    assert answer.status == 200, answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    report = json.loads(answer.body)
    assert report["input"]["format"] == "BMP"
    assert (report["input"]["width"], report["input"]["height"]) == (2800, 3000)
    assert abs(sum(report["probabilities"].values()) - 1) < 1e-6
    assert [each["label"] for each in report["explanations"]] == list(report["probabilities"])
    for each in report["explanations"]:
        overlay = np.frombuffer(base64.b64decode(each["base64"]), np.uint8)
        assert cv2.imdecode(overlay, cv2.IMREAD_COLOR).shape == (1024, 956, 3)


def test_a_page_that_is_known_has_not_one_byte_over_azures_own_protocol(
    start_grpc_host: StartGrpcHost,
) -> None:
    # The host writes what it gets, and its server refuses any byte after 304.
    host = start_grpc_host(REPOSITORY)
    etag = host.invoke("page").headers["ETag"]
    answer = host.invoke("page", headers={"if-none-match": etag})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["ETag"] == etag
