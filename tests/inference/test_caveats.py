"""Warnings have codes for programs, sentences for people, and nothing that names a patient."""

from typing import Any

import numpy as np
import pytest

from inference.caveats import SENTENCES, caveats
from inference.gate import Verdict
from inference.radiograph import Radiograph

PASSED = Verdict(True, 0.99, ())
UNKNOWN = Verdict(None, None, ())


def warned(verdict: Verdict = PASSED, **facts: Any) -> list[str]:
    known: dict[str, Any] = {"size": 224, "lungs_found": True, "lung_share": 0.9}
    known |= {name: facts.pop(name) for name in list(facts) if name in known}
    dimensions = {"width": facts.pop("width", 2500), "height": facts.pop("height", 2048)}
    pixels = np.zeros((4, 5), np.uint8)
    return list(caveats(verdict, Radiograph(pixels, "DICOM", **dimensions, **facts), **known))


def codes(*arguments: Any, **facts: Any) -> list[str]:
    return [warning.split(": ")[0] for warning in warned(*arguments, **facts)]


def test_an_adult_s_large_posteroanterior_radiograph_needs_no_warning() -> None:
    assert warned(view_position="PA", paediatric=False, portable=False) == []
    assert warned(lungs_found=None, lung_share=None) == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"lungs_found": False, "lung_share": None}, ["no_lungs"]),
        ({"lung_share": 0.699}, ["heat_outside_lungs"]),
        ({"lung_share": 0.7}, []),
        ({"width": 223, "height": 500}, ["low_resolution"]),
        ({"width": 500, "height": 223}, ["low_resolution"]),
        ({"width": 224, "height": 224}, []),
        ({"view_position": "AP"}, ["ap_view"]),
        ({"view_position": "LL"}, ["other_view"]),
        ({"portable": True}, ["portable"]),
        ({"paediatric": True}, ["paediatric"]),
    ],
)
def test_each_thing_that_lowers_trust_has_its_code(
    facts: dict[str, Any], expected: list[str]
) -> None:
    assert codes(**facts) == expected


def test_what_the_gate_says_comes_first_and_once() -> None:
    assert codes(UNKNOWN) == ["not_checked"]
    assert codes(Verdict(True, 0.61, (), near_edge=True)) == ["near_gate_edge"]
    refused = Verdict(False, 0.1, ("blank",), near_edge=True)
    assert warned(refused, width=100, height=90, lungs_found=False, lung_share=None) == [
        (
            "forced: Answered because force=true was asked, although the gate refuses this image: "
            "the picture is (nearly) of one gray value."
        ),
        "no_lungs: The network finds no two lungs in this image, so lung_share is not known.",
        (
            "low_resolution: The shorter side has 90 pixels; the network looks at 224, so fine detail "
            "is missing."
        ),
    ]


def test_the_sentence_has_the_share_as_a_percentage() -> None:
    assert warned(lung_share=0.314) == [
        (
            "heat_outside_lungs: Only 31 % of what speaks for the predicted class lies in the lungs, "
            "which is unusual."
        )
    ]


def test_every_warning_is_one_line_of_a_code_and_a_sentence() -> None:
    for code, sentence in SENTENCES.items():
        assert code.replace("_", "").isalpha()
        assert code == code.lower()
        assert sentence[0].isupper()
        assert "\n" not in sentence
