"""Which model serves, and what health, model and predict say where it is damaged."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
import requests

from model_store.store import BUNDLED, FolderStore
from tests.app.asking import Client
from tests.app.conftest import CopyApp
from tests.tools.running import REPOSITORY, StartHost
from tests.waiting import until

ACTIVE = FolderStore(BUNDLED).active()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of its own with a copy of the bundled version, called `other`."""
    folder = tmp_path / "store"
    ignored = shutil.ignore_patterns("model.keras")
    shutil.copytree(BUNDLED / ACTIVE, folder / "other", ignore=ignored)
    (folder / "ACTIVE").write_text("other\n")
    replace(folder / "other" / "manifest.json", f'"version": "{ACTIVE}"', '"version": "other"')
    return folder


def replace(file: Path, old: str, new: str) -> None:
    """Replace a text that the file has."""
    content = file.read_text()
    assert old in content
    file.write_text(content.replace(old, new))


def damage(network: Path) -> None:
    """Change one byte of a file."""
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 1
    network.write_bytes(content)


def promote_next(store: Path) -> None:
    """Add the version `next`, a copy of `other`, and promote it, in one step as the store does."""
    shutil.copytree(store / "other", store / "next")
    replace(store / "next" / "manifest.json", '"version": "other"', '"version": "next"')
    (store.parent / "ACTIVE").write_text("next\nother\n")
    (store.parent / "ACTIVE").replace(store / "ACTIVE")


def test_nothing_is_loaded_before_the_first_prediction(start_host: StartHost, jpeg: bytes) -> None:
    client = Client(start_host(REPOSITORY))
    assert client.get("/").status_code == 200
    assert client.get("/api/openapi.json").status_code == 200
    starting = {"status": "starting", "model": None, "reason": None, "revision": None}
    assert client.get("/api/health").json() == starting
    assert client.predict(jpeg).status_code == 200
    ready = client.get("/api/health")
    facts = client.get("/api/model").json()
    model = {"name": facts["name"], "version": ACTIVE}
    assert (ready.status_code, ready.json()) == (
        200,
        starting | {"status": "ready", "model": model},
    )
    assert ready.headers["cache-control"] == "no-store"


def test_the_facts_of_the_model_are_those_of_its_manifest(client: Client) -> None:
    facts = client.get("/api/model").json()
    manifest = FolderStore(BUNDLED).manifest()
    assert facts["version"] == ACTIVE
    assert facts["sha256"] == manifest.files["model.tflite"].sha256
    assert facts["classes"] == [
        {"label": "covid19", "name": "COVID-19"},
        {"label": "normal", "name": "Normal"},
        {"label": "pneumonia", "name": "Pneumonia"},
        {"label": "tuberculosis", "name": "Tuberculosis"},
    ]
    assert facts["metrics"] == manifest.metrics
    assert facts["notice"] == "Research use only. Not a medical device; not for diagnosis."


def test_a_store_of_ones_own_serves(start_host: StartHost, store: Path, jpeg: bytes) -> None:
    client = Client(start_host(REPOSITORY, MODEL_STORE=str(store)))
    assert client.answer(jpeg)["model"]["version"] == "other"
    assert client.get("/api/health").json()["status"] == "ready"


def test_the_bundled_version_stands_in_for_a_damaged_store_and_health_says_so(
    start_host: StartHost, store: Path, jpeg: bytes
) -> None:
    damage(store / "other" / "model.tflite")
    client = Client(start_host(REPOSITORY, MODEL_STORE=str(store)))
    assert client.answer(jpeg)["model"]["version"] == ACTIVE
    health = client.get("/api/health")
    assert health.status_code == 200
    assert health.json()["status"] == "degraded"
    assert health.json()["model"]["version"] == ACTIVE
    assert health.json()["reason"] == (
        "other/model.tflite does not have the SHA-256 of its manifest; "
        "copy or export the version anew. "
        f"In its place serves the bundled version {ACTIVE}."
    )
    [degraded] = client.host.events("degraded")
    assert degraded["reason"].startswith("other/model.tflite does not have")


