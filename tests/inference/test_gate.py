"""What is no frontal chest X-ray is refused, with the reason."""

import base64

import cv2
import numpy as np
import pytest

from inference.decoding import decode
from inference.gate import Gate, GateError, evidence, look, reason_of
from inference.gradients import FEATURES, gradients
from inference.pixel_budget import PixelBudget
from inference.preprocessing import preprocess
from inference.radiograph import Radiograph
from inference.reasons import EXPLANATIONS
from model_store.manifest import Input
from tests.drawing import draw_chest, encode_jpeg, encode_png, encode_tiff, encode_webp

SPEC = Input(size=224, channels=1, low=0.0, high=255.0)
BUDGET = PixelBudget(40_000_000)


def radiograph(pixels: np.ndarray, **facts) -> Radiograph:
    height, width = pixels.shape
    known = {"format": "PNG", "width": width, "height": height}
    return Radiograph(pixels=pixels.astype(np.uint8), **known, **facts)


NOISE = np.random.default_rng(0).normal(0, 1, (200, 200))


@pytest.mark.parametrize("seed", range(4))
def test_a_look_at_a_drawn_chest_neither_refuses_nor_vouches_for_it(seed):
    verdict = look(radiograph(draw_chest(400, 360, seed)))
    assert (verdict.chest_xray, verdict.score, verdict.reasons) == (None, None, ())


@pytest.mark.shared
def test_a_look_at_real_radiographs_refuses_none(real):
    assert [look(radiograph(pixels)).reasons for pixels in real] == [()] * len(real)


@pytest.mark.parametrize(("width", "height"), [(63, 500), (500, 63), (1, 1)])
def test_too_small_a_picture_is_refused(width, height):
    verdict = look(radiograph(draw_chest(width, height)))
    assert verdict.chest_xray is False
    assert "too_small" in verdict.reasons
    assert "the shorter side has fewer than 64 pixels" in verdict.sentence


def test_a_picture_of_the_smallest_size_is_not_refused():
    assert look(radiograph(draw_chest(64, 64))).reasons == ()


def test_the_size_that_counts_is_the_originals():
    reduced = Radiograph(draw_chest(32, 1200), format="JPEG", width=64, height=2400)
    assert look(reduced).reasons == ()


@pytest.mark.parametrize("gray", [0, 127, 255])
def test_a_blank_picture_is_refused(gray):
    verdict = look(radiograph(np.full((200, 200), gray)))
    assert verdict.chest_xray is False
    assert verdict.reasons == ("blank",)
    assert verdict.sentence == "the picture is (nearly) of one gray value"


def test_a_blank_picture_with_noise_or_a_mark_on_it_is_refused():
    assert look(radiograph(120 + 3 * NOISE)).reasons == ("blank",)
    marked = np.full((200, 200), 30)
    marked[:12, :12] = 255
    assert look(radiograph(marked)).reasons == ("blank",)


def test_a_picture_of_low_contrast_is_not_blank():
    flat = 100 + draw_chest(300, 300) / 8
    assert look(radiograph(flat)).reasons == ()


def test_every_reason_is_told():
    verdict = look(radiograph(np.zeros((10, 10))))
    assert verdict.reasons == ("too_small", "blank")
    assert verdict.sentence == (
        "the shorter side has fewer than 64 pixels; the picture is (nearly) of one gray value"
    )


def page() -> np.ndarray:
    paper = np.full((600, 450), 250, np.uint8)
    for line in range(60, 560, 30):
        cv2.putText(paper, "The lungs are clear.", (30, line), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 20, 2)
    return paper


def test_a_page_of_text_is_refused():
    assert look(radiograph(page())).reasons == ("page",)


def test_a_radiograph_with_a_white_border_is_no_page():
    bordered = cv2.copyMakeBorder(
        draw_chest(300, 300), 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=255
    )
    assert look(radiograph(bordered)).reasons == ()


class TestColour:
    CHEST = draw_chest(320, 280)
    PHOTO = np.random.default_rng(1).integers(0, 256, (8, 9, 3)).astype(np.uint8)
    PHOTO = cv2.resize(PHOTO, (320, 280), interpolation=cv2.INTER_CUBIC)

    @staticmethod
    def encoded(colours: np.ndarray) -> dict[str, bytes]:
        """The same picture (RGB) in each format."""
        bgr = np.ascontiguousarray(colours[..., ::-1])
        return {
            suffix: cv2.imencode(suffix, bgr)[1].tobytes()
            for suffix in (".jpg", ".png", ".webp", ".bmp", ".tiff")
        }

    @staticmethod
    def reasons(data: bytes) -> tuple[str, ...]:
        return look(decode(data, max_pixels=40_000_000, budget=BUDGET)).reasons

    def test_a_photograph_is_refused_in_every_format(self):
        for suffix, data in self.encoded(self.PHOTO).items():
            assert self.reasons(data) == ("coloured",), suffix

    def test_a_film_that_is_tinted_or_has_coloured_arrows_is_not(self):
        tinted = (self.CHEST[..., np.newaxis] * np.array([1.0, 0.9, 0.7])).astype(np.uint8)
        marked = cv2.cvtColor(self.CHEST, cv2.COLOR_GRAY2RGB)
        cv2.arrowedLine(marked, (30, 200), (110, 140), (255, 0, 0), 6)
        for colours in (tinted, marked):
            for suffix, data in self.encoded(colours).items():
                assert self.reasons(data) == (), suffix

    def test_gray_files_have_no_thumbnail_of_colours(self):
        for data in (encode_jpeg(self.CHEST), encode_png(self.CHEST), encode_tiff(self.CHEST)):
            assert decode(data, max_pixels=40_000_000, budget=BUDGET).colours is None

    def test_gray_stored_as_colour_keeps_its_values_and_is_not_coloured(self):
        data = encode_webp(self.CHEST, lossless=True)
        found = decode(data, max_pixels=40_000_000, budget=BUDGET)
        np.testing.assert_array_equal(found.pixels, self.CHEST)
        assert look(found).reasons == ()


