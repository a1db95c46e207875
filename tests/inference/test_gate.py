"""What is no frontal chest X-ray is refused, with the reason."""

import numpy as np
import pytest

from inference.decoding import Radiograph
from inference.gate import judge
from tests.drawing import draw_chest


def radiograph(pixels: np.ndarray) -> Radiograph:
    height, width = pixels.shape
    return Radiograph(pixels=pixels.astype(np.uint8), format="PNG", width=width, height=height)


NOISE = np.random.default_rng(0).normal(0, 1, (200, 200))


@pytest.mark.parametrize("seed", range(4))
def test_a_drawn_chest_is_not_refused_but_not_vouched_for_either(seed):
    verdict = judge(radiograph(draw_chest(400, 360, seed)))
    assert (verdict.chest_xray, verdict.score, verdict.reasons) == (None, None, ())


@pytest.mark.shared
def test_no_real_radiograph_is_refused(real):
    assert [judge(radiograph(pixels)).reasons for pixels in real] == [()] * len(real)


@pytest.mark.parametrize(("width", "height"), [(63, 500), (500, 63), (1, 1)])
def test_too_small_a_picture_is_refused(width, height):
    verdict = judge(radiograph(draw_chest(width, height)))
    assert verdict.chest_xray is False
    assert "too_small" in verdict.reasons
    assert "the shorter side has fewer than 64 pixels" in verdict.sentence


def test_a_picture_of_the_smallest_size_is_not_refused():
    assert judge(radiograph(draw_chest(64, 64))).reasons == ()


def test_the_size_that_counts_is_the_originals():
    reduced = Radiograph(draw_chest(32, 1200), format="JPEG", width=64, height=2400)
    assert judge(reduced).reasons == ()


@pytest.mark.parametrize("gray", [0, 127, 255])
def test_a_blank_picture_is_refused(gray):
    verdict = judge(radiograph(np.full((200, 200), gray)))
    assert verdict.chest_xray is False
    assert verdict.reasons == ("blank",)
    assert verdict.sentence == "the picture is (nearly) of one gray value"


def test_a_blank_picture_with_noise_or_a_mark_on_it_is_refused():
    assert judge(radiograph(120 + 3 * NOISE)).reasons == ("blank",)
    marked = np.full((200, 200), 30)
    marked[:12, :12] = 255
    assert judge(radiograph(marked)).reasons == ("blank",)


def test_a_picture_of_low_contrast_is_not_blank():
    flat = 100 + draw_chest(300, 300) / 8
    assert judge(radiograph(flat)).reasons == ()


def test_every_reason_is_told():
    verdict = judge(radiograph(np.zeros((10, 10))))
    assert verdict.reasons == ("too_small", "blank")
    assert verdict.sentence == (
        "the shorter side has fewer than 64 pixels; the picture is (nearly) of one gray value"
    )
