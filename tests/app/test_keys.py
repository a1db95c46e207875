"""Function keys, as Azure asks for them."""

from __future__ import annotations

import pytest

from tests.app.asking import Client
from tests.tools.running import REPOSITORY, StartHost

KEY = "s3cret"


@pytest.fixture(scope="module")
def guarded(start_host: StartHost) -> Client:
    """The app behind a key."""
    return Client(start_host(REPOSITORY, "--enable-auth", "--key", KEY))


@pytest.mark.parametrize(
    "given", [{}, {"headers": {"x-functions-key": "wrong"}}, {"params": "code="}]
)
def test_predict_is_a_bare_401_without_the_key(guarded: Client, given: dict, jpeg: bytes) -> None:
    answer = guarded.predict(jpeg, **given)
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize(
    "given", [{"headers": {"x-functions-key": KEY}}, {"params": {"code": KEY, "explain": "none"}}]
)
def test_predict_opens_to_the_key_in_a_header_or_the_query(
    guarded: Client, given: dict, jpeg: bytes
) -> None:
    assert guarded.predict(jpeg, **given).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/page.js", "/api/model", "/api/health", "/api/openapi.json"]
)
def test_everything_else_is_open(guarded: Client, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_predict_is_open_where_the_setting_says_so(start_host: StartHost, jpeg: bytes) -> None:
    client = Client(start_host(REPOSITORY, "--enable-auth", PREDICT_AUTH="anonymous"))
    assert client.predict(jpeg).status_code == 200
    assert "401" not in client.document["paths"]["/api/predict"]["post"]["responses"]
