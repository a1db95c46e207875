"""Fixtures of the archive's tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.archive.cloud import Cloud, start_app
from tests.azurite.fixtures import azure, azure_queue, azurite, identity, relay
from tests.azurite.identity import IdentityEndpoint
from tests.azurite.server import Azure, Azurite

__all__ = ["azure", "azure_queue", "azurite", "identity", "relay"]

type StartApp = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def cloud(
    azure: Azure,
    azure_queue: Azurite,
    identity: IdentityEndpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> Cloud:
    """An account without messages."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure.authority))
    return Cloud.open(azure, azure_queue, identity)


@pytest.fixture
def app(cloud: Cloud, tmp_path: Path) -> Iterator[StartApp]:
    """Start the app with that account; it is stopped when the test is done."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**options: object) -> subprocess.Popen[bytes]:
        environment = cloud.environment | options.pop("environment", {})  # type: ignore[operator]
        started.append(start_app(environment, tmp_path / "app.log", **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()
