"""Random changes that keep the diagnosis and hide the hospital.

A network that may tell hospitals apart by sharpness, border, marks or contrast will do so instead of
reading lungs; every change here takes one such cue away. Where lung masks are to be had, what lies outside
the lungs is swapped between patients, so that it says nothing of the class. One image in `identity` is left
exactly as serving will see it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.preprocessing import equalize_locally, squash

Image = npt.NDArray[np.uint8]
Random = np.random.Generator


@dataclass(frozen=True)
class Chest:
    """Gray values uint8 [height, width], and the lung mask of the picture squashed to a square (0/1)."""

    pixels: Image
    lungs: Image | None = None


@dataclass(frozen=True)
class Augmentation:
    """Strengths: of the geometry half-widths (logarithms for `zoom` and `stretch`, shares of the side for
    `shift`) or a standard deviation (`rotation_degrees`), of all others the probability.

    `surroundings` (another patient's, a blur or flat gray outside the lungs), `lung_crop` (the picture cut
    to about the lungs) need lung masks and do nothing without.
    """

    identity: float = 0.15
    flip: float = 0.5
    rotation_degrees: float = 5.0
    zoom: float = 0.18
    stretch: float = 0.12
    shift: float = 0.06
    surroundings: float = 0.0
    lung_crop: float = 0.0
    tone: float = 0.0
    exposure: float = 0.6
    resolution: float = 0.5
    sharpness: float = 0.4
    local_contrast: float = 0.2
    shading: float = 0.25
    marks: float = 0.3
    noise: float = 0.25
    compression: float = 0.3
    erasing: float = 0.3


def augment(
    chest: Chest, other: Chest, size: int, strength: Augmentation, random: Random
) -> tuple[Image, Image | None]:
    """Change a chest at random.

    Args:
        chest: What is changed.
        other: Another patient's, whose surroundings and tone may be taken over.
        size: Side of the result in pixels.

    Returns:
        What `as_input` takes, uint8 [size, size], and the lungs' mask in it, uint8 0-255 [size, size].
    """
    lungs = None if chest.lungs is None else _full(chest.lungs, size)
    if random.random() < strength.identity:
        return equalize_locally(squash(chest.pixels, size)), lungs
    side = max(size, 256)
    image = squash(chest.pixels, side)
    lungs = None if chest.lungs is None else _full(chest.lungs, side)
    if random.random() < strength.surroundings and lungs is not None:
        image = _change_surroundings(image, lungs, other, random)
    if random.random() < strength.tone:
        image = _take_tone(image, other.pixels, random)
    image, lungs = _move(image, lungs, size, strength, random)
    for probability, change in (
        (strength.exposure, _expose),
        (strength.shading, _shade),
        (strength.marks, _mark),
        (strength.local_contrast, _local_contrast),
        (strength.resolution, _coarsen),
        (strength.sharpness, _sharpen_or_blur),
        (strength.noise, _add_noise),
        (strength.compression, _compress),
    ):
        if random.random() < probability:
            image = change(image, random)
    image = equalize_locally(image)
    return (_erase(image, random) if random.random() < strength.erasing else image), lungs


def hide_lungs(chest: Chest, random: Random) -> Chest:
    """The chest without its lungs: black, gray, a blur or cloud in their place; as it is without a mask.

    Nothing can be said of it, and a network that says something says it by the surroundings.
    """
    if chest.lungs is None:
        return chest
    side = 256
    image, lungs = squash(chest.pixels, side), _full(chest.lungs, side)
    kind = random.integers(4)
    if kind == 0:
        inside = np.zeros_like(image)
    elif kind == 1:
        inside = np.full_like(image, random.integers(256))
    elif kind == 2:
        inside = cv2.GaussianBlur(image, (0, 0), random.uniform(0.05, 0.15) * side)
    else:
        cells = int(random.integers(4, 33))
        cloud = random.normal(image.mean(), 40, (cells, cells)).astype(np.float32)
        inside = _to_uint8(cv2.resize(cloud, (side, side), interpolation=cv2.INTER_CUBIC))
    return Chest(_blend(inside, image, lungs, random), chest.lungs)


def _full(lungs: Image, side: int) -> Image:
    return cv2.resize(lungs * np.uint8(255), (side, side), interpolation=cv2.INTER_LINEAR)


def _change_surroundings(image: Image, lungs: Image, other: Chest, random: Random) -> Image:
    """Keep the lungs; around them put another chest, a blur, or flat gray."""
    side = len(image)
    kind = random.random()
    if kind < 0.6 and other.lungs is not None:
        theirs = squash(other.pixels, side)
        # Their lungs are brought to where ours are, so that no second pair shows beside them.
        (x, y, w, h), (u, v, p, q) = _box(lungs), _box(_full(other.lungs, side))
        across, down = w / p, h / q
        matrix = np.array([[across, 0, x - across * u], [0, down, y - down * v]])
        outside = cv2.warpAffine(theirs, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    elif kind < 0.8:
        outside = cv2.GaussianBlur(image, (0, 0), random.uniform(0.03, 0.1) * side)
    else:
        outside = np.full_like(image, random.integers(256))
    return _blend(image, outside, lungs, random)


def _blend(inside: Image, outside: Image, lungs: Image, random: Random) -> Image:
    """One picture in the lungs, another around them, with a soft, sometimes wide edge between."""
    side = len(lungs)
    reach = int(random.integers(0, 1 + side // 20))
    keep = cv2.dilate(lungs, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    keep = cv2.GaussianBlur(keep, (0, 0), random.uniform(0.005, 0.02) * side)
    share = keep.astype(np.float32) / 255
    return _to_uint8(share * inside + (1 - share) * outside)


def _box(lungs: Image) -> tuple[int, int, int, int]:
    x, y, width, height = cv2.boundingRect((lungs > 127).astype(np.uint8))
    return x, y, max(width, 1), max(height, 1)


def _take_tone(image: Image, other: Image, random: Random) -> Image:
    """Histogram matching, in part: the share of darker pixels stays, gray values go towards the other's."""
    ours, theirs = (np.bincount(each.ravel(), minlength=256).cumsum() for each in (image, other))
    table = np.searchsorted(theirs / theirs[-1], ours / ours[-1])
    share = random.uniform(0.3, 1.0)
    return cv2.LUT(image, _to_uint8(share * table + (1 - share) * np.arange(256)))


