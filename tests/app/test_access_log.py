"""The line that the log has of each prediction, as Azure's worker hands it on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import drawing
from tests.app.asking import FILE, MULTIPART, claims, in_form, in_json
from tests.app.conftest import CopyApp
from tests.app.worker import RunningWorker, StartWorker
from tests.tools.running import REPOSITORY
from tools.local_host.worker import Request, Response

MEMBERS = [
    *("event", "request_id", "status", "code", "reason", "model_version", "degraded", "form"),
    *("link", "format", "megapixels", "gate", "reasons", "certain", "timing_ms"),
]
PREDICTED = ["label", "probability", "probabilities"]
ACTIVE = (REPOSITORY / "model_store" / "models" / "ACTIVE").read_text().splitlines()[0]
CHEST = drawing.draw_chest(400, 360, seed=7)
JPEG = drawing.encode_jpeg(CHEST)
BLANK = drawing.encode_png(np.full((1100, 1100), 7, np.uint8))
JSON = "application/json"
#: A handler for what the app logs, as those of the platform may be at their worst.
RAISING = """
class _Raising(logging.Handler):
    def emit(self, record):
        raise OSError("the log is full")

logging.getLogger("chest_xray").addHandler(_Raising())
"""


@pytest.fixture(scope="module")
def worker(start_worker: StartWorker) -> RunningWorker:
    return start_worker(REPOSITORY)


@pytest.fixture(scope="module")
def telling(start_worker: StartWorker) -> RunningWorker:
    """A worker that logs predictions."""
    return start_worker(REPOSITORY, LOG_PREDICTIONS="true")


def ask(
    worker: RunningWorker, body: bytes, content_type: str = "", **query: str
) -> tuple[Response, dict[str, Any]]:
    """The answer to a prediction, and the one line that the log has of it."""
    before = len(worker.events("predict"))
    headers = {"content-type": content_type}
    request = Request("POST", headers=headers, query=query, body=body)
    answer = worker.invoke("predict", request)
    [line] = worker.events("predict")[before:]
    assert (line["status"], line["request_id"]) == (answer.status, answer.json()["request_id"])
    return answer, line


def link(url: str) -> bytes:
    return json.dumps({"image_url": url}).encode()


class TestAnAnswer:
    @pytest.mark.parametrize(
        ("how", "content_type", "body"),
        [
            ("raw", "image/jpeg", JPEG),
            ("form", MULTIPART, in_form("image", JPEG, FILE)),
            ("json", JSON, json.dumps(in_json(JPEG)).encode()),
        ],
    )
    def test_has_a_line_with_what_became_of_it_that_begins_as_queries_look_for_it(
        self, worker: RunningWorker, how: str, content_type: str, body: bytes
    ) -> None:
        answer, line = ask(worker, body, content_type, force="true")
        report = answer.json()
        assert list(line) == MEMBERS
        assert worker.log().splitlines()[-1].startswith('{"event": "predict"')
        assert list(line.pop("timing_ms")) == list(report["timing_ms"])
        assert line == {
            "event": "predict",
            "request_id": report["request_id"],
            "status": 200,
            "code": None,
            "reason": None,
            "model_version": ACTIVE,
            "degraded": False,
            "form": how,
            "link": False,
            "format": "JPEG",
            "megapixels": 1,
            "gate": "forced" if report["gate"]["reasons"] else "passed",
            "reasons": report["gate"]["reasons"],
            "certain": report["prediction"]["certain"],
        }

    def test_that_was_forced_says_so_and_why(self, worker: RunningWorker) -> None:
        _, line = ask(worker, BLANK, force="true")
        assert (line["status"], line["gate"], line["reasons"]) == (200, "forced", ["blank"])
        assert (line["format"], line["megapixels"]) == ("PNG", 2)

    def test_takes_as_long_as_its_steps_and_no_longer_than_the_client_waits(
        self, worker: RunningWorker
    ) -> None:
        answer, line = ask(worker, JPEG, force="true")
        *steps, total = line["timing_ms"].values()
        assert 0 < sum(steps) <= total + 0.1  # each is rounded
        assert total >= answer.json()["timing_ms"]["total"]

    def test_of_a_model_without_a_gate_was_not_checked(
        self, start_worker: StartWorker, copy_app: CopyApp
    ) -> None:
        app = copy_app()
        manifest = app / "model_store" / "models" / ACTIVE / "manifest.json"
        content = json.loads(manifest.read_text())
        del content["gate"]
        manifest.write_text(json.dumps(content))
        _, line = ask(start_worker(app), JPEG)
        assert (line["gate"], line["reasons"]) == ("not_checked", [])

    def test_of_a_stand_in_says_so(
        self, start_worker: StartWorker, copy_app: CopyApp, tmp_path: Path
    ) -> None:
        (tmp_path / "empty").mkdir()
        _, line = ask(start_worker(copy_app(), MODEL_STORE=str(tmp_path / "empty")), JPEG)
        assert (line["model_version"], line["degraded"]) == (ACTIVE, True)


class TestAProblem:
    @pytest.mark.parametrize(
        ("code", "content_type", "body", "told"),
        [
            ("no_image", "image/jpeg", b"", {"form": "raw"}),
            ("no_image", JSON, b"{}", {"form": "json"}),
            ("bad_request", JSON, b'{"image":', {"form": "json"}),
            ("bad_request", MULTIPART, b"--xx\r\n", {"form": "form"}),
            ("unsupported_media", "text/plain", JPEG, {"form": None}),
            ("unsupported_media", "", b"%PDF-1.7", {"form": "raw", "format": None}),
            ("too_large", "", JPEG + bytes(10 * 2**20), {"reason": "too many bytes"}),
            ("too_large", "", claims(10_000, 5_000), {"reason": "too many pixels"}),
            ("undecodable", "", JPEG[:3000], {"form": "raw", "gate": None}),
            (
                "not_a_chest_xray",
                "",
                BLANK,
                {"gate": "refused", "reasons": ["blank"], "format": "PNG", "megapixels": 2},
            ),
            (
                "link_forbidden",
                JSON,
                link("http://127.0.0.1/a.png"),
                {"form": "json", "link": True},
            ),
            (
                "link_forbidden",
                MULTIPART,
                in_form("image_url", b"http://127.0.0.1/a.png"),
                {"form": "form", "link": True},
            ),
        ],
    )
    def test_has_a_line_with_its_code_and_what_was_known_by_then(
        self,
        worker: RunningWorker,
        code: str,
        content_type: str,
        body: bytes,
        told: dict[str, object],
    ) -> None:
        answer, line = ask(worker, body, content_type)
        assert answer.json()["code"] == line["code"] == code
        assert list(line) == MEMBERS
        assert line["reason"]
        assert (line["model_version"], line["certain"]) == (ACTIVE, None)
        assert line["timing_ms"]["total"] > 0
        assert line["link"] is told.get("link", False)
        assert {name: line[name] for name in told} == told

    def test_of_the_store_has_one_without_a_version(
        self, start_worker: StartWorker, copy_app: CopyApp
    ) -> None:
        app = copy_app()
        (app / "model_store" / "models" / "ACTIVE").unlink()
        worker = start_worker(app)
        _, line = ask(worker, JPEG)
        assert (line["status"], line["code"]) == (503, "model_unavailable")
        assert (line["model_version"], line["degraded"]) == (None, None)
        assert line["reason"].startswith("No model can be loaded.")
        assert [event["reason"] for event in worker.events("unavailable")] == [line["reason"]]

    def test_that_is_a_defect_has_one_too_and_its_trace_an_event_of_its_own(
        self, start_worker: StartWorker, copy_app: CopyApp
    ) -> None:
        app = copy_app()
        (app / "inference" / "dicom.py").write_text("def decode(:\n")
        worker = start_worker(app)
        _, line = ask(worker, drawing.encode_dicom(CHEST))
        assert list(line) == MEMBERS
        assert (line["status"], line["code"]) == (500, "internal")
        assert line["reason"] == "SyntaxError"
        assert line["timing_ms"]["decode"] > 0
        [defect] = worker.events("defect")
        assert defect["request_id"] == line["request_id"]

    def test_of_the_answers_own_writing_is_no_200(
        self, start_worker: StartWorker, copy_app: CopyApp
    ) -> None:
        app = copy_app()
        with (app / "inference" / "report.py").open("a") as module:
            module.write("\ndef _explanation(explanation): raise KeyError(explanation.label)\n")
        _, line = ask(start_worker(app, LOG_PREDICTIONS="true"), JPEG, force="true")
        assert (line["status"], line["reason"], line["certain"]) == (500, "KeyError", None)
        assert [line[name] for name in PREDICTED] == [None] * 3


class TestPredictions:
    def test_are_not_logged(self, start_worker: StartWorker) -> None:
        worker = start_worker(REPOSITORY)
        answer, line = ask(worker, JPEG, force="true", explain="all")
        assert list(line) == MEMBERS
        for label, probability in answer.json()["probabilities"].items():
            assert label not in worker.log()
            assert str(probability)[:8] not in worker.log()

    def test_are_where_a_setting_says_so(self, telling: RunningWorker) -> None:
        answer, line = ask(telling, JPEG, force="true")
        report = answer.json()
        assert list(line) == [*MEMBERS, *PREDICTED]
        assert line["label"] == report["prediction"]["label"]
        assert line["probability"] == report["prediction"]["probability"]
        assert line["probabilities"] == report["probabilities"]

    def test_are_nothing_where_nothing_was_predicted(self, telling: RunningWorker) -> None:
        _, line = ask(telling, BLANK)
        assert list(line) == [*MEMBERS, *PREDICTED]
        assert [line[name] for name in PREDICTED] == [None] * 3


def test_the_documented_members_are_those_of_the_line_and_queries_ask_for_no_other() -> None:
    text = (REPOSITORY / "infra" / "README.md").read_text()
    section = text[text.index("## What is logged") : text.index("## Smaller instances")]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(rows)) == MEMBERS
    assert all(f"`{name}`" in section for name in PREDICTED)
    assert set(re.findall(r"\bline\.(\w+)", section)) <= {*MEMBERS}
    assert section.count("""where message startswith '{"event": "predict"'""") == 3


@pytest.mark.parametrize(
    ("body", "status"), [(JPEG, 200), (BLANK, 422), (drawing.encode_dicom(CHEST), 500)]
)
def test_a_log_that_fails_hurts_no_answer(
    start_worker: StartWorker, copy_app: CopyApp, body: bytes, status: int
) -> None:
    app = copy_app()
    (app / "inference" / "dicom.py").write_text("def decode(:\n")
    with (app / "function_app.py").open("a") as module:
        module.write(RAISING)
    worker = start_worker(app)
    query = {} if status == 422 else {"force": "true"}
    answer = worker.invoke("predict", Request("POST", query=query, body=body))
    assert answer.status == status
    assert "request_id" in answer.json()
    assert worker.events("predict") == []  # it did fail


def test_other_routes_have_no_line(start_worker: StartWorker) -> None:
    worker = start_worker(REPOSITORY)
    for name in ("page", "model", "health", "openapi_document", "developers"):
        assert worker.invoke(name, Request()).status == 200
    assert worker.events("predict") == []
