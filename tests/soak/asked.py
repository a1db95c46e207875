"""What is asked of the service: pictures of many sizes and formats, errors, hostile files, the page."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from tools.bench.bodies import at_the_limits, typical

#: Out of a thousand requests: so many radiographs, hostile files, other routes, and what is as
#: large as it may be.
SHARES = {"radiograph": 640, "hostile": 300, "route": 57, "limit": 3}

#: Most go on behind the gate, which refuses most of what is drawn by code.
_QUERIES = (
    "",
    "?force=true",
    "?explain=all&size=256&force=true",
    "?overlay=png&size=128&force=true",
    "?explain=none&force=true",
)


@dataclass(frozen=True)
class Asked:
    """A request; one name always means the same request, and so has the same answer."""

    name: str
    method: str
    path: str
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""


def everything() -> dict[str, list[Asked]]:
    """All requests by their kind."""
    queries = itertools.cycle(_QUERIES)
    return {
        "radiograph": [
            _predict(body.name, body.data, body.media_type, query)
            for body in typical()
            for query in _QUERIES
        ],
        "limit": [
            _predict(f"limit: {body.name}", body.data, body.media_type, "?force=true")
            for body in at_the_limits(40)
        ],
        "hostile": [
            _predict(name, data, "application/octet-stream", next(queries))
            for name, data in _hostile_files()
        ]
        + list(_hostile_requests()),
        "route": [
            Asked(path, "GET", path)
            for path in ("/", "/api/health", "/api/model", "/api/openapi.json", "/nowhere", "/%00")
        ],
    }


def _predict(name: str, body: bytes, content_type: str, query: str = "") -> Asked:
    return Asked(f"{name} {query}", "POST", f"/api/predict{query}", body, content_type)


def _hostile_files() -> list[tuple[str, bytes]]:
    from tests.hostile.corpus import families, files

    return [(f"{name}: {file.name}", file.data) for name in families() for file in files(name)]


def _hostile_requests() -> list[Asked]:
    form = "multipart/form-data; boundary=x"
    field = b'--x\r\nContent-Disposition: form-data; name="image"'
    bodies = {
        "no boundary": ("multipart/form-data", field),
        "endless headers": (form, b"--x\r\n" + b"X: y\r\n" * 100_000),
        "thousands of fields": (form, (field + b"\r\n\r\nx\r\n") * 5_000 + b"--x--"),
        "a field name of a megabyte": (form, field[:-6] + b"n" * 2**20 + b'"\r\n\r\nx\r\n--x--'),
        "a form cut off": (form, field + b'; filename="a"\r\n\r\nx'),
        "JSON in JSON": ("application/json", b"[" * 9_000),
        "a JSON bomb": ("application/json", b"[[]" + b",[]" * 1_000_000 + b"]"),
        "a number of a megabyte": ("application/json", b'{"image":' + b"9" * 2**20 + b"}"),
        "a name twice": ("application/json", b'{"image":"AA","image":"AA"}'),
        "no JSON": ("application/json", b"\xff\xfe{}"),
        "a link inside": ("application/json", b'{"image_url":"http://127.0.0.1/"}'),
        "a link to metadata": ("application/json", b'{"image_url":"http://169.254.169.254/"}'),
        "another type": ("text/html", b"<html>"),
        "nothing": ("image/png", b""),
        "a byte too many": ("image/png", bytes(10 * 2**20 + 1)),
    }
    asked = [_predict(name, body, kind) for name, (kind, body) in bodies.items()]
    for query in ("?size=9", "?explain=%00", "?%ff=%fe", "?size=" + "9" * 3000, "?a=1&b=2&c=3"):
        asked.append(_predict("query", b"\xff\xd8\xff", "image/jpeg", query))
    return asked
