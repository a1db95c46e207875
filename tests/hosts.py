"""Fixtures that start hosts, for the ``conftest.py`` of whichever folder needs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.grpc_host import protocol
from tests.grpc_host.host import GrpcHost, StartGrpcHost
from tests.tools.running import REPOSITORY, RunningHost, StartHost, start


@pytest.fixture(scope="module")
def start_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartHost]:
    """Start a local host: ``start_host(app_dir, *options, **environment)``."""
    hosts: list[RunningHost] = []

    def start_one(app_dir: Path, *options: str, **environment: str) -> RunningHost:
        log_file = tmp_path_factory.mktemp("log") / "stderr"
        hosts.append(start(app_dir, *options, log_file=log_file, **environment))
        return hosts[-1]

    yield start_one
    for host in hosts:
        if host.process.poll() is None:
            host.stop()


@pytest.fixture(scope="session")
def protocol_dir() -> Path:
    """The fetched protocol. Without a package index its tests are skipped; STRICT=1: they fail."""
    try:
        return protocol.fetch(REPOSITORY / "build" / "protocol")
    except protocol.ProtocolUnavailableError as error:
        reason = f"Azure's protocol could not be fetched: {error}"
        if os.environ.get("STRICT") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def start_grpc_host(protocol_dir: Path) -> Iterator[StartGrpcHost]:
    """Load an app over gRPC: ``start_grpc_host(app_dir, **environment)``, then
    ``.invoke(name)``."""
    hosts: list[GrpcHost] = []

    def start_one(app_dir: Path, **environment: str) -> GrpcHost:
        hosts.append(GrpcHost.start(app_dir, protocol_dir, environment))
        return hosts[-1]

    yield start_one
    for host in hosts:
        host.close()
