"""The gate's probe is fitted on drawn pictures, and its figures are worked out by hand."""

import csv
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from inference.gate import Gate
from model_store.errors import VersionExists
from model_store.store import FolderStore
from tests.drawing import draw_chest, encode_png
from tests.training.conftest import Python
from training.data import DataError, Example, read_dataset
from training.evaluators.gate import Judged, gate_figures, mistakes
from training.gate import Collected, fit, refused_when_left_out
from training.gated import BARS, bars_table, with_section
from training.negatives import (
    NEVER_TRAINED,
    pictures_of,
    probe_kind,
    read_negatives,
    side_by_side,
    turned,
)

PICTURE = np.array([[1, 2], [3, 4]], np.uint8)


def test_radiographs_are_turned_and_inverted() -> None:
    assert {kind: picture.tolist() for kind, picture in turned(PICTURE).items()} == {
        "upside_down": [[4, 3], [2, 1]],
        "rotated:left": [[2, 4], [1, 3]],
        "rotated:right": [[3, 1], [4, 2]],
        "inverted": [[254, 253], [252, 251]],
    }


def test_two_pictures_become_one() -> None:
    for seed in range(4):
        pair = side_by_side([draw_chest(90, 80), draw_chest(70, 90)], np.random.default_rng(seed))
        long, short = max(pair.shape), min(pair.shape)
        assert short == 256
        assert 512 <= long < 524


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("xray_chest_lateral", "lateral"),
        ("xray_knee_leg_ankle_foot", "other_body_part:bones"),
        ("ct_chest", "other_body_part:slice"),
        ("mednist64_hand", "other_body_part:bones"),
        ("mednist64_ct_head", "other_body_part:slice"),
        ("photo_gray", "not_a_radiograph:photo"),
        ("document_receipt_scan", "not_a_radiograph:drawn"),
        ("what nobody thought of", "not_a_radiograph:drawn"),
    ],
)
def test_each_kind_of_the_collection_has_its_reason(kind: str, name: str) -> None:
    assert probe_kind(kind) == name


def write_manifest(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("path", "kind", "group"), *rows])
    return folder


def test_whole_kinds_and_known_patients_are_kept_out_of_the_fit(tmp_path: Path) -> None:
    rows = [(f"{n}.png", "photo_gray", f"photo:{n}") for n in range(100)]
    rows += [("a.png", "mri_brain", "a"), ("b.png", "xray_pelvis_hip_femur", "b")]
    rows += [("c.png", "xray_chest_lateral", "nih:7"), ("d.png", "photo_gray", "photo:1")]
    known = [Example(Path("x.png"), "normal", "train", "nih_cxr14", "nih_cxr14:7")]
    found = read_negatives(write_manifest(tmp_path, rows), known)
    splits = {each.path.name: each.split for each in found}
    assert "mri_brain" in NEVER_TRAINED
    assert (splits["a.png"], splits["b.png"]) == ("test", "val")
    assert "c.png" not in splits  # a patient of the radiographs
    assert splits["1.png"] == splits["d.png"]  # one group
    counts = {split: list(splits.values()).count(split) for split in ("train", "val", "test")}
    assert 35 <= counts["train"] <= 65
    assert counts["val"] >= 10
    assert counts["test"] >= 15


def test_a_folder_without_such_a_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no manifest.csv with the columns path, kind"):
        read_negatives(tmp_path, [])


def test_a_collection_with_too_few_groups_is_said_to_be_that(tmp_path: Path) -> None:
    found = read_negatives(write_manifest(tmp_path, [("a.png", "mri_brain", "a")]), [])
    assert pictures_of(found, "test") == found
    with pytest.raises(DataError, match=r"Of the 1 pictures .* none is in the split train"):
        pictures_of(found, "train")


def collected(seed: int, each: int = 60) -> Collected:
    """Three kinds of three features each, which noise does not mix up; two sources of frontal ones."""
    random = np.random.default_rng(seed)
    centres = {
        "frontal": (3, 0, 0),
        "upside_down": (-3, 3, 0),
        "not_a_radiograph:photo": (-3, -3, 0),
    }
    kinds = np.repeat(list(centres), each)
    features = np.array([centres[kind] for kind in kinds]) + random.normal(0, 0.5, (3 * each, 3))
    sources = np.where(kinds == "frontal", np.resize(["here", "there"], len(kinds)), "others")
    return Collected(features.astype(np.float32), kinds, sources, np.ones(len(kinds), bool))


@pytest.fixture(scope="module")
def gate() -> Gate:
    return fit(collected(0), collected(1))


def test_a_fitted_gate_tells_the_kinds_apart(gate: Gate) -> None:
    assert gate.kinds == ("frontal", "not_a_radiograph:photo", "upside_down")
    unseen = collected(2)
    reasons = [gate.judge(each).reasons for each in unseen.features]
    expected = {"frontal": (), "upside_down": ("upside_down",)}
    assert reasons == [expected.get(kind, ("not_a_radiograph",)) for kind in unseen.kinds]


