"""A running app and a store in Azure: promotions, and a network that fails, under load.

Times are printed (pytest -s); a machine that does other things as well must not fail a test.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from model_store.store import BUNDLED, FolderStore
from tests import drawing
from tests.app.asking import Client
from tests.azurite.identity import Identity, IdentityEndpoint
from tests.azurite.relay import Relay
from tests.azurite.server import Azure
from tests.tools.running import REPOSITORY, StartHost
from tests.waiting import until

ACTIVE = FolderStore(BUNDLED).active()
CLIENTS = 16
REFRESH = 1
JPEG = drawing.encode_jpeg(drawing.draw_chest(300, 260, seed=3))


@dataclass(frozen=True)
class Cloud:
    """A container with the versions `one` and `two`, the relay through which the app sees it."""

    store: Any
    relay: Relay
    environment: dict[str, str]


@pytest.fixture
def cloud(
    azure: Azure, identity: IdentityEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cloud]:
    """A store of which `one` is active, and what an app is told of it."""
    from azure.storage.blob import ContainerClient

    from model_store.blob import BlobStore

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure.authority))
    name = f"c{uuid.uuid4().hex}"
    url = azure.server.url(name)
    ContainerClient.from_container_url(url, Identity()).create_container()
    store = BlobStore(url, Identity())
    for version in ("one", "two"):
        folder = tmp_path / "trained" / version
        folder.mkdir(parents=True)
        shutil.copy(BUNDLED / ACTIVE / "model.tflite", folder)
        manifest = json.loads((BUNDLED / ACTIVE / "manifest.json").read_text())
        manifest["files"] = {"model.tflite": manifest["files"]["model.tflite"]}
        (folder / "manifest.json").write_text(json.dumps(manifest | {"version": version}))
        store.add(folder)
    store.promote("one")
    relay = Relay(azure.server.port)
    (tmp_path / "temporary").mkdir()
    environment = identity.environment | {
        "MODEL_STORE": azure.server.url(name, relay.port),
        "MODEL_REFRESH_SECONDS": str(REFRESH),
        "TMPDIR": str(tmp_path / "temporary"),
    }
    yield Cloud(store, relay, environment)
    relay.close()


@dataclass
class Load:
    """What clients were answered: versions by the time of their answers, and all that was no 200."""

    versions: list[tuple[float, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    over: bool = False

    def first(self, version: str, since: float) -> float:
        """When a version was answered for the first time after `since`; waits for it."""
        return until(
            lambda: next((t for t, v in list(self.versions) if v == version and t > since), 0.0)
        )


@contextmanager
def load(url: str) -> Iterator[Load]:
    """Sixteen clients that keep asking as long as the block lasts."""
    seen = Load()

    def keep_asking(_: int) -> None:
        with requests.Session() as session:
            while not seen.over:
                try:
                    answer = session.post(
                        f"{url}/api/predict?explain=none&force=true", data=JPEG, timeout=60
                    )
                    if answer.status_code == 200:
                        version = answer.json()["model"]["version"]
                        seen.versions.append((time.monotonic(), version))
                    else:
                        seen.failed.append(f"{answer.status_code} {answer.text[:300]}")
                except requests.RequestException as error:
                    seen.failed.append(repr(error))
                time.sleep(0.1)

    with ThreadPoolExecutor(CLIENTS) as pool:
        asking = [pool.submit(keep_asking, number) for number in range(CLIENTS)]
        try:
            yield seen
        finally:
            seen.over = True
        for each in asking:
            each.result()


def health_in_the_end(client: Client, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What /api/health says when it fits, or after a minute."""
    deadline = time.monotonic() + 60
    while not fits(state := client.get("/api/health").json()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return state


def test_a_promotion_is_live_without_a_restart_and_without_a_failed_request(
    start_host: StartHost, cloud: Cloud
) -> None:
    client = Client(start_host(REPOSITORY, **cloud.environment))
    assert client.answer(JPEG, force="true")["model"]["version"] == "one"
    waits = []
    with load(client.host.url) as seen:
        seen.first("one", 0)
        for version in ("two", "one", "two"):
            cloud.store.promote(version)
            promoted = time.monotonic()
            waits.append(seen.first(version, promoted) - promoted)
        cloud.store.rollback()
        seen.first("one", time.monotonic())
    assert seen.failed == []
    state = client.get("/api/health").json()
    assert (state["status"], state["model"]["version"]) == ("ready", "one")
    assert "Traceback" not in client.host.log()
    print(
        f"\npromotion to live at {CLIENTS} clients, refresh {REFRESH} s: "
        f"{', '.join(f'{wait:.2f} s' for wait in waits)}; {len(seen.versions)} answers, 0 failed"
    )


def test_no_request_fails_while_the_store_dies_ten_times(
    start_host: StartHost, cloud: Cloud
) -> None:
    client = Client(start_host(REPOSITORY, **cloud.environment))
    assert client.answer(JPEG, force="true")["model"]["version"] == "one"
    with load(client.host.url) as seen:
        for number in range(10):
            version = ("two", "one")[number % 2]
            cloud.store.promote(version)
            time.sleep(0.13 * number % 1)  # at another moment of a refresh each time
            cloud.relay.kill()
            time.sleep(0.6)
            cloud.relay.revive()
        began = time.monotonic()
        recovered = seen.first("one", began) - began  # promoted before the last of them
        cloud.store.promote("two")
        seen.first("two", began + recovered)
    assert seen.failed == []
    state = health_in_the_end(client, lambda state: state["status"] == "ready")
    assert (state["status"], state["reason"]) == ("ready", None)
    assert "Traceback" not in client.host.log()
    print(f"\nten kills: {len(seen.versions)} answers, 0 failed; live again in {recovered:.2f} s")


def test_an_app_that_starts_without_its_store_answers_and_recovers(
    start_host: StartHost, cloud: Cloud
) -> None:
    cloud.relay.kill()
    client = Client(start_host(REPOSITORY, **cloud.environment))
    began = time.monotonic()
    assert client.answer(JPEG, force="true")["model"]["version"] == ACTIVE
    print(f"\nfirst answer without the store: {time.monotonic() - began:.1f} s")
    state = client.get("/api/health").json()
    assert state["status"] == "degraded"
    assert state["reason"] == (
        "The store cannot be read: it does not answer. "
        f"In its place serves the bundled version {ACTIVE}."
    )
    cloud.relay.revive()
    state = health_in_the_end(client, lambda state: state["status"] == "ready")
    assert (state["status"], state["model"]["version"]) == ("ready", "one")
    assert client.answer(JPEG, force="true")["model"]["version"] == "one"


def test_a_store_that_hangs_does_not_hold_a_request_for_long(
    start_host: StartHost, cloud: Cloud
) -> None:
    client = Client(start_host(REPOSITORY, **cloud.environment))
    assert client.answer(JPEG, force="true")["model"]["version"] == "one"
    cloud.relay.pause = 60
    cloud.store.promote("two")
    with load(client.host.url) as seen:
        time.sleep(3)
    assert seen.failed == []
    assert {version for _, version in seen.versions} == {"one"}
    longest = max(b - a for (a, _), (b, _) in zip(seen.versions, seen.versions[1:], strict=False))
    print(f"\na store that hangs: {len(seen.versions)} answers, longest gap {longest:.2f} s")
    cloud.relay.kill()  # who is being kept waiting, too
    cloud.relay.revive()
    state = health_in_the_end(client, lambda state: (state["model"] or {})["version"] == "two")
    assert (state["status"], state["model"]["version"]) == ("ready", "two")
