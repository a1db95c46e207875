"""The page at /docs, its programs, and the client."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.page.conftest import KEY
from tests.page.visiting import Visit
from tests.tools.running import RunningHost

COMMANDS = {
    "curl": ("bash", "example.sh"),
    "Python": (sys.executable, "example.py"),
    "JavaScript": ("node", "example.mjs"),
}


@pytest.fixture
def docs(visit: Visit) -> Visit:
    visit.open("/docs")
    return visit


def test_every_operation_and_problem_of_the_document_is_there(docs: Visit) -> None:
    document = docs.page.request.get(docs.url + "/api/openapi.json").json()
    text = docs.page.locator("main").inner_text()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in text
            assert all(status in text for status in operation["responses"])
    for name, schema in document["components"]["schemas"].items():
        if name in ("Report", "Model", "Health"):
            assert all(member in text for member in schema["properties"])
        else:
            assert schema["properties"]["code"]["const"] in text
    for parameter in document["paths"]["/api/predict"]["post"]["parameters"]:
        assert parameter["description"] in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits_a_phone(docs: Visit, scheme: str) -> None:
    docs.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    docs.page.set_viewport_size({"width": 360, "height": 740})
    docs.page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
    found = Axe().run(docs.page)
    assert found.violations_count == 0, found.generate_report()
    assert docs.page.evaluate("document.documentElement.scrollWidth") == 360


def test_it_is_found_from_the_page_and_leads_back(visit: Visit) -> None:
    visit.page.get_by_role("link", name="API").click()
    expect(visit.page.locator("#curl")).to_be_visible()
    for language in ("Python", "JavaScript", "Kotlin", "Swift"):
        visit.page.get_by_text(language, exact=True).click()
        expect(visit.page.locator(f"#{language.lower()}")).to_contain_text(
            f"{visit.url}/api/predict" if language != "JavaScript" else f'url: "{visit.url}"'
        )
    # Whose programs cannot be run here: a 401 has no body to be read.
    for language in ("kotlin", "swift"):
        expect(visit.page.locator(f"#{language}")).to_contain_text("== 401")
    visit.page.get_by_text("Try it").click()
    expect(visit.page.locator("#files")).to_be_attached()


def program(page: Page, url: str, language: str, folder: Path) -> list[str]:
    """Save the page's program of a language, and its command line."""
    page.goto(f"{url}/docs")
    command, name = COMMANDS[language]
    code = page.locator(f"#{language.lower()}").text_content()
    (folder / name).write_text(code or "")
    if language == "JavaScript":
        (folder / "client.mjs").write_bytes(requests.get(f"{url}/client.js", timeout=30).content)
    found = shutil.which(command)
    if found is None:
        reason = f"there is no {command}; the program in {language} cannot be run"
        (pytest.fail if os.environ.get("STRICT") == "1" else pytest.skip)(reason)
    return [found, name]


def run(command: list[str], folder: Path, key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("language", COMMANDS)
def test_its_programs_run_with_the_key_and_tell_what_is_wrong_without(
    tab: Page, guarded: RunningHost, chest: bytes, saved: Path, language: str
) -> None:
    (saved / "xray.jpg").write_bytes(chest)
    command = program(tab, guarded.url, language, saved)
    done = run(command, saved, KEY)
    assert done.returncode == 0, done.stderr
    report = requests.post(
        f"{guarded.url}/api/predict", chest, headers={"x-functions-key": KEY}, timeout=30
    ).json()
    assert report["prediction"]["name"] in done.stdout
    if language == "Python":
        assert (saved / "overlay.jpg").read_bytes().startswith(b"\xff\xd8")
    done = run(command, saved, "wrong")
    told = {"curl": "401", "Python": "asks for its key", "JavaScript": "unauthorized"}
    assert told[language] in done.stdout + done.stderr


CLIENT = """
import { ChestXray, Problem } from "./client.mjs";
const [url, gone] = process.argv.slice(2);
const codes = [];
const tell = async (asked) => codes.push(await asked.then(() => "answered", (error) =>
  error instanceof Problem ? `${error.status} ${error.code}` : error.name));
const image = new Uint8Array(await (await import("node:fs/promises")).readFile("xray.jpg"));
const service = new ChestXray({ url: url + "/" });
await tell(service.predict(image, { explain: "all", size: 128 }));
await tell(service.predict(new Blob([image], { type: "text/plain" }), { explain: undefined }));
await tell(service.predict(image, { size: 12 }));
await tell(service.predict("http://127.0.0.1/"));
await tell(service.predict(image, { signal: AbortSignal.abort() }));
await tell(new ChestXray({ url: gone }).health());
await tell(new ChestXray({ url, timeout: 0 }).predict(image));
codes.push((await service.health()).status, (await service.model()).classes.length);
console.log(codes.join("\\n"));
"""


def test_the_client_tells_every_outcome_apart(host: RunningHost, chest: bytes, saved: Path) -> None:
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("STRICT") == "1" else pytest.skip)("there is no node")
    (saved / "xray.jpg").write_bytes(chest)
    (saved / "client.mjs").write_bytes(requests.get(f"{host.url}/client.js", timeout=30).content)
    (saved / "ask.mjs").write_text(CLIENT)
    done = run([str(node), "ask.mjs", host.url, "http://127.0.0.1:9"], saved, "")
    assert done.stdout.split("\n") == [
        "answered",
        "answered",
        "400 bad_request",
        "403 link_forbidden",
        "AbortError",
        "0 unreachable",
        "0 timeout",
        "ready",
        "4",
        "",
    ], done.stderr
