"""One service, asked over HTTP."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests


class Unexpected(Exception):
    """The service did not do what it has to; the text says what it did instead."""


@dataclass(frozen=True)
class Service:
    """Where it is, and the key with which it is asked; connections are kept open."""

    url: str
    key: str | None = None
    timeout: float = 60
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    def __post_init__(self) -> None:
        """A key must not be readable on its way.

        Raises:
            ValueError: It would be: the address is neither https:// nor this machine's.
        """
        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
            raise ValueError(f"{self.url} is not https://; only this machine is asked without it.")

    def get(self, path: str) -> requests.Response:
        """GET.

        Raises:
            Unexpected: There is no answer at all.
        """
        return self._ask("GET", path)

    def predict(
        self,
        body: bytes,
        media_type: str = "application/octet-stream",
        *,
        force: bool = False,
        with_key: bool = True,
    ) -> requests.Response:
        """POST to predict.

        Raises:
            Unexpected: There is no answer at all.
        """
        headers = {"content-type": media_type}
        if self.key and with_key:
            headers["x-functions-key"] = self.key
        params = {"force": "true"} if force else {}
        return self._ask("POST", "/api/predict", data=body, headers=headers, params=params)

    def _ask(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(
                method,
                self.url.rstrip("/") + path,
                timeout=self.timeout,
                allow_redirects=False,
                **options,
            )
        except requests.RequestException as error:
            raise Unexpected(f"{method} {path}: no answer ({type(error).__name__}).") from error


def json_of(response: requests.Response, status: int, media_type: str) -> Any:
    """The JSON of an answer that has to have this status and media type.

    Raises:
        Unexpected: It is another answer.
    """
    found = response.headers.get("content-type", "").partition(";")[0]
    if (response.status_code, found) != (status, media_type):
        raise Unexpected(
            f"{response.status_code} {found or 'without a type'} instead of {status} {media_type}: "
            f"{response.text[:200]!r}"
        )
    try:
        return response.json()
    except ValueError as error:
        raise Unexpected(f"The answer is no JSON: {response.text[:200]!r}") from error
