"""The app in hosts, and radiographs to send it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import drawing
from tests.app.asking import Client
from tests.app.worker import RunningWorker, StartWorker
from tests.azurite.fixtures import azure, azurite, identity, relay
from tests.hosts import protocol_dir, start_grpc_host, start_host
from tests.tools.running import REPOSITORY, StartHost

__all__ = [
    "azure",
    "azurite",
    "identity",
    "protocol_dir",
    "relay",
    "start_grpc_host",
    "start_host",
]

# An app folder that may be damaged, and a function that makes one.
type CopyApp = Callable[[], Path]


@pytest.fixture(scope="session")
def chest() -> drawing.Gray:
    """A radiograph of 640 x 560 pixels."""
    return drawing.draw_chest(640, 560, seed=3)


@pytest.fixture(scope="session")
def jpeg(chest: drawing.Gray) -> bytes:
    """The radiograph as JPEG."""
    return drawing.encode_jpeg(chest)


@pytest.fixture(scope="module")
def client(start_host: StartHost) -> Client:
    """The app over HTTP, without keys."""
    return Client(start_host(REPOSITORY))


@pytest.fixture(scope="module")
def start_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartWorker]:
    """Load an app without HTTP: ``start_worker(app_dir, **environment)``, then ``.invoke()``."""
    workers: list[RunningWorker] = []

    def start_one(app_dir: Path, **environment: str) -> RunningWorker:
        log_file = tmp_path_factory.mktemp("log") / "stderr"
        workers.append(RunningWorker(app_dir, log_file, environment))
        return workers[-1]

    yield start_one
    for worker in workers:
        worker.close()


@pytest.fixture
def copy_app(tmp_path: Path) -> CopyApp:
    """Copy what is deployed, to damage it."""

    def copy() -> Path:
        folder = tmp_path / "app"
        ignored = shutil.ignore_patterns("__pycache__", "*.keras")  # 4 MB that are not asked for
        for name in ("inference", "model_store", "web"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
        for name in ("function_app.py", "host.json", "local.settings.json"):
            shutil.copy(REPOSITORY / name, folder)
        return folder

    return copy
