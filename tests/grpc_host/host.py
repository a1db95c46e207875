"""The host: a gRPC server that starts a worker, has it load an app, and invokes its functions.

    with GrpcHost.start(app_dir, protos_folder) as host:
        answer = host.invoke("predict", method="POST", body=image)

The order of messages is that of Azure's host: StartStream, WorkerInit, FunctionsMetadata, a
FunctionLoad for each function, then Invocations.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import grpc

from tests.grpc_host import protocol

REPOSITORY = Path(__file__).resolve().parents[2]
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass(frozen=True)
class Answer:
    """A function's HTTP answer as it came over the wire, and how many bytes the two messages
    had."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_size: int
    response_size: int


class WorkerFailedError(AssertionError):
    """The worker could not load the app, or the function raised: its message and trace."""


@dataclass
class _Stream:
    """One open ``EventStream``: what is to be sent, and who waits for which answer."""

    outgoing: queue.Queue[Any] = field(default_factory=queue.Queue)
    waiting: dict[str, Future[Any]] = field(default_factory=dict)
    opened: Future[Any] = field(default_factory=Future)
    failure: str = ""

    def EventStream(self, incoming: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """The service's one method: runs as long as the worker is connected."""
        context.add_callback(lambda: self.outgoing.put(None))
        threading.Thread(target=self._read, args=[incoming], daemon=True).start()
        yield from iter(self.outgoing.get, None)

    def _read(self, incoming: Iterator[Any]) -> None:
        try:
            for message in incoming:
                if message.WhichOneof("content") == "start_stream":
                    self.opened.set_result(message.start_stream.worker_id)
                elif message.request_id in self.waiting:
                    self.waiting.pop(message.request_id).set_result(message)
        except grpc.RpcError as error:
            self.fail(f"The worker has gone: {error!r}")

    def fail(self, reason: str) -> None:
        """Let nobody wait, now or later, for a worker that will not answer."""
        self.failure = reason
        for future in (self.opened, *list(self.waiting.values())):
            if not future.done():
                future.set_exception(WorkerFailedError(reason))


class GrpcHost:
    """A worker process with an app loaded, and the server that it is connected to."""

    def __init__(
        self,
        protos: ModuleType,
        server: grpc.Server,
        stream: _Stream,
        worker: subprocess.Popen[bytes],
        timeout: float,
    ) -> None:
        self.functions: dict[str, Any] = {}
        self._protos = protos
        self._server = server
        self._stream = stream
        self._worker = worker
        self._timeout = timeout

    @classmethod
    def start(
        cls,
        app_dir: Path,
        protocol_dir: Path,
        environment: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> Self:
        """Start server and worker and load the app. Raises WorkerFailedError."""
        protos = protocol.load(protocol_dir)
        server = grpc.server(ThreadPoolExecutor(4), options=UNLIMITED)
        stream = _Stream()
        protos.add_FunctionRpcServicer_to_server(stream, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        options = {"address": f"127.0.0.1:{port}", "app-dir": app_dir, "protocol": protocol_dir}
        line = [sys.executable, "-m", "tests.grpc_host.worker"]
        line += [f"--{name}={value}" for name, value in options.items()]
        worker = subprocess.Popen(line, cwd=REPOSITORY, env=os.environ | (environment or {}))
        host = cls(protos, server, stream, worker, timeout)
        try:
            threading.Thread(target=host._watch, daemon=True).start()
            stream.opened.result(timeout)
            host._load(app_dir)
        except BaseException:
            host.close()
            raise
        return host

    def invoke(
        self,
        name: str,
        *,
        method: str = "GET",
        url: str = "http://localhost/",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        route_params: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send one request to a function and wait for its answer. Raises WorkerFailedError."""
        protos, function = self._protos, self.functions[name]
        # The host leaves an empty body unset, and sends any other as bytes (RawHttpBodyBytes).
        http = protos.RpcHttp(
            method=method,
            url=url,
            headers=headers or {},
            query=query or {},
            params=route_params or {},
            body=protos.TypedData(bytes=body) if body else None,
        )
        [trigger] = [n for n, b in function.bindings.items() if b.type == "httpTrigger"]
        argument = protos.ParameterBinding(name=trigger, data=protos.TypedData(http=http))
        invocation = protos.InvocationRequest(
            invocation_id=str(uuid.uuid4()),
            function_id=function.function_id,
            input_data=[argument],
        )
        answer = self._ask(invocation_request=invocation)
        response = answer.invocation_response
        self._check(response.result)
        returned = response.return_value.http
        return Answer(
            int(returned.status_code),
            dict(returned.headers),
            returned.body.bytes,
            invocation.ByteSize(),
            answer.ByteSize(),
        )

    def close(self) -> None:
        """End the stream, which ends the worker."""
        self._stream.outgoing.put(None)
        self._server.stop(grace=5).wait()
        try:
            self._worker.wait(10)
        except subprocess.TimeoutExpired:
            self._worker.kill()
            self._worker.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load(self, app_dir: Path) -> None:
        protos = self._protos
        init = protos.WorkerInitRequest(host_version="4", function_app_directory=str(app_dir))
        self._check(self._ask(worker_init_request=init).worker_init_response.result)
        wanted = protos.FunctionsMetadataRequest(function_app_directory=str(app_dir))
        listed = self._ask(functions_metadata_request=wanted).function_metadata_response
        for function in listed.function_metadata_results:
            load = protos.FunctionLoadRequest(function_id=function.function_id, metadata=function)
            self._check(self._ask(function_load_request=load).function_load_response.result)
            self.functions[function.name] = function

    def _watch(self) -> None:
        self._stream.fail(f"The worker ended with {self._worker.wait()}.")

    def _ask(self, **content: Any) -> Any:
        request_id = str(uuid.uuid4())
        answer: Future[Any] = Future()
        self._stream.waiting[request_id] = answer
        if self._stream.failure:
            raise WorkerFailedError(self._stream.failure)
        self._stream.outgoing.put(self._protos.StreamingMessage(request_id=request_id, **content))
        return answer.result(self._timeout)

    def _check(self, result: Any) -> None:
        if result.status != self._protos.StatusResult.Success:
            error = result.exception
            raise WorkerFailedError(f"{error.message}\n{error.stack_trace}")


# GrpcHost.start() with the protocol at hand, closed when the tests of the module are done.
type StartGrpcHost = Callable[..., GrpcHost]
