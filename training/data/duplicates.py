"""Images that show the same picture, or the same patient, found in two steps.

Exact duplicates have the same bytes or the same decoded pixels. For the others, local contrast is
normalised, so that exposure, compression, marks and most of windowing drop out, and:

1. A descriptor of each image, the middle frequencies (2 to 24) of its cosine transform at 32 x 32, is
   correlated with all others; this finds each image's five likeliest partners. A mirror image only
   changes the sign of the odd horizontal frequencies, so that it is found by the same products.
2. Those partners are aligned (affine, enhanced correlation coefficient: Evangelidis and Psarakis 2008)
   and correlated at 128 x 128, where ribs and vessels of two patients do not match.

Chests are so alike that the first step alone cannot tell: among 4,908 radiographs two children
correlated by 0.86, and two crops of one film by 0.51. In the second step one film reached 0.90 and more,
most pairs from 0.69 to 0.80 were two films of one patient, and nothing lay between; the thresholds were
chosen on these images. Of 150 of them changed by code, each beside its original, so many were told to be
the same picture: all after JPEG of quality 10, 128 px, 256 px squared, gamma 0.6 and 1.6, CLAHE, blur,
crops of 2 % and turns of 4 degrees; 98 % after crops of 4 % and marks, 97 % after frames of 2 %, 95 % after
global equalisation, 86 % after brightening that burnt the bright parts out.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from training.data.examples import Example
from training.data.survey import SQUARE, Gray, Survey

Floats = npt.NDArray[np.float32]

#: Kinds of a pair. The first three are the same picture; the last is likely the same patient.
BYTES, PIXELS, PICTURE, PATIENT = "same bytes", "same pixels", "same picture", "same patient?"

_PARTNERS = 5
_WORTH_A_LOOK = 0.5
_SURE = 0.93
_SAME_PICTURE = 0.85
_SAME_PATIENT = 0.7

_SIDE, _LOWEST, _HIGHEST = 32, 2, 24
_DOWN, _ACROSS = np.mgrid[:_SIDE, :_SIDE]
_KEPT = (np.hypot(_DOWN, _ACROSS) >= _LOWEST) & (np.hypot(_DOWN, _ACROSS) < _HIGHEST)
_ODD = _ACROSS[_KEPT] % 2 == 1


@dataclass(frozen=True)
class Pair:
    """Two images by their places in the survey, first < second; `likeness` is a correlation up to 1."""

    first: int
    second: int
    kind: str
    likeness: float = 1.0
    mirrored: bool = False

    @property
    def same_picture(self) -> bool:
        """Not only the same patient."""
        return self.kind != PATIENT


def find_duplicates(found: Survey) -> list[Pair]:
    """Every exact duplicate beside the first of its kind, then pairs that are alike, likest first."""
    exact = _exact(found)
    copies = {pair.second for pair in exact}
    originals = [place for place in range(len(found.images)) if place not in copies]
    return exact + _near(found.squares, originals)


def together(examples: Sequence[Example], pairs: Iterable[Pair]) -> npt.NDArray[np.int64]:
    """A number for each example, the same for those of a group (patient) or that pairs join: int [n].

    Pairs name examples by their places in the sequence.
    """
    groups: dict[tuple[str, str], int] = {}
    links = [
        (groups.setdefault((example.source, example.group), place), place)
        for place, example in enumerate(examples)
    ]
    links += [(pair.first, pair.second) for pair in pairs]
    if not links:
        return np.zeros(0, np.int64)
    first, second = np.array(links).T
    size = len(examples)
    graph = coo_array((np.ones(len(links), bool), (first, second)), shape=(size, size))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _exact(found: Survey) -> list[Pair]:
    first: dict[bytes, int] = {}
    pairs = []
    for place, image in enumerate(found.images):
        original = first.setdefault(image.pixels, place)
        if original != place:
            same = image.content == found.images[original].content
            pairs.append(Pair(original, place, BYTES if same else PIXELS))
    return pairs


def _near(squares: Gray, places: Sequence[int]) -> list[Pair]:
    with ThreadPoolExecutor() as pool:
        descriptors = list(pool.map(lambda place: describe(squares[place]), places))
        candidates = list(_candidates(np.array(descriptors))) if descriptors else []

        def pair(candidate: tuple[int, int, float, bool]) -> Pair | None:
            first, second, likeness, mirrored = candidate
            first, second = places[first], places[second]
            if likeness < _SURE:
                other = squares[second]
                likeness = compare(squares[first], other[:, ::-1] if mirrored else other)
            if likeness < _SAME_PATIENT:
                return None
            kind = PICTURE if likeness >= _SAME_PICTURE else PATIENT
            return Pair(first, second, kind, round(likeness, 3), mirrored)

        compared = pool.map(pair, candidates)
        bar = tqdm(compared, "comparing", len(candidates), unit="pair", leave=False, disable=None)
        return sorted(filter(None, bar), key=lambda each: -each.likeness)


def describe(square: Gray) -> Floats:
    """The first step's descriptor, float32 [467] of length 1 (0 of a blank picture)."""
    half = cv2.resize(square, (2 * _SIDE, 2 * _SIDE), interpolation=cv2.INTER_AREA)
    small = cv2.resize(_normalised(half), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    kept = cv2.dct(small)[_KEPT]
    return kept / max(float(np.linalg.norm(kept)), 1e-6)


def _candidates(descriptors: Floats) -> Iterator[tuple[int, int, float, bool]]:
    """Each image's likeliest partners: places, correlation, and whether one is mirrored."""
    odd, even = descriptors[:, _ODD], descriptors[:, ~_ODD]
    size = len(descriptors)
    rows = max(1, 2**23 // size)  # 32 MiB a product
    partners = min(_PARTNERS, size - 1)
    seen = set()
    starts = range(0, size if partners else 0, rows)
    for start in tqdm(starts, "searching", unit="block", leave=False, disable=None):
        of_odd, of_even = odd[start : start + rows] @ odd.T, even[start : start + rows] @ even.T
        likeness = of_even + np.abs(of_odd)
        block = np.arange(len(likeness))
        likeness[block, start + block] = -1
        best = np.argpartition(-likeness, partners - 1, axis=1)[:, :partners]
        for row, column in zip(np.repeat(block, partners), best.ravel(), strict=True):
            value = float(likeness[row, column])
            first, second = sorted((start + int(row), int(column)))
            if value >= _WORTH_A_LOOK and (first, second) not in seen:
                seen.add((first, second))
                yield first, second, value, bool(of_odd[row, column] < 0)


def compare(first: Gray, second: Gray) -> float:
    """The second step: correlation of two squares' local structure where they overlap, aligned.

    0 where less than half of them overlaps or one is blank.
    """
    warp = _alignment(first, second)
    if warp is None:
        return 0.0
    flags = cv2.INTER_LINEAR + cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(_normalised(second), warp, (SQUARE, SQUARE), flags=flags)
    inside = np.zeros((SQUARE, SQUARE), np.uint8)
    edge = SQUARE // 20
    inside[edge:-edge, edge:-edge] = 1
    overlap = (inside & cv2.warpAffine(inside, warp, (SQUARE, SQUARE), flags=flags)) > 0
    if 2 * overlap.sum() < overlap.size:
        return 0.0
    one, other = _normalised(first)[overlap], moved[overlap]
    if not (one.std() and other.std()):
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _alignment(first: Gray, second: Gray) -> npt.NDArray[np.float64] | None:
    """The affine map [2, 3] from the first square to the second, found at half the size; or none."""
    halves = [
        cv2.resize(each, (SQUARE // 2, SQUARE // 2), interpolation=cv2.INTER_AREA)
        for each in (first, second)
    ]
    coarse = [_normalised(half, sigma=2.5, limit=1.5) for half in halves]
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 20, 1e-3)
    warp = np.eye(2, 3, dtype=np.float32)
    try:
        _, found = cv2.findTransformECC(*coarse, warp, cv2.MOTION_AFFINE, criteria, None, 3)
    except cv2.error:  # it does not converge: there is nothing to align
        return None
    linear, shift = found[:, :2].astype(np.float64), found[:, 2]
    # A pixel's centre is at half a pixel.
    return np.column_stack([linear, 2 * shift + 0.5 - linear @ np.full(2, 0.5)])


def _normalised(square: Gray, sigma: float = 3, limit: float = 1) -> Floats:
    """Difference to the local mean in local deviations, cut off at `limit`: float32 of the same shape."""
    values = square.astype(np.float32)
    detail = values - cv2.GaussianBlur(values, (0, 0), sigma)
    # Below two gray levels it is noise.
    deviation = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), sigma)) + 2
    return np.clip(detail / deviation, -limit, limit)
