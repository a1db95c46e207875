"""The overlay shows the radiograph, and colour where the heat is."""

import cv2
import numpy as np
import pytest

from inference.overlay import fit, render
from tests.drawing import draw_chest

COLD = np.zeros((7, 7), np.float32)


def shown(overlay) -> np.ndarray:
    """The decoded picture as int [height, width, 3]: blue, green, red."""
    picture = cv2.imdecode(np.frombuffer(overlay.data, np.uint8), cv2.IMREAD_COLOR)
    return picture.astype(int)


def colour(picture: np.ndarray) -> np.ndarray:
    """By how much the channels of a pixel differ."""
    return picture.max(axis=2) - picture.min(axis=2)


def one_hot(row: int, column: int, rows: int = 7, columns: int = 7) -> np.ndarray:
    heat = np.zeros((rows, columns), np.float32)
    heat[row, column] = 1
    return heat


@pytest.mark.parametrize(
    ("encoding", "head"), [("jpeg", b"\xff\xd8\xff"), ("png", b"\x89PNG\r\n\x1a\n")]
)
def test_an_overlay_is_a_picture_of_its_media_type(encoding, head):
    overlay = render(fit(draw_chest(300, 200), 256), one_hot(3, 3), encoding=encoding)
    assert overlay.media_type == f"image/{encoding}"
    assert overlay.data.startswith(head)
    assert shown(overlay).shape == (overlay.height, overlay.width, 3)


@pytest.mark.parametrize("size", [128, 512, 1024])
@pytest.mark.parametrize(
    ("width", "height"), [(300, 300), (2000, 1500), (150, 1024), (1, 1000), (1000, 1), (5000, 3)]
)
def test_the_long_side_is_exactly_the_size_and_the_aspect_ratio_is_the_radiographs(
    width, height, size
):
    overlay = render(fit(np.full((height, width), 90, np.uint8), size), one_hot(3, 3))
    assert max(overlay.width, overlay.height) == size
    assert min(overlay.width, overlay.height) >= 1
    assert abs(overlay.width - size * width / max(width, height)) < 1
    assert abs(overlay.height - size * height / max(width, height)) < 1
    assert shown(overlay).shape == (overlay.height, overlay.width, 3)


def test_without_heat_a_png_is_the_plain_radiograph():
    chest = draw_chest(400, 300)
    picture = shown(render(fit(chest, 400), COLD, encoding="png"))
    np.testing.assert_array_equal(picture, chest[:, :, np.newaxis].repeat(3, axis=2))


def test_without_heat_a_jpeg_is_the_plain_radiograph_but_for_its_loss():
    chest = draw_chest(400, 300)
    picture = shown(render(fit(chest, 400), COLD))
    assert colour(picture).max() <= 4
    difference = np.abs(picture[:, :, 1] - chest)
    assert difference.mean() < 4
    assert np.quantile(difference, 0.999) < 20


def test_the_hottest_place_is_red_and_cold_places_are_the_plain_radiograph():
    gray = np.full((700, 700), 100, np.uint8)
    picture = shown(render(fit(gray, 700), one_hot(2, 4), encoding="png"))
    blue, green, red = picture[250, 450]
    assert red > blue + 40
    assert red > green + 40
    far = np.ones((700, 700), bool)
    far[:500, 200:] = False  # the interpolation reaches two cells
    assert (picture[far] == 100).all()


@pytest.mark.parametrize("cell", [(0, 0), (0, 6), (6, 0), (3, 3), (5, 1)])
@pytest.mark.parametrize(("height", "width"), [(700, 700), (350, 1050), (1400, 210)])
@pytest.mark.parametrize("encoding", ["jpeg", "png"])
def test_a_cell_of_the_heatmap_lies_over_its_place_of_the_radiograph(cell, height, width, encoding):
    gray = np.full((height, width), 100, np.uint8)
    overlay = render(fit(gray, 700), one_hot(*cell), encoding=encoding)
    amount = colour(shown(overlay)).astype(float)
    row, column = cell
    middle = (
        int((row + 0.5) * overlay.height / 7),
        int((column + 0.5) * overlay.width / 7),
    )
    assert amount[middle] > 60
    cells = cv2.resize(amount, (7, 7), interpolation=cv2.INTER_AREA)
    assert np.unravel_index(cells.argmax(), cells.shape) == cell


def test_a_grid_that_is_not_square_lies_over_the_whole_radiograph():
    picture = shown(render(fit(np.full((300, 600), 100, np.uint8), 600), one_hot(0, 5, 2, 6)))
    assert colour(picture)[75, 550] > 60
    assert colour(picture)[225, 50] <= 4


def test_more_heat_is_more_colour():
    heat = np.array([[0, 0.25, 0.5, 0.75, 1]], np.float32)
    picture = shown(render(fit(np.full((100, 500), 100, np.uint8), 500), heat, encoding="png"))
    warmth = [int(np.abs(picture[50, 50 + 100 * cell] - 100).sum()) for cell in range(5)]
    assert warmth[0] < warmth[1]
    assert warmth[2] > warmth[0] + 20
    assert warmth[4] > warmth[0] + 60


def test_the_radiograph_stays_visible_under_the_strongest_colour():
    stripes = np.zeros((400, 400), np.uint8)
    stripes[::40] = stripes[1::40] = 255
    picture = shown(render(fit(stripes, 400), np.ones((7, 7), np.float32), encoding="png"))
    assert picture[200].sum(axis=1).mean() > picture[220].sum(axis=1).mean() + 200


def test_neither_radiograph_nor_heatmap_is_changed():
    chest, heat = draw_chest(200, 200), one_hot(1, 1)
    before = chest.copy(), heat.copy()
    render(fit(chest, 300), heat)
    np.testing.assert_array_equal(chest, before[0])
    np.testing.assert_array_equal(heat, before[1])


@pytest.mark.parametrize(
    ("width", "height"), [(1024, 1024), (1500, 1250), (2047, 700), (600, 5000)]
)
def test_a_large_radiograph_is_shrunk_to_the_means_of_its_areas(width, height):
    chest = draw_chest(width, height)
    small = fit(chest, 500)
    means = cv2.resize(chest, small.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - means).mean() < 0.5
