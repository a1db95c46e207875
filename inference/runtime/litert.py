"""LiteRT: one forward pass gives logits, embedding and the class maps of all classes."""

import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager

from ai_edge_litert.interpreter import Interpreter

from inference.runtime import Activations, Array
from model_store.manifest import Outputs


class LiteRTRuntime:
    """A pool of interpreters: one is not safe across threads, and a few are enough for all cores."""

    name = "litert"

    def __init__(self, content: bytes, outputs: Outputs, *, threads: int = 1) -> None:
        """Open the first interpreter now, so that a broken model fails here; others when needed.

        Args:
            content: A `model.tflite`.
            outputs: What the network calls its `logits`, `class_maps`, `embedding` and, if it has them,
                `lungs`.
            threads: How many threads one pass may use.

        Raises:
            ValueError: LiteRT does not take the model, or the model lacks one of the outputs.
        """
        self._content, self._outputs, self._threads = content, outputs, threads
        self._idle: queue.LifoQueue[_Network | None] = queue.LifoQueue()
        for _ in range(max(1, (os.cpu_count() or 1) // threads) - 1):
            self._idle.put(None)
        first = self._open()
        has = first.outputs
        for output, name in vars(outputs).items():
            if name not in has and (output, name) != ("lungs", None):
                raise ValueError(f"The network has no output {name!r}; it has: {', '.join(has)}.")
        self._idle.put(first)

    def run(self, batch: Array) -> Activations:
        with self._network() as network:
            found = network.run(batch)
        class_maps = found[self._outputs.class_maps][0]
        lungs = self._outputs.lungs
        return Activations(
            logits=found[self._outputs.logits][0],
            embedding=found[self._outputs.embedding][0],
            class_map=lambda number: class_maps[:, :, number],
            lungs=found[lungs][0] if lungs else None,
        )

    def _open(self) -> "_Network":
        return _Network(self._content, self._threads)

    @contextmanager
    def _network(self) -> Iterator["_Network"]:
        network = self._idle.get()
        try:
            network = network or self._open()
            yield network
        finally:
            self._idle.put(network)


class _Network:
    """One interpreter, its tensors by the names that the model's signature gives them.

    Setting and getting tensors by hand spares what `SignatureRunner` does on each call: 0.1 ms.
    """

    def __init__(self, content: bytes, threads: int) -> None:
        self._interpreter = Interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        signature = self._interpreter.get_signature_runner()
        self._image = signature.get_input_details()["image"]["index"]
        self.outputs = {
            name: tensor["index"] for name, tensor in signature.get_output_details().items()
        }

    def run(self, batch: Array) -> dict[str | None, Array]:
        self._interpreter.set_tensor(self._image, batch)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index) for name, index in self.outputs.items()}
