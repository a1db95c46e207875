"""The web side: an ASGI application that does what Azure's host does before and after the worker.

Where the two are said to agree, the source is Azure/azure-functions-host at the file named.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from tools.local_host.routes import Route, routes_of
from tools.local_host.settings import Cors, HttpSettings
from tools.local_host.worker import FunctionFailed, Request, Response, Worker

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

access = logging.getLogger("tools.local_host.access")
log = logging.getLogger("tools.local_host")

# The server frames the body itself; these headers of a function would contradict it.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})


class BodyTooLarge(Exception):
    """The request has more bytes than the host takes."""


class BodyIncomplete(Exception):
    """The client has gone before it had sent the whole request."""


class Host:
    """Routes, keys, limits and CORS in front of a worker.

    ``key`` None: keys are not asked for, as by the Core Tools. Otherwise ``key`` is the master key,
    which opens functions of every level.
    """

    def __init__(self, worker: Worker, http: HttpSettings, cors: Cors, key: str | None) -> None:
        self.routes = routes_of(worker.functions, http.route_prefix)
        self._worker = worker
        self._http = http
        self._cors = cors
        self._key = key
        self._outstanding = 0
        self._places = asyncio.Semaphore(http.max_concurrent_requests or 2**31)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request and log it without anything that could tell of a patient."""
        started = time.perf_counter()
        headers = _headers(scope["headers"])
        route, parameters = self._find(scope)
        response = _preflight(self._cors, scope["method"], headers)
        try:
            if response is None:
                response = await self._answer(scope, headers, receive, route, parameters)
        except BodyTooLarge:
            response = Response(413)
        except BodyIncomplete:
            response = Response(400)
        except Exception:
            log.exception("The local host failed on a request.")
            response = Response(500)
        await _send(response, [*self._added_headers(headers, response)], send)
        # The template, not the path: a path may carry a patient's number, a query a key.
        access.info(
            "%-7s %-32s %d  %.1f ms",
            scope["method"],
            f"/{route.template}" if route else "(no route)",
            response.status,
            1000 * (time.perf_counter() - started),
        )

    async def _answer(
        self,
        scope: Message,
        headers: dict[str, str],
        receive: Receive,
        route: Route | None,
        parameters: dict[str, str],
    ) -> Response:
        method: str = scope["method"]
        if route is None:
            return self._without_route(scope)
        if method == "HEAD" and not _accepts(route, method):
            return Response(405, (("allow", ", ".join(route.function.methods or ())),))
        query = _query(scope["query_string"])
        if not self._may_call(route, headers, query):
            return Response(401)

        body = await _read_body(receive, headers, self._http.max_body_bytes)
        if body and "content-length" not in headers:
            # GrpcMessageConversionExtensions.ToRpcHttp reads a body only where ContentLength > 0;
            # issue 7930: "Chunked requests are not currently supported".
            log.warning("A chunked body: as in Azure the function receives an empty one.")
            body = b""
        if (limit := self._http.max_outstanding_requests) and self._outstanding >= limit:
            return Response(429)
        request = Request(method, _url(scope, headers), headers, query, parameters, body)
        self._outstanding += 1
        try:
            async with self._places:
                return await self._worker.invoke(route.function.name, request)
        except FunctionFailed as error:
            log.error("%s failed: %s\n%s", route.function.name, error, error.trace)
            return Response(500)
        finally:
            self._outstanding -= 1

    def _find(self, scope: Message) -> tuple[Route | None, dict[str, str]]:
        """The first route that fits path and method.

        HEAD goes to functions that take GET; to others it is a 405, the only one: any other wrong
        method is a 404, as if there were no route (WebScriptHostHttpRoutesManager.cs; issue 10098).
        """
        path = scope["raw_path"].decode("latin-1")
        for route in self.routes:
            if _accepts(route, scope["method"]) or scope["method"] == "HEAD":
                parameters = route.match(path)
                if parameters is not None:
                    return route, parameters
        return None, {}

    def _without_route(self, scope: Message) -> Response:
        if scope["path"] != "/":
            return Response(404)
        if not self._http.home_page:  # HomepageMiddleware.cs
            return Response(204)
        text = "The function app runs. None of its functions has the route of this page.\n"
        return Response(200, (("content-type", "text/plain; charset=utf-8"),), text.encode())

    def _may_call(self, route: Route, headers: dict[str, str], query: dict[str, str]) -> bool:
        if self._key is None or route.function.auth_level == "anonymous":
            return True
        given = headers.get("x-functions-key") or query.get("code", "")
        return hmac.compare_digest(given.encode(), self._key.encode())

    def _added_headers(
        self, headers: dict[str, str], response: Response
    ) -> Iterable[tuple[str, str]]:
        for name, value in self._http.custom_headers.items():
            if response.header(name) is None:  # CustomHttpHeadersMiddleware.cs: TryAdd
                yield name, value
        yield from _cors_headers(self._cors, headers.get("origin"))


def _accepts(route: Route, method: str) -> bool:
    methods = route.function.methods
    return not methods or method in methods or (method == "HEAD" and "GET" in methods)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names; a name that came twice has its values joined, as in ASP.NET Core."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


def _query(raw: bytes) -> dict[str, str]:
    """Parameters by name; several values are joined, empty ones left out, as by ToRpcHttp."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(raw.decode("latin-1")):
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


def _url(scope: Message, headers: dict[str, str]) -> str:
    query = scope["query_string"].decode("latin-1")
    path = scope["raw_path"].decode("latin-1")
    host = headers.get("host", "localhost")
    return f"{scope['scheme']}://{host}{path}{'?' if query else ''}{query}"


async def _read_body(receive: Receive, headers: dict[str, str], limit: int) -> bytes:
    """The whole body. Raises BodyIncomplete, and BodyTooLarge as soon as the size is known."""
    if int(headers.get("content-length", 0)) > limit:
        raise BodyTooLarge
    body = BytesIO()  # grows in place; to join parts would hold everything twice
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyIncomplete
        body.write(message.get("body", b""))
        if body.tell() > limit:
            raise BodyTooLarge
        more = message.get("more_body", False)
    return body.getvalue()


async def _send(response: Response, added: list[tuple[str, str]], send: Send) -> None:
    bodiless = response.status in (204, 304)
    headers = [(k, v) for k, v in response.headers if k.lower() not in _FRAMING]
    if not bodiless:
        headers.append(("content-length", str(len(response.body))))
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers + added],
        }
    )
    await send({"type": "http.response.body", "body": b"" if bodiless else response.body})


def _preflight(cors: Cors, method: str, headers: dict[str, str]) -> Response | None:
    """The answer to a browser's question whether it may send a request, None if it is none."""
    asked = headers.get("access-control-request-method")
    if not cors.origins or method != "OPTIONS" or asked is None:
        return None
    wanted = headers.get("access-control-request-headers", "")
    allowed = [("access-control-allow-methods", asked), ("access-control-allow-headers", wanted)]
    return Response(204, tuple((name, value) for name, value in allowed if value))


def _cors_headers(cors: Cors, origin: str | None) -> Iterable[tuple[str, str]]:
    if origin is None or not ({origin, "*"} & cors.origins):
        return
    if "*" in cors.origins:
        yield "access-control-allow-origin", "*"
        return
    yield "access-control-allow-origin", origin
    yield "vary", "origin"
    if cors.credentials:
        yield "access-control-allow-credentials", "true"
