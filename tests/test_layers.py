"""Imports go one way: function_app → archive → inference → model_store; training → inference, model_store."""

from __future__ import annotations

import ast
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


@pytest.mark.parametrize("part", BELOW)
def test_no_part_of_the_code_knows_of_those_above_it(part: str) -> None:
    place = REPOSITORY / part
    files = [place] if place.is_file() else [*place.rglob("*.py")]
    assert files
    found = set.union(*map(imported, files)) & OURS
    assert found - {part} == BELOW[part]
