"""Real models for the tests of inference: the bundled one, and a small one that knows nothing."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.decoding import decode
from inference.pixel_budget import PixelBudget
from inference.runtime.litert import LiteRTRuntime
from model_store import Model, open_store
from tests.drawing import Gray, draw_chest

type MakeStore = Callable[..., Path]


@pytest.fixture(scope="session")
def bundled() -> Model:
    """The bundled version that is active, with its files for both runtimes."""
    return open_store("bundled").open(files=("model.tflite", "model.keras"))


@pytest.fixture(scope="session")
def litert(bundled: Model) -> LiteRTRuntime:
    """The bundled network, run by LiteRT."""
    return LiteRTRuntime(bundled.read("model.tflite"), bundled.manifest.outputs)


@pytest.fixture(scope="session")
def tensorflow(bundled: Model) -> Any:
    """The bundled network, run by TensorFlow."""
    from inference.runtime.tensorflow import TensorFlowRuntime

    return TensorFlowRuntime(bundled.read("model.keras"))


@pytest.fixture(scope="session")
def keras_model(bundled: Model) -> Any:
    """The bundled network as Keras loads it."""
    import keras

    return keras.models.load_model(bundled.path("model.keras"), compile=False)


@pytest.fixture(scope="session")
def drawn() -> list[Gray]:
    """Drawn chests of several shapes."""
    shapes = ((512, 512), (640, 480), (400, 560), (256, 256), (1500, 1200))
    return [draw_chest(width, height, seed) for seed, (width, height) in enumerate(shapes)]


@pytest.fixture(scope="session")
def real(shared: Path) -> list[Gray]:
    """Forty real radiographs of the test split, of every class and source."""
    folder = shared / "cxr"
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    budget = PixelBudget(40_000_000)
    return [
        decode((folder / row["path"]).read_bytes(), max_pixels=40_000_000, budget=budget).pixels
        for row in rows[:: len(rows) // 40][:40]
    ]


@pytest.fixture
def make_store(tmp_path: Path, bundled: Model) -> MakeStore:
    """Make a store in a folder: `make_store("1.0", preprocessing="other")` makes version 1.0 active.

    A version is the bundled one with other facts in its manifest, and with `content` in the place of
    its files if that is given, for which the bundled one's gate means nothing.
    """

    def make(version: str, content: dict[str, bytes] | None = None, **facts: Any) -> Path:
        from model_store.manifest import FileRecord

        folder = tmp_path / "store" / version
        folder.mkdir(parents=True)
        manifest = json.loads(bundled.manifest.to_json()) | {"version": version} | facts
        if content is None:
            shutil.copy(bundled.folder / "model.tflite", folder)
            manifest["files"] = {"model.tflite": manifest["files"]["model.tflite"]}
        else:
            manifest["gate"] = facts.get("gate")
            manifest["files"] = {name: vars(FileRecord.of(data)) for name, data in content.items()}
            for name, data in content.items():
                (folder / name).write_bytes(data)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        active = folder.parent / "ACTIVE"
        before = active.read_text() if active.exists() else ""
        active.write_text(f"{version}\n{before}")
        return folder.parent

    return make


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities at temperature 1, written once more so as not to test the code by itself."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    return exponentials / exponentials.sum()
