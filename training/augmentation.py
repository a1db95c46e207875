"""Random changes that keep the diagnosis and hide the hospital.

A network that may tell hospitals apart by sharpness, border, marks or contrast will do so instead of
reading lungs; every change here takes one such cue away. One image in `identity` is left exactly as
serving will see it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.preprocessing import equalize_locally, squash

Image = npt.NDArray[np.uint8]
Random = np.random.Generator


@dataclass(frozen=True)
class Augmentation:
    """Strengths: of the geometry half-widths (logarithms for `zoom` and `stretch`, shares of the side for
    `shift`) or a standard deviation (`rotation_degrees`), of all others the probability.
    """

    identity: float = 0.15
    flip: float = 0.5
    rotation_degrees: float = 5.0
    zoom: float = 0.18
    stretch: float = 0.12
    shift: float = 0.06
    exposure: float = 0.6
    resolution: float = 0.5
    sharpness: float = 0.4
    local_contrast: float = 0.2
    shading: float = 0.25
    marks: float = 0.3
    noise: float = 0.25
    compression: float = 0.3
    erasing: float = 0.3


def augment(pixels: Image, size: int, strength: Augmentation, random: Random) -> Image:
    """Change uint8 [height, width] at random; the result is what `as_input` takes, uint8 [size, size]."""
    if random.random() < strength.identity:
        return equalize_locally(squash(pixels, size))
    image = _move(squash(pixels, max(size, 256)), size, strength, random)
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
    return _erase(image, random) if random.random() < strength.erasing else image


def _move(image: Image, size: int, strength: Augmentation, random: Random) -> Image:
    height, width = image.shape
    zoom = np.exp(random.uniform(-strength.zoom, strength.zoom))
    stretch = np.exp(random.uniform(-strength.stretch, strength.stretch) / 2)
    angle = np.deg2rad(random.normal(0, strength.rotation_degrees))
    scale = np.diag([zoom * stretch * size / width, zoom / stretch * size / height])
    if random.random() < strength.flip:
        scale[0, 0] *= -1
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ scale
    centre = size * (0.5 + random.uniform(-strength.shift, strength.shift, 2))
    offset = centre - linear @ np.array([width / 2, height / 2])
    border = (cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE)[random.integers(2)]
    matrix = np.column_stack([linear, offset])
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)


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
