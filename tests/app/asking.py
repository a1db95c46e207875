"""A client that holds every answer against the document that the app gives of itself; bodies."""

from __future__ import annotations

import base64
import struct
import zlib
from functools import cached_property
from typing import Any

import jsonschema_rs
import requests

from tests.tools.running import RunningHost


class Client:
    """Asks a running host; an answer that the document does not describe is an AssertionError."""

    def __init__(self, host: RunningHost) -> None:
        self.host = host

    @cached_property
    def document(self) -> dict[str, Any]:
        """The app's OpenAPI document."""
        return requests.get(f"{self.host.url}/api/openapi.json", timeout=30).json()

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET of any path; documented paths are held against the document."""
        answer = requests.get(self.host.url + path, timeout=30, **options)
        if path in self.document["paths"]:
            self._check(answer, path, "get")
        return answer

    def predict(self, body: bytes | None = None, **options: Any) -> requests.Response:
        """POST to predict: a raw body, or `files` or `json`; `params` is the query."""
        answer = requests.post(f"{self.host.url}/api/predict", data=body, timeout=60, **options)
        self._check(answer, "/api/predict", "post")
        return answer

    def answer(self, body: bytes, **query: str | int) -> dict[str, Any]:
        """The 200 answer to an image."""
        answer = self.predict(body, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _check(self, answer: requests.Response, path: str, method: str) -> None:
        responses = self.document["paths"][path][method]["responses"]
        assert str(answer.status_code) in responses, f"{answer.status_code} is not documented"
        described = responses[str(answer.status_code)].get("content")
        if described is None:
            assert answer.content == b""
            return
        media_type = answer.headers["content-type"].partition(";")[0]
        schema = {**described[media_type]["schema"], "components": self.document["components"]}
        jsonschema_rs.validate(schema, answer.json() if "json" in media_type else answer.text)


def in_json(image: bytes) -> dict[str, str]:
    """The JSON body of an image."""
    return {"image": base64.b64encode(image).decode()}


MULTIPART = "multipart/form-data; boundary=xx"
FILE = '; filename="a.jpg"'


def in_form(name: str, value: bytes, file: str = "") -> bytes:
    """The body of the type MULTIPART with this one part; with FILE it is a file."""
    head = f'--xx\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + value + b"\r\n--xx--\r\n"


def claims(width: int, height: int) -> bytes:
    """A small PNG whose header tells of that many pixels."""
    header = b"IHDR" + struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(chunk) - 4) + chunk + struct.pack(">L", zlib.crc32(chunk))
        for chunk in (header, pixels, b"IEND")
    )


def without_chance(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what differs from request to request."""
    return {name: each for name, each in answer.items() if name not in ("timing_ms", "request_id")}
