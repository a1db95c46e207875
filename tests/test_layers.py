"""Imports go one way: function_app → archive → inference → model_store; training → inference, model_store.

And what is deployed imports no package that is there only because another one needs it.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.tools.running import REPOSITORY

BELOW = {
    "model_store": set(),
    "inference": {"model_store"},
    "archive": {"inference", "model_store"},
    "function_app.py": {"archive", "inference", "model_store"},
    "training": {"inference", "model_store"},
}
OURS = {"archive", "function_app", "inference", "model_store", "tests", "tools", "training"}


def imported(file: Path) -> set[str]:
    """The first names of all that a file imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return {name.partition(".")[0] for name in names}


def imported_by(part: str) -> set[str]:
    """The same of all files of a part."""
    place = REPOSITORY / part
    files = [place] if place.is_file() else [*place.rglob("*.py")]
    assert files
    return set.union(*map(imported, files))


@pytest.mark.parametrize("part", BELOW)
def test_no_part_of_the_code_knows_of_those_above_it(part: str) -> None:
    assert (imported_by(part) & OURS) - {part} == BELOW[part]


@pytest.mark.parametrize("part", sorted(BELOW.keys() - {"training"}))
def test_what_is_deployed_imports_only_packages_that_are_declared(part: str) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    declared = sum(project["optional-dependencies"].values(), project["dependencies"])
    names = {each.partition(">=")[0] for each in declared} | {"keras"}  # TensorFlow's own
    foreign = imported_by(part) - OURS - sys.stdlib_module_names
    brought_by = packages_distributions()
    undeclared = {each for each in foreign if names.isdisjoint(map(str.lower, brought_by[each]))}
    assert undeclared == set()
