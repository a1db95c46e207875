"""Any content type and body → `read_image`, any query → `read_options`: a value or a ServiceError."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import werkzeug.formparser  # noqa: F401  # `reading` imports it too late to be instrumented

from inference.errors import ServiceError
from inference.reading import Link, Options, Upload, read_image, read_options

LIMIT = 4_000
LABELS = ("covid19", "normal", "pneumonia", "tuberculosis")
#: The first byte of an input chooses one; the last of them takes a line of the input itself.
TYPES = (
    "multipart/form-data; boundary=x", "application/json", "image/jpeg", "multipart/form-data",
    "multipart/form-data; boundary*=utf-8''x; charset=utf-16", None,
)  # fmt: skip
WORDS = (
    b"--x\r\n", b"--x--\r\n", b'Content-Disposition: form-data; name="image"',
    b'; filename="a"', b"; filename*=utf-8''%e2%82%ac", b"Content-Type: ", b"\r\n\r\n",
    b'name="image_url"', b"Content-Transfer-Encoding: base64", b"Content-Length: 99999999999",
    b'{"image":', b'{"image_url":', b'"data:image/png;base64,', b"\\ud800", b"\\u0000", b"NaN",
    b"1e999", b"[[[[[[[[", b"multipart/form-data; boundary=", b"charset=", b"explain=all", b"size=",
    b"overlay=png", b"force=true", b"%ff", b"https://", b"\xef\xbb\xbf", b"\xff\xfe",
)  # fmt: skip


def seeds() -> list[bytes]:
    """A body of each kind, good and bad."""
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
    link = b'--x\r\nContent-Disposition: form-data; name="image_url"\r\n\r\nhttps://a.example/\r\n'
    bodies = [
        (0, head + b"Content-Type: image/png\r\n\r\nAAAA\r\n--x--\r\n"),
        (0, link + b"--x--\r\n"),
        (0, head + b"\r\nA\r\n" + head + b"\r\nB\r\n--x--"),
        (0, head + b"X: y\r\n" * 50),
        (1, json.dumps({"image": "AAAA"}).encode()),
        (1, json.dumps({"image_url": "https://a.example/x.png"}).encode()),
        (1, b'{"image": "data:image/png;base64,AAAA", "image": "AAAA"}'),
        (1, b"[" * 500),
        (1, json.dumps({"image": "AA=A"}).encode("utf-16")),
        (2, b"\xff\xd8\xff"),
        (5, b"application/json; charset=utf-8\n" + b"{}"),
        (5, b"explain=all&size=512&overlay=png&force=true&code=k\n" + b"x"),
    ]
    return [bytes([number]) + body for number, body in bodies]


def run(data: bytes) -> None:
    """Read; anything but an upload, a link, options or a ServiceError is a finding."""
    if not data:
        return
    content_type, body = TYPES[data[0] % len(TYPES)], data[1:]
    if content_type is None:
        line, _, body = body.partition(b"\n")
        content_type = line.decode("latin-1")
        _options(content_type)
    for links in (True, False):
        try:
            image = read_image(content_type, body, max_bytes=LIMIT, links=links)
        except ServiceError as error:
            _check(error, (400, 413, 415))
            continue
        assert isinstance(image, Upload | Link)
        if isinstance(image, Upload):
            assert 0 < len(image.data) <= LIMIT
        else:
            assert links
            assert 0 < len(image.url) <= 4096


def _options(query: str) -> None:
    try:
        options = read_options(dict(parse_qsl(query, max_num_fields=None)), LABELS)
    except ServiceError as error:
        _check(error, (400,))
        return
    assert isinstance(options, Options)
    assert 128 <= options.size <= 1024


def _check(error: ServiceError, statuses: tuple[int, ...]) -> None:
    assert error.status in statuses
    assert len(error.detail) < 5_000
