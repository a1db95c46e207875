"""Fit the gate's probe, and let the gate judge what it was not fitted on.

The probe is a linear discriminant analysis of the network's embedding and `inference.gradients`. Nothing that
was compared did better (Mahalanobis distance, nearest neighbours, logistic regression; features of the middle
of the network, maps of the lungs), and it is solved in closed form: see `training/RESULTS.md`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from tqdm import tqdm

from inference.gate import FRONTAL, Gate, Verdict, evidence, look, reason_of
from inference.gradients import gradients
from inference.preprocessing import InputSpec, as_input, preprocess
from inference.radiograph import Radiograph
from inference.reasons import PASSES
from inference.runtime import Runtime
from training.augmentation import Augmentation, Chest, augment
from training.data import Example, of_split, read_radiograph
from training.evaluators.gate import Judged
from training.negatives import pictures_of, probe_kind, side_by_side, turned

#: The share of the validation split's chest X-rays that may be refused, and that may be called near the edge.
REFUSED, NEAR_EDGE = 0.003, 0.02

#: Other hospitals' films are cut, exposed and stored otherwise; the gate is to let them pass.
VARIETY = Augmentation(identity=0.0, zoom=0.25, resolution=0.6, erasing=0.1)

#: How far the covariance is drawn towards that of independent features, and the score that the median
#: radiograph of the validation split gets; the rest is too sure of itself.
_SHRINKAGE, _MEDIAN_SCORE = 0.1, 0.999


@dataclass(frozen=True)
class Collected:
    """Features of n pictures beside what they are.

    `features` is float32 [n, features]; `kinds` are the probe's; `sources` says where a radiograph was
    collected, and of other pictures the kind; `as_is` [n] tells pictures as they are from altered ones.
    """

    features: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.str_]
    sources: npt.NDArray[np.str_]
    as_is: npt.NDArray[np.bool_]

    def take(self, chosen: npt.NDArray[np.bool_]) -> "Collected":
        """Those of some of the pictures."""
        return Collected(
            self.features[chosen], self.kinds[chosen], self.sources[chosen], self.as_is[chosen]
        )


def gather(
    runtime: Runtime,
    spec: InputSpec,
    radiographs: Sequence[Example],
    others: Sequence[Example] = (),
    *,
    altered: bool = True,
    seed: int = 0,
) -> Collected:
    """Features of frontal chest X-rays, of other pictures and, with `altered`, of variations of both.

    Of each radiograph there is then a wrong way to send it, of every second one a variation too, and every
    fourth beside another one; of each other picture a variation, turned by any right angle.

    Raises:
        DataError: An image cannot be read.
    """
    features, kinds, sources, as_is = [], [], [], []

    def keep(batch: npt.NDArray[np.float32], kind: str, source: str, untouched: bool) -> None:
        features.append(evidence(gradients(batch, spec), runtime.run(batch)))
        kinds.append(kind)
        sources.append(source)
        as_is.append(untouched)

    def vary(pixels: npt.NDArray[np.uint8], random: np.random.Generator) -> npt.NDArray[np.float32]:
        chest = Chest(pixels)
        return as_input(augment(chest, chest, spec.size, VARIETY, random)[0], spec)

    before = None
    for number, example in enumerate(tqdm(radiographs, "radiographs", unit="image", disable=None)):
        random, source = np.random.default_rng([seed, 0, number]), example.source
        pixels = read_radiograph(example).pixels
        keep(preprocess(pixels, spec), FRONTAL, source, True)
        if altered:
            ways = turned(pixels)
            wrong = list(ways)[number % len(ways)]
            keep(vary(ways[wrong], random), wrong, source, False)
            if random.random() < 1 / 2:
                keep(vary(pixels, random), FRONTAL, source, False)
            if before is not None and random.random() < 1 / 4:
                pair = side_by_side([pixels, before], random)
                keep(preprocess(pair, spec), "several_pictures", source, False)
            before = pixels
    bar = tqdm(others, "others", unit="image", disable=not others or None)
    for number, example in enumerate(bar):
        random, kind = np.random.default_rng([seed, 1, number]), probe_kind(example.label)
        pixels = read_radiograph(example).pixels
        keep(preprocess(pixels, spec), kind, example.label, True)
        if altered:
            turn = 0 if kind == "lateral" else int(random.integers(4))
            keep(
                vary(np.ascontiguousarray(np.rot90(pixels, turn)), random),
                kind,
                example.label,
                False,
            )
    return Collected(np.stack(features), np.array(kinds), np.array(sources), np.array(as_is))


def fit(collected: Collected, validation: Collected) -> Gate:
    """Fit a gate: a linear discriminant analysis of the kinds, then its operating point and its score.

    The operating point is where `REFUSED` of the validation's radiographs fail; the frontal kind's bias is
    moved there.

    Args:
        collected: What the probe is fitted on; every source and every kind has about the same say.
        validation: Of other patients; only its frontal chest X-rays count here.
    """
    kinds = [FRONTAL, *sorted(set(collected.kinds) - {FRONTAL})]
    centre = collected.features.mean(axis=0, dtype=np.float64)
    scale = collected.features.std(axis=0, dtype=np.float64) + 1e-6
    standardised = ((collected.features - centre) / scale).astype(np.float32)
    means, covariance = _moments(standardised, collected, kinds)
    weights, bias = _discriminants(means, covariance)
    weights /= scale[:, np.newaxis]
    bias -= centre @ weights

    frontal = validation.features[validation.kinds == FRONTAL]
    margins = _margins(frontal, weights, bias)
    operating_point = np.quantile(margins, REFUSED)
    bias[0] -= operating_point
    # With it the median margin gives the median score by the logistic function.
    slope = logit(_MEDIAN_SCORE) / (np.median(margins) - operating_point)
    gate = Gate(tuple(kinds), weights * slope, bias * slope, edge=PASSES)
    # As it is stored, so that what is judged here is what is served.
    gate = Gate.from_manifest(gate.to_manifest())
    scores = [gate.judge(each).score or 0.0 for each in frontal]
    return replace(gate, edge=round(max(PASSES, float(np.quantile(scores, NEAR_EDGE))), 4))


def _moments(
    values: npt.NDArray[np.float32], collected: Collected, kinds: Sequence[str]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Means of the kinds, [kinds, features], and the mean of their covariances, [features, features]; in
    both, each picture counts by `_shares`."""
    shares = _shares(collected)
    members = [collected.kinds == kind for kind in kinds]
    means = np.stack([shares[each] @ values[each] for each in members])
    within = np.zeros((values.shape[1],) * 2)
    for each, mean in zip(members, means, strict=True):
        apart = values[each] - mean
        within += (apart * shares[each, np.newaxis]).T @ apart / len(kinds)
    return means, within


