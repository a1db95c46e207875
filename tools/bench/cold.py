"""From the start of the process to the first answer with Grad-CAM, seen from outside."""

from model_store.progress import progress
from tools.bench.answering import run
from tools.bench.local_host import first_answer
from tools.bench.measurement import Measurement, Plan, Row, Spread

BAR = 10.0


def measure(plan: Plan) -> Measurement:
    """Fresh processes in turn. The files are in memory, as one run of each is not counted."""
    ours, keras, host = [], [], []
    rounds = plan.rounds + 1
    with progress("cold", 3 * rounds) as step:
        for _ in range(rounds):
            ours.append(run("tools.bench.ours", plan.image, 0).first)
            step()
            keras.append(run("tools.bench.keras_way", plan.image, 0).first)
            step()
            host.append(first_answer(plan.image.read_bytes()))
            step()
    spreads = {
        name: Spread.of(values[1:])
        for name, values in (("ours", ours), ("keras", keras), ("local_host", host))
    }
    ratio = spreads["keras"].median / spreads["ours"].median
    through_host = spreads["keras"].median / spreads["local_host"].median
    keras_text = spreads["keras"].text("s", 2)
    return Measurement(
        {"cold_ratio": ratio},
        (
            Row(
                "cold: start of the process to first answer",
                spreads["ours"].text("s", 2),
                keras_text,
                f"{ratio:.1f}x",
                f">= {BAR:g}x",
                ratio >= BAR,
            ),
            Row(
                "  the same through the local host, over HTTP",
                spreads["local_host"].text("s", 2),
                keras_text,
                f"{through_host:.1f}x",
            ),
        ),
        {name: vars(spread) for name, spread in spreads.items()},
    )
