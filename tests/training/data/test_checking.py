"""The findings as a whole: what is counted, what makes figures dishonest, and the page."""

import json
import sys
from pathlib import Path

import pytest

from tests.drawing import encode_jpeg, encode_png
from tests.training.conftest import Terminal, draw_folders
from tests.training.data.conftest import AddImage, draw_patient
from training.__main__ import main
from training.data import Example, read_dataset
from training.data.checking import Check, as_json, check, counts, counts_by_split, problems
from training.data.report import write_report


@pytest.fixture
def leaking(add: AddImage) -> list[Example]:
    """A copy in two splits with two labels, a patient in two splits, and a broken file."""
    pixels = draw_patient(1)
    return [
        add("1.png", pixels),
        add("copy.jpg", encode_jpeg(pixels, quality=70), label="covid19", split="test"),
        add("2.png", draw_patient(2), group="Ann", source="clinic"),
        add("3.png", draw_patient(3), group="Ann", source="clinic", split="val"),
        add("4.png", draw_patient(4), group="Ann", source="another clinic", split="test"),
        add("<b>&.png", draw_patient(5), label="covid19", split="val"),
        add("broken.png", encode_png(pixels)[:300], label="covid19"),
    ]


@pytest.fixture
def found(leaking: list[Example]) -> Check:
    return check(leaking)


def manifest(folder: Path, examples: list[Example]) -> Path:
    lines = [f"{e.path.name},{e.label},{e.split},{e.source},{e.group}" for e in examples]
    file = folder / "manifest.csv"
    file.write_text("\n".join(["path,label,split,source,group", *lines]) + "\n")
    return file


def test_what_makes_figures_dishonest_is_counted(found: Check) -> None:
    assert problems(found) == [
        "pairs of the same picture in two splits: 1",
        "pairs of the same picture with two labels: 1",
        "groups (patients) in more than one split: 1",
        "classes without an image in one of the splits: 1",
    ]
    assert found.missing_classes() == ["covid19"]  # in train, where its only file is broken
    assert found.spanning == {("clinic", "Ann"): ["train", "val"]}


def test_nothing_dishonest_is_found_where_each_picture_and_patient_is_in_one_split(
    add: AddImage,
) -> None:
    same = draw_patient(1)
    examples = [
        add("1.png", same),
        add("copy.png", same),
        add("2.png", draw_patient(2), split="val"),
    ]
    honest = check(examples)
    assert problems(honest) == []
    assert len(honest.pairs) == 1


def test_the_json_names_every_finding(found: Check, leaking: list[Example]) -> None:
    written = json.loads(json.dumps(as_json(found)))
    assert written["images"] == 6
    assert [Path(each["path"]).name for each in written["unreadable"]] == ["broken.png"]
    (pair,) = written["duplicates"]
    assert [Path(path).name for path in pair["paths"]] == ["1.png", "copy.jpg"]
    assert (pair["kind"], pair["labels"], pair["splits"], pair["same_group"]) == (
        "same picture",
        ["normal", "covid19"],
        ["train", "test"],
        False,
    )
    assert written["groups_across_splits"] == [
        {"source": "clinic", "group": "Ann", "splits": ["train", "val"]}
    ]
    assert {row["figures"] for row in written["shortcuts"] if row["target"] == "class"} == {
        "size and aspect ratio",
        "border",
        "brightness and sharpness",
        "all of these",
        "8 x 8 thumbnail",
    }


def test_images_and_groups_are_counted_by_class_source_and_split(leaking: list[Example]) -> None:
    assert counts(leaking)[-1] == {
        "label": "normal",
        "source": "clinic",
        "split": "val",
        "images": 1,
        "groups": 1,
    }
    twice = [*leaking, leaking[2]]
    assert counts_by_split(twice) == (
        ["class", "source", "train", "val", "test"],
        [
            ["covid19", "clinic", "1", "1", "1"],
            ["normal", "another clinic", "–", "–", "1"],
            ["normal", "clinic", "3 (2)", "1", "–"],
        ],
    )


def test_the_page_shows_pairs_and_samples_and_escapes_file_names(
    found: Check, tmp_path: Path
) -> None:
    file = tmp_path / "pages" / "page.html"
    write_report(found, "<i>mine</i>", file)
    html = file.read_text(encoding="utf-8")
    assert "<h1>Data set: &lt;i&gt;mine&lt;/i&gt;</h1>" in html
    assert "&lt;b&gt;&amp;.png" in html
    assert "<b>" not in html
    # Both of the pair, and one of each class and source but for those of normal/clinic: 3.
    assert html.count("data:image/jpeg;base64,") == 2 + 1 + 2 + 3
    assert html.count("<svg") == 4
    assert "same picture" in html
    assert "broken.png" in html
    assert 'name="viewport"' in html
    assert "color-scheme: light dark" in html
    assert "http" not in html.replace("http-equiv", "")  # nothing is loaded from elsewhere


def test_strict_fails_on_dishonest_data_and_passes_otherwise(
    leaking: list[Example], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = manifest(tmp_path, leaking)
    assert main(["data", "check", str(file)]) == 0
    assert main(["data", "check", str(file), "--strict", "--json", str(tmp_path / "a.json")]) == 1
    printed = capsys.readouterr().out
    assert "pairs of the same picture in two splits: 1" in printed
    assert f"{tmp_path / 'broken.png'}: " in printed
    assert json.loads((tmp_path / "a.json").read_text())["images"] == 6
    manifest(tmp_path, leaking[2:3])
    assert main(["data", "check", str(tmp_path), "--strict"]) == 0


def test_ctrl_c_ends_a_check_with_a_word(
    leaking: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal(then="reading"))
    assert main(["data", "check", str(manifest(tmp_path, leaking))]) == 130
    assert terminal.getvalue().endswith("\ntraining data: stopped.\n")


def test_the_folders_of_the_kaggle_set_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = draw_folders(tmp_path / "kaggle", {"train": 2, "val": 1, "test": 1})
    page = tmp_path / "page.html"
    assert main(["data", "check", str(root), "--html", str(page)]) == 0
    assert "tuberculosis  kaggle  2      1    1" in capsys.readouterr().out
    assert "tuberculosis, kaggle" in page.read_text(encoding="utf-8")


@pytest.mark.shared
def test_a_leak_that_the_maintainers_data_set_has_is_found(shared: Path) -> None:
    pair = ("covid19__443-.jpg", "normal__16745_6_1.jpg")
    every = read_dataset(shared / "cxr")
    sample = [each for each in every[::60] if each.path.name not in pair]
    both = [each for each in every if each.path.name in pair]
    found = check([*sample, *both])
    assert found.unreadable == []
    same = [each for each in found.pairs if each.same_picture]
    assert [{each.path.name for each in found.examples(one)} for one in same] == [set(pair)]
    assert problems(found) == [
        "pairs of the same picture in two splits: 1",
        "pairs of the same picture with two labels: 1",
    ]
