"""LiteRT against Keras: the same network, the same input, the same answer."""

import os
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from inference.classification import Classification, classify
from inference.preprocessing import preprocess
from inference.runtime.litert import LiteRTRuntime
from inference.settings import Settings
from model_store.progress import progress
from model_store.store import open_store
from tools.bench.measurement import Measurement, NotMeasured, Plan, Row
from tools.radiographs import draw

BAR = 2e-3


def measure(plan: Plan) -> Measurement:
    """Compare the calibrated probabilities of every image, and the class that comes out."""
    count, images = _images(plan)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    settings = Settings.from_environment()
    model = open_store(settings.model_store).open(
        settings.model_version, files=("model.tflite", "model.keras")
    )
    manifest = model.manifest
    network = keras.models.load_model(model.path("model.keras"), compile=False)
    runtime = LiteRTRuntime(model.read("model.tflite"), manifest.outputs)

    def classified(logits: npt.NDArray[np.float32]) -> Classification:
        return classify(
            logits, temperature=manifest.temperature, threshold=manifest.threshold.value
        )

    differences, others = [], 0
    with progress("parity", count) as step:
        for pixels in images:
            batch = preprocess(pixels, manifest.input)
            ours = classified(runtime.run(batch).logits)
            keras_way = classified(np.asarray(network(batch, training=False))[0])
            differences.append(float(np.abs(ours.probabilities - keras_way.probabilities).max()))
            others += ours.number != keras_way.number
            step()
    worst = max(differences)
    source = "of the test split" if plan.data else "drawn"
    return Measurement(
        {"parity_max_abs": worst},
        (
            Row(
                f"parity: LiteRT against Keras on {count:,} images {source}",
                f"{worst:.1e}",
                "",
                f"{others} in another class",
                f"<= {BAR:g}, 0",
                worst <= BAR and others == 0,
            ),
        ),
        {
            "images": count,
            "source": source,
            "other_class": others,
            "mean": float(np.mean(differences)),
        },
    )


def _images(plan: Plan) -> tuple[int, Iterator[npt.NDArray[np.uint8]]]:
    """How many, and their gray values one after the other."""
    if plan.data is None:
        sizes = ((512, 512), (1024, 1024), (1200, 1000), (300, 420))
        return plan.drawn, (
            draw(*sizes[seed % len(sizes)], seed=seed) for seed in range(plan.drawn)
        )
    from training.data import DataError, of_split, read_dataset, read_pixels

    try:
        examples = of_split(read_dataset(plan.data), "test")
    except DataError as error:
        raise NotMeasured(str(error)) from error
    if not examples:
        raise NotMeasured(f"{plan.data} has no test split.")
    return len(examples), map(read_pixels, examples)
