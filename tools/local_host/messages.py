"""The messages between host and runtime, in the shape of the protocol's protobuf classes.

In Azure the host and the Python worker talk over gRPC, and the worker hands the runtime its
generated protobuf module as ``protos``; the runtime builds every answer from it. In one process
nothing goes over a wire, so plain objects with the same names do. This module is what the runtime
gets as ``protos``; only what it names is here.

Names and meaning: FunctionRpc.proto of Azure/azure-functions-language-worker-protobuf.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

# Field names of the protocol shadow these types inside the classes below.
_Bytes = bytes
_Int = int


@dataclass(frozen=True, slots=True)
class TypedData:
    """One value of one of several types; the field that is not None is set."""

    string: str | None = None
    json: str | None = None
    bytes: _Bytes | None = None
    int: _Int | None = None
    double: float | None = None
    http: RpcHttp | None = None

    def WhichOneof(self, group: str) -> str | None:
        """The name of the field that is set, None where the value is empty."""
        return next((name for name in self.__slots__ if getattr(self, name) is not None), None)


@dataclass(frozen=True, slots=True)
class RpcHttp:
    """A request (method, url, params, query) or a response (status_code, cookies)."""

    method: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: TypedData = TypedData()
    status_code: str = ""
    cookies: list[RpcHttpCookie] | None = None
    enable_content_negotiation: bool = False


@dataclass(frozen=True, slots=True)
class ParameterBinding:
    """A function's argument by name."""

    name: str
    data: TypedData

    def WhichOneof(self, group: str) -> str:
        """Always the value itself: shared memory is not used here."""
        return "data"


@dataclass(frozen=True, slots=True)
class RpcException:
    """What a function, or the app while it was imported, let escape."""

    message: str = ""
    stack_trace: str = ""


class _Record(SimpleNamespace):
    """A message that the runtime only fills and we only read."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)


class StatusResult(_Record):
    """``status`` is one of the two constants; ``exception`` is there on failure."""

    Failure = 0
    Success = 1


class BindingInfo(_Record):
    """Type, direction and data type of a binding."""

    # "in" is a keyword; the runtime compares with the other three only.
    out = 1
    inout = 2
    undefined = 0


class RpcHttpCookie(_Record):
    """One ``Set-Cookie``; every attribute is None or has a ``value``."""

    SameSite = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


class WorkerInitResponse(_Record):
    """Capabilities and the result of importing the app."""


class WorkerMetadata(_Record):
    """Versions of runtime and Python."""


class FunctionMetadataResponse(_Record):
    """``function_metadata_results``: a list of RpcFunctionMetadata, or None."""


class RpcFunctionMetadata(_Record):
    """``name``, ``function_id`` and ``raw_bindings`` (JSON strings) of one function."""


class RpcRetryOptions(_Record):
    """Kept for functions with a retry policy; HTTP functions have none."""


class FunctionLoadResponse(_Record):
    """``function_id`` and ``result``."""


class InvocationResponse(_Record):
    """``result`` and, on success, ``return_value`` (TypedData) and ``output_data``."""


class Timestamp(_Record):
    """``seconds`` since 1970."""


class NullableString(_Record):
    """``value``."""


class NullableBool(_Record):
    """``value``."""


class NullableDouble(_Record):
    """``value``."""


class NullableTimestamp(_Record):
    """``value``, a Timestamp."""
