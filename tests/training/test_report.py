"""A version becomes one page that needs nothing else, and one file of figures."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import keras
import numpy as np
import pytest

from model_store.store import FolderStore
from tests.training.test_audits import left_out_folder
from training.__main__ import main
from training.data import of_split, read_dataset
from training.evaluators.sanity import sanity

# Of the libraries, about each other.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:keras", "ignore::DeprecationWarning:gast"
)


@pytest.fixture(scope="module")
def folder(exported: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of the tiny network with all audits; its masks are the left halves of the images."""
    root = tmp_path_factory.mktemp("report")
    examples = of_split(read_dataset(drawn), "test")
    masks = np.zeros((len(examples), 64, 64), np.uint8)
    masks[:, :, :32] = 1
    paths = [each.path.relative_to(drawn).as_posix() for each in examples]
    ok = [index != 3 for index in range(len(examples))]
    np.savez(root / "masks.npz", path=paths, masks=masks, ok=ok)
    arguments = ["report", "1.0", "--data", drawn, "--store", exported, "--sanity-images", 6]
    audits = ["--lungs", root / "masks.npz", "--left-out", left_out_folder(root / "left_out")]
    assert main(list(map(str, [*arguments, *audits, "--to", root / "new" / "here"]))) == 0
    return root / "new" / "here"


def test_the_figures_are_those_of_the_manifest_and_of_every_audit(
    folder: Path, exported: Path
) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["schema_version"] == 1
    assert metrics["model"]["version"] == "1.0"
    found = metrics["test"]
    promised = FolderStore(exported).manifest("1.0").metrics["test"]
    for figure in ("accuracy", "macro_f1", "ece", "brier", "aurc", "coverage"):
        assert found[figure] == pytest.approx(promised[figure]), figure
    assert found["worst_cell"] is None  # four images a cell are too few
    images = {name: row["images"] for name, row in found["shortcuts"].items()}
    assert images == {
        "border_blacked_out": 16,
        "through_128": 16,
        "lungs_blacked_out": 15,
        "lungs_only": 15,
    }
    assert found["heat"]["uniform"] == 0.5
    assert 0 < found["heat_in_lungs"] < 1
    assert found["lungs"]["images"] == 16
    assert 0 <= found["lungs_not_found"] <= 1
    assert found["lungs"]["uniform"] == 0.5
    assert found["left_out_recall"] == pytest.approx(0.9)
    assert found["sanity"]["images"] == 6


def test_the_page_asks_for_nothing_from_elsewhere(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["metrics.json", "report.html"]
    for reference in re.findall(r'(?:src|href)="([^"]*)"|url\(([^)]*)\)', page):
        assert "".join(reference).startswith(("data:", "#")), reference
    assert "<script" not in page
    assert "@import" not in page


def test_the_page_shows_each_audit_and_pictures_of_each_class(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert "Research use only" in page
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    assert "Not measured" not in page
    assert page.count("<svg") == 7
    for label in ("covid19", "normal", "pneumonia", "tuberculosis"):
        assert f"<h3>{label}: right and certain (" in page
        assert f"<h3>{label}: wrong (" in page
    assert page.count("data:image/jpeg;base64,") >= 10


def test_the_page_is_well_formed_and_no_id_is_there_twice(folder: Path) -> None:
    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []
            self.ids: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.ids += [value for key, value in attrs if key == "id" and value]
            if tag not in ("meta", "img", "br"):
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.ids += [value for key, value in attrs if key == "id" and value]

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    reader = Reader()
    reader.feed((folder / "report.html").read_text())
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))


def test_what_a_report_cannot_be_made_of_is_told_in_a_sentence(
    exported: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def report(version: str, *more: object) -> str:
        given = ["report", version, "--data", drawn, "--store", exported, "--to", tmp_path / "new"]
        assert main(list(map(str, [*given, *more]))) == 2
        return capsys.readouterr().err

    assert "There is no version '7.0'" in report("7.0")
    assert "lung masks are a .npz file" in report("1.0", "--lungs", tmp_path / "none.npz")
    assert "there is no SOURCE.json" in report("1.0", "--left-out", tmp_path)
    assert not (tmp_path / "new").exists()
    # Before the images are read.
    (tmp_path / "manifest.csv").write_text("path,label,split\nnone.png,normal,test\n")
    given = ["--data", tmp_path, "--not-cxr", tmp_path / "others"]
    assert "Version 1.0 has no gate." in report("1.0", *given)


def test_a_report_says_which_sources_the_manifest_says_were_left_out(
    exported: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = shutil.copytree(exported, tmp_path / "store")
    manifest = FolderStore(store).manifest("1.0")
    replace(manifest, without_sources=("there",)).write(store / "1.0")
    given = ["report", "1.0", "--data", drawn, "--store", store, "--to", tmp_path / "new"]
    assert main(list(map(str, [*given, "--sanity-images", 0]))) == 0
    assert "1.0 was trained without there, as its manifest says." in capsys.readouterr().out


def small_network(initializer: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 1))
    features = image
    for channels, name in ((4, "low"), (8, "high")):
        features = keras.layers.Conv2D(
            channels,
            3,
            strides=2,
            activation="relu",
            kernel_initializer=initializer,
            bias_initializer="ones",
            name=name,
        )(features)
    class_maps = keras.layers.Conv2D(3, 1, kernel_initializer=initializer, name="class_maps")
    logits = keras.layers.GlobalAveragePooling2D(name="logits")(class_maps(features))
    return keras.Model(image, logits)


def test_heatmaps_change_with_the_weights_and_the_network_is_as_before_afterwards() -> None:
    model = small_network("glorot_uniform")
    before = model.get_weights()
    batch = np.random.default_rng(0).uniform(0, 1, (5, 32, 32, 1)).astype(np.float32)
    found = sanity(model, batch, steps=2)
    assert found["images"] == 5
    assert [step["down_to"] for step in found["steps"]] == ["class_maps", "high", "low"]
    assert [step["layers"] for step in found["steps"]] == pytest.approx([1 / 3, 2 / 3, 1])
    assert all(abs(step["spearman"]) < 0.9 and step["ssim"] < 0.9 for step in found["steps"])
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_heatmaps_that_do_not_depend_on_what_was_learned_stay_alike() -> None:
    batch = np.random.default_rng(0).uniform(0, 1, (5, 32, 32, 1)).astype(np.float32)
    found = sanity(small_network("ones"), batch, steps=2)
    for step in found["steps"]:
        assert step["spearman"] == pytest.approx(1)
        assert step["ssim"] == pytest.approx(1)
    assert found["between_images"]["spearman"] < 0.5