class TestGradients:
    def test_are_a_fixed_number_of_shares(self):
        found = gradients(preprocess(draw_chest(300, 250), SPEC), SPEC)
        assert (found.shape, found.dtype, FEATURES) == ((512,), np.float32, 512)
        assert found.min() >= 0
        assert found.max() <= 1

    def test_of_a_ramp_point_where_it_rises(self):
        ramp = np.broadcast_to(np.linspace(0, 250, 224, dtype=np.float32), (224, 224))
        directions = gradients(ramp[np.newaxis, ..., np.newaxis], SPEC).reshape(8, 8, 8)[3, 3]
        # To the right: wholly; to its diagonals: by 1/√2; up, down and left: not at all.
        share = directions / directions[0]
        np.testing.assert_allclose(share, [1, 0.5**0.5, 0, 0, 0, 0, 0, 0.5**0.5], atol=1e-4)

    def test_are_those_of_the_picture_whatever_range_the_network_takes(self):
        chest = draw_chest(300, 250)
        other = Input(size=224, channels=3, low=-1.0, high=1.0)
        expected = gradients(preprocess(chest, SPEC), SPEC)
        np.testing.assert_allclose(gradients(preprocess(chest, other), other), expected, atol=1e-4)

    def test_of_an_inverted_picture_point_the_other_way(self):
        batch = preprocess(draw_chest(300, 250), SPEC)
        found = gradients(batch, SPEC).reshape(64, 8)
        inverted = gradients(255 - batch, SPEC).reshape(64, 8)
        np.testing.assert_allclose(inverted, np.roll(found, 4, axis=1), atol=1e-5)


def probe(edge: float = 0.9) -> Gate:
    """Of two features: their sum speaks for a frontal view, the second one alone for the left side up."""
    weights = np.array([[4, 0, 0], [4, 8, 0]], np.float32)
    return Gate(
        ("frontal", "rotated:left", "inverted"), weights, np.array([0, -4, 1], np.float32), edge
    )


class TestGate:
    def test_tells_how_much_it_looks_like_a_frontal_chest_x_ray(self):
        verdict = probe().judge(np.array([1.0, 0.0], np.float32))
        # Logits 4, -4 and 1.
        assert verdict.score == pytest.approx(np.exp(4) / (np.exp(4) + np.exp(-4) + np.exp(1)))
        assert (verdict.chest_xray, verdict.reasons, verdict.near_edge) == (True, (), False)

    @pytest.mark.parametrize(
        ("features", "reason"), [([-1, 2], "rotated"), ([-1, 0], "inverted"), ([0, 0], "inverted")]
    )
    def test_refuses_with_the_reason_that_is_most_likely(self, features, reason):
        verdict = probe().judge(np.array(features, np.float32))
        assert verdict.chest_xray is False
        assert verdict.reasons == (reason,)
        assert verdict.score < 0.5

    def test_what_hardly_passes_is_near_the_edge(self):
        features = np.array([1.0, 0.0], np.float32)  # scores 0.952
        assert probe(edge=0.96).judge(features).near_edge
        assert not probe(edge=0.95).judge(features).near_edge

    @pytest.mark.parametrize("features", [[np.nan, 0], [np.inf, 0], [1], [1, 2, 3], [[1, 2]]])
    def test_what_it_cannot_judge_is_an_error_and_no_pass(self, features):
        with pytest.raises(GateError, match="The gate cannot judge features"):
            probe().judge(np.array(features, np.float32))

    def test_is_the_same_after_it_has_been_written_and_read(self):
        read = Gate.from_manifest(probe().to_manifest())
        assert (read.kinds, read.edge) == (probe().kinds, 0.9)
        np.testing.assert_array_equal(read.weights, probe().weights)
        np.testing.assert_array_equal(read.bias, probe().bias)

    @pytest.mark.parametrize(
        "change",
        [
            {"kinds": ["frontal"]},
            {"kinds": ["lateral", "rotated", "inverted"]},
            {"kinds": ["frontal", "rotated", "strange"]},
            {"kinds": ["frontal", "rotated", "rotated"]},
            {"kinds": None},
            {"probe": "AAAA"},
            {"probe": "no base64!"},
            {"probe": 3},
            {"probe": base64.b64encode(np.full((3, 3), np.nan, "<f2").tobytes()).decode()},
            {"edge": "x"},
            {"more": 1},
        ],
    )
    def test_what_is_no_gate_is_not_read(self, change):
        with pytest.raises(ValueError, match="The manifest's gate"):
            Gate.from_manifest(probe().to_manifest() | change)

    def test_reads_the_embedding_and_the_gradients(self, litert):
        batch = preprocess(draw_chest(300, 250), SPEC)
        activations = litert.run(batch)
        found = evidence(gradients(batch, SPEC), activations)
        np.testing.assert_array_equal(found[:-512], activations.embedding)
        np.testing.assert_array_equal(found[-512:], gradients(batch, SPEC))


def test_every_reason_has_an_explanation_that_helps():
    assert {reason_of(kind) for kind in probe().kinds} - {"frontal"} <= set(EXPLANATIONS)
    for reason in ("upside_down", "rotated", "inverted"):
        assert "send it again" in EXPLANATIONS[reason]
