"""The line of a prediction for every error that there is, and what it holds of an image's size."""

from __future__ import annotations

import json
import logging

import pytest

from inference import errors
from inference.access_log import logged
from inference.course import Course
from inference.errors import ServiceError

EVERY = [*ServiceError.__subclasses__(), ValueError]


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [json.loads(record.getMessage()) for record in caplog.records]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_error_has_its_line_and_goes_on(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    words = "Mustermann"  # what a defect says may quote a tag
    more = {"reasons": ("blank",)} if kind is errors.NotAChestXray else {}
    error = kind(words, log="for the log", **more) if kind is not ValueError else kind(words)
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(kind) as caught,
        logged(Course("4711"), predictions=False),
    ):
        raise error
    assert caught.value is error
    [line] = lines(caplog)
    expected = error if isinstance(error, ServiceError) else errors.Internal("")
    assert (line["request_id"], line["status"], line["code"]) == (
        "4711",
        expected.status,
        expected.code,
    )
    assert line["reason"] == ("for the log" if kind is not ValueError else "ValueError")
    assert words not in caplog.text
    assert [record.levelname for record in caplog.records] == [
        "WARNING" if expected.status >= 500 else "INFO"
    ]


@pytest.mark.parametrize(
    ("pixels", "megapixels"),
    [
        *((1, 1), (1_000_000, 1), (1_000_001, 2), (2_000_000, 2), (2_000_001, 4)),
        *((4_194_304, 8), (16_000_000, 16), (40_000_000, 64), (400_000_000, 512)),
    ],
)
def test_a_size_is_told_as_a_class(
    pixels: int, megapixels: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.INFO),
        logged(Course("1", format="TIFF", pixels=pixels), predictions=False),
    ):
        pass
    assert [line["megapixels"] for line in lines(caplog)] == [megapixels]


def test_a_process_that_is_stopped_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(KeyboardInterrupt),
        logged(Course("1"), predictions=False),
    ):
        raise KeyboardInterrupt
    assert caplog.records == []
