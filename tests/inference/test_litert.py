"""LiteRT: as exact in sixteen threads as in one, and as small."""

import gc
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from inference.preprocessing import preprocess
from inference.runtime.litert import LiteRTRuntime
from model_store.manifest import Outputs
from tests.drawing import draw_chest


@pytest.fixture(scope="module")
def batches(bundled):
    """Inputs of sixteen drawn chests."""
    return [preprocess(draw_chest(256, 256, seed), bundled.manifest.input) for seed in range(16)]


def values(runtime, batch):
    """Everything that one pass finds, as one row."""
    found = runtime.run(batch)
    maps = [found.class_map(number).ravel() for number in range(len(found.logits))]
    return np.concatenate([found.logits, found.embedding, *maps])


def test_sixteen_threads_find_exactly_what_one_finds(bundled, batches):
    runtime = LiteRTRuntime(bundled.read("model.tflite"), bundled.manifest.outputs)
    alone = [values(runtime, batch) for batch in batches]
    assert len({row.tobytes() for row in alone}) == len(batches)
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda batch: values(runtime, batch), batches * 16))
    for number, row in enumerate(together):
        np.testing.assert_array_equal(row, alone[number % len(batches)])


def test_what_was_found_stays_when_the_network_runs_again(litert, batches):
    first = litert.run(batches[0])
    before = first.logits.copy(), first.embedding.copy(), first.class_map(0).copy()
    litert.run(batches[1])
    for now, then in zip((first.logits, first.embedding, first.class_map(0)), before, strict=True):
        np.testing.assert_array_equal(now, then)


def interpreters() -> int:
    gc.collect()
    return sum(isinstance(each, Interpreter) for each in gc.get_objects())


@pytest.mark.parametrize("threads", [1, 2, 16])
def test_there_are_never_more_interpreters_than_cores_for_them(threads, bundled, batches):
    before = interpreters()
    content, outputs = bundled.read("model.tflite"), bundled.manifest.outputs
    runtime = LiteRTRuntime(content, outputs, threads=threads)
    assert interpreters() == before + 1
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(runtime.run, batches * 4))
    assert interpreters() <= before + max(1, (os.cpu_count() or 1) // threads)


def test_a_pass_that_fails_does_not_cost_an_interpreter(bundled, batches):
    runtime = LiteRTRuntime(bundled.read("model.tflite"), bundled.manifest.outputs)
    expected = values(runtime, batches[0])
    for _ in range((os.cpu_count() or 1) + 1):
        with pytest.raises(ValueError, match="type"):
            runtime.run(batches[0].astype(np.float64))
    np.testing.assert_array_equal(values(runtime, batches[0]), expected)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"not a network",
        lambda content: content[: len(content) // 2],
        lambda content: bytes(100) + content[100:],
    ],
    ids=["empty", "text", "truncated", "zeroed head"],
)
def test_a_broken_network_is_refused_when_it_is_opened(damage, bundled):
    content = damage(bundled.read("model.tflite"))
    with pytest.raises(ValueError, match=r"\w"):
        LiteRTRuntime(content, bundled.manifest.outputs)


def test_a_network_without_the_outputs_that_its_manifest_names_is_refused(bundled):
    outputs = Outputs(logits="logits", class_maps="maps", embedding="embedding")
    with pytest.raises(ValueError, match=r"no output 'maps'; it has: .*class_maps"):
        LiteRTRuntime(bundled.read("model.tflite"), outputs)
