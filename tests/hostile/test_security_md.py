"""SECURITY.md promises what tests hold."""

from __future__ import annotations

import ast
import re

from tests.tools.running import REPOSITORY

TEXT = (REPOSITORY / "SECURITY.md").read_text()
TABLE = TEXT[TEXT.index("| threat |") : TEXT.index("## What was attacked")]


def test_every_threat_has_a_defence_and_a_test_that_exists() -> None:
    rows = [row.strip("|").split(" | ") for row in TABLE.strip().splitlines()[2:]]
    assert len(rows) >= 25
    for threat, defence, named in rows:
        assert threat.strip()
        assert defence.strip()
        tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", named)
        assert tests, threat
        for path, name in tests:
            tree = ast.parse((REPOSITORY / path).read_text())
            assert name in {getattr(node, "name", None) for node in tree.body}, f"{path}::{name}"
