"""How the page behaves: on every screen, for every reader, in every language, come what may."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FileChooser, expect

from tests import drawing
from tests.page.visiting import File, Visit
from tests.tools.running import REPOSITORY, RunningHost

WEB = REPOSITORY / "web"
LANGUAGES = ("en", "de", "es")


@pytest.fixture(scope="module")
def axe() -> Axe:
    return Axe()


@pytest.fixture
def file(chest: bytes) -> File:
    return ("chest.jpg", "image/jpeg", chest)


class TestTheFirstView:
    def test_takes_at_most_ten_requests_and_100_kb(self, visit: Visit) -> None:
        sizes = [each.sizes() for each in visit.asked]
        total = sum(each["responseHeadersSize"] + each["responseBodySize"] for each in sizes)
        assert len(sizes) <= 10
        assert total <= 100_000

    def test_stays_within_them_in_every_language(self, visit: Visit) -> None:
        visit.page.select_option("#language", "de")
        expect(visit.page.locator("html")).to_have_attribute("lang", "de")
        visit.asked.clear()
        visit.open()
        assert len(visit.asked) <= 10

    def test_says_what_it_is_for_without_javascript_and_its_form_works(
        self, browser: Browser, host: RunningHost, chest: bytes
    ) -> None:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(host.url)
        expect(page.locator("h2").first).to_have_text("Drop frontal chest X-rays here")
        image = {"name": "chest.jpg", "mimeType": "image/jpeg", "buffer": chest}
        page.set_input_files("#files", image)  # type: ignore[arg-type]
        page.click("#add")
        assert '"prediction"' in page.content()
        context.close()


class TestAccessibility:
    """axe-core finds nothing: names, labels, roles, contrast, order of headings."""

    def look(self, visit: Visit, axe: Axe) -> None:
        found = axe.run(visit.page)
        assert found.violations_count == 0, found.generate_report()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_of_the_first_view(self, visit: Visit, axe: Axe, scheme: str) -> None:
        visit.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        self.look(visit, axe)

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_of_answers_and_their_list(
        self, visit: Visit, axe: Axe, file: File, blank: bytes, scheme: str
    ) -> None:
        visit.allowed = "status of 422"
        visit.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        visit.choose(file, ("blank.png", "image/png", blank))
        visit.send()
        self.look(visit, axe)
        visit.page.locator("#list").get_by_role("button", name="blank.png").click()
        expect(visit.answer).to_have_class("refused")
        self.look(visit, axe)

    def test_of_the_preview_a_problem_and_the_question_for_the_key(
        self, visit: Visit, axe: Axe, file: File
    ) -> None:
        visit.allowed = "status of 401"
        visit.choose(file)
        expect(visit.page.locator("#send")).to_be_visible()
        self.look(visit, axe)
        visit.answers_with(401)
        visit.page.click("#send")
        expect(visit.page.locator("#key-form")).to_be_visible()
        self.look(visit, axe)

    def test_of_a_phone(self, visit: Visit, axe: Axe, file: File) -> None:
        visit.page.set_viewport_size({"width": 360, "height": 740})
        visit.see(file)
        self.look(visit, axe)


def ignore(_: FileChooser) -> None:
    """Being listened to is enough to keep the browser from opening a dialog of its own."""


def test_by_keyboard_alone_an_image_is_chosen_sent_looked_at_and_saved(
    visit: Visit, chest: bytes
) -> None:
    press = visit.page.keyboard.press
    focus = visit.page.locator(":focus")

    def tab_to(selector: str) -> None:
        for _ in range(40):
            press("Tab")
            if visit.page.locator(f"{selector}:focus").count():
                return
        raise AssertionError(f"The Tab key never comes to {selector}.")

    # Listening takes a moment to reach the browser; the Tab keys give it that.
    visit.page.on("filechooser", ignore)
    tab_to("#files")
    with visit.page.expect_file_chooser() as chooser:
        press("Space")
    chooser.value.set_files({"name": "chest.jpg", "mimeType": "image/jpeg", "buffer": chest})  # type: ignore[arg-type]
    visit.page.remove_listener("filechooser", ignore)
    expect(visit.page.locator("#send")).to_be_focused()
    press("Enter")
    visit.wait()
    expect(visit.answer).to_be_focused()
    tab_to(".bars button")
    press("Space")
    expect(focus).to_have_attribute("aria-pressed", "true")
    tab_to("#controls input[type=range]")
    press("ArrowRight")
    expect(focus).to_have_value("56")
    visit.page.locator("#files").focus()
    tab_to("#stage")
    press("+")
    expect(visit.page.locator("#stage .film").first).to_have_css(
        "transform", "matrix(1.5, 0, 0, 1.5, 0, 0)"
    )
    tab_to("#answer .row button:last-child")
    with visit.page.expect_download() as download:
        press("Enter")
    assert download.value.suggested_filename == "chest.jpg.json"


def test_a_screen_reader_hears_of_the_answer(visit: Visit, file: File) -> None:
    answer = visit.see(file)
    status = visit.page.get_by_role("status")
    expect(status).to_have_text(re.compile(r"^chest.jpg: \S+ \d+%, (not )?certain$"))
    assert answer["prediction"]["name"] in status.inner_text()
    expect(visit.page.get_by_role("img", name="Radiograph")).to_be_visible()


class TestTheScreen:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_of_320_pixels_needs_no_scrolling_sideways(
        self, visit: Visit, file: File, blank: bytes, language: str
    ) -> None:
        visit.allowed = "status of 422"
        visit.page.set_viewport_size({"width": 320, "height": 740})  # WCAG 2.2, 1.4.10
        visit.page.select_option("#language", language)
        visit.choose(file, ("blank.png", "image/png", blank))
        visit.send()
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 320
        visit.page.locator("#answer").scroll_into_view_if_needed()

    def test_in_4k_is_used_and_readable(self, visit: Visit, file: File) -> None:
        visit.page.set_viewport_size({"width": 3840, "height": 2160})
        visit.see(file)
        assert visit.page.locator("#stage").bounding_box()["width"] > 1500
        size = visit.page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
        assert size > 22

    @pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 900)])
    def test_always_has_the_notice_in_view(
        self, visit: Visit, file: File, width: int, height: int
    ) -> None:
        visit.page.set_viewport_size({"width": width, "height": height})
        visit.see(file)
        visit.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(visit.page.locator(".notice")).to_be_in_viewport(ratio=1)
        expect(visit.page.locator(".notice")).to_have_text(
            "Research use only. Not a medical device; not for diagnosis."
        )

    def test_stands_still_for_those_who_asked_for_it(self, visit: Visit, file: File) -> None:
        visit.page.emulate_media(reduced_motion="reduce")
        visit.see(file)
        moving = visit.page.evaluate(
            "[...document.querySelectorAll('*')].filter((each) =>"
            " getComputedStyle(each).transitionDuration !== '0s').length"
        )
        assert moving == 0


class TestLanguages:
    @pytest.mark.parametrize(("language", "locale"), [("de", "de-AT"), ("es", "es-MX")])
    def test_are_the_browser_s(
        self, browser: Browser, host: RunningHost, language: str, locale: str
    ) -> None:
        context = browser.new_context(locale=locale)
        page = context.new_page()
        page.goto(host.url)
        expect(page.locator("html")).to_have_attribute("lang", language)
        words = {"de": "Bilder auswählen", "es": "Elegir imágenes"}
        expect(page.locator("label.primary")).to_contain_text(words[language])
        context.close()

    def test_can_be_changed_at_any_time_and_the_choice_stays(
        self, visit: Visit, file: File
    ) -> None:
        visit.see(file)
        visit.page.select_option("#language", "es")
        expect(visit.answer).to_contain_text("Elija una clase para ver su mapa de calor")
        expect(visit.page.locator("#controls")).to_contain_text("Lado a lado")
        visit.page.reload()
        expect(visit.page.locator("h1")).to_have_text("Clasificador de radiografías de tórax")

    def test_all_say_the_same(self, visit: Visit) -> None:
        english, *others = (visit.words(language) for language in LANGUAGES)
        placeholder = re.compile(r"\{\w+\}")
        for words in others:
            assert list(words) == list(english)
            for key, text in words.items():
                assert sorted(placeholder.findall(text)) == sorted(
                    placeholder.findall(english[key])
                ), key
            assert len(words["places"].split(",")) == 9

    def test_the_document_itself_is_in_english(self, visit: Visit) -> None:
        english = visit.words()
        fixed = Fixed()
        fixed.feed((WEB / "index.html").read_text())
        assert len(fixed.keys) > 30
        assert fixed.keys - set(english) == set()
        assert {"notice", "title", "lead", "choose", "add"} <= set(fixed.texts)
        assert fixed.texts == {key: english[key] for key in fixed.texts}

    def test_have_a_sentence_for_everything_that_the_page_says(self, visit: Visit) -> None:
        english = visit.words()
        said = {
            key
            for file in WEB.glob("*.js")
            for key in re.findall(r'\b(?:t|complain)\("(\w+)"', file.read_text())
        }
        assert len(said) > 20
        assert said - set(english) == set()


class Fixed(HTMLParser):
    """Collects the keys in the document, and the texts that stand there before the script fills them."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()
        self.texts: dict[str, str] = {}
        self._key: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self._key = given.get("data-text")
        self.keys |= {key for key in (self._key, given.get("data-label")) if key}

    def handle_endtag(self, tag: str) -> None:
        self._key = None

    def handle_data(self, data: str) -> None:
        if self._key:
            self.texts[self._key] = data


