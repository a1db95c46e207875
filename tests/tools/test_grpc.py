"""An invocation over Azure's own protocol: real messages on a real socket, between two
processes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.grpc_host.host import GrpcHost, StartGrpcHost, WorkerFailedError
from tests.tools.running import write_app


@pytest.fixture(scope="module")
def host(start_grpc_host: StartGrpcHost, sample_app: Path) -> GrpcHost:
    return start_grpc_host(sample_app, PYTHON_THREADPOOL_THREAD_COUNT="4")


def test_the_worker_lists_the_functions_of_the_app(host: GrpcHost) -> None:
    assert {"hello", "later", "echo", "boom"} <= set(host.functions)


def test_eight_megabytes_reach_the_function_and_come_back_unchanged(host: GrpcHost) -> None:
    body = os.urandom(8 * 2**20)
    answer = host.invoke("echo", method="POST", headers={"content-type": "image/png"}, body=body)
    assert answer.status == 200
    assert answer.body == body
    # Twice gRPC's own limit of 4 MiB a message, so that a limit left in place would show.
    assert answer.request_size > 8 * 2**20 < answer.response_size


def test_an_asynchronous_function_answers(host: GrpcHost) -> None:
    assert host.invoke("later").body == b"later 36"


def test_query_route_parameters_and_headers_arrive(host: GrpcHost) -> None:
    assert host.invoke("hello", query={"name": "Ada"}).body == b"hello Ada"
    assert host.invoke("items", route_params={"number": "7"}).body == b"[('number', '7')]"
    answer = host.invoke("headers", headers={"x-question": "why?"})
    assert (answer.status, answer.body) == (418, b"why?")
    assert answer.headers["X-Answer"] == "yes"


def test_four_synchronous_invocations_run_at_the_same_time(host: GrpcHost) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: host.invoke("together").body, range(4))
    assert list(answers) == [b"together"] * 4


def test_a_function_that_raises_is_reported_with_its_trace(host: GrpcHost) -> None:
    with pytest.raises(WorkerFailedError) as raised:
        host.invoke("boom")
    assert str(raised.value).startswith("RuntimeError: the reason for the log\nTraceback")


def test_an_app_that_cannot_be_imported_is_reported(
    start_grpc_host: StartGrpcHost, tmp_path: Path
) -> None:
    with pytest.raises(WorkerFailedError, match="No module named 'no_such_module'"):
        start_grpc_host(write_app(tmp_path, "import no_such_module"))
