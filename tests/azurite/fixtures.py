"""Fixtures for the ``conftest.py`` of whichever folder needs a store in Azure."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.azurite.identity import IdentityEndpoint
from tests.azurite.relay import Relay
from tests.azurite.server import Azure, Azurite, missing


def there_or_skip() -> None:
    """Where Azurite is not installed, a test that calls this is skipped; STRICT=1: failed."""
    if reason := missing():
        (pytest.fail if os.environ.get("STRICT") == "1" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite over HTTP, opened by its key. Where it is not installed: skipped; STRICT=1: failed."""
    there_or_skip()
    server = Azurite.start(tmp_path_factory.mktemp("azurite"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """Azurite as Azure is: HTTPS and tokens."""
    there_or_skip()
    account = Azure.start(tmp_path_factory.mktemp("azure"))
    yield account
    account.server.stop()


@pytest.fixture(scope="session")
def azure_queue(azure: Azure, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """The queue service beside it, with the same certificate."""
    server = azure.start_queue(tmp_path_factory.mktemp("queue"))
    yield server
    server.stop()


@pytest.fixture
def relay(azurite: Azurite) -> Iterator[Relay]:
    """A relay in front of Azurite over HTTP."""
    relay = Relay(azurite.port)
    yield relay
    relay.close()


@pytest.fixture(scope="session")
def identity() -> Iterator[IdentityEndpoint]:
    """The endpoint at which an app in Azure asks for tokens."""
    endpoint = IdentityEndpoint()
    yield endpoint
    endpoint.close()
