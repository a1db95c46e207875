"""An app in this process, indexed and invoked by the runtime as Azure's worker does it.

    worker = await Worker.start(Path("."))
    response = await worker.invoke("predict", Request("POST", body=image))

The calls and their order are those of Azure's proxy worker (Azure/azure-functions-python-worker,
``workers/proxy_worker/dispatcher.py``): thread pool, worker init (imports and indexes the app),
functions metadata, function load, then one invocation a request.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import azure_functions_runtime as runtime  # type: ignore[import-untyped]

from tools.local_host import messages


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the app; ``route`` and ``methods`` are None where HTTP does not trigger it.

    ``methods`` are upper case, empty for "all". ``auth_level`` is "anonymous", "function" or
    "admin".
    """

    name: str
    id: str
    trigger: str
    argument: str
    route: str | None = None
    methods: tuple[str, ...] | None = None
    auth_level: str = "function"
    queue: str | None = None
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What a function receives. Header names are lower case, as Azure's host makes them."""

    method: str = "GET"
    url: str = "http://localhost/"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    route_params: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What a function answered. A header may come twice (``set-cookie``)."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """What a function receives of a queue: the decoded text, and what the queue says of it."""

    id: str
    text: str
    dequeue_count: int
    pop_receipt: str
    inserted: datetime
    expires: datetime
    next_visible: datetime


class AppFailed(Exception):
    """The app could not be imported or indexed; ``trace`` is the app's own, or ""."""

    def __init__(self, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.trace = trace


class FunctionFailed(Exception):
    """An exception left the function. Azure's host answers it with a bare 500."""

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message)
        self.trace = trace


class Worker:
    """An app that is ready to be invoked, from any number of tasks at once.

    The runtime keeps the app, its functions and the thread pool in module globals, and the app
    itself is an entry of ``sys.modules``: a process runs one app. Tests that need several run them
    in processes of their own.
    """

    def __init__(self, functions: tuple[Function, ...]) -> None:
        self.functions = functions
        self._by_name = {function.name: function for function in functions}

    @classmethod
    async def start(cls, app_dir: Path) -> Self:
        """Import and index the app of a folder, which joins ``sys.path``. Raises AppFailed."""
        app_dir = app_dir.resolve()
        script = app_dir / os.environ.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
        if not script.is_file():
            raise AppFailed(f"There is no {script.name} in {app_dir}.")
        loaded = sys.modules.get(script.stem)
        if loaded is not None and Path(loaded.__file__ or "").resolve() != script:
            raise AppFailed(f"This process already runs the app {loaded.__file__}.")
        if str(app_dir) not in sys.path:
            sys.path.insert(0, str(app_dir))

        runtime.start_threadpool_executor()
        try:
            functions = await _index(app_dir, script.name)
        except BaseException:
            runtime.stop_threadpool_executor()
            raise
        return cls(functions)

    async def invoke(self, name: str, request: Request) -> Response:
        """Run one function on one request. Raises KeyError for an unknown name, FunctionFailed."""
        headers = request.headers
        value = await self._invoke(
            name,
            _http(request),
            trace_parent=headers.get("traceparent", ""),
            trace_state=headers.get("tracestate", ""),
        )
        return _response(value)

    async def deliver(self, name: str, message: QueueMessage) -> None:
        """Run one function on one message. Raises KeyError for an unknown name, FunctionFailed."""
        metadata = {
            "Id": messages.TypedData(string=message.id),
            "DequeueCount": messages.TypedData(json=str(message.dequeue_count)),
            "PopReceipt": messages.TypedData(string=message.pop_receipt),
            "InsertionTime": messages.TypedData(string=message.inserted.isoformat()),
            "ExpirationTime": messages.TypedData(string=message.expires.isoformat()),
            "NextVisibleTime": messages.TypedData(string=message.next_visible.isoformat()),
        }
        await self._invoke(name, messages.TypedData(string=message.text), metadata)

    async def _invoke(
        self,
        name: str,
        argument: messages.TypedData,
        metadata: Mapping[str, messages.TypedData] | None = None,
        *,
        trace_parent: str = "",
        trace_state: str = "",
    ) -> messages.TypedData | None:
        function = self._by_name[name]
        answer = await runtime.invocation_request(
            _message(
                invocation_request=SimpleNamespace(
                    invocation_id=str(uuid.uuid4()),
                    function_id=function.id,
                    input_data=[messages.ParameterBinding(function.argument, argument)],
                    trigger_metadata=metadata or {},
                    trace_context=SimpleNamespace(
                        trace_parent=trace_parent or _new_trace_parent(),
                        trace_state=trace_state,
                        attributes={},
                    ),
                    retry_context=SimpleNamespace(
                        retry_count=0, max_retry_count=0, exception=messages.RpcException()
                    ),
                )
            )
        )
        if answer.result.status != messages.StatusResult.Success:
            raise FunctionFailed(
                answer.result.exception.message, answer.result.exception.stack_trace
            )
        value: messages.TypedData | None = answer.return_value
        return value

    async def close(self) -> None:
        """Wait for the functions that still run, then end the thread pool."""
        await asyncio.to_thread(runtime.stop_threadpool_executor)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _index(app_dir: Path, script: str) -> tuple[Function, ...]:
    started = await runtime.worker_init_request(
        _message(
            worker_init_request=SimpleNamespace(
                capabilities={}, function_app_directory=str(app_dir)
            )
        )
    )
    if started.result.status != messages.StatusResult.Success:
        error = started.result.exception
        # To an ImportError the runtime appends advice on Azure and the whole of sys.path.
        message = error.message.split(" Cannot find module. Please check")[0]
        # Of a wrong setting the message says all: where the app has read it helps nobody.
        trace = "" if message.startswith("SettingsError: ") else error.stack_trace
        raise AppFailed(f"{script} could not be loaded: {message}", trace)
    if "HttpUri" in started.capabilities:
        raise AppFailed(f"{script} uses HTTP streaming, which the local host does not speak.")

    listed = await runtime.functions_metadata_request(_message())
    functions = tuple(_function(metadata) for metadata in listed.function_metadata_results or ())
    if not functions:
        raise AppFailed(f"{script} defines no functions.")
    for function in functions:
        await runtime.function_load_request(
            _message(function_load_request=SimpleNamespace(function_id=function.id))
        )
    return functions


