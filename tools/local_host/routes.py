"""Route templates as Azure's host reads them, which is as ASP.NET Core does.

``{name}``, ``{name?}`` and ``{name=value}`` (last), ``{*rest}`` (last), constraints as in
``{id:int:min(1)}``, several parameters in a segment as in ``{name}.{type}``. Literals match in any
case. See "Route templates" and "Route constraints" in
https://learn.microsoft.com/aspnet/core/fundamentals/routing.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from tools.local_host.worker import Function

type Check = Callable[[str], bool]


class RouteError(ValueError):
    """A template that cannot be read, or that Azure's host would not take beside the others."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One ``{...}`` of a template."""

    name: str
    default: str | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A function's template, ready to match: ``pattern`` has one group a parameter."""

    function: Function
    template: str
    pattern: re.Pattern[str]
    parameters: tuple[Parameter, ...]

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters in a percent-encoded path, None where the path is not this route's.

        As in Azure a slash at the end changes nothing, and an optional parameter may be missing.
        """
        # A slash that came as %2F stays encoded and in its segment, as in Kestrel.
        path = unquote(re.sub("%2f", "%252F", path, flags=re.IGNORECASE)).strip("/")
        found = self.pattern.fullmatch(f"/{path}" if path else "")
        if found is None:
            return None
        values: dict[str, str] = {}
        for parameter, value in zip(self.parameters, found.groups(), strict=True):
            value = value or parameter.default
            if value is None:
                continue
            if not all(check(value) for check in parameter.checks):
                return None
            values[parameter.name] = value
        return values


def routes_of(functions: Iterable[Function], prefix: str) -> tuple[Route, ...]:
    """The routes of an app's HTTP functions, in the order in which Azure's host tries them.

    That is the alphabetical order of the functions' names, not the most specific route first
    (azure-functions-host, issues 6062 and 9876): a catch-all function ``assets`` hides ``predict``.
    Raises RouteError, also where two functions have the same route and a method in common, or a
    route is the host's own (ScriptHost.ValidateFunction).
    """
    routes: list[Route] = []
    owners: dict[str, list[Function]] = {}
    for function in sorted(functions, key=lambda function: function.name.lower()):
        if function.route is None or function.methods is None:
            continue
        route = function.route.strip("/")
        if route.lower().startswith(("admin", "runtime")):
            raise RouteError(f"{function.name}: Azure keeps routes like {route!r} to itself.")
        for other in owners.setdefault(route.lower(), []):
            if not (function.methods and other.methods) or {*function.methods} & {*other.methods}:
                raise RouteError(f"{other.name} and {function.name} have the same route {route!r}.")
        owners[route.lower()].append(function)
        routes.append(_parse(function, "/".join(filter(None, (prefix.strip("/"), route)))))
    return tuple(routes)


# Two braces stand for one inside a constraint.
_ARGUMENT = r"\((?:\{\{|\}\}|[^{}])*?\)"
_PARAMETER = re.compile(
    r"\{(?P<star>\*{0,2})(?P<name>[^{}:=?*/()]+)"
    rf"(?P<constraints>(?::[a-z]+(?:{_ARGUMENT})?)*)"
    r"(?:=(?P<default>[^{}?]*))?(?P<optional>\?)?\}"
)
_CONSTRAINT = re.compile(rf":([a-z]+)({_ARGUMENT}(?=:|$))?")
_SEGMENT = re.compile(r"(?:\{(?:\{\{|\}\}|[^{}])*\}|[^/])+")


def _parse(function: Function, template: str) -> Route:
    pattern = ""
    parameters: list[Parameter] = []
    for segment in _SEGMENT.findall(template):
        whole = _PARAMETER.fullmatch(segment)
        if whole and whole["star"]:
            pattern += "(?:/(.*))?"
        elif whole and (whole["optional"] or whole["default"] is not None):
            pattern += "(?:/([^/]+))?"
        else:
            literals = _PARAMETER.sub(_mark, segment)
            if "{" in literals or "}" in literals:
                raise RouteError(f"{function.name}: the route {template!r} cannot be read.")
            pattern += "/" + re.escape(literals).replace("\\\0", "\0").replace("\0", "([^/]+)")
        parameters += [
            Parameter(found["name"], found["default"], _checks(found["constraints"], template))
            for found in _PARAMETER.finditer(segment)
        ]
    return Route(function, template, re.compile(pattern, re.I | re.S), tuple(parameters))


def _mark(parameter: re.Match[str]) -> str:
    """A sign for a parameter among literals; one that may be missing has to be a whole segment."""
    optional = parameter["star"] or parameter["optional"] or parameter["default"] is not None
    return "{" if optional else "\0"


def _checks(constraints: str, template: str) -> tuple[Check, ...]:
    checks = []
    for kind, bracketed in _CONSTRAINT.findall(constraints):
        text = bracketed[1:-1].replace("{{", "{").replace("}}", "}")
        arguments = [text] if kind == "regex" else [part for part in text.split(",") if part]
        try:
            check = _bind(_CONSTRAINTS[kind], arguments)
            check("0")  # finds arguments that are missing or no numbers
        except (KeyError, TypeError, ValueError, re.error) as error:
            message = f"The route {template!r} has a constraint {kind + bracketed!r} that is none."
            raise RouteError(message) from error
        checks.append(check)
    return tuple(checks)


def _bind(constraint: Callable[..., bool], arguments: list[str]) -> Check:
    return lambda value: constraint(value, *arguments)


def _parses(convert: Callable[[str], object]) -> Check:
    def check(value: str) -> bool:
        try:
            convert(value)
        except ValueError:
            return False
        return True

    return check


_integer = _parses(int)
_CONSTRAINTS: dict[str, Callable[..., bool]] = {
    "int": _integer,
    "long": _integer,
    "float": _parses(float),
    "double": _parses(float),
    "decimal": _parses(float),
    "guid": _parses(uuid.UUID),
    "datetime": _parses(datetime.fromisoformat),
    "bool": lambda value: value.lower() in ("true", "false"),
    "alpha": lambda value: value.isascii() and value.isalpha(),
    "required": lambda value: value != "",
    "length": lambda value, low, high=None: int(low) <= len(value) <= int(high or low),
    "minlength": lambda value, low: len(value) >= int(low),
    "maxlength": lambda value, high: len(value) <= int(high),
    "min": lambda value, low: _integer(value) and int(value) >= int(low),
    "max": lambda value, high: _integer(value) and int(value) <= int(high),
    "range": lambda value, low, high: _integer(value) and int(low) <= int(value) <= int(high),
    "regex": lambda value, pattern: re.search(pattern, value, re.I) is not None,
}
