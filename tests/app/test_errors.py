"""What a request that cannot be answered is told, over HTTP."""

from __future__ import annotations

import base64
from http.client import HTTPConnection
from typing import Any

import numpy as np
import pytest
import requests

from tests import drawing
from tests.app.asking import Client, claims, in_json
from tests.tools.running import REPOSITORY, StartHost

CHEST = drawing.draw_chest(200, 180, seed=5)
JPEG = drawing.encode_jpeg(CHEST)
TEN_MEGABYTES = 10 * 2**20


def refused(client: Client, status: int, code: str, **request: Any) -> dict[str, Any]:
    """Ask, and expect a problem of this status and code."""
    answer = client.predict(request.pop("body", None), **request)
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert problem["type"] == f"urn:problem:{code}"
    assert problem["detail"].endswith(".")
    return problem


class TestNothingToRead:
    @pytest.mark.parametrize(
        "request_",
        [
            {"body": b""},
            {"json": {}},
            {"json": {"image": ""}},
            {"json": {"image": "data:image/png;base64,"}},
            {"files": {"image": ("", b"")}},
        ],
        ids=["no body", "empty object", "empty base64", "empty data URI", "empty field"],
    )
    def test_is_no_image(self, client: Client, request_: dict[str, Any]) -> None:
        refused(client, 400, "no_image", **request_)


class TestAMalformedRequest:
    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("application/json", b'{"image": '),
            ("application/json", b'["image"]'),
            ("application/json", b'{"image": 1}'),
            ("application/json", b'{"image": "/9j/4", "image": "/9j/4"}'),
            ("application/json", b'{"image": "%%%%"}'),
            ("application/json", b'{"picture": "/9j/4AAQ"}'),
            ("multipart/form-data", b"--xx\r\n"),
            ("multipart/form-data; boundary=xx", b"--xx\r\nContent-Disposition: form-data; na"),
        ],
    )
    def test_is_a_bad_request(self, client: Client, content_type: str, body: bytes) -> None:
        refused(client, 400, "bad_request", body=body, headers={"Content-Type": content_type})

    def test_with_two_images_is_one(self, client: Client) -> None:
        two = [("image", ("a.jpg", JPEG)), ("image", ("b.jpg", JPEG))]
        refused(client, 400, "bad_request", files=two)

    def test_is_told_all_that_is_wrong_with_its_parameters(self, client: Client) -> None:
        query = {"explain": "lungs", "overlay": "gif", "size": "12", "force": "maybe", "sise": "9"}
        problem = refused(client, 400, "bad_request", body=JPEG, params=query)
        assert problem["detail"] == (
            "explain is 'lungs'; it takes one of: "
            "predicted, all, none, covid19, normal, pneumonia, tuberculosis. "
            "overlay is 'gif'; it takes one of: jpeg, png. "
            "size is '12'; it takes a whole number from 128 to 1024. "
            "force is 'maybe'; it takes true or false. "
            "'sise' is not a parameter; these are: explain, overlay, size, force."
        )

    @pytest.mark.parametrize("size", ["127", "1025", "512.0", "5e2", "-512", "٥١٢", "9" * 5000])
    def test_has_a_size_out_of_range(self, client: Client, size: str) -> None:
        problem = refused(client, 400, "bad_request", body=JPEG, params={"size": size})
        assert "a whole number from 128 to 1024" in problem["detail"]
        assert len(problem["detail"]) < 200


