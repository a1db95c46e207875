"""New splits: shares are kept, patients and pictures stay together, nothing vanishes unnamed."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from tests.drawing import encode_png
from tests.training.data.conftest import AddImage, draw_patient
from training.__main__ import main
from training.data import DataError, Example, read_dataset
from training.data.duplicates import BYTES, PATIENT, PICTURE, Pair
from training.data.splitting import leave_out, split
from training.data.survey import Unreadable

SHARES = (0.75, 0.1, 0.15)


def examples(
    images: int, label: str = "normal", source: str = "clinic", each: int = 1
) -> list[Example]:
    """So many images, `each` of them of one patient."""
    return [
        Example(Path(f"{source}/{label}/{n}.png"), label, "", source, f"{label} {n // each}")
        for n in range(images)
    ]


def test_every_class_and_source_is_split_by_its_shares() -> None:
    drawn = split(
        [*examples(100), *examples(40, "covid19"), *examples(60, source="another")], SHARES, seed=0
    )
    found = Counter((each.label, each.source, each.split) for each in drawn)
    assert found == {
        ("normal", "clinic", "train"): 75,
        ("normal", "clinic", "val"): 10,
        ("normal", "clinic", "test"): 15,
        ("normal", "another", "train"): 45,
        ("normal", "another", "val"): 6,
        ("normal", "another", "test"): 9,
        ("covid19", "clinic", "train"): 30,
        ("covid19", "clinic", "val"): 4,
        ("covid19", "clinic", "test"): 6,
    }


def test_what_small_sources_leave_uneven_the_class_evens_out() -> None:
    small = [each for n in range(10) for each in examples(2, source=f"clinic {n}")]
    assert Counter(each.split for each in split(small, SHARES, seed=0)) == {
        "train": 15,
        "val": 2,
        "test": 3,
    }


def test_a_patient_is_in_one_split() -> None:
    drawn = split(examples(90, each=3), SHARES, seed=0)
    assert all(len({e.split for e in drawn[n : n + 3]}) == 1 for n in range(0, 90, 3))
    assert {each.split for each in drawn} == {"train", "val", "test"}


@pytest.mark.parametrize("kind", [BYTES, PICTURE, PATIENT])
def test_images_of_a_pair_are_in_one_split_whatever_their_classes(kind: str) -> None:
    data = [*examples(20), *examples(20, "covid19")]
    pairs = [Pair(n, n + 20, kind) for n in range(20)]
    drawn = split(data, SHARES, seed=0, pairs=pairs)
    assert all(drawn[n].split == drawn[n + 20].split for n in range(20))
    alone = split(data, SHARES, seed=0)
    assert any(alone[n].split != alone[n + 20].split for n in range(20))


def test_a_seed_gives_the_same_split_in_any_order_and_another_seed_another() -> None:
    data = examples(60, each=2)
    drawn = {each.path: each.split for each in split(data, SHARES, seed=3)}
    assert {each.path: each.split for each in split(data[::-1], SHARES, seed=3)} == drawn
    assert {each.path: each.split for each in split(data, SHARES, seed=4)} != drawn


@pytest.mark.parametrize("shares", [(0.7, 0.1, 0.1), (1.2, -0.1, -0.1), (0.5, 0.5)])
def test_shares_that_are_none_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="three from 0 to 1 that sum to 1"):
        split(examples(4), shares, seed=0)


def test_each_kind_leaves_out_what_it_says_and_names_what_it_is_like() -> None:
    data = [*examples(4), *examples(3, "covid19")]
    same = [Pair(0, 1, BYTES), Pair(1, 2, PICTURE), Pair(3, 4, PICTURE), Pair(5, 6, PATIENT)]
    broken = Unreadable(Example(Path("broken.png"), "normal", "", "clinic", "x"), "truncated")

    def left(*kinds: str) -> list[tuple[str, str, str | None]]:
        return [
            (str(out.example.path), out.reason, str(out.like.path) if out.like else None)
            for out in leave_out(data, same, [broken], kinds)
        ]

    assert left() == []
    assert left("unreadable") == [("broken.png", "unreadable: truncated", None)]
    first = "clinic/normal/0.png"
    assert left("exact") == [("clinic/normal/1.png", "same pixels", first)]
    other = ("clinic/normal/3.png", "clinic/covid19/0.png")
    assert left("exact", "near") == [
        ("clinic/normal/1.png", "same pixels", first),
        ("clinic/normal/2.png", "same picture", first),
        (other[1], "same picture", other[0]),
    ]
    assert left("conflicting") == [
        (other[0], "labelled normal, another copy covid19", other[1]),
        (other[1], "labelled covid19, another copy normal", other[0]),
    ]


@pytest.fixture
def folder(add: AddImage, tmp_path: Path) -> Path:
    """A manifest without splits: ten patients, one with a copy, and a broken file; with a note each."""
    rows = ["path,label,note"]
    for seed in range(10):
        add(f"{seed}.png", draw_patient(seed))
        rows.append(f"{seed}.png,{('normal', 'covid19')[seed % 2]},note {seed}")
    add("copy.png", draw_patient(4))
    add("broken.png", encode_png(draw_patient(4))[:300])
    rows += ["copy.png,normal,a copy", "broken.png,normal,"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def table(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_command_writes_a_manifest_that_is_read_and_keeps_further_columns(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "split.csv"
    arguments = ["data", "split", str(folder), "--to", str(file), "--shares", "0.6", "0.2", "0.2"]
    assert main(arguments) == 0
    rows = {row["path"]: row for row in table(file)}
    assert len(rows) == 12
    assert rows["../3.png"]["note"] == "note 3"
    assert rows["../copy.png"]["split"] == rows["../4.png"]["split"]
    assert "broken.png: The PNG file is truncated" in capsys.readouterr().err
    drawn = read_dataset(file)
    assert {each.path.resolve() for each in drawn} == {
        folder / row["path"] for row in table(folder / "manifest.csv")
    }
    assert not (tmp_path / "new" / "split.left_out.csv").exists()


def test_what_is_left_out_is_printed_and_named_beside_the_manifest(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "split.csv"
    arguments = [
        "data",
        "split",
        str(folder),
        "--to",
        str(file),
        "--leave-out",
        "exact",
        "unreadable",
    ]
    assert main(arguments) == 0
    assert len(table(file)) == 10
    beside = table(tmp_path / "split.left_out.csv")
    assert [(row["path"], row["reason"], row["like"]) for row in beside] == [
        ("broken.png", "unreadable: The PNG file is truncated or corrupt.", ""),
        ("copy.png", "same pixels", "4.png"),
    ]
    printed = capsys.readouterr().out
    assert f"left out: {folder / 'copy.png'}: same pixels ({folder / '4.png'})" in printed
    assert (folder / "copy.png").is_file()
    assert (folder / "broken.png").is_file()


@pytest.mark.parametrize("there", ["split.csv", "split.left_out.csv"])
def test_a_file_that_is_there_is_only_written_over_by_force(
    folder: Path, tmp_path: Path, there: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / there).write_text("mine")
    arguments = ["data", "split", str(folder), "--to", str(tmp_path / "split.csv")]
    arguments += ["--duplicates", "ignore"]
    assert main(arguments) == 2
    assert f"{tmp_path / there} is there already" in capsys.readouterr().err
    assert (tmp_path / there).read_text() == "mine"
    assert main([*arguments, "--force"]) == 0
    assert len(table(tmp_path / "split.csv")) == 12
    assert not (tmp_path / "split.left_out.csv").exists()


def test_folders_of_classes_without_splits_are_split(tmp_path: Path) -> None:
    for label in ("NORMAL", "TURBERCULOSIS"):
        (tmp_path / "mine" / label).mkdir(parents=True)
        for seed in range(4):
            file = tmp_path / "mine" / label / f"person{seed // 2}_virus_{seed}.png"
            file.write_bytes(encode_png(draw_patient(seed)))
    file = tmp_path / "split.csv"
    arguments = [
        "data",
        "split",
        str(tmp_path / "mine"),
        "--to",
        str(file),
        "--duplicates",
        "ignore",
    ]
    assert main([*arguments, "--shares", "0.5", "0", "0.5"]) == 0
    drawn = {row["path"]: (row["label"], row["group"], row["split"]) for row in table(file)}
    one, two = (drawn[f"mine/TURBERCULOSIS/person0_virus_{n}.png"] for n in (0, 1))
    assert one == two
    assert one[:2] == ("tuberculosis", "TURBERCULOSIS/person0_virus")
    assert Counter(split for _, _, split in drawn.values()) == {"train": 4, "test": 4}
