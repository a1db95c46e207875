import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from model_store.errors import ManifestError
from model_store.manifest import ClassName, FileRecord, Input, Manifest, Outputs, Threshold


def test_a_manifest_is_read_into_typed_values(value: dict[str, Any]) -> None:
    value["input"]["high"] = 255  # a whole number where a number is taken
    manifest = Manifest.from_json(json.dumps(value))

    assert manifest.version == "1.0"
    assert manifest.labels == ("normal", "tuberculosis")
    assert manifest.classes[1] == ClassName(label="tuberculosis", name="Tuberculosis")
    assert manifest.files["MODEL_CARD.md"].size == 17
    assert manifest.input == Input(size=224, channels=1, low=0.0, high=255.0)
    assert manifest.outputs == Outputs("logits", "class_maps", None, "lungs")
    assert manifest.threshold == Threshold(value=0.5, coverage=0.9)
    assert manifest.gate == {"limits": [1, 2.5], "kind": "energy"}
    assert manifest.metrics["test"]["images"] == 714


def test_what_is_written_is_what_is_read(value: dict[str, Any], tmp_path: Path) -> None:
    manifest = Manifest.from_json(json.dumps(value))
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    assert json.loads((tmp_path / "manifest.json").read_text()) == value


def test_a_version_that_says_nothing_of_lungs_has_no_map_of_them(value: dict[str, Any]) -> None:
    del value["outputs"]["lungs"]
    assert Manifest.from_json(json.dumps(value)).outputs.lungs is None
    del value["outputs"]["embedding"]
    with pytest.raises(ManifestError, match="outputs has no embedding; it takes exactly"):
        Manifest.from_json(json.dumps(value))


def test_sources_that_a_version_went_without_are_named_where_there_are_any(
    value: dict[str, Any],
) -> None:
    assert Manifest.from_json(json.dumps(value)).without_sources == ()
    value["without_sources"] = ["one clinic", "another"]
    manifest = Manifest.from_json(json.dumps(value))
    assert manifest.without_sources == ("one clinic", "another")
    assert json.loads(manifest.to_json()) == value
    for wrong in ("one clinic", [""], [7]):
        value["without_sources"] = wrong
        with pytest.raises(ManifestError, match="without_sources"):
            Manifest.from_json(json.dumps(value))


def test_what_was_added_to_logits_is_a_number_for_each_class(value: dict[str, Any]) -> None:
    assert Manifest.from_json(json.dumps(value)).adjusted == ()
    value["adjusted"] = [-0.5] + [0.0] * (len(value["classes"]) - 1)
    manifest = Manifest.from_json(json.dumps(value))
    assert manifest.adjusted == tuple(value["adjusted"])
    assert json.loads(manifest.to_json()) == value
    for wrong in (-0.5, ["-0.5"] * len(value["classes"]), [-0.5], [True] * len(value["classes"])):
        value["adjusted"] = wrong
        with pytest.raises(ManifestError, match="adjusted"):
            Manifest.from_json(json.dumps(value))


def test_equal_manifests_are_the_same_text(value: dict[str, Any]) -> None:
    one = Manifest.from_json(json.dumps(value)).to_json()
    other = Manifest.from_json(json.dumps(dict(reversed(value.items())))).to_json()
    assert one == other
    assert one.startswith('{\n  "architecture": "mobilenet",\n')
    assert one.endswith("}\n")


