"""How well figures that show no lung tell the classes, and the sources: the shortcut probe.

What such figures reach, a network can reach without looking at a lung, so an accuracy on images of the
same sources proves only what lies above it (Geirhos et al. 2020, "Shortcut learning in deep neural
networks").
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from tqdm import tqdm

from training.data.survey import Surveyed

_FOLDS = 5
#: Of larger data sets a sample is probed; the figures hardly change beyond.
_MOST_IMAGES = 20_000


@dataclass(frozen=True)
class Probe:
    """How well one family of figures tells one target ("class" or "source").

    `accuracy` stands beside `largest`, the share of the largest class (source), and `mean_recall`, the
    mean over the classes, beside `chance`, one over their number. All are from 0 to 1.
    """

    target: str
    figures: str
    images: int
    accuracy: float
    mean_recall: float
    largest: float
    chance: float


def probe_shortcuts(
    images: Sequence[Surveyed], groups: npt.NDArray[np.int64], seed: int = 0
) -> list[Probe]:
    """Tell class and source from each family of figures, cross-validated by group in five folds.

    Classes (sources) that lie in fewer than two groups are left out, and a target of which fewer than
    two remain is not probed. The classifier is extremely randomised trees (Geurts et al. 2006).

    Args:
        images: As surveyed.
        groups: For each image a number that those share that must not be on both sides of a fold.
        seed: Draws the folds, the trees, and the sample of a large data set.
    """
    chosen = np.arange(len(images))
    if len(images) > _MOST_IMAGES:
        drawn = np.random.default_rng(seed).choice(len(images), _MOST_IMAGES, replace=False)
        chosen = np.sort(drawn)
    families = _families([images[place] for place in chosen])
    targets = {
        "class": np.array([images[place].example.label for place in chosen]),
        "source": np.array([images[place].example.source for place in chosen]),
    }
    work = [
        (target, name)
        for target, truth in targets.items()
        if len(set(truth)) > 1
        for name in families
    ]
    bar = tqdm(work, "probing", unit="probe", leave=False, disable=None)
    probes = (
        _probe(target, name, families[name], targets[target], groups[chosen], seed)
        for target, name in bar
    )
    return [probe for probe in probes if probe]


def _families(images: Sequence[Surveyed]) -> dict[str, npt.NDArray[np.float32]]:
    if not images:
        return {}
    shape = np.array([image.shape for image in images])
    border = np.array([image.border for image in images])
    tone = np.array([image.tone for image in images])
    return {
        "size and aspect ratio": shape,
        "border": border,
        "brightness and sharpness": tone,
        "all of these": np.hstack([shape, border, tone]),
        "8 x 8 thumbnail": np.array([image.thumbnail for image in images]),
    }


def _probe(
    target: str,
    name: str,
    figures: npt.NDArray[np.float32],
    truth: npt.NDArray[np.str_],
    groups: npt.NDArray[np.int64],
    seed: int,
) -> Probe | None:
    spread = {value: len(set(groups[truth == value])) for value in set(truth)}
    kept = np.isin(truth, [value for value, count in spread.items() if count > 1])
    figures, truth, groups = figures[kept], truth[kept], groups[kept]
    if len(set(truth)) < 2:
        return None
    folds = min(_FOLDS, *(count for count in spread.values() if count > 1))
    trees = ExtraTreesClassifier(100, min_samples_leaf=2, random_state=seed)
    by_group = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    told = cross_val_predict(trees, figures, truth, groups=groups, cv=by_group)
    counts = Counter(truth)
    return Probe(
        target=target,
        figures=name,
        images=len(truth),
        accuracy=float(accuracy_score(truth, told)),
        mean_recall=float(balanced_accuracy_score(truth, told)),
        largest=max(counts.values()) / len(truth),
        chance=1 / len(counts),
    )