def _message(**content: object) -> SimpleNamespace:
    """A StreamingMessage the way the proxy worker wraps it for the runtime."""
    return SimpleNamespace(
        request=SimpleNamespace(**content), properties={"host": "127.0.0.1", "protos": messages}
    )


def _function(metadata: messages.RpcFunctionMetadata) -> Function:
    bindings = [json.loads(raw) for raw in metadata.raw_bindings]
    trigger = next(b for b in bindings if b["type"].lower().endswith("trigger"))
    function = Function(metadata.name, metadata.function_id, trigger["type"], trigger["name"])
    if trigger["type"] == "queueTrigger":
        queue, connection = trigger["queueName"], trigger.get("connection") or ""
        return replace(function, queue=queue, connection=connection)
    if trigger["type"] != "httpTrigger":
        return function
    return Function(
        function.name,
        function.id,
        function.trigger,
        function.argument,
        # In Azure too an empty route means the function's name (WebScriptHostHttpRoutesManager.cs).
        route=trigger.get("route", "").strip() or function.name,
        methods=tuple(method.upper() for method in trigger.get("methods", ())),
        auth_level=trigger.get("authLevel", "function").lower(),
    )


def _http(request: Request) -> messages.TypedData:
    # Without a body Azure's host leaves the field unset; with one it sends bytes, whatever the
    # content type, because the Python worker has the capability RawHttpBodyBytes.
    body = messages.TypedData(bytes=request.body) if request.body else messages.TypedData()
    return messages.TypedData(
        http=messages.RpcHttp(
            method=request.method,
            url=request.url,
            headers=request.headers,
            params=request.route_params,
            query=request.query,
            body=body,
        )
    )


def _response(value: messages.TypedData | None) -> Response:
    if value is None:
        return Response(204)
    if value.http is None:
        return Response(200, (("content-type", "text/plain; charset=utf-8"),), _payload(value))
    cookies = [("set-cookie", _set_cookie(cookie)) for cookie in value.http.cookies or ()]
    return Response(
        int(value.http.status_code),
        (*value.http.headers.items(), *cookies),
        _payload(value.http.body),
    )


def _payload(value: messages.TypedData) -> bytes:
    if value.bytes is not None:
        return value.bytes
    return (value.string or value.json or "").encode()


def _set_cookie(cookie: messages.RpcHttpCookie) -> str:
    parts = [f"{cookie.name}={cookie.value}"]
    if cookie.expires:
        parts.append(f"expires={formatdate(cookie.expires.value.seconds, usegmt=True)}")
    if cookie.max_age:
        parts.append(f"max-age={cookie.max_age.value:.0f}")
    if cookie.domain and cookie.domain.value:
        parts.append(f"domain={cookie.domain.value}")
    if cookie.path and cookie.path.value:
        parts.append(f"path={cookie.path.value}")
    if cookie.secure and cookie.secure.value:
        parts.append("secure")
    if same_site := {1: "lax", 2: "strict", 3: "none"}.get(cookie.same_site):
        parts.append(f"samesite={same_site}")
    if cookie.http_only and cookie.http_only.value:
        parts.append("httponly")
    return "; ".join(parts)


def _new_trace_parent() -> str:
    """W3C Trace Context, version 00, not sampled."""
    return f"00-{uuid.uuid4().hex}-{secrets.token_hex(8)}-00"
