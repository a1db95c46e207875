"""A version comes into another store whole and verified, and not if it is worse."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_store.manifest import FileRecord, Manifest
from model_store.store import BUNDLED, FolderStore
from training.__main__ import main
from training.publish import objections

FILES = {"model.tflite": b"a small network", "model.keras": b"the same", "MODEL_CARD.md": b"# Card"}
VALUES = {"accuracy": 0.9, "macro_f1": 0.88, "ece": 0.03, "coverage": 0.9, "images": 50}

type Make = Callable[..., FolderStore]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Put a version into a store: `make("store", "1.0", ece=0.02)` with a figure of its test split."""

    def make_version(store: str, version: str, data: str = "a" * 64, **test: Any) -> FolderStore:
        folder = tmp_path / store / version
        folder.mkdir(parents=True)
        for name, content in FILES.items():
            (folder / name).write_bytes(content)
        value = json.loads((BUNDLED / "2026.11.1" / "manifest.json").read_text())
        figures = {key: each for key, each in (VALUES | test).items() if each is not None}
        value |= {
            "version": version,
            "training_data": data,
            "files": {name: vars(FileRecord.of(content)) for name, content in FILES.items()},
            "metrics": {"val": copy.copy(VALUES), "test": figures},
        }
        (folder / "manifest.json").write_text(json.dumps(value))
        return FolderStore(tmp_path / store)

    return make_version


@pytest.fixture
def there(make: Make) -> FolderStore:
    """The other store, where version 1.0 is in use."""
    store = make("there", "1.0")
    store.promote("1.0")
    return store


def publish(source: FolderStore, target: FolderStore | None, version: str, *more: str) -> int:
    to = ["--to", str(target.path)] if target else []
    return main(["publish", version, "--store", str(source.path), *to, *more])


def test_a_version_that_is_no_worse_goes_there_whole_and_is_not_yet_in_use(
    make: Make, there: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    here = make("here", "2.0", accuracy=0.91)
    assert publish(here, there, "2.0") == 0
    assert capsys.readouterr().out == f"2.0 is there, not yet in use, in {there.path}.\n"
    assert there.verify("2.0") == here.verify("2.0")
    assert there.active() == "1.0"
    assert {entry.name for entry in there.path.iterdir()} == {"ACTIVE", "1.0", "2.0"}


def test_with_promote_it_is_in_use_and_the_former_one_can_come_back(
    make: Make, there: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(make("here", "2.0"), there, "2.0", "--promote") == 0
    assert capsys.readouterr().out == f"2.0 is in use in {there.path}.\n"
    assert there.history() == ("2.0", "1.0")
    assert there.rollback() == "1.0"


def test_a_version_that_is_worse_is_refused_with_both_values_of_each_figure(
    make: Make, there: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    here = make("here", "2.0", accuracy=0.95, macro_f1=0.8799, ece=0.031, coverage=0.5, images=9)
    assert publish(here, there, "2.0", "--promote") == 1
    assert capsys.readouterr().err == (
        "training publish: 2.0 is worse than 1.0, which is active there:\n"
        "  test.macro_f1: 2.0 0.8799, 1.0 0.8800\n"
        "  test.ece: 2.0 0.0310, 1.0 0.0300\n"
        "Nothing was done; --force publishes it all the same.\n"
    )
    assert there.versions() == ("1.0",)
    assert there.active() == "1.0"


def test_force_publishes_what_is_worse_and_says_what_is(
    make: Make, there: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    here = make("here", "2.0", accuracy=0.89)
    assert publish(here, there, "2.0", "--promote", "--force") == 0
    assert capsys.readouterr().out == (
        "2.0 is worse than 1.0, which is active there:\n"
        "  test.accuracy: 2.0 0.8900, 1.0 0.9000\n"
        f"2.0 is in use in {there.path}, all the same (--force).\n"
    )
    assert there.active() == "2.0"


def test_figures_of_different_data_are_not_compared_but_need_force(
    make: Make, there: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    here = make("here", "2.0", data="b" * 64, accuracy=0.99)
    assert publish(here, there, "2.0") == 1
    message = capsys.readouterr().err
    assert (
        "were evaluated on different data (fingerprints bbbbbbbbbbbbbbbb and aaaaaaaaaa" in message
    )
    assert there.versions() == ("1.0",)
    assert publish(here, there, "2.0", "--force") == 0
    assert there.versions() == ("1.0", "2.0")


def test_a_figure_that_is_missing_or_whose_direction_is_unknown_speaks_against_it(
    make: Make,
) -> None:
    active = make("there", "1.0", beauty=3).manifest("1.0")
    new = make("here", "2.0", accuracy=None).manifest("2.0")
    assert objections(new, active) == [
        "2.0 is worse than 1.0, which is active there:",
        "  test.accuracy: 2.0 has none, 1.0 0.9000",
        "  test.beauty: training/publish.py does not say whether more of it is better",
    ]


def test_every_figure_of_the_shipped_version_has_a_direction() -> None:
    shipped = FolderStore(BUNDLED).manifest()
    other = Manifest(**{**vars(shipped), "version": "other"})
    assert objections(other, shipped) == []


def test_a_store_without_an_active_version_takes_any(make: Make) -> None:
    there = make("there", "1.0")
    assert publish(make("here", "2.0", accuracy=0.1), there, "2.0", "--promote") == 0
    assert there.active() == "2.0"


def test_within_one_store_promote_asks_the_same(
    make: Make, there: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    make("there", "2.0", accuracy=0.5)
    make("there", "3.0")
    assert publish(there, None, "2.0", "--promote") == 1
    assert there.active() == "1.0"
    assert publish(there, None, "3.0", "--promote") == 0
    assert there.active() == "3.0"
    capsys.readouterr()
    assert publish(there, None, "2.0") == 2
    assert "Say with --to which store it goes to, or with --promote" in capsys.readouterr().err


def test_what_is_damaged_exists_already_or_has_nowhere_to_go_changes_nothing(
    make: Make, there: FolderStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = make("here", "1.0")
    make("here", "2.0")
    (here.path / "2.0" / "model.keras").write_bytes(b"the SAME")
    for version, target, message in (
        ("2.0", there, "2.0/model.keras does not have the SHA-256 of its manifest"),
        ("1.0", there, "Version 1.0 is in"),
        ("3.0", there, "There is no version '3.0'"),
        ("1.0", FolderStore(tmp_path / "nowhere"), "nowhere is not a folder"),
    ):
        assert publish(here, target, version) == 2
        assert message in capsys.readouterr().err
    assert {entry.name for entry in there.path.iterdir()} == {"ACTIVE", "1.0"}
    assert not (tmp_path / "nowhere").exists()