def test_the_median_radiograph_scores_999_and_the_edge_is_above_what_passes(gate: Gate) -> None:
    validation = collected(1)
    frontal = validation.features[validation.kinds == "frontal"]
    scores = [gate.judge(each).score or 0 for each in frontal]
    assert np.median(scores) == pytest.approx(0.999, abs=0.0005)
    assert sum(score < 0.5 for score in scores) <= 1
    assert 0.5 <= gate.edge < 0.999


def test_the_probe_is_the_linear_discriminant_analysis_of_scikit_learn_where_pictures_count_alike(
    gate: Gate,
) -> None:
    pictures = collected(0)
    centre, scale = pictures.features.mean(axis=0), pictures.features.std(axis=0)
    analysis = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1, priors=[1 / 3] * 3)
    analysis.fit((pictures.features - centre) / scale, pictures.kinds)
    assert tuple(analysis.classes_) == gate.kinds
    wanted = analysis.coef_.T / scale[:, np.newaxis]
    slope = np.abs(gate.weights).max() / np.abs(wanted).max()
    np.testing.assert_allclose(gate.weights, wanted * slope, rtol=0.002, atol=0.001)
    # The frontal kind's bias is where the operating point is; the others' are stored as float16.
    bias = analysis.intercept_ - centre @ wanted
    np.testing.assert_allclose(np.diff(gate.bias[1:]), np.diff(bias[1:]) * slope, atol=0.008)


def test_a_source_like_the_others_is_not_refused_by_a_gate_that_never_saw_it() -> None:
    found = refused_when_left_out(collected(0), collected(1))
    assert {source: row["images"] for source, row in found.items()} == {"here": 60, "there": 60}
    # The least of only thirty radiographs is where passing begins, so some of sixty are below it.
    assert all(row["refused"] <= 0.2 for row in found.values())


def test_a_source_unlike_the_others_is_refused_by_a_gate_that_never_saw_it() -> None:
    strange = collected(0)
    strange.features[strange.sources == "there"] -= np.float32([6, -3, 0])  # as if upside down
    found = refused_when_left_out(strange, collected(1))
    assert found["there"]["refused"] >= 0.4


#: Name, kind, source, what it should be refused for, what it was, score, whether trained on.
JUDGED = [
    ("a", "frontal", "here", "", "", 0.9, True),
    ("b", "frontal", "here", "", "lateral", 0.2, True),
    ("c", "frontal", "there", "", "", 0.8, True),
    ("d", "upside_down", "here", "upside_down", "upside_down", 0.1, True),
    ("e", "rotated:left", "here", "rotated", "inverted", 0.1, True),
    ("f", "rotated:right", "here", "rotated", "rotated", 0.1, True),
    ("g", "photo_colour", "", "not_a_radiograph", "coloured", 0.0, True),
    ("h", "xray_dental_panoramic", "", "other_body_part", "", 0.7, False),
    ("i", "xray_chest_lateral", "", "lateral", "lateral", 0.3, True),
    ("j", "mednist64_ct_head", "", "other_body_part", "", 0.95, False),
]


@pytest.fixture
def judged() -> Judged:
    names, *columns = zip(*JUDGED, strict=True)
    return Judged(names, *map(np.array, columns))


def test_figures_of_a_gate(judged: Judged) -> None:
    found = gate_figures(judged)
    # Frontal 0.9, 0.2, 0.8. All others: 0.1 0.1 0.1 0 0.7 0.3 0.95; the first beats 6, then 4, then 6 of 7.
    assert found["auroc"] == pytest.approx(16 / 21)
    # Without those of 64 pixels: 0, 0.7, 0.3; 3, 1 and 3 of 3. Never trained on: 0.7; 1, 0 and 1.
    assert found["auroc_others"] == pytest.approx(7 / 9)
    assert found["auroc_never_trained"] == pytest.approx(2 / 3)
    assert found["refused"] == pytest.approx(1 / 3)
    assert found["sources"] == {
        "here": {"images": 2, "refused": 0.5},
        "there": {"images": 1, "refused": 0.0},
    }
    assert math.isnan(found["worst_source"])  # none has 25
    assert found["passed_photographs_and_documents"] == 0
    assert found["passed_lateral_and_other_body_parts"] == 0.5
    assert found["passed_never_trained"] == 1
    assert found["passed_turned"] == 0
    assert found["right_reason_turned"] == 0.5  # of the two that are rotated
    assert found["kinds"]["photo_colour"] == {
        "images": 1,
        "passed": 0.0,
        "right_reason": 1.0,
        "trained": True,
    }
    assert found["kinds"]["xray_dental_panoramic"]["trained"] is False
    assert found["confusion"]["rotated"] == {"inverted": 1, "rotated": 1}
    assert found["confusion"]["passes"] == {"passes": 2, "lateral": 1}


def test_the_worst_mistakes_come_first(judged: Judged) -> None:
    refused, passed = mistakes(judged)
    assert [judged.names[each] for each in refused] == ["b"]
    assert [judged.names[each] for each in passed] == ["j", "h"]