class TestComeWhatMay:
    def test_a_double_click_asks_once(self, visit: Visit, file: File) -> None:
        visit.choose(file)
        visit.page.locator("#send").dblclick()
        visit.wait()
        expect(visit.answer).to_have_class("answered")
        assert len(visit.sent) == 1

    def test_back_leads_to_the_start_and_forward_to_the_answer(
        self, visit: Visit, file: File
    ) -> None:
        visit.see(file)
        heading = visit.heading()
        visit.page.go_back()
        expect(visit.page.locator("#work")).to_be_hidden()
        expect(visit.page.get_by_text("Drop frontal chest X-rays here")).to_be_visible()
        visit.page.go_forward()
        expect(visit.page.locator("#work")).to_be_visible()
        assert visit.heading() == heading
        assert len(visit.sent) == 1

    def test_a_reload_starts_anew_and_keeps_no_image(self, visit: Visit, file: File) -> None:
        visit.see(file)
        visit.page.reload()
        expect(visit.page.locator("#work")).to_be_hidden()
        expect(visit.page.get_by_text("Drop frontal chest X-rays here")).to_be_visible()
        visit.see(file)

    @pytest.mark.parametrize("meanwhile", ["back", "add", "language"])
    def test_nothing_that_happens_while_it_waits_stops_it(
        self, visit: Visit, file: File, meanwhile: str
    ) -> None:
        release: list[Callable[[], None]] = []
        visit.page.route("**/api/predict?*", lambda route: release.append(route.continue_))
        visit.choose(file)
        visit.page.click("#send")
        expect(visit.page.locator("#progress")).to_be_visible()
        while not release:  # the bar is there before the request is
            visit.page.wait_for_timeout(10)
        if meanwhile == "back":
            visit.page.go_back()
        elif meanwhile == "add":
            image = drawing.encode_png(drawing.draw_chest(90, 90))
            visit.drop(("second.png", "image/png", image))
            expect(visit.page.locator("#strip li")).to_have_count(2)
        else:
            visit.page.select_option("#language", "de")
        release[0]()
        if meanwhile == "back":
            expect(visit.page.locator("#cancel")).to_have_attribute("hidden", "")
            visit.page.go_forward()
        if meanwhile == "add":
            expect(visit.page.locator("#strip .answered")).to_have_count(1)
            expect(visit.page.locator("#send")).to_be_visible()
        else:
            expect(visit.answer).to_have_class("answered")

    def test_without_the_model_s_facts_it_works_but_for_the_line(
        self, visit: Visit, file: File
    ) -> None:
        visit.allowed = "status of 503"
        visit.page.route("**/api/model", lambda route: route.fulfill(status=503))
        visit.page.goto(visit.url)
        visit.see(file)
        expect(visit.answer.locator(".bars button")).to_have_count(4)
        expect(visit.answer.locator(".line")).to_have_count(0)
