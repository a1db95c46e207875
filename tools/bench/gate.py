"""What the gate adds to a request: a look at the picture, and the probe of what the pass has computed."""

import time

from inference.decoding import decode
from inference.gate import Gate, evidence, look
from inference.gradients import gradients
from inference.pixel_budget import PixelBudget
from inference.preprocessing import preprocess
from inference.runtime import open_runtime
from inference.settings import Settings
from model_store.progress import progress
from model_store.store import open_store
from tools.bench.measurement import Measurement, NotMeasured, Plan, Row, Spread

BAR = 1.0


def measure(plan: Plan) -> Measurement:
    """Time both on the same image, again and again, without the rest of the answer."""
    settings = Settings.from_environment()
    model = open_store(settings.model_store).open(settings.model_version, (settings.model_file,))
    manifest = model.manifest
    if manifest.gate is None:
        raise NotMeasured(f"Version {manifest.version} has no gate.")
    gate = Gate.from_manifest(manifest.gate)
    budget = PixelBudget(settings.max_image_pixels)
    data = plan.image.read_bytes()
    radiograph = decode(data, max_pixels=settings.max_image_pixels, budget=budget)
    batch = preprocess(radiograph.pixels, manifest.input)
    activations = open_runtime(model, settings).run(batch)
    looks, probes = [], []
    with progress("gate", plan.overhead_answers) as step:
        for _ in range(plan.overhead_answers):
            started = time.perf_counter()
            look(radiograph)
            looked = time.perf_counter()
            gate.judge(evidence(gradients(batch, manifest.input), activations))
            looks.append(1000 * (looked - started))
            probes.append(1000 * (time.perf_counter() - looked))
            step()
    total = Spread.of([sum(each) for each in zip(looks, probes, strict=True)])
    return Measurement(
        {"gate_ms": total.median},
        (
            Row(
                "gate: added to a request",
                total.text("ms", 2),
                result=f"{total.median:.2f} ms",
                bar=f"<= {BAR:g} ms",
                met=total.median <= BAR,
            ),
        ),
        {"look": vars(Spread.of(looks)), "probe": vars(Spread.of(probes))},
    )
