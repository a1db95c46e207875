"""The network, run by LiteRT or by TensorFlow behind one protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from inference.settings import Settings
    from model_store.model import Model

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Activations:
    """What one pass of the network has found in one radiograph."""

    #: One score a class before the softmax, float32 [classes].
    logits: Array
    #: Mean of the last features over positions, float32 [features].
    embedding: Array
    #: Class number → Grad-CAM before its ReLU, float32 [rows, columns], up to a positive factor that is
    #: the same for all classes.
    class_map: Callable[[int], Array]
    #: Probability to be lung, float32 [rows, columns], on the class maps' grid; None: the network has none.
    lungs: Array | None = None


class Runtime(Protocol):
    """Runs one model; safe to call from several threads."""

    name: str

    def run(self, batch: Array) -> Activations:
        """Run float32 [1, size, size, channels] through the network."""
        ...


def open_runtime(model: "Model", settings: "Settings") -> Runtime:
    """Open the model with the runtime that the settings name; only that one is imported."""
    content = model.read(settings.model_file)
    if settings.inference_runtime == "tensorflow":
        from inference.runtime.tensorflow import TensorFlowRuntime

        return TensorFlowRuntime(content, lungs=model.manifest.outputs.lungs)
    from inference.runtime.litert import LiteRTRuntime

    return LiteRTRuntime(content, model.manifest.outputs, threads=settings.runtime_threads)
