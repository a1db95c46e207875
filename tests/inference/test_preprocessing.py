"""The network's input: the same for the same radiograph, for ever."""

import csv
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from inference.decoding import decode
from inference.pixel_budget import PixelBudget
from inference.preprocessing import VERSION, as_input, preprocess, squash
from tests.drawing import Gray, draw_chest, encode_jpeg
from tests.inference.conftest import softmax

GRAY = SimpleNamespace(size=224, channels=1, low=0.0, high=255.0)


def two_lungs(height: int, width: int) -> Gray:
    """Drawn in whole numbers only, so that it is the same on every machine."""
    y, x = np.indices((height, width))
    y, x = 1000 * y // height, 1000 * x // width
    right, left = (4 * (x - middle) ** 2 + (y - 480) ** 2 < 360**2 for middle in (300, 700))
    ribs = (y + abs(x - 500) // 3) % 90 < 25
    return (200 - y // 10 - 110 * (right | left) + 18 * ribs + (7 * x + 3 * y) % 11).astype(
        np.uint8
    )


@pytest.mark.parametrize(
    ("height", "width", "pixels", "quarters"),
    [
        (600, 800, [192, 210, 69, 55, 173, 78, 127, 88], [134.98, 135.31, 100.91, 101.22]),
        (150, 120, [172, 178, 75, 58, 194, 80, 107, 87], [134.04, 134.34, 102.72, 102.49]),
    ],
    ids=["shrunk", "enlarged"],
)
def test_golden_values_of_this_version(height, width, pixels, quarters):
    """Who changes these changes VERSION as well: older networks do not know the new input."""
    assert VERSION == "squash-clahe-1"
    found = preprocess(two_lungs(height, width), GRAY)[0, :, :, 0]
    places = ((0, 0), (20, 112), (60, 70), (112, 40), (112, 112), (150, 160), (200, 30), (223, 223))
    # Other processors may round otherwise, by one gray value here and there.
    assert [found[place] for place in places] == pytest.approx(pixels, abs=1)
    means = [quarter.mean() for half in np.split(found, 2) for quarter in np.split(half, 2, axis=1)]
    assert means == pytest.approx(quarters, abs=0.1)


@pytest.mark.parametrize(
    ("channels", "low", "high", "black", "middle", "white"),
    [
        (1, 0.0, 255.0, 0.0, 51.0, 255.0),
        (3, 0.0, 255.0, 0.0, 51.0, 255.0),
        (3, -1.0, 1.0, -1.0, -0.6, 1.0),
        (1, 0.0, 1.0, 0.0, 0.2, 1.0),
        (1, -1024.0, 1024.0, -1024.0, -614.4, 1024.0),
    ],
)
def test_gray_values_are_mapped_to_the_networks_range_in_every_channel(
    channels, low, high, black, middle, white
):
    spec = SimpleNamespace(size=2, channels=channels, low=low, high=high)
    batch = as_input(np.array([[0, 51], [255, 0]], np.uint8), spec)
    assert (batch.shape, batch.dtype) == ((1, 2, 2, channels), np.float32)
    for channel in range(channels):
        expected = np.array([[black, middle], [white, black]])
        np.testing.assert_allclose(batch[0, :, :, channel], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("size", "channels"), [(224, 1), (96, 3), (300, 1)])
def test_the_input_has_the_shape_that_the_network_takes(size, channels):
    spec = SimpleNamespace(size=size, channels=channels, low=-1.0, high=1.0)
    batch = preprocess(draw_chest(331, 257), spec)
    assert (batch.shape, batch.dtype) == ((1, size, size, channels), np.float32)
    assert -1 <= batch.min() < -0.5
    assert 0.5 < batch.max() <= 1


@pytest.mark.parametrize("across", [1, 2, 5])
@pytest.mark.parametrize("down", [1, 3])
def test_neither_aspect_ratio_nor_resolution_is_seen(across, down):
    chest = draw_chest(224, 224)
    larger = chest.repeat(down, axis=0).repeat(across, axis=1)
    np.testing.assert_array_equal(preprocess(larger, GRAY), preprocess(chest, GRAY))


def test_a_radiograph_is_left_as_it_is():
    chest = draw_chest(300, 200)
    before = chest.copy()
    preprocess(chest, GRAY)
    np.testing.assert_array_equal(chest, before)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_any_shape_becomes_a_square_of_numbers(shape):
    batch = preprocess(np.full(shape, 200, np.uint8), GRAY)
    assert batch.shape == (1, 224, 224, 1)
    assert np.isfinite(batch).all()


def moved(chest: Gray, change) -> tuple[float, float]:
    """By how many gray values a change of the exposure moves the picture and the input, on average."""
    other = np.clip(np.rint(change(chest.astype(float))), 0, 255).astype(np.uint8)
    picture = np.abs(squash(other, 224).astype(float) - squash(chest, 224)).mean()
    return float(picture), float(np.abs(preprocess(other, GRAY) - preprocess(chest, GRAY)).mean())


@pytest.mark.parametrize(
    "change",
    [
        lambda gray: 255 * (gray / 255) ** 0.7,
        lambda gray: 255 * (gray / 255) ** 1.4,
        lambda gray: 0.6 * gray + 50,
        lambda gray: 1.15 * (gray - 30),
    ],
    ids=["gamma 0.7", "gamma 1.4", "flat window", "steep window"],
)
def test_gamma_and_window_move_the_input_less_than_the_picture(change, drawn):
    for chest in drawn:
        picture, network = moved(chest, change)
        assert network < 0.95 * picture
        assert network < 25


# A large JPEG is decoded at a half, a quarter or an eighth of its size


@pytest.fixture
def large_drawn() -> list[bytes]:
    shapes = ((2600, 2200), (3600, 4200))
    return [encode_jpeg(draw_chest(*shape, seed), quality=92) for seed, shape in enumerate(shapes)]


@pytest.fixture
def large_real(shared) -> list[bytes]:
    with open(shared / "originals" / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["format"] == "JPEG"]
    large = [row["file"] for row in rows if min(int(row["width"]), int(row["height"])) >= 2048]
    assert large
    return [(shared / "originals" / file).read_bytes() for file in large]


@pytest.mark.parametrize(
    ("files", "most"),
    # Of a drawn chest no network is sure, and then little moves much.
    [("large_drawn", 0.05), pytest.param("large_real", 0.03, marks=pytest.mark.shared)],
)
def test_a_reduced_decode_gives_the_input_and_the_answer_of_the_whole_picture(
    files, most, request, litert, bundled
):
    for data in request.getfixturevalue(files):
        whole = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        budget = PixelBudget(40_000_000)
        smaller = decode(data, max_pixels=40_000_000, budget=budget).pixels
        assert smaller.size <= whole.size / 4
        inputs = [preprocess(pixels, bundled.manifest.input) for pixels in (whole, smaller)]
        difference = np.abs(inputs[0] - inputs[1])
        assert difference.mean() < 1.5
        assert difference.max() < 24
        answers = [softmax(litert.run(each).logits) for each in inputs]
        assert np.abs(answers[0] - answers[1]).max() < most
