"""The page at / and its files."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import requests

from tests.app.asking import Client
from tests.tools.running import REPOSITORY

WEB = REPOSITORY / "web"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
FILES = sorted(path.name for path in WEB.iterdir())
#: An absolute address in quotation marks or url(): what a script or a style sheet would load.
ELSEWHERE = re.compile(r"""["'`(]\s*((?:https?|wss?):)?//[^/\s]""")


class Loaded(HTMLParser):
    """Collects the addresses that a browser loads by itself, and what the page has inline."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag != "a":
            loads = ("src", "srcset", "href", "data", "poster")
            self.addresses += [given[name] or "" for name in loads if name in given]
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)


@pytest.fixture(scope="module")
def page(client: Client) -> Loaded:
    loaded = Loaded()
    loaded.feed(client.get("/").text)
    return loaded


def test_the_page_is_at_the_root(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Research use only. Not a medical device; not for diagnosis." in answer.text
    assert client.get("/index.html").content == answer.content


@pytest.mark.parametrize("name", FILES)
def test_each_of_its_files_comes_whole_with_its_type(client: Client, name: str) -> None:
    answer = client.get(f"/{name}")
    assert answer.status_code == 200
    assert answer.content == (WEB / name).read_bytes()
    assert answer.headers["content-type"] == MEDIA_TYPES["." + name.rpartition(".")[2]]


@pytest.mark.parametrize("path", ["/", *(f"/{name}" for name in FILES)])
def test_no_browser_may_frame_it_guess_its_type_or_load_from_elsewhere(
    client: Client, path: str
) -> None:
    headers = client.get(path).headers
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert not any(word in " ".join(policy.values()) for word in ("unsafe", "http", "*"))
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", *(f"/{name}" for name in FILES)])
def test_a_browser_that_has_it_asks_anew_and_gets_no_body(client: Client, path: str) -> None:
    whole = client.get(path)
    etag = whole.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{64}"', etag)
    assert whole.headers["cache-control"] == "no-cache"
    for known in (etag, f"W/{etag}", f'"0", {etag}'):
        answer = client.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert "content-length" not in answer.headers
        for name in ("etag", "cache-control", "content-security-policy"):
            assert answer.headers[name] == whole.headers[name]
    for other in ('"0"', etag.strip('"')[:-1], ""):
        answer = client.get(path, headers={"If-None-Match": other})
        assert (answer.status_code, answer.content) == (200, whole.content)


def test_each_of_its_files_has_an_etag_of_its_own(client: Client) -> None:
    assert len({client.get(f"/{name}").headers["etag"] for name in FILES}) == len(FILES)


def test_everything_that_it_loads_is_there(client: Client, page: Loaded) -> None:
    addresses = [each for each in page.addresses if not each.startswith("data:")]
    assert {address.rpartition("/")[2] for address in addresses} & set(FILES)
    for address in addresses:
        assert client.get("/" + address.lstrip("/")).status_code == 200, address


def test_it_has_nothing_inline_that_its_policy_would_block(page: Loaded) -> None:
    assert page.inline == []


@pytest.mark.parametrize("name", FILES)
def test_none_of_its_files_loads_anything_from_elsewhere(page: Loaded, name: str) -> None:
    assert not any(re.match("(https?:)?//", address) for address in page.addresses)
    if not name.endswith(".html"):
        text = (WEB / name).read_text().replace("http://www.w3.org/2000/svg", "")
        assert ELSEWHERE.search(text) is None


def test_all_of_its_files_together_are_at_most_60_kb() -> None:
    assert sum((WEB / name).stat().st_size for name in FILES) <= 60 * 1024


def test_a_head_request_gets_its_headers_only(client: Client) -> None:
    answer = requests.head(client.host.url, timeout=30)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str((WEB / "index.html").stat().st_size)


def test_the_page_for_developers_is_asked_for_anew_each_time(client: Client) -> None:
    assert client.get("/docs").headers["cache-control"] == "no-cache"