def test_a_record_is_the_size_and_the_sha256_of_a_content() -> None:
    assert FileRecord.of(b"abc") == FileRecord(
        3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize("key", ["schema_version", "name", "gate", "metrics", "licence"])
def test_a_missing_key_is_named(value: dict[str, Any], key: str) -> None:
    del value[key]
    with pytest.raises(
        ManifestError, match=rf"^manifest.json: there is no {key}; it takes exactly"
    ):
        Manifest.from_json(json.dumps(value))


def test_a_missing_key_deep_inside_is_named_in_full(value: dict[str, Any]) -> None:
    del value["files"]["model.keras"]["sha256"]
    with pytest.raises(ManifestError, match=r"files.model.keras has no sha256; it takes exactly"):
        Manifest.from_json(json.dumps(value))


def test_an_unknown_key_is_named(value: dict[str, Any]) -> None:
    value["threshold"]["cover"] = 1
    with pytest.raises(
        ManifestError, match=r"threshold has an unknown key 'cover'; it takes exact"
    ):
        Manifest.from_json(json.dumps(value))


def test_another_schema_is_refused_before_its_keys_are_looked_at() -> None:
    with pytest.raises(ManifestError, match="schema_version is 2; it takes 1, the only schema"):
        Manifest.from_json('{"schema_version": 2, "weights": []}')


WRONG = [
    ("schema_version", True, "schema_version is true; it takes 1"),
    ("name", "", 'name is ""; it takes a line of text'),
    ("name", "two\nlines", r"it takes a line of text"),
    ("name", None, "name is null; it takes a line of text"),
    ("version", "../2.0", r'version is "../2.0"; it takes at most 64 letters'),
    ("version", "/etc", "version is"),
    ("version", "..", "version is"),
    ("version", "a\\b", "version is"),
    ("version", "1.0\n", "version is"),
    ("version", "Active", "and not the word active"),
    ("version", "v" * 65, "at most 64"),
    ("version", 1.0, "version is 1.0; it takes"),
    ("created", "yesterday", "created is .* it takes an ISO 8601 time in UTC"),
    ("created", "2026-11-23T14:05:00", "in UTC"),
    ("created", "2026-11-23T14:05:00+01:00", "in UTC"),
    ("created", 1795442700, "in UTC"),
    ("files", [], r"files is \[\]; it takes an object of files"),
    ("files", {}, "model.tflite or model.keras among them"),
    ("files.model+tflite", {"size": 1.0, "sha256": "0" * 64}, "size is 1.0; it takes a whole"),
    ("files.model+tflite", {"size": -1, "sha256": "0" * 64}, "size is -1; it takes a whole"),
    ("files.model+tflite", {"size": True, "sha256": "0" * 64}, "size is true; it takes a whole"),
    ("files.model+tflite", {"size": 1, "sha256": "A" * 64}, "64 lower-case hexadecimal digits"),
    ("files.model+tflite", {"size": 1, "sha256": "0" * 63}, "64 lower-case hexadecimal digits"),
    ("files.model+tflite", "0" * 64, "it takes an object"),
    ("classes", {"a": "b"}, "classes is .* it takes a list of at least two classes"),
    ("classes", [{"label": "a", "name": "A"}], "at least two classes"),
    ("classes", [{"label": "a", "name": "A"}] * 2, r'classes\[1\].label is "a"; .* of its own'),
    ("classes", ["a", "b"], r'classes\[0\] is "a"; it takes an object'),
    ("classes", [{"label": "a b", "name": "A"}] * 2, r"classes\[0\].label is .* letters, digits"),
    ("classes", [{"label": "all", "name": "A"}] * 2, "none of predicted, all, none"),
    ("input.size", 0, "input.size is 0; it takes a whole number from 1 to 4096"),
    ("input.size", 224.0, "a whole number"),
    ("input.channels", 2, "input.channels is 2; it takes 1 or 3"),
    ("input.low", 255, "input.low is 255.0; it takes a number below input.high, which is 255"),
    ("input.high", "255", 'input.high is "255"; it takes a number from'),
    ("preprocessing", 1, "preprocessing is 1; it takes a line of text"),
    ("outputs.logits", None, "outputs.logits is null; it takes a line of text"),
    ("outputs.embedding", "", "outputs.embedding is"),
    ("temperature", 0, "temperature is 0; it takes a number from 0.001 to 1000"),
    ("temperature", -1.5, "temperature is -1.5"),
    ("temperature", True, "temperature is true"),
    ("temperature", 10**400, "temperature is 1000"),
    ("threshold.value", 1.01, "threshold.value is 1.01; it takes a number from 0 to 1"),
    ("threshold.coverage", -0.1, "threshold.coverage is -0.1; it takes a number from 0 to 1"),
    ("gate", [], r"gate is \[\]; it takes an object"),
    ("metrics", 0.9, "metrics is 0.9; it takes a number or an object of numbers"),
    ("metrics.test.accuracy", "0.9", "metrics.test.accuracy is"),
    ("metrics.test.auroc", None, "metrics.test.auroc is null; it takes a number or an object"),
    ("metrics.test.accuracy", [0.9], "metrics.test.accuracy is"),
    ("training_data", [], "training_data is"),
    ("licence", 5, "licence is 5; it takes a line of text"),
]


def _name(each: object) -> str:
    """Without backslashes, of which pytest makes two each time it collects in one process."""
    return "".join(c for c in str(each)[:24] if c.isalnum() or c in " .-").strip()


@pytest.mark.parametrize(("key", "wrong", "message"), WRONG, ids=_name)
def test_a_wrong_value_is_named_with_what_is_taken(
    value: dict[str, Any], key: str, wrong: object, message: str
) -> None:
    *way, last = [part.replace("+", ".") for part in key.split(".")]
    place = value
    for part in way:
        place = place[part]
    place[last] = wrong
    with pytest.raises(ManifestError, match=rf"(?s)^manifest\.json: .*{message}"):
        Manifest.from_json(json.dumps(value))


@pytest.mark.parametrize(
    "name", ["../model", "a/b", "a\\b", "/etc/passwd", "..", ".hidden", "", "manifest.json", "a\0b"]
)
def test_a_file_name_that_is_not_plain_is_refused(value: dict[str, Any], name: str) -> None:
    value["files"][name] = {"size": 1, "sha256": "0" * 64}
    with pytest.raises(ManifestError, match=r"files has .* it takes plain file names"):
        Manifest.from_json(json.dumps(value))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1.25", "NaN", "a value is NaN; it takes finite numbers"),
        ("2.5", "-Infinity", "a value is -Infinity"),
        ("0.912", "1e999", "a value is 1e999"),
        ("714", "9" * 5000, "manifest.json: .*digits"),
        ('"name": "chest-xray"', '"name": "a", "name": "b"', "name is there twice"),
        ("}}, ", "}}", "this is not JSON"),
        ("[1, 2.5]", "[" * 100_000, "nested too deeply"),
    ],
)
def test_text_that_is_not_strict_json_is_refused(
    value: dict[str, Any], old: str, new: str, message: str
) -> None:
    text = json.dumps(value).replace(old, new, 1)
    assert text != json.dumps(value)
    with pytest.raises(ManifestError, match=message):
        Manifest.from_json(text)


