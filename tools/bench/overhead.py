"""A whole answer against the three calls that it cannot do without, in the same loop."""

import base64
import json
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from inference.caveats import caveats
from inference.course import Course
from inference.decoding import decode
from inference.gate import Verdict
from inference.lungs import lung_mask, lung_share
from inference.overlay import JPEG_QUALITY
from inference.pixel_budget import PixelBudget
from inference.preprocessing import preprocess
from inference.reduction import reduction
from inference.runtime import open_runtime
from inference.service import Service
from inference.settings import Settings
from model_store.progress import progress
from model_store.store import open_store
from tools.bench.measurement import QUERY, Measurement, Plan, Row, Spread

BAR = 1.3
#: Milliseconds that lung share and warnings may add.
TRUST_BAR = 3.0

#: As `inference.pictures` asks for a JPEG of each reduction.
_SCALES = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


def measure(plan: Plan) -> Measurement:
    """Answer, then decode, run and encode the same image with nothing around them, in turn."""
    data = plan.image.read_bytes()
    service = Service(Settings.from_environment())
    answer = _answer(service, data)
    answer()
    calls: dict[str, Callable[[], Any]] = {
        "total": answer,
        "trust": _trust(service, data),
        **_bare(service, data),
    }
    durations: dict[str, list[float]] = {name: [] for name in calls}
    steps: dict[str, list[float]] = {}
    with progress("overhead", plan.overhead_answers) as step:
        for _ in range(plan.overhead_answers):
            for name, call in calls.items():
                started = time.perf_counter()
                result = call()
                durations[name].append(1000 * (time.perf_counter() - started))
                if name == "total":
                    for key, value in json.loads(result)["timing_ms"].items():
                        steps.setdefault(key, []).append(value)
            step()
    total, trust = Spread.of(durations.pop("total")), Spread.of(durations.pop("trust"))
    bare = Spread.of([sum(each) for each in zip(*durations.values(), strict=True)])
    ratio = total.median / bare.median
    return Measurement(
        {"overhead_ratio": ratio},
        (
            Row(
                "overhead: answer against decode + run + encode",
                total.text("ms", 2),
                f"(bare) {bare.text('ms', 2)}",
                f"{ratio:.2f}x",
                f"<= {BAR:g}x",
                ratio <= BAR,
            ),
            Row(
                "  lung share and warnings in it",
                trust.text("ms", 3),
                bar=f"<= {TRUST_BAR:g} ms",
                met=trust.median <= TRUST_BAR,
            ),
        ),
        {
            "total": vars(total),
            "bare": vars(bare),
            "trust": vars(trust),
            "bare_ms": {name: Spread.of(values).median for name, values in durations.items()},
            "steps_ms": {name: Spread.of(values).median for name, values in steps.items()},
        },
    )


def _answer(service: Service, data: bytes) -> Callable[[], bytes]:
    return lambda: service.answer(None, data, QUERY, Course("bench")).to_bytes()


def _trust(service: Service, data: bytes) -> Callable[[], object]:
    """What `inference.pipeline` does for the share of heat in the lungs and for the warnings.

    Where the model draws no lungs, two rectangles stand for them.
    """
    settings = service.settings
    model = open_store(settings.model_store).open(
        settings.model_version, files=(settings.model_file,)
    )
    budget = PixelBudget(settings.max_image_pixels)
    radiograph = decode(data, max_pixels=settings.max_image_pixels, budget=budget)
    spec, verdict = model.manifest.input, Verdict(None, None, ())
    found = open_runtime(model, settings).run(preprocess(radiograph.pixels, spec))
    class_map, drawn = found.class_map(int(found.logits.argmax())), found.lungs
    if drawn is None or lung_mask(drawn) is None:
        drawn = np.zeros(class_map.shape, np.float32)
        rows, columns = drawn.shape
        drawn[rows // 6 : -rows // 6, columns // 8 : 3 * columns // 8] = 1
        drawn[rows // 6 : -rows // 6, 5 * columns // 8 : 7 * columns // 8] = 1

    def call() -> tuple[str, ...]:
        lungs = lung_mask(drawn)
        heat = class_map.clip(min=0)
        share = None if lungs is None else lung_share(heat, lungs)
        return caveats(
            verdict, radiograph, size=spec.size, lungs_found=lungs is not None, lung_share=share
        )

    return call


def _bare(service: Service, data: bytes) -> dict[str, Callable[[], object]]:
    """The least that the libraries have to do: no checks, no preprocessing, input already set."""
    settings = service.settings
    model = open_store(settings.model_store).open(settings.model_version)
    interpreter = Interpreter(
        model_content=model.read("model.tflite"), num_threads=settings.runtime_threads
    )
    interpreter.allocate_tensors()
    encoded = np.frombuffer(data, np.uint8)
    flags = cv2.IMREAD_IGNORE_ORIENTATION | _SCALES[reduction(*Image.open(BytesIO(data)).size)]
    pixels = cv2.imdecode(encoded, flags)
    batch = preprocess(pixels, model.manifest.input)  # type: ignore[arg-type]
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], batch)
    # The finished picture itself: PNG loses nothing.
    report = service.answer(None, data, {**QUERY, "overlay": "png"}, Course("bench")).to_json()
    png = base64.b64decode(report["explanations"][0]["base64"])
    picture: Any = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return {
        "decode": lambda: cv2.imdecode(encoded, flags),
        "run": interpreter.invoke,
        "encode": lambda: cv2.imencode(".jpg", picture, options),
    }
