"""What the host itself reads: ``host.json`` and ``local.settings.json``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# "The HTTP request length is limited to 210 MB (220,200,960 bytes)": Limits, in
# https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger.
MAX_BODY_BYTES = 220_200_960

_NO_HOME_PAGE = "AzureWebJobsDisableHomepage"


class SettingsError(ValueError):
    """A settings file that cannot be read; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Cors:
    """Origins that a browser may call from; "*" among them means any."""

    origins: frozenset[str] = frozenset()
    credentials: bool = False


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """host.json's ``extensions.http``, and the limits beside it. None where there is no limit."""

    route_prefix: str = "api"
    custom_headers: Mapping[str, str] = field(default_factory=dict)
    max_concurrent_requests: int | None = None
    max_outstanding_requests: int | None = None
    max_body_bytes: int = MAX_BODY_BYTES
    home_page: bool = True


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """host.json's ``extensions.queues``; times in seconds.

    ``lease`` is for how long a message is hidden while a function has it: ten minutes in Azure's
    host, where nothing sets it (QueueListener.cs), and a setting of the local host alone.
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: float = 0
    max_polling_interval: float = 60
    base64: bool = True
    lease: float = 600


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """local.settings.json: app settings (``Values``) and what the host itself takes (``Host``)."""

    values: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    cors: Cors = Cors()


def read_local_settings(app_dir: Path) -> LocalSettings:
    """Read local.settings.json; all defaults where there is none. Raises SettingsError.

    https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file
    """
    path = app_dir / "local.settings.json"
    content = _read_object(path)
    if content.get("IsEncrypted"):
        raise SettingsError(f"{path} is encrypted; 'func settings decrypt' makes it readable.")
    host = _section(content, "Host", path)
    port = host.get("LocalHttpPort")
    origins = host.get("CORS", "")
    if not isinstance(port, int | None) or not isinstance(origins, str):
        raise SettingsError(f"{path}: Host.LocalHttpPort is a number, Host.CORS a text.")
    return LocalSettings(
        values={name: str(value) for name, value in _section(content, "Values", path).items()},
        port=port,
        cors=Cors(
            frozenset(filter(None, (origin.strip().rstrip("/") for origin in origins.split(",")))),
            bool(host.get("CORSCredentials", False)),
        ),
    )


def read_http_settings(app_dir: Path) -> HttpSettings:
    """Read host.json and the app settings that change what it says. Raises SettingsError.

    https://learn.microsoft.com/azure/azure-functions/functions-host-json#http
    """
    path = app_dir / "host.json"
    http = _section(_section(_read_object(path), "extensions", path), "http", path)
    body_limit = os.environ.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "")
    return HttpSettings(
        route_prefix=str(http.get("routePrefix", "api")),
        custom_headers={k: str(v) for k, v in _section(http, "customHeaders", path).items()},
        max_concurrent_requests=_limit(http, "maxConcurrentRequests", path),
        max_outstanding_requests=_limit(http, "maxOutstandingRequests", path),
        max_body_bytes=int(body_limit) if body_limit.isdecimal() else MAX_BODY_BYTES,
        home_page=os.environ.get(_NO_HOME_PAGE, "").lower() != "true",
    )


def read_queue_settings(app_dir: Path, lease: float = 600) -> QueueSettings:
    """Read host.json. Raises SettingsError.

    https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#host-json
    """
    path = app_dir / "host.json"
    queues = _section(_section(_read_object(path), "extensions", path), "queues", path)
    batch_size = _limit(queues, "batchSize", path) or 16
    threshold = _limit(queues, "newBatchThreshold", path)
    return QueueSettings(
        batch_size,
        batch_size // 2 if threshold is None else threshold,
        _limit(queues, "maxDequeueCount", path) or 5,
        _seconds(queues.get("visibilityTimeout", "00:00:00"), path),
        _seconds(queues.get("maxPollingInterval", "00:01:00"), path),
        str(queues.get("messageEncoding", "base64")).lower() == "base64",
        lease,
    )


def _seconds(text: object, path: Path) -> float:
    """Of a .NET TimeSpan such as ``00:00:30``."""
    try:
        hours, minutes, seconds = str(text).split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError as error:
        raise SettingsError(f"{path}: {text!r} is no time such as 00:00:30.") from error


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise SettingsError(f"{path} is not a JSON object.")
    return content


def _section(content: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    section = content.get(name, {})
    if not isinstance(section, dict):
        raise SettingsError(f"{path}: {name} is not an object.")
    return section


def _limit(http: dict[str, Any], name: str, path: Path) -> int | None:
    value = http.get(name, -1)
    if not isinstance(value, int):
        raise SettingsError(f"{path}: {name} is not a number.")
    return value if value > 0 else None
