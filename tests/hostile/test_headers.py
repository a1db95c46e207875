"""Whatever is asked, the answer tells a browser to guess, keep, frame and pass on nothing."""

from __future__ import annotations

import pytest
import requests

from tests import drawing
from tests.app.asking import Client
from tests.tools.running import REPOSITORY, StartHost

JPEG = drawing.encode_jpeg(drawing.draw_chest(200, 180))


@pytest.fixture(scope="module")
def host(start_host: StartHost) -> str:
    """The address of a host that asks for keys."""
    return start_host(REPOSITORY, "--enable-auth", "--key", "s3cret").url


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/api/health", 200),
        ("GET", "/api/model", 200),
        ("GET", "/api/openapi.json", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/%2e%2e/host.json", 404),
        ("DELETE", "/api/predict", 404),
        ("HEAD", "/api/predict", 405),
        ("OPTIONS", "/api/predict", 404),
        ("POST", "/api/predict", 401),
        ("POST", "/api/predict?code=s3cret", 400),
        ("POST", "/api/predict?code=s3cret&size=1", 400),
    ],
)
def test_every_answer_has_the_headers_even_those_of_the_host_itself(
    host: str, method: str, path: str, status: int
) -> None:
    answer = requests.request(method, host + path, timeout=30)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["strict-transport-security"] == "max-age=31536000"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.status_code == status


@pytest.mark.parametrize("body", [JPEG, b"", b"GIF89a", JPEG[:900]])
def test_no_answer_about_an_image_is_kept_or_run(client: Client, body: bytes) -> None:
    headers = client.predict(body, params={"force": "true"}).headers
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["content-type"] in ("application/json", "application/problem+json")