def _discriminants(
    means: npt.NDArray[np.floating], covariance: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weights [features, kinds] and bias [kinds] of the linear discriminant functions of equally frequent
    kinds: S⁻¹m and −½ mᵀS⁻¹m for a kind's mean m (Hastie, Tibshirani and Friedman 2009, equation 4.10).

    S is the within-class covariance, drawn by `_SHRINKAGE` towards its mean variance times the identity
    (Ledoit and Wolf 2004). scikit-learn's analysis does the same, but weighs every sample alike.
    """
    features = len(covariance)
    even = np.trace(covariance) / features * np.eye(features)
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * even
    weights = np.linalg.solve(shrunk, means.T)
    return weights, -0.5 * (means.T * weights).sum(axis=0)


def _margins(
    features: npt.NDArray[np.float32],
    weights: npt.NDArray[np.floating],
    bias: npt.NDArray[np.floating],
) -> npt.NDArray[np.floating]:
    """How far the frontal kind is before all others."""
    logits = features @ weights + bias
    return logits[:, 0] - np.logaddexp.reduce(logits[:, 1:], axis=1)


def _shares(collected: Collected) -> npt.NDArray[np.float32]:
    """What each picture counts inside its kind, where they sum to 1: sources of frontal ones all the same,
    of other kinds by the root of their size."""
    shares = np.zeros(len(collected.kinds), np.float32)
    for kind in set(collected.kinds):
        of_kind = collected.kinds == kind
        power = 1.0 if kind == FRONTAL else 0.5
        for source in set(collected.sources[of_kind]):
            chosen = of_kind & (collected.sources == source)
            shares[chosen] = chosen.sum() ** -power
        shares[of_kind] /= shares[of_kind].sum()
    return shares


def refused_when_left_out(
    collected: Collected, validation: Collected
) -> dict[str, dict[str, float]]:
    """For each source of radiographs: what a gate that never saw it refuses of its radiographs.

    Args:
        collected, validation: As for `fit`.

    Returns:
        Source → `images`, and the share `refused` of its radiographs as they are; empty for one source
        alone.
    """
    found: dict[str, dict[str, float]] = {}
    sources = sorted(set(collected.sources[collected.kinds == FRONTAL]))
    if len(sources) < 2:
        return found
    for source in tqdm(sources, "leaving out", unit="source", disable=None):
        parts = [each.take(each.sources != source) for each in (collected, validation)]
        gate = fit(*parts)
        own = [
            each.features[(each.sources == source) & (each.kinds == FRONTAL) & each.as_is]
            for each in (collected, validation)
        ]
        refused = [bool(gate.judge(each).reasons) for each in np.concatenate(own)]
        found[str(source)] = {"images": float(len(refused)), "refused": float(np.mean(refused))}
    return found


def fit_gate(
    runtime: Runtime, spec: InputSpec, radiographs: Sequence[Example], others: Sequence[Example]
) -> tuple[Gate, dict[str, dict[str, float]]]:
    """Fit on the training splits of both; the second value is `refused_when_left_out`.

    Raises:
        DataError: A split is empty or an image cannot be read.
    """
    collected = gather(runtime, spec, of_split(radiographs, "train"), pictures_of(others, "train"))
    validation = gather(runtime, spec, of_split(radiographs, "val"), altered=False)
    return fit(collected, validation), refused_when_left_out(collected, validation)


def judge(gate: Gate, runtime: Runtime, spec: InputSpec, radiograph: Radiograph) -> Verdict:
    """What the service finds, in the same order."""
    verdict = look(radiograph)
    if verdict.reasons:
        return verdict
    batch = preprocess(radiograph.pixels, spec)
    return gate.judge(evidence(gradients(batch, spec), runtime.run(batch)))


def judge_all(
    gate: Gate,
    runtime: Runtime,
    spec: InputSpec,
    radiographs: Sequence[Example],
    others: Sequence[Example],
) -> Judged:
    """Judge radiographs as they are, turned and inverted, and other pictures.

    Args:
        gate: What judges.
        runtime: The network that the gate was fitted to, and
        spec: its input.
        radiographs: A split of the data set.
        others: The collection of others; those of the split test are judged.

    Raises:
        DataError: An image cannot be read.
    """
    trained = {each.label for each in others if each.split == "train"}
    tested = [(each, False) for each in radiographs]
    tested += [(each, True) for each in pictures_of(others, "test")]
    rows = []
    for example, other in tqdm(tested, "judging", unit="image", disable=None):
        for kind, reason, source, radiograph in _pictures(example, other):
            verdict = judge(gate, runtime, spec, radiograph)
            told = verdict.reasons[0] if verdict.reasons else ""
            known = not other or kind in trained
            row = (example.path.as_posix(), kind, source, reason, told, verdict.score or 0.0, known)
            rows.append(row)
    names, *columns = zip(*rows, strict=True)
    return Judged(names, *map(np.array, columns))


def _pictures(example: Example, other: bool) -> Iterator[tuple[str, str, str, Radiograph]]:
    """Kind, what it is to be refused for, source and the picture itself."""
    radiograph = read_radiograph(example)
    if other:
        yield example.label, reason_of(probe_kind(example.label)), "", radiograph
        return
    yield FRONTAL, "", example.source, radiograph
    for kind, pixels in turned(radiograph.pixels).items():
        yield kind, reason_of(kind), example.source, replace(radiograph, pixels=pixels)