@pytest.mark.parametrize("text", ["", "null", "[]", '"manifest"', "{"])
def test_text_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ManifestError, match=r"^manifest\.json: "):
        Manifest.from_json(text)


def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "1.0").mkdir()
    with pytest.raises(ManifestError, match=r"^1\.0/manifest\.json is missing"):
        Manifest.read(tmp_path / "1.0")


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(ManifestError, match="is not UTF-8 text"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0.0}, "temperature is 0.0; it takes"),
        ({"metrics": {"auroc": float("nan")}}, "cannot hold one of the values"),
        ({"gate": {"model": b"bytes"}}, "cannot hold one of the values"),
        ({"classes": (ClassName("a", "A"), ClassName("a", "B"))}, r"classes\[1\]"),
        ({"input": Input(224, 1, 1.0, 0.0)}, "input.low is 1.0"),
    ],
)
def test_a_manifest_that_could_not_be_read_is_not_written(
    value: dict[str, Any], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    manifest = dataclasses.replace(Manifest.from_json(json.dumps(value)), **change)
    with pytest.raises(ManifestError, match=message) as refused:
        manifest.write(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path.name}/manifest.json")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_file_is_named(value: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as refused:
        Manifest.from_json(json.dumps(value)).write(tmp_path / "none")
    message = "none/manifest.json cannot be written: No such file or directory."
    assert str(refused.value) == message
