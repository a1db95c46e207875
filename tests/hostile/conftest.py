"""The app in a host of its own, for strangers to ask."""

from __future__ import annotations

import pytest

from tests.app.asking import Client
from tests.app.conftest import copy_app
from tests.hosts import start_host
from tests.tools.running import REPOSITORY, StartHost

__all__ = ["copy_app", "start_host"]


@pytest.fixture(scope="module")
def client(start_host: StartHost) -> Client:
    """The app over HTTP, without keys."""
    return Client(start_host(REPOSITORY))
