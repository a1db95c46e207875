"""Lines of the log: JSON, one event each, and never an exception for who writes them."""

from __future__ import annotations

import json
import logging

import pytest

from model_store import log


def test_an_event_is_a_line_of_json(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        log.write(logging.WARNING, "degraded", reason="näher", number=1)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert json.loads(record.getMessage()) == {"event": "degraded", "reason": "näher", "number": 1}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_is_no_json_is_left_out_and_hurts_nobody(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    log.write(logging.ERROR, "odd", value=value)
    assert caplog.records == []


def test_a_level_that_is_off_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        log.write(logging.INFO, "promoted", reason=object())
    assert caplog.records == []
