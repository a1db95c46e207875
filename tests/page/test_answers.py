"""What the page shows of an answer, and what it lets people do with it."""

from __future__ import annotations

import csv
import io
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests import drawing
from tests.page.visiting import File, Visit

LABELS = {
    "covid19": "COVID-19",
    "normal": "Normal",
    "pneumonia": "Pneumonia",
    "tuberculosis": "Tuberculosis",
}


@pytest.fixture
def file(chest: bytes) -> File:
    return ("chest.jpg", "image/jpeg", chest)


def chests(count: int) -> list[File]:
    return [
        (f"{seed}.png", "image/png", drawing.encode_png(drawing.draw_chest(200, 180, seed=seed)))
        for seed in range(count)
    ]


def heatmap(answer: dict[str, Any], label: str) -> np.ndarray:
    [found] = [each["heatmap"] for each in answer["explanations"] if each["label"] == label]
    return np.reshape(found["values"], (found["rows"], found["columns"]))


class TestTheProbabilities:
    def test_are_bars_with_the_line_above_which_the_model_is_certain(
        self, visit: Visit, file: File
    ) -> None:
        answer = visit.see(file)
        rows = [row.split("\n") for row in visit.answer.locator(".bars button").all_inner_texts()]
        assert [[name, share] for name, share, *_ in rows] == [
            [LABELS[label], f"{100 * probability:.1f}" + "%"]
            for label, probability in answer["probabilities"].items()
        ]
        threshold = visit.page.request.get(visit.url + "/api/model").json()["threshold"]["value"]
        expect(visit.answer).to_contain_text(f"certain from {threshold:.0%}")
        track = visit.answer.locator(".bar").first
        place = track.evaluate("bar => parseFloat(getComputedStyle(bar, '::after').left)")
        assert place / track.bounding_box()["width"] == pytest.approx(threshold, abs=0.01)

    @pytest.mark.parametrize(("certain", "words"), [(True, "certain"), (False, "not certain")])
    def test_say_whether_the_model_is_certain(
        self, visit: Visit, file: File, certain: bool, words: str
    ) -> None:
        visit.answers_changed(lambda answer: answer["prediction"].update(certain=certain))
        visit.see(file)
        expect(visit.answer.locator(".tag")).to_have_text(words)
        warned = visit.answer.get_by_text("better not believe it")
        expect(warned).to_have_count(0 if certain else 1)

    def test_of_a_real_radiograph_are_shown_too(self, visit: Visit, shared: Path) -> None:
        image = shared / "originals/tuberculosis/tawsifur_tb__Tuberculosis-474.png"
        answer = visit.see(("tb.png", "image/png", image.read_bytes()))
        assert visit.heading().split("\n")[0] == answer["prediction"]["name"]


