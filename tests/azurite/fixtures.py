"""Fixtures for the ``conftest.py`` of whichever folder needs a store in Azure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.azurite.identity import IdentityEndpoint
from tests.azurite.relay import Relay
from tests.azurite.server import Azurite, missing


def _there_or_skip() -> None:
    if reason := missing():
        (pytest.fail if os.environ.get("STRICT") == "1" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite over HTTP, opened by its key. Where it is not installed: skipped; STRICT=1: failed."""
    _there_or_skip()
    server = Azurite.start(tmp_path_factory.mktemp("azurite"))
    yield server
    server.stop()


@dataclass(frozen=True)
class Azure:
    """Azurite over HTTPS, opened by tokens, as Azure is; `authority` is whom clients must trust."""

    server: Azurite
    authority: Path


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """Azurite as Azure is: HTTPS and tokens."""
    import trustme

    _there_or_skip()
    folder = tmp_path_factory.mktemp("azure")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(folder / "certificate.pem", append=True)
    options = ("--oauth", "basic", "--cert", "certificate.pem", "--key", "key.pem")
    server = Azurite.start(folder, *options, scheme="https")
    yield Azure(server, folder / "authority.pem")
    server.stop()


@pytest.fixture(scope="session")
def azure_queue(azure: Azure, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """The queue service beside it, with the same certificate."""
    folder = tmp_path_factory.mktemp("queue")
    there = azure.authority.parent
    certificate = ("--cert", str(there / "certificate.pem"), "--key", str(there / "key.pem"))
    server = Azurite.start(
        folder, "--oauth", "basic", *certificate, scheme="https", service="queue"
    )
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
