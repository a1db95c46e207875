"""What the page says where there is no answer: in words, and with a way on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from inference.reasons import EXPLANATIONS
from tests import drawing
from tests.page.conftest import KEY
from tests.page.visiting import File, Visit
from tests.tools.running import REPOSITORY, RunningHost, StartHost

CHEST = drawing.draw_chest(200, 180, seed=5)
JPEG = drawing.encode_jpeg(CHEST)
FILE: File = ("chest.jpg", "image/jpeg", JPEG)


@pytest.fixture
def behind_key(tab: Page, guarded: RunningHost):
    """A visitor of a service that asks for a key."""
    visit = Visit(tab, guarded.url, allowed="status of 4(01|13)")
    visit.open()
    yield visit
    visit.leave()


def test_a_refusal_gives_its_reason_and_can_be_overruled(visit: Visit, blank: bytes) -> None:
    visit.allowed = "status of 422"
    visit.choose(("blank.png", "image/png", blank))
    visit.send()
    assert visit.heading() == "This does not look like a frontal chest X-ray"
    expect(visit.answer.locator("p:not(.small)")).to_have_text(["Empty: nearly all of one gray."])
    visit.answer.get_by_text("Answer anyway").click()
    visit.wait()
    expect(visit.answer).to_have_class("answered")
    expect(visit.answer.locator(".warn")).to_contain_text("force=true")
    assert "force=true" in visit.sent[-1].url


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_every_reason_has_a_sentence_in_every_language(language: str) -> None:
    lines = (REPOSITORY / "web" / f"{language}.txt").read_text("utf-8").splitlines()
    assert set(EXPLANATIONS) - {line.partition(": ")[0] for line in lines} == set()


def test_every_reason_has_its_words(visit: Visit) -> None:
    visit.allowed = "status of 422"
    reasons = [*EXPLANATIONS, "from_the_moon"]
    problem = {"code": "not_a_chest_xray", "reasons": reasons, "detail": "Refused."}
    visit.answers_with(422, json.dumps(problem))
    visit.choose(FILE)
    visit.send()
    words = visit.words()
    expect(visit.answer.locator("p:not(.small)")).to_have_text(
        [*(words[reason] for reason in reasons[:-1]), "from the moon"]
    )


@pytest.mark.parametrize(
    ("status", "data", "words"),
    [
        (415, b"Dear colleague, the patient", "The service does not read this format."),
        (422, JPEG[:3000], "The file is damaged or has several pictures in it."),
        (422, drawing.encode_tiff(CHEST, pages=2), "The file is damaged or has several pictures"),
        (400, b"", "The file is empty."),
    ],
    ids=["a letter", "a cut file", "two pages", "nothing"],
)
def test_a_file_that_is_no_radiograph_is_told_what_is_wrong(
    visit: Visit, status: int, data: bytes, words: str
) -> None:
    visit.allowed = f"status of {status}"
    visit.choose(("it", "text/plain", data))
    visit.send()
    assert visit.predictions[-1].status == status
    expect(visit.answer).to_contain_text(words)
    expect(visit.answer).to_contain_text("The service said: ")


def test_a_folder_in_a_drop_is_told_and_the_images_beside_it_are_answered(
    visit: Visit, tmp_path: Path
) -> None:
    folder, chest = tmp_path / "folder", tmp_path / "chest.jpg"
    folder.mkdir()
    chest.write_bytes(JPEG)
    visit.drop_from_disk(folder, chest)
    visit.send()
    assert visit.heading() == "No answer"
    expect(visit.answer).to_contain_text(visit.words()["unreadable"])
    expect(visit.page.locator("#strip .answered")).to_have_count(1)
    expect(visit.page.locator("#strip .failed")).to_have_count(1)
    expect(visit.page.locator("#alert")).to_be_empty()
    assert len(visit.sent) == 1


@pytest.mark.parametrize("name", ["chest.jpg", "chest.dcm"])
def test_a_file_that_is_deleted_before_it_is_sent_is_told(
    visit: Visit, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(JPEG if name == "chest.jpg" else drawing.encode_dicom(CHEST))
    visit.page.set_input_files("#files", file)
    expect(visit.page.locator("#send")).to_be_focused()
    file.unlink()
    visit.send()
    expect(visit.answer).to_contain_text(visit.words()["unreadable"])
    assert visit.sent == []


def test_a_link_into_the_service_s_own_network_is_not_followed(visit: Visit) -> None:
    visit.allowed = "status of 403"
    visit.paste(text="http://127.0.0.1/chest.jpg")
    visit.send()
    expect(visit.answer).to_contain_text("The service follows public links only.")


def test_every_problem_of_the_openapi_document_has_its_words(visit: Visit) -> None:
    visit.allowed = "status of [45]"
    document = visit.page.request.get(visit.url + "/api/openapi.json").json()
    responses = document["paths"]["/api/predict"]["post"]["responses"]
    problems = {
        code: example["value"]
        for response in responses.values()
        for code, example in response.get("content", {})
        .get("application/problem+json", {})
        .get("examples", {})
        .items()
        if code != "not_a_chest_xray"
    }
    assert len(problems) >= 10
    words = visit.words()
    # As DICOM: of a JPEG that is too large the page would send a smaller one.
    visit.choose(("a.dcm", "", drawing.encode_dicom(CHEST)))
    for code, problem in problems.items():
        visit.page.unroute_all()
        visit.answers_with(problem["status"], json.dumps(problem))
        visit.page.locator("#send:visible, #answer button").click()
        expect(visit.answer).to_contain_text(words[code])
        expect(visit.answer).to_contain_text(problem["request_id"])


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(500, "", "unexpected"), (429, "", "busy"), (502, "<h1>Bad Gateway</h1>", "unexpected")],
)
def test_an_answer_that_is_not_the_service_s_own_is_told_too(
    visit: Visit, status: int, body: str, code: str
) -> None:
    visit.allowed = f"status of {status}"
    visit.answers_with(status, body)
    visit.choose(FILE)
    visit.send()
    assert visit.heading() == "No answer"
    expect(visit.answer).to_contain_text(visit.words()[code])


def test_offline_nothing_is_lost_and_it_goes_on_afterwards(visit: Visit) -> None:
    visit.allowed = "ERR_INTERNET_DISCONNECTED"
    visit.choose(FILE)
    expect(visit.page.locator("#send")).to_be_visible()
    visit.page.context.set_offline(True)
    try:
        visit.send()
        expect(visit.answer).to_contain_text("You are offline.")
    finally:
        visit.page.context.set_offline(False)
    visit.answer.get_by_role("button", name="Try again").click()
    visit.wait()
    expect(visit.answer).to_have_class("answered")


def test_a_server_that_is_gone_is_told(tab: Page, start_host: StartHost) -> None:
    host = start_host(REPOSITORY)
    visit = Visit(tab, host.url, allowed="ERR_CONNECTION_REFUSED")
    visit.open()
    visit.choose(FILE)
    expect(visit.page.locator("#send")).to_be_visible()
    host.stop()
    visit.send()
    expect(visit.answer).to_contain_text("The service cannot be reached.")
    visit.leave()


class TestTheKey:
    def test_is_asked_for_and_kept_for_this_tab_only(self, behind_key: Visit) -> None:
        page = behind_key.page
        behind_key.choose(FILE)
        page.click("#send")
        expect(page.locator("#key-form")).to_be_visible()
        expect(page.locator("#key")).to_be_focused()
        page.fill("#key", "wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#key-wrong")).to_have_text("The service does not take this key.")
        page.fill("#key", KEY)
        page.keyboard.press("Enter")
        expect(behind_key.answer).to_have_class("answered")
        expect(page.locator("#key-form")).to_be_hidden()
        assert page.evaluate("sessionStorage.getItem('key')") == KEY
        assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        assert KEY not in "".join(each.url for each in behind_key.asked)
        page.reload()
        behind_key.choose(FILE)
        behind_key.send()
        expect(behind_key.answer).to_have_class("answered")
        page.click("#forget")
        assert page.evaluate("sessionStorage.getItem('key')") == ""

    def test_is_asked_for_once_for_many_images(self, behind_key: Visit) -> None:
        behind_key.choose(FILE, ("b.jpg", "image/jpeg", JPEG), ("c.jpg", "image/jpeg", JPEG))
        behind_key.page.click("#send")
        behind_key.page.fill("#key", KEY)
        behind_key.page.keyboard.press("Enter")
        expect(behind_key.page.locator("#strip .answered")).to_have_count(3)


def test_an_image_that_this_service_finds_too_large_is_shrunk(behind_key: Visit) -> None:
    image = drawing.encode_jpeg(drawing.draw_chest(2600, 2300, seed=6), quality=95)
    behind_key.page.evaluate("(key) => sessionStorage.setItem('key', key)", KEY)
    behind_key.page.reload()
    behind_key.choose(("large.jpg", "image/jpeg", image))
    behind_key.send()
    # Smaller, but for the 50,000 bytes that this one takes still too large.
    expect(behind_key.answer).to_contain_text("Shrunk in your browser from")
    expect(behind_key.answer).to_contain_text("Too large for the service.")
    assert [each.status for each in behind_key.predictions] == [413, 413]


def test_a_mistake_in_the_page_itself_is_shown(visit: Visit) -> None:
    visit.allowed = "lungs"
    for mistake in ("setTimeout(() => { throw Error('lungs') })", "void Promise.reject('lungs')"):
        visit.page.evaluate(mistake)
        expect(visit.page.locator("#alert")).to_contain_text("Something in this page broke:")
        visit.drop()
        expect(visit.page.locator("#alert")).to_have_text("There is no image in that.")


def test_a_part_of_the_page_that_does_not_load_is_told(visit: Visit) -> None:
    visit.allowed = "Failed to"
    visit.page.route("**/viewer.js", lambda route: route.abort())
    visit.choose(FILE)
    expect(visit.page.locator("#alert")).to_contain_text("Something in this page broke:")


def test_a_page_whose_script_does_not_load_says_so_and_its_form_still_works(visit: Visit) -> None:
    visit.allowed = "ERR_FAILED"
    visit.page.route("**/page.js", lambda route: route.abort())
    visit.page.goto(visit.url)
    expect(visit.page.locator(".late")).to_contain_text("reload it")
    visit.choose(FILE)
    visit.page.click("#add")
    expect(visit.page.locator("pre")).to_contain_text('"prediction"')
    visit.page.goto(visit.url)