class TestTheHeatmap:
    def test_is_hottest_where_the_answer_says(self, visit: Visit, file: File) -> None:
        answer = visit.see(file)
        heat = heatmap(answer, answer["prediction"]["label"])
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        coldest = np.unravel_index(heat.argmin(), heat.shape)
        rows, columns = heat.shape
        points = [((c + 0.5) / columns, (r + 0.5) / rows) for r, c in ((row, column), coldest)]
        hot, cold = visit.heat(points)
        assert hot[3] > 240
        assert cold[3] < 40
        assert hot[0] > hot[2], "Turbo is red at its hot end"

    def test_of_another_class_appears_when_it_is_pressed(self, visit: Visit, file: File) -> None:
        answer = visit.see(file)
        other = min(answer["probabilities"], key=lambda label: answer["probabilities"][label])
        heat = heatmap(answer, other)
        visit.answer.get_by_role("button", name=LABELS[other]).click()
        pressed = visit.answer.locator("[aria-pressed=true]")
        expect(pressed).to_contain_text(LABELS[other])
        expect(pressed).to_be_focused()
        expect(visit.answer).to_contain_text(f"Heatmap for {LABELS[other]}")
        rows, columns = heat.shape
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        [pixel] = visit.heat([((column + 0.5) / columns, (row + 0.5) / rows)])
        assert pixel[3] == pytest.approx(255 * heat.max(), abs=25), "one scale for all classes"

    def test_of_a_class_for_which_nothing_speaks_says_so(self, visit: Visit, file: File) -> None:
        def nothing(answer: dict[str, Any]) -> None:
            for each in answer["explanations"]:
                each["heatmap"]["values"] = [0] * len(each["heatmap"]["values"])

        visit.answers_changed(nothing)
        visit.see(file)
        expect(visit.answer).to_contain_text("nothing speaks for it")
        assert visit.heat([(0.5, 0.5)])[0][3] == 0

    def test_hides_while_h_or_its_button_is_held(self, visit: Visit, file: File) -> None:
        visit.see(file)
        heat = visit.page.locator("#stage .heat")
        expect(heat).to_be_visible()
        visit.page.keyboard.down("h")
        expect(heat).to_be_hidden()
        visit.page.keyboard.up("h")
        expect(heat).to_be_visible()
        visit.page.get_by_text("Hold to hide").hover()
        visit.page.mouse.down()
        expect(heat).to_be_hidden()
        visit.page.mouse.up()
        expect(heat).to_be_visible()

    def test_has_an_opacity_and_colours_to_choose(self, visit: Visit, file: File) -> None:
        answer = visit.see(file)
        heat = heatmap(answer, answer["prediction"]["label"])
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        place = [((column + 0.5) / heat.shape[1], (row + 0.5) / heat.shape[0])]
        visit.page.get_by_label("Heatmap", exact=True).fill("20")
        expect(visit.page.locator("#stage .heat")).to_have_css("opacity", "0.2")
        visit.page.get_by_label("Colours").select_option("Cividis")
        red, green, blue, _ = visit.heat(place)[0]
        assert min(red, green) > blue + 80, "Cividis ends in yellow"

    def test_stands_beside_the_radiograph_and_both_zoom_and_move_together(
        self, visit: Visit, file: File
    ) -> None:
        visit.see(file)
        films = visit.page.locator("#stage .film:visible")
        expect(films).to_have_count(1)
        visit.page.get_by_text("Side by side").click()
        expect(films).to_have_count(2)
        visit.page.locator("#stage").focus()
        visit.page.keyboard.press("+")
        visit.page.keyboard.press("ArrowLeft")
        moved = films.evaluate_all("films => films.map(film => getComputedStyle(film).transform)")
        assert moved == ["matrix(1.5, 0, 0, 1.5, 60, 0)"] * 2
        visit.page.keyboard.press("0")
        still = films.evaluate_all("films => films.map(film => getComputedStyle(film).transform)")
        assert still == ["matrix(1, 0, 0, 1, 0, 0)"] * 2

    def test_can_be_zoomed_and_dragged_with_the_mouse_but_never_out_of_sight(
        self, visit: Visit, file: File
    ) -> None:
        visit.see(file)
        film = visit.page.locator("#stage .film").first
        stage = visit.page.locator("#stage").bounding_box()
        x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
        visit.page.mouse.dblclick(x, y)
        expect(film).to_have_css("transform", re.compile(r"matrix\(3, 0, 0, 3, "))
        visit.page.mouse.move(x, y)
        visit.page.mouse.down()
        visit.page.mouse.move(x + 5000, y)
        visit.page.mouse.up()
        box = film.bounding_box()
        assert box["x"] == pytest.approx(stage["x"], abs=2)
        visit.page.mouse.dblclick(x, y)
        expect(film).to_have_css("transform", "matrix(1, 0, 0, 1, 0, 0)")

    def test_is_zoomed_where_the_mouse_is_on_either_side(self, visit: Visit, file: File) -> None:
        visit.see(file)
        visit.page.get_by_text("Side by side").click()
        film = visit.page.locator("#stage .film:visible").nth(1)
        box = film.bounding_box()
        x, y = box["x"] + 0.3 * box["width"], box["y"] + 0.6 * box["height"]
        visit.page.mouse.dblclick(x, y)
        expect(film).to_have_css("transform", re.compile(r"matrix\(3, 0, 0, 3, "))
        grown = film.bounding_box()
        assert grown["x"] + 0.3 * grown["width"] == pytest.approx(x, abs=2)
        assert grown["y"] + 0.6 * grown["height"] == pytest.approx(y, abs=2)

    @pytest.mark.parametrize("pane", [0, 1])
    def test_can_be_pinched_where_the_fingers_are_and_moved_by_them(
        self, visit: Visit, file: File, pane: int
    ) -> None:
        visit.see(file)
        visit.page.get_by_text("Side by side").click()
        films = visit.page.locator("#stage .film:visible")
        scrolled = visit.page.evaluate("scrollY")
        box = films.nth(pane).bounding_box()
        x, y = box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"]
        with visit.fingers() as touch:
            touch("touchStart", {0: (x, y - 20), 1: (x, y + 20)})
            for apart in range(22, 42, 2):
                touch("touchMove", {0: (x, y - apart), 1: (x, y + apart)})
            expect(films.nth(pane)).to_have_css("transform", re.compile(r"matrix\(2, 0, 0, 2, "))
            grown = films.nth(pane).bounding_box()
            assert grown["x"] + 0.7 * grown["width"] == pytest.approx(x, abs=2)
            assert grown["y"] + 0.4 * grown["height"] == pytest.approx(y, abs=2)
            for down in range(2, 22, 2):
                touch("touchMove", {0: (x, y - 40 + down), 1: (x, y + 40 + down)})
            assert films.nth(pane).bounding_box()["y"] == pytest.approx(grown["y"] + 20, abs=2)
            touch("touchEnd", {1: (x, y + 60)})
            for left in range(2, 22, 2):
                touch("touchMove", {0: (x - left, y - 20)})
            touch("touchEnd", {})
        moved = films.nth(pane).bounding_box()
        assert moved["x"] == pytest.approx(grown["x"] - 20, abs=2)
        assert moved["y"] == pytest.approx(grown["y"] + 20, abs=2)
        both = films.evaluate_all("films => films.map(film => getComputedStyle(film).transform)")
        assert both[0] == both[1]
        assert visit.page.evaluate("[visualViewport.scale, scrollY]") == [1, scrolled]

    def test_does_not_keep_a_finger_from_scrolling_the_page_unless_it_is_zoomed(
        self, visit: Visit, file: File
    ) -> None:
        visit.page.set_viewport_size({"width": 360, "height": 600})
        visit.see(file)
        box = visit.page.locator("#stage").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] - 10
        with visit.fingers() as touch:
            touch("touchStart", {0: (x, y)})
            for up in range(10, 110, 10):
                touch("touchMove", {0: (x, y - up)})
            touch("touchEnd", {})
        visit.page.wait_for_function("scrollY > 50")


