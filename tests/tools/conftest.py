"""Hosts for the tests: the local host, and one that speaks Azure's own protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hosts import protocol_dir, start_grpc_host, start_host
from tests.tools.running import write_app

__all__ = ["protocol_dir", "start_grpc_host", "start_host"]


@pytest.fixture(scope="module")
def sample_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample app."""
    return write_app(tmp_path_factory.mktemp("app"))