def test_the_bars_are_held_against_the_figures() -> None:
    found = dict.fromkeys(BARS, 0.03)
    text = bars_table({**found, "auroc": 0.999, "auroc_never_trained": math.nan})
    assert (
        "| AUROC against all that is to be refused                | 0.9990 | ≥ 0.995 | met    |"
        in text
    )
    assert (
        "| AUROC against kinds never trained on                   | –      | ≥ 0.98  | –      |"
        in text
    )
    assert (
        "| frontal chest X-rays refused                           | 0.0300 | ≤ 0.01  | MISSED |"
        in text
    )
    assert (
        "| the same in the worst source                           | 0.0300 | ≤ 0.03  | met    |"
        in text
    )


def test_a_card_gets_its_section_once(judged: Judged) -> None:
    card = (
        "# Model card: 1.0\n\n## Ethical considerations\n\nNone.\n\n## Limits\n\n"
        "- It has no gate: it does not tell whether a picture is a chest X-ray at all.\n- Others.\n"
    )
    found = {**gate_figures(judged), "left_out": None}
    once = with_section(card, found)
    assert once == with_section(once, found)
    assert once.count("## Gate") == 1
    assert once.index("## Gate") < once.index("## Ethical considerations")
    assert once.endswith("## Limits\n\n- Others.\n")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stripes that pass for photographs, and for slices, which no gate is fitted on."""
    folder = tmp_path_factory.mktemp("others")
    random = np.random.default_rng(0)
    rows = []
    for kind in ("photo_gray", "mri_brain"):
        for number in range(24):
            coarse = random.integers(0, 256, (6, 6)).astype(np.uint8)
            picture = cv2.resize(coarse, (96, 80), interpolation=cv2.INTER_NEAREST)
            (folder / f"{kind}{number}.png").write_bytes(encode_png(picture))
            rows.append((f"{kind}{number}.png", kind, f"{kind}:{number}"))
    return write_manifest(folder, rows)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_command_makes_a_new_version_with_a_gate_and_judges_with_it(
    exported: Path, drawn: Path, others: Path, tmp_path: Path, python: Python
) -> None:
    store = tmp_path / "store"
    shutil.copytree(exported, store)
    words = ("-m", "training", "gate")
    common = ("--data", drawn, "--not-cxr", others, "--store", store)
    done = python(*words, "1.0", *common, "--as", "1.1", "--to", tmp_path / "page")
    assert done.returncode == 0, done.stderr
    assert "| frontal chest X-rays refused" in done.stdout
    assert "python -m training publish 1.1 --promote" in done.stdout

    before, after = FolderStore(store).verify("1.0"), FolderStore(store).verify("1.1")
    assert before.gate is None
    assert after.gate is not None
    assert Gate.from_manifest(after.gate).kinds[0] == "frontal"
    assert {**before.metrics["test"]}.items() <= after.metrics["test"].items()
    assert "gate_auroc" in after.metrics["test"]
    unchanged = ("model.tflite", "model.keras")
    assert all(before.files[file] == after.files[file] for file in unchanged)
    card = (store / "1.1" / "MODEL_CARD.md").read_text()
    assert card.startswith("# Model card: 1.1\n")
    assert "## Gate" in card
    assert "It has no gate" not in card

    found = json.loads((tmp_path / "page" / "gate.json").read_text())
    assert found["kinds"]["mri_brain"]["trained"] is False
    assert found["kinds"]["photo_gray"]["trained"] is True
    assert found["sources"][drawn.name]["images"] == 16
    page = (tmp_path / "page" / "gate.html").read_text()
    assert "(never trained on)" in page
    assert "Refused, though a frontal chest X-ray" in page

    again = python(*words, "1.1", *common)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[:9] == done.stdout.splitlines()[:9]
    missing = python(*words, "1.0", *common)
    assert missing.returncode == 2
    assert "training gate: Version 1.0 has no gate. Make a version with one" in missing.stderr


def test_a_gate_goes_without_the_sources_that_its_version_went_without(
    exported: Path, drawn: Path, others: Path, tmp_path: Path
) -> None:
    from training.gated import add_gate

    store = FolderStore(tmp_path / "store")
    shutil.copytree(exported, store.path)
    sources = {"0": "here", "1": "there"}
    radiographs = [
        replace(each, source=sources.get(each.path.stem, "elsewhere"))
        for each in read_dataset(drawn)
    ]
    pictures = read_negatives(others, radiographs)
    manifest, report = add_gate(store, "1.0", "1.1", radiographs, pictures, without=["there"])
    assert manifest.without_sources == ("there",)
    assert report.found["left_out"].keys() == {"here", "elsewhere"}  # the sources it was fitted on
    assert report.found["sources"].keys() == {"here", "there", "elsewhere"}
    again, report = add_gate(store, "1.1", "1.2", radiographs, pictures)
    assert again.without_sources == ("there",)
    assert report.found["left_out"].keys() == {"here", "elsewhere"}


def test_a_version_is_not_made_twice(exported: Path, drawn: Path, others: Path) -> None:
    from training.gated import add_gate

    radiographs = read_dataset(drawn)
    with pytest.raises(VersionExists, match=r"Version 1\.0 is in .* already"):
        add_gate(
            FolderStore(exported), "1.0", "1.0", radiographs, read_negatives(others, radiographs)
        )