def test_a_degraded_app_recovers_when_its_store_is_mended_and_follows_promotions(
    start_host: StartHost, store: Path, jpeg: bytes
) -> None:
    network = store / "other" / "model.tflite"
    whole = shutil.copy(network, store.parent / "whole")
    damage(network)
    client = Client(start_host(REPOSITORY, MODEL_STORE=str(store), MODEL_REFRESH_SECONDS="1"))
    assert client.answer(jpeg)["model"]["version"] == ACTIVE
    assert client.get("/api/health").json()["status"] == "degraded"

    whole.replace(network)
    until(lambda: client.get("/api/health").json()["status"] == "ready")
    assert client.answer(jpeg)["model"]["version"] == "other"

    promote_next(store)
    until(lambda: client.answer(jpeg)["model"]["version"] == "next")
    assert len(client.host.events("degraded")) == 1
    promoted = [event["model_version"] for event in client.host.events("promoted")]
    assert promoted == ["other", "next"]


def test_without_refreshing_a_promotion_waits_for_a_restart(
    start_host: StartHost, store: Path, jpeg: bytes
) -> None:
    client = Client(start_host(REPOSITORY, MODEL_STORE=str(store), MODEL_REFRESH_SECONDS="0"))
    assert client.answer(jpeg)["model"]["version"] == "other"
    promote_next(store)
    for _ in range(3):
        time.sleep(0.1)
        assert client.answer(jpeg)["model"]["version"] == "other"


def test_it_stands_in_for_a_network_without_the_outputs_of_its_manifest(
    start_host: StartHost, store: Path, jpeg: bytes
) -> None:
    replace(store / "other" / "manifest.json", '"logits": "logits"', '"logits": "scores"')
    client = Client(start_host(REPOSITORY, MODEL_STORE=str(store)))
    assert client.answer(jpeg)["model"]["version"] == ACTIVE
    health = client.get("/api/health").json()
    assert health["status"] == "degraded"
    assert health["reason"].startswith("Version other cannot be loaded: ")
    assert "'scores'" in health["reason"]


class TestWithoutAnyModel:
    @pytest.fixture
    def app(self, copy_app: CopyApp) -> Path:
        """An app whose versions, all bundled, are all damaged."""
        folder = copy_app()
        for network in (folder / "model_store" / "models").glob("*/model.tflite"):
            damage(network)
        return folder

    def test_predict_and_model_are_unavailable_until_it_is_mended(
        self, start_host: StartHost, app: Path, jpeg: bytes
    ) -> None:
        client = Client(start_host(app))
        assert client.get("/api/health").json()["status"] == "starting"
        for answer in (client.predict(jpeg), client.get("/api/model")):
            problem = answer.json()
            assert (answer.status_code, problem["code"]) == (503, "model_unavailable")
            assert answer.headers["retry-after"] == "30"
            assert answer.headers["content-type"] == "application/problem+json"
            assert problem["detail"] == ("The service has no model at the moment; try again later.")
        health = client.get("/api/health")
        assert health.status_code == 503
        assert health.json()["status"] == "unavailable"
        assert health.json()["reason"].startswith("No model can be loaded. ")
        assert client.get("/").status_code == 200

        network = Path("model_store", "models", ACTIVE, "model.tflite")
        shutil.copy(REPOSITORY / network, app / network)
        assert client.predict(jpeg).status_code == 200
        assert client.get("/api/health").json()["status"] == "ready"

    def test_not_even_the_document_is_there_without_a_manifest(
        self, start_host: StartHost, app: Path
    ) -> None:
        for manifest in (app / "model_store" / "models").glob("*/manifest.json"):
            manifest.unlink()
        url = start_host(app).url
        answer = requests.get(f"{url}/api/openapi.json", timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (503, "model_unavailable")
        assert answer.headers["retry-after"] == "30"