class TestAnImageThatIsTooLarge:
    @pytest.mark.parametrize("form", ["raw", "form", "json"])
    def test_has_a_byte_too_many(self, client: Client, form: str) -> None:
        most = JPEG + bytes(TEN_MEGABYTES - len(JPEG))
        ways = {
            "raw": lambda image: {"body": image},
            "form": lambda image: {"files": {"image": ("a.jpg", image)}},
            "json": lambda image: {"json": in_json(image)},
        }
        fits = ways[form](most)
        answer = client.predict(fits.pop("body", None), **fits)
        assert answer.status_code == 200
        problem = refused(client, 413, "too_large", **ways[form](most + b"\0"))
        assert problem["detail"] == "10,485,761 bytes came; an image may have 10,485,760."

    def test_never_reaches_the_app_with_twice_the_bytes_and_a_mebibyte(
        self, client: Client
    ) -> None:
        most = 2 * TEN_MEGABYTES + 2**20
        problem = refused(client, 413, "too_large", body=bytes(most))
        assert problem["detail"] == "22,020,096 bytes came; an image may have 10,485,760."
        for method, path in (("POST", "/api/predict"), ("GET", "/api/health"), ("GET", "/")):
            connection = HTTPConnection(client.host.url.removeprefix("http://"), timeout=10)
            # None of it has to be sent: the length is announced.
            connection.request(method, path, headers={"Content-Length": str(most + 1)})
            assert connection.getresponse().status == 413
            connection.close()

    def test_claims_fifty_million_pixels_in_a_small_file(self, client: Client) -> None:
        problem = refused(client, 413, "too_large", body=claims(10_000, 5_000))
        assert problem["detail"] == (
            "The image has 10000 x 5000 pixels; at most 40,000,000 pixels are read."
        )


class TestAFileOfAnotherKind:
    @pytest.mark.parametrize(
        "body", [b"%PDF-1.7\n", b"GIF89a\1\0\1\0", b"<svg/>", b"PK\3\4", b"x", bytes(1000)]
    )
    def test_is_unsupported_whatever_it_calls_itself(self, client: Client, body: bytes) -> None:
        refused(client, 415, "unsupported_media", body=body)
        refused(client, 415, "unsupported_media", body=body, headers={"Content-Type": "image/png"})
        refused(client, 415, "unsupported_media", files={"image": ("chest.jpg", body)})
        text = base64.b64encode(body).decode()
        refused(client, 415, "unsupported_media", json={"image": text})

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "?"]
    )
    def test_may_be_a_body_of_a_type_that_is_not_read(
        self, client: Client, content_type: str
    ) -> None:
        headers = {"Content-Type": content_type}
        problem = refused(client, 415, "unsupported_media", body=JPEG, headers=headers)
        assert "image/jpeg" in problem["detail"]


class TestAnImageThatCannotBeDecoded:
    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(JPEG[: len(JPEG) // 2], id="cut JPEG"),
            pytest.param(drawing.encode_png(CHEST)[:-2000], id="cut PNG"),
            pytest.param(drawing.encode_webp(CHEST)[:-2000], id="cut WebP"),
            pytest.param(drawing.encode_bmp(CHEST)[:-2000], id="cut BMP"),
            pytest.param(drawing.encode_tiff(CHEST)[:2000], id="cut TIFF"),
            pytest.param(drawing.encode_dicom(CHEST)[:-2000], id="cut DICOM"),
            pytest.param(drawing.encode_tiff(CHEST, pages=2), id="two pages"),
            pytest.param(
                drawing.encode_dicom(np.dstack([CHEST] * 3), photometric="RGB"), id="colour DICOM"
            ),
            pytest.param(b"\xff\xd8\xff" + bytes(500), id="JPEG of zeros"),
        ],
    )
    def test_is_undecodable(self, client: Client, body: bytes) -> None:
        refused(client, 422, "undecodable", body=body)


class TestWhatIsNoChestXray:
    @pytest.mark.parametrize(
        ("pixels", "reason"),
        [
            (np.zeros((300, 300), np.uint8), "blank"),
            (np.full((300, 300), 255, np.uint8), "blank"),
            (drawing.draw_chest(63, 200), "too_small"),
        ],
        ids=["black", "white", "small"],
    )
    def test_is_refused_with_the_reason(
        self, client: Client, pixels: drawing.Gray, reason: str
    ) -> None:
        body = drawing.encode_png(pixels)
        problem = refused(client, 422, "not_a_chest_xray", body=body)
        assert reason in problem["reasons"]
        assert "Ask with force" in problem["detail"]


