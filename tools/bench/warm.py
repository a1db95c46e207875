"""A warm answer: a JPEG of 1024 pixels in, JSON with an overlay of 512 pixels out."""

from model_store.progress import progress
from tools.bench.answering import run
from tools.bench.measurement import Measurement, Plan, Row, Spread

BAR = 25.0
TAIL_BAR = 2.0


def measure(plan: Plan) -> Measurement:
    """Fresh processes in turn, each of which gives many answers; the first few are not counted."""
    sides: dict[str, tuple[str, int, tuple[str, ...]]] = {
        "ours": ("tools.bench.ours", plan.answers, ()),
        "keras": ("tools.bench.keras_way", plan.keras_answers, ()),
        "keras_compiled": ("tools.bench.keras_way", plan.answers, ("--compiled",)),
    }
    durations: dict[str, list[float]] = {name: [] for name in sides}
    with progress("warm", plan.rounds * len(sides)) as step:
        for _ in range(plan.rounds):
            for name, (module, answers, options) in sides.items():
                durations[name] += run(module, plan.image, answers, *options).others
                step()
    spreads = {name: Spread.of(values) for name, values in durations.items()}
    ours, keras, compiled = spreads.values()
    ratio = keras.median / ours.median
    tail = ours.p95 / ours.median
    return Measurement(
        {"warm_ratio": ratio},
        (
            Row(
                "warm: image to answer, in the process",
                ours.text("ms", 2),
                keras.text("ms", 1),
                f"{ratio:.1f}x",
                f">= {BAR:g}x",
                ratio >= BAR,
            ),
            Row(
                "  the same, our p95 against our median",
                f"{ours.p95:.2f} ms",
                "",
                f"{tail:.2f}x",
                f"<= {TAIL_BAR:g}x",
                tail <= TAIL_BAR,
            ),
            Row(
                "  the same, Keras compiled by tf.function",
                ours.text("ms", 2),
                compiled.text("ms", 1),
                f"{compiled.median / ours.median:.1f}x",
            ),
        ),
        {name: vars(spread) for name, spread in spreads.items()},
    )