class TestTheRest:
    @pytest.mark.parametrize(
        ("share", "words"),
        [
            (0.81, "81% of this heat lies in the lungs."),
            (None, "How much lies in the lungs is not known."),
        ],
    )
    def test_tells_the_share_of_heat_in_the_lungs(
        self, visit: Visit, file: File, share: float | None, words: str
    ) -> None:
        def set_share(answer: dict[str, Any]) -> None:
            for each in answer["explanations"]:
                each["lung_share"] = share

        visit.answers_changed(set_share)
        visit.see(file)
        expect(visit.answer).to_contain_text(words)

    def test_tells_what_the_gate_says_and_what_the_service_warns_of(
        self, visit: Visit, file: File
    ) -> None:
        def judged(answer: dict[str, Any]) -> None:
            answer["gate"] = {"chest_xray": True, "score": 0.997, "reasons": []}
            answer["warnings"] = ["low_resolution: The radiograph is <b>small</b>."]

        visit.answers_changed(judged)
        visit.see(file)
        expect(visit.answer).to_contain_text("Looks like a frontal chest X-ray: 99.7%.")
        expect(visit.answer.locator(".warn li")).to_have_text("The radiograph is <b>small</b>.")

    def test_tells_version_timings_and_what_was_read(self, visit: Visit, file: File) -> None:
        answer = visit.see(file)
        details = visit.answer.locator("details")
        expect(details).to_contain_text(f"Model {answer['model']['version']}, ")
        details.locator("summary").click()
        for value in (answer["model"]["sha256"], answer["request_id"], answer["input"]["sha256"]):
            expect(details.locator("pre")).to_contain_text(value)
        for step in answer["timing_ms"]:
            expect(details.locator("pre")).to_contain_text(f'"{step}": ')

    def test_gives_the_answer_as_json(self, visit: Visit, file: File) -> None:
        answer = visit.see(file)
        with visit.page.expect_download() as download:
            visit.answer.get_by_role("button", name="JSON").click()
        assert download.value.suggested_filename == "chest.jpg.json"
        assert json.loads(Path(download.value.path()).read_text()) == answer

    def test_gives_the_picture_with_heat_and_notice_as_png(self, visit: Visit, file: File) -> None:
        answer = visit.see(file)
        label = answer["prediction"]["label"]
        with visit.page.expect_download() as download:
            visit.answer.get_by_role("button", name="PNG").click()
        assert download.value.suggested_filename == f"chest.jpg.{label}.png"
        picture = np.asarray(Image.open(download.value.path()).convert("RGB")).astype(int)
        assert picture.shape == (560 + 64, 640, 3)
        assert np.ptp(picture[:560], axis=2).max() > 60, "there is colour in it"
        assert (picture[560:] > 200).any(), "and something written below"

    def test_prints_on_one_page(self, visit: Visit) -> None:
        visit.see(*chests(1))  # small, so that there is a warning too
        pdf = visit.page.pdf(format="A4")
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
        visit.page.emulate_media(media="print")
        try:
            for kept in (".notice", "#stage canvas", ".bars", ".printed", ".warn"):
                expect(visit.page.locator(kept).first).to_be_visible()
            for left_out in ("#ways", "#controls", "nav", "footer", ".tools"):
                expect(visit.page.locator(left_out)).to_be_hidden()
        finally:
            visit.page.emulate_media(media="screen")


