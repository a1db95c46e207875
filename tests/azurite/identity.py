"""Tokens as Azurite takes them, and the endpoint at which an app in Azure asks for its own."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from azure.core.credentials import AccessToken

HEADER = "known-to-the-app-alone"


def token(audience: str = "https://storage.azure.com") -> AccessToken:
    """A token that nobody has signed: Azurite looks at its claims only."""
    now = int(time.time())
    claims = {
        "aud": audience,
        "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
    }
    parts = [json.dumps(part).encode() for part in ({"typ": "JWT", "alg": "RS256"}, claims)]
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, b"none")]
    return AccessToken(".".join(encoded), claims["exp"])


class Identity:
    """A credential for Azure's clients that has such tokens."""

    def __init__(self, audience: str = "https://storage.azure.com") -> None:
        self._audience = audience

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token, whatever it is for."""
        return token(self._audience)


class IdentityEndpoint:
    """What App Service has at IDENTITY_ENDPOINT; `asked` are the queries of those it answered."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.headers.get("X-IDENTITY-HEADER") != HEADER:
                    self._send(401, {"statusCode": 401, "message": "Unauthorized"})
                    return
                asked.append(dict(parse_qsl(urlsplit(self.path).query)))
                given = token()
                content = {
                    "access_token": given.token,
                    "expires_on": str(given.expires_on),
                    "resource": "https://storage.azure.com",
                    "token_type": "Bearer",
                }
                self._send(200, content)

            def _send(self, status: int, content: dict[str, Any]) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What Azure sets for an app that has an identity."""
        return {
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}/msi/token",
            "IDENTITY_HEADER": HEADER,
            "AZURE_CLIENT_ID": "6f1b0b0e-0000-4000-8000-00000000c1d0",
        }

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