def _move(
    image: Image, lungs: Image | None, size: int, strength: Augmentation, random: Random
) -> tuple[Image, Image | None]:
    """Mirror, rotate, zoom, stretch and shift; or cut to the lungs, which then fill the picture."""
    height, width = image.shape
    zoom = np.exp(random.uniform(-strength.zoom, strength.zoom))
    stretch = np.exp(random.uniform(-strength.stretch, strength.stretch) / 2)
    scale = np.array([zoom * stretch * size / width, zoom / stretch * size / height])
    from_centre = np.array([width / 2, height / 2])
    if random.random() < strength.lung_crop and lungs is not None:
        x, y, w, h = _box(lungs)
        margins = 1 + random.uniform(0.0, 0.3, 2)
        scale = size / (np.array([w, h]) * margins)
        from_centre = np.array([x + w / 2, y + h / 2])
    angle = np.deg2rad(random.normal(0, strength.rotation_degrees))
    if random.random() < strength.flip:
        scale[0] *= -1
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag(scale)
    centre = size * (0.5 + random.uniform(-strength.shift, strength.shift, 2))
    matrix = np.column_stack([linear, centre - linear @ from_centre])
    border = (cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE)[random.integers(2)]
    moved = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
    if lungs is None:
        return moved, None
    return moved, cv2.warpAffine(lungs, matrix, (size, size), flags=cv2.INTER_LINEAR)


def _mark(image: Image, random: Random) -> Image:
    """A black frame, a white or black box, or letters near the edge."""
    image = image.copy()
    size = len(image)
    kind = random.integers(3)
    if kind == 0:
        top, bottom, left, right = (random.random(4) * 0.12 * size).astype(int)
        image[:top] = image[size - bottom :] = 0
        image[:, :left] = image[:, size - right :] = 0
        return image
    along, depth = random.uniform(0, 0.9) * size, random.uniform(0, 0.12) * size
    x, y = ((along, depth), (along, size - depth - 10), (depth, along), (size - depth - 20, along))[
        random.integers(4)
    ]
    if kind == 1:
        corner = (int(x + random.uniform(8, 50)), int(y + random.uniform(5, 25)))
        cv2.rectangle(image, (int(x), int(y)), corner, int(random.choice([0, 255])), -1)
    else:
        text = "".join(random.choice(list("ABDLPRST0123456789 :-"), random.integers(1, 9)))
        scale = random.uniform(0.25, 0.7)
        cv2.putText(image, text, (int(x), int(y) + 12), cv2.FONT_HERSHEY_SIMPLEX, scale, 255)
    return image


def _shade(image: Image, random: Random) -> Image:
    field = random.normal(0, 18, (4, 4)).astype(np.float32)
    field = cv2.resize(field, image.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return _to_uint8(image + field)


def _expose(image: Image, random: Random) -> Image:
    """Another gamma, brightness and contrast."""
    gamma = np.exp(random.normal(0, 0.25))
    contrast, brightness = random.uniform(0.7, 1.15), random.uniform(-20, 20)
    table = 255 * (np.arange(256) / 255) ** gamma
    return cv2.LUT(image, _to_uint8((table - 128) * contrast + 128 + brightness))


def _local_contrast(image: Image, random: Random) -> Image:
    tiles = int(random.integers(2, 9))
    return cv2.createCLAHE(random.uniform(1, 3), (tiles, tiles)).apply(image)


def _coarsen(image: Image, random: Random) -> Image:
    size = len(image)
    small = squash(image, int(random.uniform(0.45, 1.0) * size))
    way = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[random.integers(2)]
    return cv2.resize(small, (size, size), interpolation=way)


def _sharpen_or_blur(image: Image, random: Random) -> Image:
    blurred = cv2.GaussianBlur(image, (0, 0), random.uniform(0.4, 1.4))
    if random.random() < 0.5:
        return blurred
    amount = random.uniform(0.3, 1.5)
    return cv2.addWeighted(image, 1 + amount, blurred, -amount, 0)


def _add_noise(image: Image, random: Random) -> Image:
    return _to_uint8(image + random.normal(0, random.uniform(1, 4), image.shape))


def _compress(image: Image, random: Random) -> Image:
    quality = int(random.integers(30, 96))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def _erase(image: Image, random: Random) -> Image:
    image = image.copy()
    size = len(image)
    height, width = (random.uniform(0.1, 0.4, 2) * size).astype(int)
    top, left = random.integers(size - height), random.integers(size - width)
    image[top : top + height, left : left + width] = random.integers(256)
    return image


def _to_uint8(values: npt.NDArray[np.floating]) -> Image:
    return np.clip(values, 0, 255).astype(np.uint8)