class TestSeveralImages:
    def test_are_a_list_that_can_be_sorted(self, visit: Visit) -> None:
        visit.choose(*chests(3))
        visit.send()
        names = visit.page.locator("#list tbody th")
        expect(names).to_have_text(["0.png", "1.png", "2.png"])
        found = {
            name: answer["prediction"]["probability"]
            for name, answer in self.answers(visit).items()
        }
        ascending = sorted(found, key=lambda name: found[name])
        heading = visit.page.get_by_role("columnheader", name="Probability")
        heading.get_by_role("button").click()
        expect(names).to_have_text(ascending)
        expect(heading).to_have_attribute("aria-sort", "ascending")
        heading.get_by_role("button").press("Enter")
        expect(names).to_have_text(ascending[::-1])
        expect(heading).to_have_attribute("aria-sort", "descending")

    def test_can_be_looked_at_one_by_one(self, visit: Visit) -> None:
        visit.choose(*chests(2))
        visit.send()
        answers = self.answers(visit)
        for name in ("1.png", "0.png"):
            visit.page.locator("#list").get_by_role("button", name=name).click()
            expect(visit.page.locator("#strip [aria-current]")).to_contain_text(name)
            probability = answers[name]["prediction"]["probability"]
            assert visit.heading().endswith(f"{100 * probability:.1f}" + "%")

    def test_are_counted_over_all_batches_and_say_why_there_is_no_answer(
        self, visit: Visit, blank: bytes
    ) -> None:
        visit.allowed = "status of 4(15|22)"
        [chest] = chests(1)
        visit.see(chest)
        status = visit.page.locator("#status")
        expect(status).to_have_text(re.compile(r"^0\.png: .+ \d+%, (not )?certain$"))
        visit.choose(("blank.png", "", blank), ("letter", "", b"Dear colleague"))
        expect(status).to_have_text("1 of 3 answered")
        visit.send()
        expect(status).to_have_text("1 of 3 answered")
        reasons = ["Empty: nearly all of one gray.", "The service does not read this format."]
        shown = visit.page.locator("#strip .thumb span:last-child")
        expect(shown).to_have_text([re.compile("certain$"), *reasons])
        expect(visit.page.locator("#list tbody td:nth-child(2)").nth(1)).to_have_text(reasons[0])
        visit.page.get_by_label("Remove letter").click()
        expect(status).to_have_text("1 of 2 answered")

    def test_are_a_csv_in_which_nothing_is_a_formula(self, visit: Visit, blank: bytes) -> None:
        [(_, kind, image)] = chests(1)
        visit.choose(('=cmd|"x",1.png', kind, image), ("blank.png", kind, blank))
        visit.send()
        with visit.page.expect_download() as download:
            visit.page.get_by_role("button", name="CSV").click()
        text = Path(download.value.path()).read_text("utf-8-sig")
        first, second = csv.DictReader(io.StringIO(text))
        [answer] = [each.json() for each in visit.predictions if each.status == 200]
        assert first["name"] == """'=cmd|"x",1.png"""
        assert first["result"] == answer["prediction"]["label"]
        assert float(first["normal"]) == answer["probabilities"]["normal"]
        assert first["model_version"] == answer["model"]["version"]
        assert (second["name"], second["result"], second["problem"]) == (
            "blank.png",
            "",
            "not_a_chest_xray",
        )
        visit.allowed = "status of 422"

    @staticmethod
    def answers(visit: Visit) -> dict[str, dict[str, Any]]:
        """The answers by the names of `chests`, told by the files' SHA-256."""
        names = {sha256(data).hexdigest(): name for name, _, data in chests(3)}
        answers = [each.json() for each in visit.predictions]
        return {names[each["input"]["sha256"]]: each for each in answers}
