"""What a version is: the manifest beside its files, read and written strictly."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from model_store import strict_json
from model_store.errors import ManifestError
from model_store.strict_json import number, object_of, or_null, text, text_like, whole_number, wrong

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class FileRecord:
    """A file of the version: `size` in bytes, `sha256` as 64 lower-case hexadecimal digits."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "FileRecord":
        """The record of a file with this content."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class ClassName:
    """A class: `label` for programs (`covid19`), `name` for people (`COVID-19`)."""

    label: str
    name: str


@dataclass(frozen=True)
class Input:
    """What the network takes: `size` x `size` pixels, 1 or 3 channels, from `low` to `high`."""

    size: int
    channels: int
    low: float
    high: float


@dataclass(frozen=True)
class Outputs:
    """The names of the network's outputs; None is one that it does not have.

    `lungs` gives the probability to be lung, [1, rows, columns], on the grid of the class maps; in
    `model.keras` it is the name of the layer that does, [1, rows, columns, 1].
    """

    logits: str
    class_maps: str | None
    embedding: str | None
    lungs: str | None = None


@dataclass(frozen=True)
class Threshold:
    """Below probability `value` an answer is not certain; `coverage` is the share not below."""

    value: float
    coverage: float


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that is known of a version.

    `classes` are in the order of the logits; `created` is ISO 8601 in UTC; `gate` is for the gate
    to read; `metrics` are numbers and objects of numbers; `training_data` is a fingerprint;
    `without_sources` are sources of these data that the version was not trained on, only tested;
    `adjusted` is what was added to each class's logit after training, and empty where nothing was.
    """

    schema_version: int = SCHEMA_VERSION
    name: str
    version: str
    created: str
    architecture: str
    files: Mapping[str, FileRecord]
    classes: tuple[ClassName, ...]
    input: Input
    preprocessing: str
    outputs: Outputs
    temperature: float
    threshold: Threshold
    gate: Mapping[str, Any] | None
    metrics: Mapping[str, Any]
    training_data: str
    without_sources: tuple[str, ...] = ()
    adjusted: tuple[float, ...] = ()
    licence: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' labels in the order of the logits."""
        return tuple(each.label for each in self.classes)

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read `folder`/manifest.json.

        Raises:
            ManifestError: It is missing, unreadable, or not exactly what this code reads.
        """
        source = _source(folder)
        try:
            content = (folder / MANIFEST).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise ManifestError(f"{source} is missing; every version has one.") from error
        except UnicodeDecodeError as error:
            raise ManifestError(f"{source} is not UTF-8 text.") from error
        except OSError as error:
            raise ManifestError(f"{source} cannot be read: {error.strerror}.") from error
        return cls.from_json(content, source)

    @classmethod
    def from_json(cls, content: str, source: str = MANIFEST) -> "Manifest":
        """Read a manifest from JSON; `source` is what messages call it.

        Raises:
            ManifestError: It is not exactly what this code reads.
        """
        try:
            value = strict_json.parse(content)
            # Before anything else, because it decides what the other keys are.
            if isinstance(value, dict) and "schema_version" in value:
                _schema_version("schema_version", value["schema_version"])
            manifest: Manifest = object_of(_MANIFEST, cls, optional=_LATER)("", value)
            if manifest.adjusted and len(manifest.adjusted) != len(manifest.classes):
                raise wrong("adjusted", value["adjusted"], "a number for each class")
            return manifest
        except ValueError as error:
            raise ManifestError(f"{source}: {error}.") from error

    def to_json(self) -> str:
        """Equal manifests are the same text: sorted keys, two spaces, a newline at the end."""
        content = asdict(self)
        for key in _LATER:
            if not content[key]:  # apps deployed before would not read it
                del content[key]
        return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"

    def write(self, folder: Path) -> None:
        """Write `folder`/manifest.json, unless `read` would refuse it.

        Raises:
            ManifestError: A value is not what its key takes, or the file cannot be written.
        """
        source = _source(folder)
        try:
            content = self.to_json()
        except (TypeError, ValueError, RecursionError) as error:
            raise ManifestError(f"{source} cannot hold one of the values: {error}.") from error
        self.from_json(content, source)
        try:
            (folder / MANIFEST).write_text(content, encoding="utf-8", newline="\n")
        except OSError as error:
            raise ManifestError(f"{source} cannot be written: {error.strerror}.") from error


def is_version_name(name: str) -> bool:
    """Whether a version may be called so: a plain folder name that cannot lead out of the store."""
    # ACTIVE lies beside the versions, and some file systems take upper and lower case for one.
    return bool(re.fullmatch(_VERSION_NAME, name)) and name.lower() != "active"


def is_label(label: str) -> bool:
    """Whether a class may be called so: a word for programs, and none that requests write in its place."""
    return bool(re.fullmatch(_LABEL, label)) and label not in _RESERVED_LABELS


_LABEL = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_VERSION_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?"
_FILE_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}"
_LOADABLE = {"model.tflite", "model.keras"}
#: Keys that versions up to 2026.11.5 do not have, whatever was done with them.
_LATER = ("without_sources", "adjusted")
#: Words that a request writes where it could write a label.
_RESERVED_LABELS = ("predicted", "all", "none")


def _source(folder: Path) -> str:
    return (Path(folder.name) / MANIFEST).as_posix()


def _schema_version(key: str, value: Any) -> int:
    if type(value) is not int or value != SCHEMA_VERSION:
        raise wrong(key, value, f"{SCHEMA_VERSION}, the only schema that this code reads")
    return value


def _version(key: str, value: Any) -> str:
    if not isinstance(value, str) or not is_version_name(value):
        raise wrong(
            key, value, "at most 64 letters, digits, '.', '_' and '-', and not the word active"
        )
    return value


def _utc_time(key: str, value: Any) -> str:
    takes = "an ISO 8601 time in UTC such as 2026-11-23T14:05:00Z"
    try:
        in_utc = datetime.fromisoformat(text(key, value)).utcoffset() == timedelta(0)
    except ValueError as error:
        raise wrong(key, value, takes) from error
    if not in_utc:
        raise wrong(key, value, takes)
    return str(value)


def _files(key: str, value: Any) -> dict[str, FileRecord]:
    if not isinstance(value, dict) or not value.keys() & _LOADABLE:
        raise wrong(key, value, "an object of files, model.tflite or model.keras among them")
    for name in value:
        if not re.fullmatch(_FILE_NAME, name) or name.lower() == MANIFEST:
            takes = "plain file names of letters, digits, '.', '_' and '-'"
            raise ValueError(f"{key} has {name!r}; it takes {takes}")
    return {name: _FILE(f"{key}.{name}", record) for name, record in value.items()}


def _classes(key: str, value: Any) -> tuple[ClassName, ...]:
    if not isinstance(value, list) or len(value) < 2:
        raise wrong(key, value, "a list of at least two classes")
    taken = set(_RESERVED_LABELS)
    classes = []
    for index, item in enumerate(value):
        each: ClassName = _CLASS(f"{key}[{index}]", item)
        if each.label in taken:
            takes = f"a label of its own, none of {', '.join(_RESERVED_LABELS)}"
            raise wrong(f"{key}[{index}].label", each.label, takes)
        taken.add(each.label)
        classes.append(each)
    return tuple(classes)


def _sources(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise wrong(key, value, "a list of sources")
    return tuple(text(f"{key}[{index}]", each) for index, each in enumerate(value))


def _logits(key: str, value: Any) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise wrong(key, value, "a list of numbers")
    read = number(-1000, 1000)
    return tuple(read(f"{key}[{index}]", each) for index, each in enumerate(value))


def _channels(key: str, value: Any) -> int:
    if type(value) is not int or value not in (1, 3):
        raise wrong(key, value, "1 or 3")
    return value


def _input(key: str, value: Any) -> Input:
    spec: Input = _INPUT(key, value)
    if not spec.low < spec.high:
        raise wrong(f"{key}.low", spec.low, f"a number below {key}.high, which is {spec.high:g}")
    return spec


_FILE = object_of(
    {
        "size": whole_number(1, 2**40),
        "sha256": text_like(r"[0-9a-f]{64}", "64 lower-case hexadecimal digits"),
    },
    FileRecord,
)
_CLASS = object_of(
    {
        "label": text_like(_LABEL, "at most 64 letters, digits, '_' and '-'"),
        "name": text,
    },
    ClassName,
)
_INPUT = object_of(
    {
        "size": whole_number(1, 4096),
        "channels": _channels,
        "low": number(-65536, 65536),
        "high": number(-65536, 65536),
    },
    Input,
)
_MANIFEST: dict[str, strict_json.Reader] = {
    "schema_version": _schema_version,
    "name": text,
    "version": _version,
    "created": _utc_time,
    "architecture": text,
    "files": _files,
    "classes": _classes,
    "input": _input,
    "preprocessing": text,
    "outputs": object_of(
        {
            "logits": text,
            "class_maps": or_null(text),
            "embedding": or_null(text),
            "lungs": or_null(text),
        },
        Outputs,
        optional=("lungs",),  # versions before 2026.11.3 do not say
    ),
    "temperature": number(0.001, 1000),
    "threshold": object_of({"value": number(0, 1), "coverage": number(0, 1)}, Threshold),
    "gate": or_null(strict_json.any_object),
    "metrics": strict_json.nested_numbers,
    "training_data": text,
    "without_sources": _sources,
    "adjusted": _logits,
    "licence": text,
}
