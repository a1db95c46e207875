"""The worker: a gRPC client that hands the host's messages to ``azure-functions-runtime``.

Run as a program, as Azure starts its own: it opens the stream, says who it is, and answers every
request with what the runtime's handler for it returns. It does what Azure's proxy worker does
(Azure/azure-functions-python-worker, ``workers/proxy_worker/dispatcher.py``), which is not
published as a package: ``azure-functions-worker`` on PyPI ended in 2020 with Python 3.8.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime
import grpc
import grpc.aio

from tests.grpc_host import protocol

# Azure's worker sets both to its grpc_max_msg_len, -1: as long as need be.
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

# What arrives, and the field of the answer: both named as in FunctionRpc.proto.
_HANDLERS: dict[str, tuple[Callable[[Any], Awaitable[Any]], str]] = {
    "worker_init_request": (runtime.worker_init_request, "worker_init_response"),
    "functions_metadata_request": (
        runtime.functions_metadata_request,
        "function_metadata_response",
    ),
    "function_load_request": (runtime.function_load_request, "function_load_response"),
    "invocation_request": (runtime.invocation_request, "invocation_response"),
}


async def serve(address: str, app_dir: Path, protos: ModuleType) -> None:
    """Work for the host at ``address`` until it ends the stream."""
    sys.path.insert(0, str(app_dir))
    answers: asyncio.Queue[Any] = asyncio.Queue()
    start = protos.StartStream(worker_id="worker")
    answers.put_nowait(protos.StreamingMessage(start_stream=start))

    async def sent() -> AsyncIterator[Any]:
        while True:
            yield await answers.get()

    async def answer(message: Any) -> None:
        handle, field = _HANDLERS[message.WhichOneof("content")]
        request = SimpleNamespace(request=message, properties={"host": address, "protos": protos})
        content = {field: await handle(request)}
        await answers.put(protos.StreamingMessage(request_id=message.request_id, **content))

    runtime.start_threadpool_executor()
    try:
        async with grpc.aio.insecure_channel(address, options=UNLIMITED) as channel:
            stream = protos.FunctionRpcStub(channel).EventStream(sent())
            async with asyncio.TaskGroup() as tasks:
                async for message in stream:
                    tasks.create_task(answer(message))
    finally:
        runtime.stop_threadpool_executor()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--app-dir", type=Path, required=True)
    parser.add_argument("--protocol", type=Path, required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.address, given.app_dir, protocol.load(given.protocol)))
