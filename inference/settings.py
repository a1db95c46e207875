"""The app's settings, read once from the environment into one frozen object."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from model_store.manifest import is_version_name
from model_store.store import shown

_HOST = re.compile(r"[a-z0-9._-]+")


class SettingsError(ValueError):
    """A setting has a value that the app cannot work with; the message names it and what it takes."""


@dataclass(frozen=True)
class Settings:
    """Every setting with a default that works on a laptop; README explains each one."""

    inference_runtime: Literal["litert", "tensorflow"] = "litert"
    model_store: str = "bundled"
    model_version: str = "active"
    model_refresh_seconds: int = 60
    max_image_bytes: int = 10 * 1024 * 1024
    max_image_pixels: int = 40_000_000
    allow_links: bool = True
    link_hosts: tuple[str, ...] = ()
    predict_auth: Literal["function", "anonymous"] = "function"
    runtime_threads: int = 1
    log_predictions: bool = False
    archive_store: str = ""

    @property
    def model_file(self) -> str:
        """The file of a model version that the runtime loads."""
        return {"litert": "model.tflite", "tensorflow": "model.keras"}[self.inference_runtime]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings; an unset or empty variable means its default.

        Raises:
            SettingsError: A value is not one that the setting takes.
        """
        given = {
            field.name: _READERS[field.name](field.name.upper(), value)
            for field in fields(cls)
            if (value := environ.get(field.name.upper(), "").strip())
        }
        return cls(**given)  # type: ignore[arg-type]


def _one_of(*choices: str) -> Callable[[str, str], str]:
    def read(name: str, value: str) -> str:
        if value.lower() not in choices:
            raise SettingsError(f"{name} is {value!r}; it takes one of: {', '.join(choices)}.")
        return value.lower()

    return read


def _whole_number(low: int, high: int) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        digits = value.isascii() and value.isdigit() and len(value) < 20
        if not (digits and low <= int(value) <= high):
            raise SettingsError(
                f"{name} is {value!r}; it takes a whole number from {low} to {high}."
            )
        return int(value)

    return read


def _yes_or_no(name: str, value: str) -> bool:
    return _one_of("true", "false")(name, value) == "true"


def _host_names(name: str, value: str) -> tuple[str, ...]:
    return tuple(_host_name(name, host.strip()) for host in value.split(",") if host.strip())


def _host_name(name: str, value: str) -> str:
    """A host as `links` compares it: in ASCII (RFC 3490), lower case, without a dot at its end."""
    try:
        host = value.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:  # no name that can be looked up
        host = ""
    if not _HOST.fullmatch(host):
        raise SettingsError(
            f"{name} has {value!r}; it takes bare host names with commas between them, "
            "such as images.example.org,pacs.example.org."
        )
    return host


def _address(value: str) -> SplitResult | None:
    """An https address that holds no secret; None for anything else."""
    try:
        url = urlsplit(value)
        _ = url.port  # read only to have it looked at
    except ValueError:
        return None
    # A query would be a signature, a user name a secret; the stores are opened by the app's identity.
    secret = url.query or url.fragment or "@" in url.netloc
    return url if url.scheme == "https" and url.hostname and not secret else None


def _model_store(name: str, value: str) -> str:
    url = _address(value)
    if url and url.path.strip("/"):
        return value
    if value == "bundled" or ("://" not in value and Path(value).is_dir()):
        return value
    raise SettingsError(
        f"{name} is {shown(value)!r}; it takes 'bundled', a folder that exists, "
        "or https://ACCOUNT.blob.core.windows.net/CONTAINER without a key or a signature."
    )


def archive_store(name: str, value: str) -> str:
    """The address of a storage account; `name` is the setting or option that gives it.

    Raises:
        SettingsError: It is none, or has more than the account in it.
    """
    if url := _address(value):
        path = url.path.strip("/")
        # An emulator has the account in its path; in Azure a path would be a container.
        if "/" not in path and not (path and ".blob." in url.netloc.lower()):
            return value
    raise SettingsError(
        f"{name} is {shown(value)!r}; it takes https://ACCOUNT.blob.core.windows.net "
        "without a container, a key or a signature."
    )


def _version(name: str, value: str) -> str:
    if value != "active" and not is_version_name(value):
        raise SettingsError(f"{name} is {value!r}; it takes 'active' or the name of a version.")
    return value


_READERS: dict[str, Callable[[str, str], object]] = {
    "inference_runtime": _one_of("litert", "tensorflow"),
    "model_store": _model_store,
    "model_version": _version,
    "model_refresh_seconds": _whole_number(0, 86_400),
    "max_image_bytes": _whole_number(1024, 200 * 1024 * 1024),
    "max_image_pixels": _whole_number(4096, 400_000_000),
    "allow_links": _yes_or_no,
    "link_hosts": _host_names,
    "predict_auth": _one_of("function", "anonymous"),
    "runtime_threads": _whole_number(1, 16),
    "log_predictions": _yes_or_no,
    "archive_store": archive_store,
}