class TestALink:
    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/x.png",
            "http://localhost:7071/api/health",
            "http://169.254.169.254/metadata/instance",
            "http://[::1]/",
            "http://10.0.0.1/",
            "https://user:secret@example.org/x.png",
            "file:///etc/passwd",
            "ftp://example.org/x.png",
            "//example.org/x.png",
        ],
    )
    def test_that_leads_inside_or_is_no_web_link_is_not_followed(
        self, client: Client, url: str
    ) -> None:
        problem = refused(client, 403, "link_forbidden", json={"image_url": url})
        assert problem == refused(
            client, 403, "link_forbidden", files={"image_url": (None, url)}
        ) | {"request_id": problem["request_id"]}

    def test_to_the_service_itself_is_not_followed(self, client: Client) -> None:
        refused(client, 403, "link_forbidden", json={"image_url": client.host.url})

    def test_is_an_unknown_field_where_links_are_switched_off(self, start_host: StartHost) -> None:
        client = Client(start_host(REPOSITORY, ALLOW_LINKS="false"))
        problem = refused(client, 400, "bad_request", json={"image_url": "https://example.org/x"})
        assert problem["detail"].startswith("The body has 'image_url'. It takes image;")

    def test_to_a_host_that_was_not_named_is_not_followed(self, start_host: StartHost) -> None:
        client = Client(start_host(REPOSITORY, LINK_HOSTS="images.example.org"))
        refused(client, 403, "link_forbidden", json={"image_url": "https://example.org/x.png"})


class TestWhatIsNotThere:
    @pytest.mark.parametrize(
        "path",
        ["/nowhere", "/api/nowhere", "/web/index.html", "/function_app.py"],
    )
    def test_is_not_found(self, client: Client, path: str) -> None:
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.headers["content-type"] == "application/problem+json"

    def test_is_an_answer_to_a_browser_that_asks_for_it(self, client: Client) -> None:
        answer = requests.get(f"{client.host.url}/api/predict", timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (405, "wrong_method")
        assert answer.headers["allow"] == "POST"

    @pytest.mark.parametrize("path", ["/../host.json", "/%2e%2e/host.json", "/..%2fhost.json"])
    def test_includes_every_file_outside_of_the_page(self, client: Client, path: str) -> None:
        connection = HTTPConnection(client.host.url.removeprefix("http://"))
        connection.request("GET", path)  # requests would take the dots away
        answer = connection.getresponse()
        assert answer.status == 404
        assert b"routePrefix" not in answer.read()
        connection.close()


@pytest.mark.parametrize(
    ("code", "request_"),
    [
        ("no_image", {"body": b""}),
        ("bad_request", {"body": JPEG, "params": {"size": "12"}}),
        ("link_forbidden", {"json": {"image_url": "http://127.0.0.1/x.png"}}),
        ("too_large", {"body": bytes(12 * 2**20)}),
        ("unsupported_media", {"body": b"GIF89a"}),
        ("undecodable", {"body": JPEG[: len(JPEG) // 2]}),
        ("not_a_chest_xray", {"body": drawing.encode_png(np.full((300, 300), 7, np.uint8))}),
        ("not_found", "/nowhere"),
        ("wrong_method", "/api/predict"),
    ],
)
def test_the_documents_example_is_what_is_answered(
    client: Client, code: str, request_: dict[str, Any] | str
) -> None:
    answer = client.get(request_) if isinstance(request_, str) else client.predict(**request_)
    problem = answer.json()
    examples = {
        name: example["value"]
        for item in client.document["paths"].values()
        for operation in item.values()
        for response in operation["responses"].values()
        for content in response.get("content", {}).values()
        for name, example in content.get("examples", {}).items()
    }
    assert examples[code] == problem | {"request_id": examples[code]["request_id"]}


@pytest.mark.parametrize("host", ["[", "]", "[::1"])
def test_a_host_that_is_none_is_a_bad_request_where_it_is_needed(client: Client, host: str) -> None:
    answer = client.get("/docs", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert client.get("/api/health", headers={"Host": host}).status_code == 200


def test_no_answer_tells_of_the_inside(client: Client) -> None:
    bodies = [b"", b"{", b"GIF89a", JPEG[:500], claims(10_000, 5_000), bytes(2000)]
    for body in bodies:
        for content_type in ("image/jpeg", "application/json", "multipart/form-data; boundary=x"):
            text = client.predict(body, headers={"Content-Type": content_type}).text
            inside = ("Traceback", "Error(", ".py", "PIL", "cv2", str(REPOSITORY))
            assert not any(word in text for word in inside)
