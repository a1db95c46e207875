"""The smoke test passes where the app serves as it has to, and fails wherever it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import pytest
import requests

from tests.tools.running import REPOSITORY, RunningHost, StartHost
from tools.smoke.asking import Service
from tools.smoke.checks import Limits, smoke
from tools.smoke.reference import NoReference, Reference
from tools.smoke.report import Check, Report

#: No test holds a time: what is too slow is made so on purpose.
LIMITS = Limits(wait_seconds=0, p95_ms=60_000, answers=2)
KEY = "s3cret"

# Changes the status, the headers (lower case) or the body of an answer, given the path and its query.
type Damage = Callable[[str, int, dict[str, str], bytes], tuple[int, dict[str, str], bytes]]


@pytest.fixture(scope="module")
def host(start_host: StartHost) -> RunningHost:
    return start_host(REPOSITORY, "--enable-auth", "--key", KEY)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.open("bundled")


@pytest.fixture
def damaged(host: RunningHost) -> Iterator[Callable[[Damage], Service]]:
    """The running app behind a server that damages its answers on their way."""
    servers: list[ThreadingHTTPServer] = []

    def start(damage: Damage) -> Service:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                names = ("content-type", "x-functions-key")
                headers = {name: self.headers[name] for name in names if self.headers[name]}
                answer = requests.request(
                    self.command, host.url + self.path, data=body, headers=headers, timeout=60
                )
                found = {name.lower(): value for name, value in answer.headers.items()}
                status, found, content = damage(
                    self.path, answer.status_code, found, answer.content
                )
                self.send_response(status)
                for name in ("content-type", "content-security-policy"):
                    if name in found:
                        self.send_header(name, found[name])
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return Service(f"http://127.0.0.1:{servers[-1].server_port}", KEY)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def failed(report: Report) -> dict[str, str]:
    """The checks that did not pass, and what they said."""
    return {check.name: check.said for check in report.checks if not check.passed}


def changed(change: Callable[[dict[str, Any]], None], *, where: str = "/api/predict") -> Damage:
    """Damage the JSON of 200 answers of a path."""

    def damage(
        path: str, status: int, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if path.startswith(where) and status == 200:
            content = json.loads(body)
            change(content)
            body = json.dumps(content).encode()
        return status, headers, body

    return damage


class TestTheAppAsItIs:
    def test_passes_every_check(self, host: RunningHost, reference: Reference) -> None:
        report = smoke(Service(host.url, KEY), reference, LIMITS)
        assert failed(report) == {}
        assert [check.name for check in report.checks] == [
            "the expected version serves",
            "the key is asked for",
            "answers",
            "a blank picture is refused",
            "what is no image is refused",
            "a broken image is refused",
            "an empty request is refused",
            "too many pixels are refused",
            "health",
            "page and description",
            "latency",
        ]

    def test_is_not_the_version_that_is_expected(
        self, host: RunningHost, reference: Reference
    ) -> None:
        other = Reference.open("bundled", "2026.11.1")
        report = smoke(Service(host.url, KEY), other, LIMITS)
        assert list(failed(report)) == ["the expected version serves"]
        assert f"version {reference.manifest.version}" in report.checks[0].said
        assert len(report.checks) == 1

    def test_is_not_the_code_that_is_expected(
        self, host: RunningHost, reference: Reference
    ) -> None:
        report = smoke(Service(host.url, KEY), reference, LIMITS, "1" * 40)
        assert failed(report) == {
            "the expected version serves": f"after 0 s not {reference.manifest.version} "
            f"({reference.sha256[:12]}) of revision {'1' * 40}: version "
            f"{reference.manifest.version} ({reference.sha256[:12]}) of revision None serves"
        }

    def test_does_not_answer_to_another_key(self, host: RunningHost, reference: Reference) -> None:
        report = smoke(Service(host.url, "wrong"), reference, LIMITS)
        assert {"answers", "latency", "a blank picture is refused"} <= failed(report).keys()

    def test_is_found_too_slow_where_the_bar_is_out_of_reach(
        self, host: RunningHost, reference: Reference
    ) -> None:
        limits = Limits(wait_seconds=0, p95_ms=0.1, answers=2)
        report = smoke(Service(host.url, KEY), reference, limits)
        assert list(failed(report)) == ["latency"]
        assert "the bar is 0 ms" in failed(report)["latency"]


def swap_classes(answer: dict[str, Any]) -> None:
    values = [*answer["probabilities"].values()]
    answer["probabilities"] = dict(zip(answer["probabilities"], values[::-1], strict=True))


def flatten(answer: dict[str, Any]) -> None:
    answer["probabilities"] = dict.fromkeys(answer["probabilities"], 0.25)


def not_a_number(answer: dict[str, Any]) -> None:
    answer["probabilities"]["normal"] = float("nan")


def blank_heatmap(answer: dict[str, Any]) -> None:
    heatmap = answer["explanations"][0]["heatmap"]
    heatmap["values"] = [0.0 for _ in heatmap["values"]]


def other_share(answer: dict[str, Any]) -> None:
    answer["explanations"][0]["lung_share"] = 2.0


def no_overlay(answer: dict[str, Any]) -> None:
    answer["explanations"][0]["base64"] = "bm8="


def no_explanation(answer: dict[str, Any]) -> None:
    answer["explanations"] = []


def other_image(answer: dict[str, Any]) -> None:
    answer["input"]["sha256"] = "0" * 64


def gate_refuses(answer: dict[str, Any]) -> None:
    answer["gate"] = {"chest_xray": False, "score": 0.0, "reasons": ["no_chest"]}


def other_label(answer: dict[str, Any]) -> None:
    probabilities = answer["probabilities"]
    answer["prediction"]["label"] = min(probabilities, key=probabilities.__getitem__)


def no_notice(answer: dict[str, Any]) -> None:
    del answer["notice"]


class TestAServiceThatIsNotFit:
    @pytest.mark.parametrize(
        "change",
        [
            swap_classes,
            flatten,
            not_a_number,
            blank_heatmap,
            other_share,
            no_overlay,
            no_explanation,
            other_image,
            gate_refuses,
            other_label,
            no_notice,
        ],
    )
    def test_answers_nonsense(
        self,
        damaged: Callable[[Damage], Service],
        reference: Reference,
        change: Callable[[dict[str, Any]], None],
    ) -> None:
        report = smoke(damaged(changed(change)), reference, LIMITS)
        assert list(failed(report)) == ["answers"]

    def test_has_another_file_of_the_expected_version(
        self, damaged: Callable[[Damage], Service], reference: Reference
    ) -> None:
        service = damaged(changed(lambda facts: facts.update(sha256="0" * 64), where="/api/model"))
        assert list(failed(smoke(service, reference, LIMITS))) == ["the expected version serves"]

    def test_is_degraded(self, damaged: Callable[[Damage], Service], reference: Reference) -> None:
        service = damaged(
            changed(lambda state: state.update(status="degraded", reason="x"), where="/api/health")
        )
        assert failed(smoke(service, reference, LIMITS)) == {"health": "degraded: x"}

    def test_answers_with_the_code_before_once_more(
        self, damaged: Callable[[Damage], Service], reference: Reference
    ) -> None:
        asked: list[None] = []

        def first_new_then_old(state: dict[str, Any]) -> None:
            state["revision"] = "0" * 40 if asked else "1" * 40
            asked.append(None)

        service = damaged(changed(first_new_then_old, where="/api/health"))
        report = smoke(service, reference, LIMITS, "1" * 40)
        assert failed(report) == {"health": f"revision {'0' * 40} is ready"}

    def test_is_of_a_time_without_revisions(
        self, damaged: Callable[[Damage], Service], reference: Reference
    ) -> None:
        service = damaged(changed(lambda state: state.pop("revision"), where="/api/health"))
        assert smoke(service, reference, LIMITS).passed
        assert "revision None serves" in smoke(service, reference, LIMITS, "1").checks[0].said

    def test_accepts_a_blank_picture(
        self, damaged: Callable[[Damage], Service], reference: Reference
    ) -> None:
        def damage(path: str, status: int, headers: dict[str, str], body: bytes) -> Any:
            refused = status == 422 and b"not_a_chest_xray" in body
            json_type = headers | {"content-type": "application/json"}
            return (200, json_type, b"{}") if refused else (status, headers, body)

        report = smoke(damaged(damage), reference, LIMITS)
        assert list(failed(report)) == ["a blank picture is refused"]

    def test_tells_errors_in_another_way_than_problem_json(
        self, damaged: Callable[[Damage], Service], reference: Reference
    ) -> None:
        def damage(path: str, status: int, headers: dict[str, str], body: bytes) -> Any:
            if status >= 400:
                headers = headers | {"content-type": "text/html"}
            return status, headers, body

        assert list(failed(smoke(damaged(damage), reference, LIMITS))) == [
            "a blank picture is refused",
            "what is no image is refused",
            "a broken image is refused",
            "an empty request is refused",
            "too many pixels are refused",
        ]

    def test_answers_without_the_key_that_it_says_it_asks_for(
        self, damaged: Callable[[Damage], Service], reference: Reference
    ) -> None:
        def damage(path: str, status: int, headers: dict[str, str], body: bytes) -> Any:
            return (400 if status == 401 else status), headers, body

        report = smoke(damaged(damage), reference, LIMITS)
        assert failed(report) == {"the key is asked for": "without the key 400 instead of 401"}

    def test_has_lost_its_page(
        self, damaged: Callable[[Damage], Service], reference: Reference
    ) -> None:
        def damage(path: str, status: int, headers: dict[str, str], body: bytes) -> Any:
            return (404 if path == "/" else status), headers, body

        report = smoke(damaged(damage), reference, LIMITS)
        assert failed(report) == {"page and description": "the page at / is answered with 404"}

    def test_is_slower_than_the_bar(
        self, damaged: Callable[[Damage], Service], reference: Reference
    ) -> None:
        def damage(path: str, status: int, headers: dict[str, str], body: bytes) -> Any:
            sleep(0.2 if path.startswith("/api/predict") else 0)
            return status, headers, body

        limits = Limits(wait_seconds=0, p95_ms=200, answers=2)
        assert list(failed(smoke(damaged(damage), reference, limits))) == ["latency"]

    def test_is_not_there(self, reference: Reference) -> None:
        report = smoke(Service("http://127.0.0.1:9"), reference, LIMITS)
        assert failed(report) == {
            "the expected version serves": f"after 0 s not {reference.manifest.version} "
            f"({reference.sha256[:12]}): GET /api/model: no answer (ConnectionError)."
        }


def test_a_key_is_never_sent_where_it_could_be_read() -> None:
    with pytest.raises(ValueError, match="is not https://"):
        Service("http://service.example", KEY)


def test_a_version_that_is_not_here_cannot_be_expected() -> None:
    with pytest.raises(NoReference, match="no version '1999'"):
        Reference.open("bundled", "1999")


def test_what_a_server_says_cannot_break_the_table_of_the_summary() -> None:
    check = Check("answers", False, "<b>|`x`\n| bad", 0.25)
    table = Report("https://service.example", "1", (check,)).to_markdown()
    assert table.splitlines()[-1] == "| ✗ | answers | &lt;b>&#124;'x' &#124; bad | 0.2 s |"
    assert table.startswith("### Smoke test FAILED: https://service.example, expected version 1\n")


def test_the_command_writes_both_reports_and_takes_the_key_from_the_environment(
    host: RunningHost, tmp_path: Path
) -> None:
    line = [sys.executable, "-m", "tools.smoke", host.url, "--wait", "0", "--answers", "2"]
    line += ["--p95-ms", "60000", "--key-from-env", "SMOKE_KEY"]
    line += ["--json", str(tmp_path / "to" / "smoke.json"), "--summary", str(tmp_path / "summary")]
    done = subprocess.run(
        line, cwd=REPOSITORY, env={"SMOKE_KEY": KEY}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "to" / "smoke.json").read_text())["passed"] is True
    assert "### Smoke test passed" in (tmp_path / "summary").read_text()
    assert KEY not in done.stdout + done.stderr

    other = subprocess.run(
        [*line, "--expect-revision", "1" * 40],
        cwd=REPOSITORY,
        env={"SMOKE_KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert other.returncode == 1
    assert "of revision 1111" in other.stdout

    without = subprocess.run(
        line, cwd=REPOSITORY, env={}, capture_output=True, text=True, check=False
    )
    assert without.returncode == 2
    assert "The environment variable SMOKE_KEY" in without.stderr
