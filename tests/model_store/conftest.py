"""Real versions in real folders."""

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_store import FolderStore
from tests.azurite.fixtures import azure, azurite, identity, relay

__all__ = ["azure", "azurite", "identity", "relay"]

FILES = {
    "model.tflite": b"a small network for LiteRT",
    "model.keras": b"the same network for Keras",
    "MODEL_CARD.md": b"# What it is for\n",
}
MANIFEST: dict[str, Any] = {
    "schema_version": 1,
    "name": "chest-xray",
    "version": "1.0",
    "created": "2026-11-23T14:05:00Z",
    "architecture": "mobilenet",
    "files": {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in FILES.items()
    },
    "classes": [
        {"label": "normal", "name": "Normal"},
        {"label": "tuberculosis", "name": "Tuberculosis"},
    ],
    "input": {"size": 224, "channels": 1, "low": 0.0, "high": 255.0},
    "preprocessing": "squash-equalize-1",
    "outputs": {
        "logits": "logits",
        "class_maps": "class_maps",
        "embedding": None,
        "lungs": "lungs",
    },
    "temperature": 1.25,
    "threshold": {"value": 0.5, "coverage": 0.9},
    "gate": {"limits": [1, 2.5], "kind": "energy"},
    "metrics": {"test": {"accuracy": 0.912, "macro_f1": 0.883, "images": 714}},
    "training_data": "sha256:0011",
    "licence": "Research use only",
}

type Make = Callable[..., Path]


@pytest.fixture
def value() -> dict[str, Any]:
    """A manifest as JSON values, to be changed."""
    return copy.deepcopy(MANIFEST)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a version's folder: `make("1.0")` in the store, `make("1.0", elsewhere)` anywhere."""

    def make_version(version: str, parent: Path = tmp_path / "store") -> Path:
        folder = parent / version
        folder.mkdir(parents=True)
        for name, content in FILES.items():
            (folder / name).write_bytes(content)
        (folder / "manifest.json").write_text(json.dumps(MANIFEST | {"version": version}))
        return folder

    return make_version


@pytest.fixture
def store(make: Make, tmp_path: Path) -> FolderStore:
    """A store of the versions 1.0, 2.0 and 3.0, none of them active."""
    for version in ("1.0", "2.0", "3.0"):
        make(version)
    return FolderStore(tmp_path / "store")


@pytest.fixture
def bundled(make: Make, tmp_path: Path) -> Path:
    """A bundled store with version 0.9 active."""
    make("0.9", tmp_path / "bundled")
    (tmp_path / "bundled" / "ACTIVE").write_text("0.9\n")
    return tmp_path / "bundled"
