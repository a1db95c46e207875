"""Reads a Bicep template far enough to hold it against the code: what it declares and what it refers to."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

#: Declarations and the names that they bring into a file.
_NAMED = {
    "parameter_declaration",
    "variable_declaration",
    "resource_declaration",
    "module_declaration",
}
#: Namespaces and functions of the language that stand without a declaration.
_BUILT_IN = {"az", "sys"}


class Expression:
    """Something that only Azure can evaluate; its text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


@dataclass(frozen=True)
class Parameter:
    """A `param` with the values of its decorators; `required` where it has no default."""

    name: str
    type: str
    default: Any
    required: bool
    decorators: dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A resource: symbol, type, API version, body."""

    symbol: str
    type: str
    version: str
    existing: bool
    body: dict[str, Any]


@dataclass(frozen=True)
class Module:
    """A use of another template."""

    symbol: str
    path: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Template:
    """One file."""

    path: Path
    text: str
    parameters: dict[str, Parameter]
    variables: dict[str, Any]
    resources: tuple[Resource, ...]
    modules: tuple[Module, ...]
    outputs: dict[str, Any]
    undescribed_outputs: tuple[str, ...]
    references: frozenset[str]
    local_names: frozenset[str]
    module_outputs: frozenset[tuple[str, str]]
    loops_over: tuple[str, ...]
    syntax_errors: tuple[int, ...]

    @property
    def symbols(self) -> list[str]:
        """Everything that the file declares."""
        return [
            *self.parameters,
            *self.variables,
            *(resource.symbol for resource in self.resources),
            *(module.symbol for module in self.modules),
        ]


def read_folder(folder: Path) -> dict[str, Template]:
    """Every template of a folder by its path relative to it."""
    return {
        file.relative_to(folder).as_posix(): read(file) for file in sorted(folder.rglob("*.bicep"))
    }


def read(path: Path) -> Template:
    """Read one file."""
    root = _parser().parse(path.read_bytes()).root_node
    decorators: dict[str, Any] = {}
    parameters, variables, resources, modules, outputs = {}, {}, [], [], {}
    undescribed = []
    for node in root.named_children:
        if node.type == "decorators":
            decorators = _decorators(node)
            continue
        if node.type == "parameter_declaration":
            name, kind, *default = node.named_children
            parameters[_text(name)] = Parameter(
                _text(name),
                _text(kind),
                value(default[0]) if default else None,
                not default,
                decorators,
            )
        elif node.type == "variable_declaration":
            variables[_text(node.named_children[0])] = value(node.named_children[-1])
        elif node.type == "resource_declaration":
            resources.append(_resource(node))
        elif node.type == "module_declaration":
            symbol, file = node.named_children[:2]
            body = value(_body(node))
            modules.append(Module(_text(symbol), value(file), body.get("params", {})))
        elif node.type == "output_declaration":
            name = _text(node.named_children[0])
            outputs[name] = value(node.named_children[-1])
            if "description" not in decorators:
                undescribed.append(name)
        decorators = {}
    nodes = list(_walk(root))
    return Template(
        path,
        path.read_text(),
        parameters,
        variables,
        tuple(resources),
        tuple(modules),
        outputs,
        tuple(undescribed),
        frozenset(_references(nodes)),
        frozenset(_loop_names(nodes)),
        frozenset(
            (symbol, output)
            for symbol, output in re.findall(r"\b(\w+)!?\.outputs\.(\w+)", path.read_text())
        ),
        tuple(_loops_over(nodes)),
        tuple(n.start_point[0] + 1 for n in nodes if n.type == "ERROR" or n.is_missing),
    )


def value(node: Node) -> Any:
    """A literal as Python has it; an `Expression` for anything else."""
    if node.type == "object":
        pairs = (
            child.named_children
            for child in node.named_children
            if child.type == "object_property" and len(child.named_children) >= 2
        )
        return {_text(pair[0]).strip("'"): value(pair[-1]) for pair in pairs}
    if node.type == "array":
        return [value(child) for child in node.named_children if child.type != "comment"]
    if node.type == "string" and not any(c.type == "interpolation" for c in node.named_children):
        text = _text(node)
        quotes = "'''" if text.startswith("'''") else "'"
        return text.removeprefix(quotes).removesuffix(quotes).replace("\\'", "'")
    if node.type == "number":
        return int(_text(node))
    if node.type == "boolean":
        return _text(node) == "true"
    return Expression(_text(node))


def parameter_file(path: Path) -> dict[str, Any]:
    """What a `.bicepparam` file gives to each parameter; one line each, by our custom."""
    found: dict[str, Any] = {}
    for line in path.read_text().splitlines():
        if not line or line.startswith(("//", "using ")):
            continue
        match = re.fullmatch(r"param (\w+) = (.+)", line)
        if match is None or match[1] in found:
            raise ValueError(f"{path.name}: {line!r} is not understood, or given twice")
        literal = match[2].replace("'", '"')
        try:
            found[match[1]] = json.loads(literal)
        except ValueError:
            found[match[1]] = Expression(match[2])
    return found


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bicep.language()))


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.named_children:
        yield from _walk(child)


def _decorators(node: Node) -> dict[str, Any]:
    calls = (decorator.named_children[0] for decorator in node.named_children)
    return {
        _text(call.named_children[0]): [value(a) for a in call.named_children[1].named_children]
        for call in calls
    }


def _body(node: Node) -> Node:
    """The object of a resource or module, inside of conditions and loops."""
    for child in reversed(node.named_children):
        if child.type == "object":
            return child
        if child.type in ("if_statement", "for_statement"):
            return _body(child)
    raise ValueError(f"{_text(node)[:60]!r} has no body")


def _resource(node: Node) -> Resource:
    symbol, declared = node.named_children[:2]
    kind, _, version = value(declared).partition("@")
    existing = b" existing " in (node.text or b"").split(b"=", 1)[0]
    return Resource(_text(symbol), kind, version, existing, value(_body(node)))


def _loop_names(nodes: list[Node]) -> Iterator[str]:
    for node in nodes:
        if node.type == "for_statement":
            first = node.named_children[0]
            yield from re.findall(r"\w+", _text(first))


def _loops_over(nodes: list[Node]) -> Iterator[str]:
    """What loops run over: the expression between `in` and the colon."""
    for node in nodes:
        if node.type == "for_statement":
            yield _text(node).partition(" in ")[2].partition(":")[0].strip()


def _references(nodes: list[Node]) -> Iterator[str]:
    """Names that are used: identifiers that are neither declared, nor keys, nor called."""
    for node in nodes:
        if node.type not in ("identifier", "compatible_identifier") or node.parent is None:
            continue
        parent, first = node.parent, node.parent.named_children[0]
        declares = parent.type in {*_NAMED, "output_declaration"} and node == first
        is_key = parent.type == "object_property" and node == first
        called = parent.type == "call_expression" and node == first
        if not (declares or is_key or called or _text(node) in _BUILT_IN):
            yield _text(node)
