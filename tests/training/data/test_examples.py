"""Data sets as people bring them, and what is said where they cannot be read."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.drawing import draw_chest, encode_jpeg, encode_png
from tests.training.conftest import draw_folders
from training.data import (
    DataError,
    Example,
    check_labels,
    fingerprint,
    of_split,
    read_dataset,
    read_pixels,
)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two images a class to train, one to validate and one to test, in the Kaggle set's folders."""
    return draw_folders(tmp_path / "kaggle", {"train": 2, "val": 1, "test": 1})


def manifest(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    file = folder / "manifest.csv"
    file.write_text("\n".join(lines) + "\n", encoding=encoding)
    return file


def test_a_manifest_gives_path_label_split_source_and_patient(tmp_path: Path) -> None:
    file = manifest(
        tmp_path,
        "path,label,split,source,group",
        "a/1.png,normal,train,clinic,patient 7",
        "2.png,covid19,test,,",
    )
    assert read_dataset(file) == [
        Example(tmp_path / "a" / "1.png", "normal", "train", "clinic", "patient 7"),
        Example(tmp_path / "2.png", "covid19", "test", tmp_path.name, "2.png"),
    ]


def test_without_source_and_group_the_folder_is_the_source_and_each_image_a_patient(
    tmp_path: Path,
) -> None:
    file = manifest(tmp_path, "path,label,split", "1.png,normal,val")
    expected = [Example(tmp_path / "1.png", "normal", "val", tmp_path.name, "1.png")]
    assert read_dataset(file) == expected
    assert read_dataset(tmp_path) == expected


def test_a_manifest_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    file = manifest(tmp_path, "path,label,split", "1.png,normal,val", encoding="utf-8-sig")
    assert read_dataset(file)[0].label == "normal"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("path,class", "1.png,normal"), "the columns label, split are missing"),
        (
            ("path,label,split", "1.png,normal,train", "2.png,normal,training"),
            "line 3: split is 'training'; it is one of train, val, test",
        ),
        (("path,label,split", "1.png,,train"), "line 2: label is empty"),
        (("path,label,split", ",normal,train"), "line 2: path is empty"),
        (("path,label,split",), "no radiograph found"),
        (("",), "the columns label, path, split are missing; .* names none"),
        (
            ("path;label;split", "1.png;normal;train"),
            "missing; its first line, read with commas between, names 'path;label;split'",
        ),
        (("path,label,split", "1.png,\x00,train", "x" * 200_000), "it is no CSV file in UTF-8"),
    ],
)
def test_a_wrong_manifest_is_named_with_what_is_wrong(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    file = manifest(tmp_path, *lines)
    with pytest.raises(DataError, match=message) as raised:
        read_dataset(file)
    assert str(raised.value).startswith(str(file))


def test_a_manifest_in_another_encoding_is_named(tmp_path: Path) -> None:
    file = manifest(tmp_path, "path,label,split", "Müller.png,normal,val", encoding="latin-1")
    with pytest.raises(DataError, match=r"manifest\.csv: it is no CSV file in UTF-8"):
        read_dataset(file)


def test_the_folders_of_the_kaggle_set_are_read(folders: Path) -> None:
    examples = read_dataset(folders)
    assert Counter((each.split, each.label) for each in examples) == {
        **{("train", label): 2 for label in ("covid19", "normal", "pneumonia", "tuberculosis")},
        **{("val", label): 1 for label in ("covid19", "normal", "pneumonia", "tuberculosis")},
        **{("test", label): 1 for label in ("covid19", "normal", "pneumonia", "tuberculosis")},
    }
    tuberculosis = next(each for each in examples if each.label == "tuberculosis")
    assert tuberculosis == Example(
        folders / "train" / "TURBERCULOSIS" / "0.png",
        "tuberculosis",
        "train",
        "kaggle",
        "train/TURBERCULOSIS/0.png",
    )


def test_a_folder_of_an_unknown_class_is_named(folders: Path) -> None:
    (folders / "val" / "FRACTURE").mkdir()
    with pytest.raises(DataError, match=r"val/FRACTURE: a class folder is one of covid19, normal"):
        read_dataset(folders)


def test_folders_may_be_written_otherwise_and_hidden_ones_are_passed_over(folders: Path) -> None:
    before = [(each.label, each.split) for each in read_dataset(folders)]
    (folders / "train").rename(folders / "Training")
    (folders / "val").rename(folders / "valid")
    (folders / "test" / "COVID19").rename(folders / "test" / "Covid-19")
    (folders / "test" / ".ipynb_checkpoints").mkdir()
    assert [(each.label, each.split) for each in read_dataset(folders)] == before


def test_a_folder_inside_of_a_class_folder_is_named(folders: Path) -> None:
    (folders / "val" / "NORMAL" / "patient 1").mkdir()
    with pytest.raises(DataError, match=r"patient 1: folders inside of a class folder are not"):
        read_dataset(folders)


def test_a_dicom_file_is_known_whatever_its_name(folders: Path) -> None:
    file = folders / "val" / "NORMAL" / "1.2.840.10008"
    file.write_bytes(bytes(128) + b"DICM" + bytes(20))
    assert file in [each.path for each in read_dataset(folders)]


def test_what_is_no_image_is_passed_over(folders: Path) -> None:
    before = read_dataset(folders)
    for name in ("Thumbs.db", "notes.txt", ".DS_Store", "._0.png"):
        (folders / "train" / "NORMAL" / name).write_bytes(b"no image")
    (folders / "train" / "README.md").write_text("no class folder")
    assert read_dataset(folders) == before


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere", "there is no such file or folder"), ("", "no radiograph found")],
)
def test_where_there_is_no_data_set_the_place_is_named(
    tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(DataError, match=message) as raised:
        read_dataset(tmp_path / name)
    assert str(tmp_path / name) in str(raised.value)


def test_pixels_are_those_that_serving_sees(tmp_path: Path) -> None:
    chest = draw_chest(80, 70)
    (tmp_path / "1.png").write_bytes(encode_png(chest, orientation=6))  # lies on its side
    example = Example(tmp_path / "1.png", "normal", "train", "", "")
    assert np.array_equal(read_pixels(example), np.rot90(chest, -1))


def test_a_file_that_is_no_radiograph_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.jpg"
    file.write_bytes(encode_jpeg(draw_chest(80, 70))[:500])
    with pytest.raises(DataError, match=r"broken\.jpg: "):
        read_pixels(Example(file, "normal", "train", "", ""))


def test_a_split_without_images_is_named(folders: Path) -> None:
    examples = [each for each in read_dataset(folders) if each.split != "val"]
    assert len(of_split(examples, "train")) == 8
    with pytest.raises(DataError, match="no image in its split val"):
        of_split(examples, "val")


def test_labels_that_the_model_does_not_have_are_named_beside_those_that_it_has(
    folders: Path,
) -> None:
    examples = read_dataset(folders)
    check_labels(examples, ("tuberculosis", "pneumonia", "normal", "covid19"))
    with pytest.raises(DataError, match=r"labels covid19, tuberculosis; .* classes normal, pneu"):
        check_labels(examples, ("normal", "pneumonia"))


def test_a_data_set_has_the_same_fingerprint_wherever_it_lies_and_whatever_its_order(
    folders: Path, tmp_path: Path
) -> None:
    examples = read_dataset(folders)
    expected = fingerprint(examples)
    assert fingerprint(examples[::-1]) == expected

    moved = tmp_path / "elsewhere" / "a"
    shutil.copytree(folders, moved)
    assert fingerprint(read_dataset(moved)) == expected

    # The same images under other names, by a manifest.
    for number, each in enumerate(reversed(examples)):
        shutil.copy(each.path, tmp_path / f"{number}.png")
    rows = [f"{n}.png,{each.label},{each.split}" for n, each in enumerate(reversed(examples))]
    assert fingerprint(read_dataset(manifest(tmp_path, "path,label,split", *rows))) == expected


def test_any_byte_label_or_split_and_any_image_more_or_less_changes_the_fingerprint(
    folders: Path,
) -> None:
    examples = read_dataset(folders)
    first, *rest = examples
    prints = [
        fingerprint(examples),
        fingerprint(rest),
        fingerprint([first, *examples]),
        fingerprint([Example(first.path, "normal", first.split, "", ""), *rest]),
        fingerprint([Example(first.path, first.label, "test", "", ""), *rest]),
    ]
    content = bytearray(first.path.read_bytes())
    content[-1] ^= 1
    first.path.write_bytes(content)
    prints.append(fingerprint(examples))
    assert len(set(prints)) == len(prints)


@pytest.mark.shared
def test_the_maintainers_data_set_is_read_whole_and_no_patient_is_in_two_splits(
    shared: Path,
) -> None:
    examples = read_dataset(shared / "cxr")
    assert len(examples) == 4908
    assert Counter(each.split for each in examples) == {"train": 3564, "val": 546, "test": 798}
    assert {each.label for each in examples} == {"covid19", "normal", "pneumonia", "tuberculosis"}
    splits = {(each.source, each.group, each.split) for each in examples}
    assert len(splits) == len({(source, group) for source, group, _ in splits})
    assert all(each.path.is_file() for each in examples)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("person12_virus_34.png", "train/PNEUMONIA/person12_virus"),
        ("person12_bacteria_35.png", "train/PNEUMONIA/person12_bacteria"),
        ("IM-0115-0001.png", "train/PNEUMONIA/IM-0115"),
        ("NORMAL2-IM-0503-0001-0002.png", "train/PNEUMONIA/NORMAL2-IM-0503"),
        ("00001280_004.png", "00001280"),
        ("20200131_1415.png", "train/PNEUMONIA/20200131_1415.png"),
        ("MCUCXR_0001_0.png", "train/PNEUMONIA/MCUCXR_0001_0.png"),
        ("Tuberculosis-12.png", "train/PNEUMONIA/Tuberculosis-12.png"),
        ("COVID19(3).png", "train/PNEUMONIA/COVID19(3).png"),
    ],
)
def test_a_file_named_after_its_patient_as_in_the_public_sets_gives_the_group(
    tmp_path: Path, name: str, group: str
) -> None:
    (tmp_path / "train" / "PNEUMONIA").mkdir(parents=True)
    (tmp_path / "train" / "PNEUMONIA" / name).write_bytes(b"")
    assert [each.group for each in read_dataset(tmp_path)] == [group]


def test_a_patient_of_the_nih_is_the_same_one_in_each_folder(tmp_path: Path) -> None:
    for folder, image in (("train/NORMAL", 5), ("val/PNEUMONIA", 7), ("test/NORMAL", 6)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"00001234_{image:03}.png").write_bytes(b"")
    assert {each.group for each in read_dataset(tmp_path)} == {"00001234"}


def test_what_has_no_splits_is_read_only_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "NORMAL").mkdir()
    (tmp_path / "NORMAL" / "1.png").write_bytes(b"")
    expected = Example(tmp_path / "NORMAL" / "1.png", "normal", "", tmp_path.name, "NORMAL/1.png")
    assert read_dataset(tmp_path, unsplit=True) == [expected]
    with pytest.raises(DataError, match="no radiograph found"):
        read_dataset(tmp_path)

    file = manifest(tmp_path, "path,label", "1.png,normal")
    assert read_dataset(file, unsplit=True)[0].split == ""
    with pytest.raises(DataError, match="the columns split are missing"):
        read_dataset(file)
    file = manifest(tmp_path, "path,label,split", "1.png,normal,training")
    with pytest.raises(DataError, match="split is 'training'"):
        read_dataset(file, unsplit=True)
