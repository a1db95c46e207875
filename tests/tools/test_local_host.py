"""The local host, from outside: a process of its own, asked over HTTP."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.tools.running import REPOSITORY, RunningHost, StartHost, command, write_app
from tests.waiting import until
from tools.local_host.settings import Cors, read_local_settings


@pytest.fixture(scope="module")
def host(start_host: StartHost, sample_app: Path) -> RunningHost:
    return start_host(sample_app, PYTHON_THREADPOOL_THREAD_COUNT="4")


@pytest.fixture(scope="module")
def guarded(start_host: StartHost, sample_app: Path) -> RunningHost:
    return start_host(sample_app, "--enable-auth", "--key", "s3cret")


def get(host: RunningHost, path: str, **options: object) -> requests.Response:
    return requests.get(host.url + path, timeout=60, **options)  # type: ignore[arg-type]


def post(host: RunningHost, path: str, **options: object) -> requests.Response:
    return requests.post(host.url + path, timeout=60, **options)  # type: ignore[arg-type]


class TestAFunction:
    def test_that_is_synchronous_answers(self, host: RunningHost) -> None:
        answer = get(host, "/hello?name=Ada")
        assert (answer.status_code, answer.text) == (200, "hello Ada")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"

    def test_that_is_asynchronous_answers_and_gets_its_context(self, host: RunningHost) -> None:
        assert get(host, "/later").text == "later 36"

    def test_receives_its_route_parameters_decoded(self, host: RunningHost) -> None:
        answer = get(host, "/items/42/l%C3%A9ft%20lung")
        assert answer.text == "[('number', '42'), ('part', 'léft lung')]"

    def test_does_without_an_optional_route_parameter(self, host: RunningHost) -> None:
        assert get(host, "/items/42").text == "[('number', '42')]"

    def test_can_take_the_rest_of_the_path(self, host: RunningHost) -> None:
        assert get(host, "/files/css/page.css").text == "css/page.css"

    def test_can_answer_at_the_root(self, host: RunningHost) -> None:
        assert get(host, "/").text == "home"

    def test_receives_and_returns_every_byte_value(self, host: RunningHost) -> None:
        every_byte = bytes(range(256))
        answer = post(host, "/echo", data=every_byte)
        assert answer.content == every_byte
        assert answer.headers["content-type"] == "application/octet-stream"

    def test_receives_and_returns_a_megabyte(self, host: RunningHost) -> None:
        megabyte = os.urandom(1_000_000)
        assert post(host, "/echo", data=megabyte).content == megabyte

    def test_receives_a_multipart_form(self, host: RunningHost) -> None:
        form = {"image": ("chest.png", b"\x89PNG" + bytes(700_000))}
        answer = post(host, "/upload", files=form, data={"note": "AP"})
        assert answer.text == "chest.png 700004 AP"

    def test_sees_the_request_headers_and_sets_status_and_headers(self, host: RunningHost) -> None:
        answer = get(host, "/headers", headers={"X-Question": "why?"})
        assert (answer.status_code, answer.text) == (418, "why?")
        assert answer.headers["x-answer"] == "yes"
        assert answer.raw.headers.getlist("set-cookie") == [
            "one=1; path=/; httponly",
            "two=2; max-age=60",
        ]

    def test_that_raises_is_a_bare_500_and_a_trace_in_the_log(self, host: RunningHost) -> None:
        answer = get(host, "/boom")
        assert (answer.status_code, answer.content) == (500, b"")
        assert "boom failed: RuntimeError: the reason for the log" in host.log()
        assert "Traceback (most recent call last)" in host.log()


class TestWhatNoFunctionAnswers:
    def test_an_unknown_path_is_a_404(self, host: RunningHost) -> None:
        answer = get(host, "/nowhere")
        assert (answer.status_code, answer.content) == (404, b"")

    def test_a_wrong_method_is_a_404_as_in_azure(self, host: RunningHost) -> None:
        assert get(host, "/echo").status_code == 404
        assert requests.delete(host.url + "/hello", timeout=60).status_code == 404

    def test_a_parameter_against_its_constraint_is_a_404(self, host: RunningHost) -> None:
        assert get(host, "/items/left").status_code == 404

    def test_a_head_request_gets_the_headers_of_the_get(self, host: RunningHost) -> None:
        answer = requests.head(host.url + "/hello", timeout=60)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == str(len("hello nobody"))

    def test_a_head_request_to_a_function_without_get_is_a_405(self, host: RunningHost) -> None:
        answer = requests.head(host.url + "/echo", timeout=60)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

    def test_a_chunked_body_arrives_empty_as_in_azure(self, host: RunningHost) -> None:
        assert post(host, "/echo", data=iter([b"abc", b"def"])).content == b""
        assert "chunked" in host.log()

    def test_a_body_that_breaks_off_reaches_no_function(self, host: RunningHost) -> None:
        with socket.create_connection(("127.0.0.1", int(host.url.rpartition(":")[2]))) as client:
            client.sendall(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        until(lambda: re.search(r"POST +/slow +400", host.log()))


class TestSeveralRequests:
    def test_four_synchronous_ones_run_at_the_same_time(self, host: RunningHost) -> None:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: get(host, "/together").text, range(4)))
        assert answers == ["together"] * 4

    def test_run_no_more_at_a_time_than_the_thread_count(
        self, start_host: StartHost, sample_app: Path
    ) -> None:
        host = start_host(sample_app, PYTHON_THREADPOOL_THREAD_COUNT="2")
        with ThreadPoolExecutor(6) as pool:
            counts = list(pool.map(lambda _: int(get(host, "/how-many").text), range(6)))
        assert max(counts) == 2


class TestKeys:
    def test_are_not_asked_for_by_default(self, host: RunningHost) -> None:
        assert get(host, "/locked").text == "open"

    def test_open_a_function_from_a_header_or_the_query(self, guarded: RunningHost) -> None:
        assert get(guarded, "/locked", headers={"x-functions-key": "s3cret"}).text == "open"
        assert get(guarded, "/locked?code=s3cret").text == "open"

    @pytest.mark.parametrize("headers", [{}, {"x-functions-key": "wrong"}])
    def test_that_are_missing_or_wrong_are_a_bare_401(
        self, guarded: RunningHost, headers: dict[str, str]
    ) -> None:
        answer = get(guarded, "/locked", headers=headers)
        assert (answer.status_code, answer.content) == (401, b"")

    def test_are_not_needed_for_an_anonymous_function(self, guarded: RunningHost) -> None:
        assert get(guarded, "/hello").status_code == 200

    def test_do_not_turn_an_unknown_path_into_a_401(self, guarded: RunningHost) -> None:
        assert get(guarded, "/nowhere").status_code == 404

    def test_are_made_and_printed_where_none_is_given(
        self, start_host: StartHost, sample_app: Path
    ) -> None:
        host = start_host(sample_app, "--enable-auth")
        [line] = [line for line in host.banner.splitlines() if line.startswith("Key ")]
        assert get(host, "/locked", headers={"x-functions-key": line.split()[-1]}).text == "open"


class TestSettings:
    def test_the_route_prefix_is_api_unless_host_json_says_otherwise(
        self, start_host: StartHost, tmp_path: Path
    ) -> None:
        write_app(tmp_path, host_json="{}")
        host = start_host(tmp_path)
        assert get(host, "/api/hello").status_code == 200
        assert get(host, "/hello").status_code == 404

    def test_values_reach_the_app_where_the_environment_does_not_say_otherwise(
        self, start_host: StartHost, tmp_path: Path
    ) -> None:
        values = '{"Values": {"LUNGS": "two", "HEART": "left"}}'
        write_app(tmp_path, local_settings_json=values)
        host = start_host(tmp_path, HEART="right")
        assert get(host, "/environment/LUNGS").text == "two"
        assert get(host, "/environment/HEART").text == "right"

    def test_a_browser_on_an_allowed_origin_may_call(
        self, start_host: StartHost, tmp_path: Path
    ) -> None:
        settings = '{"Host": {"CORS": "http://clinic.example,http://ward.example"}}'
        write_app(tmp_path, local_settings_json=settings)
        host = start_host(tmp_path)
        question = {"Origin": "http://ward.example", "Access-Control-Request-Method": "POST"}
        asked = requests.options(host.url + "/echo", headers=question, timeout=60)
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == "http://ward.example"
        assert asked.headers["access-control-allow-methods"] == "POST"
        answer = get(host, "/hello", headers={"Origin": "http://evil.example"})
        assert "access-control-allow-origin" not in answer.headers

    def test_no_other_origin_is_allowed_unless_one_is_named(self) -> None:
        assert '"CORS": ""' in (REPOSITORY / "local.settings.json").read_text()
        assert read_local_settings(REPOSITORY).cors == Cors(frozenset(), credentials=False)

    def test_a_body_over_the_limit_is_refused(
        self, start_host: StartHost, sample_app: Path
    ) -> None:
        host = start_host(sample_app, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT="1000")
        assert post(host, "/echo", data=bytes(1000)).status_code == 200
        assert post(host, "/echo", data=bytes(1001)).status_code == 413

    def test_custom_headers_come_with_every_answer(
        self, start_host: StartHost, tmp_path: Path
    ) -> None:
        added = '{"X-Content-Type-Options": "nosniff", "X-Answer": "no"}'
        http = f'{{"routePrefix": "", "customHeaders": {added}}}'
        write_app(tmp_path, host_json=f'{{"extensions": {{"http": {http}}}}}')
        host = start_host(tmp_path)
        assert get(host, "/nowhere").headers["x-content-type-options"] == "nosniff"
        # What the function has set stays.
        assert get(host, "/headers", headers={"x-question": "?"}).headers["x-answer"] == "yes"

    def test_more_outstanding_requests_than_host_json_allows_are_a_429(
        self, start_host: StartHost, tmp_path: Path
    ) -> None:
        http = '{"routePrefix": "", "maxOutstandingRequests": 1}'
        write_app(tmp_path, host_json=f'{{"extensions": {{"http": {http}}}}}')
        host = start_host(tmp_path)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(get, host, "/held")
            until((tmp_path / "held-has-begun").exists)
            assert get(host, "/hello").status_code == 429
            (tmp_path / "held-may-end").touch()
            assert first.result().text == "held"
        assert get(host, "/hello").status_code == 200


class TestTheTerminal:
    def test_shows_the_functions_and_what_to_do_next(self, host: RunningHost) -> None:
        rows = [line.split() for line in host.banner.splitlines()]
        assert ["echo", "POST", "/echo", "anonymous"] in rows
        assert ["locked", "any", "/locked", "function"] in rows
        assert f"open {host.url}" in host.banner

    @pytest.mark.parametrize(
        ("level", "options", "header"),
        [
            ("FUNCTION", [], ""),
            ("FUNCTION", ["--enable-auth", "--key", "s3cret"], "-H 'x-functions-key: KEY' "),
            ("FUNCTION", ["--enable-auth"], "-H 'x-functions-key: {made}' "),
            ("ANONYMOUS", ["--enable-auth"], ""),
        ],
    )
    def test_shows_a_call_that_gets_past_the_key(
        self, start_host: StartHost, tmp_path: Path, level: str, options: list[str], header: str
    ) -> None:
        source = f"""
            import azure.functions as func
            app = func.FunctionApp()
            @app.route("api/predict", methods=["POST"], auth_level=func.AuthLevel.{level})
            def predict(req: func.HttpRequest) -> func.HttpResponse: ...
        """
        host = start_host(write_app(tmp_path, source), *options)
        made = re.search(r"^Key .*: (\S+)$", host.banner, re.MULTILINE)
        shown = header.format(made=made[1] if made else None)
        assert f"Try: curl {shown}-F image=@xray.jpg {host.url}/api/predict\n" in host.banner
        assert "s3cret" not in host.banner

    def test_shows_requests_without_paths_or_queries_that_could_tell_of_a_patient(
        self, host: RunningHost
    ) -> None:
        asked = host.log().count("/items/")
        get(host, "/items/4711?name=Lovelace")
        until(lambda: host.log().count("/items/") > asked)  # it is written after the answer is sent
        [*_, line] = [line for line in host.log().splitlines() if "/items/" in line]
        assert line.split()[2:5] == ["GET", "/items/{number:int}/{part?}", "200"]
        assert "4711" not in host.log()
        assert "Lovelace" not in host.log()

    def test_stays_silent_but_for_the_address_when_asked_to(
        self, start_host: StartHost, sample_app: Path
    ) -> None:
        host = start_host(sample_app, "--quiet")
        get(host, "/hello")
        host.stop()
        assert (host.banner, host.log()) == (f"Listening on {host.url}\n", "")


class TestStopping:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_finishes_the_answer_in_flight(
        self, start_host: StartHost, tmp_path: Path, number: int
    ) -> None:
        host = start_host(write_app(tmp_path))
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(get, host, "/slow")
            until((tmp_path / "slow-has-begun").exists)
            assert host.stop(number) == 0
            assert answer.result().text == "finished"
        assert "Traceback" not in host.log()


class TestAHostThatCannotStart:
    def run(self, app_dir: Path, port: str = "0") -> list[str]:
        """Run the command; the lines that it says."""
        line = command(app_dir, "--port", port)
        done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        return done.stderr.splitlines()

    def fail(self, app_dir: Path, port: str = "0") -> str:
        """Run the command; what it says last."""
        return self.run(app_dir, port)[-1]

    def test_says_that_the_port_is_taken(self, host: RunningHost, sample_app: Path) -> None:
        port = host.url.rpartition(":")[2]
        sentence = f"error: Port {port} of 127.0.0.1 cannot be used: Address already in use."
        assert self.fail(sample_app, port).startswith(sentence)

    def test_says_that_there_is_no_app(self, tmp_path: Path) -> None:
        assert self.fail(tmp_path) == f"error: There is no function_app.py in {tmp_path}."

    def test_says_why_the_app_could_not_be_imported(self, tmp_path: Path) -> None:
        write_app(tmp_path, "import no_such_module")
        trace, *_, last = self.run(tmp_path)
        assert trace == "Traceback (most recent call last):"
        assert last == (
            "error: function_app.py could not be loaded: "
            "ModuleNotFoundError: No module named 'no_such_module'."
        )

    def test_says_what_a_wrong_setting_takes_and_nothing_else(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RUNTIME_THREADS", "99")
        [line] = self.run(REPOSITORY)
        assert line == (
            "error: function_app.py could not be loaded: SettingsError: "
            "RUNTIME_THREADS is '99'; it takes a whole number from 1 to 16."
        )

    def test_names_two_functions_with_one_route(self, tmp_path: Path) -> None:
        source = """
            import azure.functions as func
            app = func.FunctionApp()
            @app.route("here")
            def first(req: func.HttpRequest) -> func.HttpResponse: ...
            @app.route("/Here", methods=["GET"])
            def second(req: func.HttpRequest) -> func.HttpResponse: ...
        """
        write_app(tmp_path, source)
        assert self.fail(tmp_path) == "error: first and second have the same route 'Here'."

    def test_names_a_settings_file_that_is_no_json(self, tmp_path: Path) -> None:
        write_app(tmp_path, host_json="{,}")
        assert self.fail(tmp_path).startswith(f"error: {tmp_path / 'host.json'} cannot be read:")


def test_a_worker_invokes_a_function_without_http(sample_app: Path) -> None:
    script = textwrap.dedent("""
        import asyncio, pathlib, sys
        from tools.local_host.worker import FunctionFailed, Request, Worker

        async def main():
            async with await Worker.start(pathlib.Path(sys.argv[1])) as worker:
                response = await worker.invoke("echo", Request("POST", body=b"\\x00\\xff"))
                print(response.status, response.body, response.header("Content-Type"))
                try:
                    await worker.invoke("boom", Request())
                except FunctionFailed as error:
                    print(error)

        asyncio.run(main())
    """)
    line = [sys.executable, "-c", script, str(sample_app)]
    done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [
        r"200 b'\x00\xff' application/octet-stream",
        "RuntimeError: the reason for the log",
    ]
