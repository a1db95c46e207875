"""Makefile: which Python a set of requirements is installed with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.running import REPOSITORY


def make(venv: Path, version: str, target: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Make a stamp with a Python that says it is `version`; what came of it, and pip's arguments."""
    python = venv / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = -m ] && {{ echo "$@" > "{venv}/pip"; exit; }}\n'
        f'exec "{sys.executable}" -c "import sys; sys.version_info = ({version}, 0); $2"\n'
    )
    python.chmod(0o755)
    line = ["make", "--no-print-directory", f"VENV={venv}", f"{venv}/{target}.stamp"]
    done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    pip = venv / "pip"
    return done, pip.read_text() if pip.exists() else ""


@pytest.mark.parametrize(
    ("version", "target"), [("3, 13", "dev"), ("3, 13", "local"), ("3, 14", "local")]
)
def test_a_set_is_installed_where_its_packages_have_wheels(
    tmp_path: Path, version: str, target: str
) -> None:
    done, pip = make(tmp_path, version, target)
    assert done.returncode == 0, done.stderr
    assert pip.endswith(f"install --quiet -r requirements-{target}.txt\n")
    assert (tmp_path / f"{target}.stamp").exists()


def test_the_development_set_is_refused_on_a_python_that_has_no_tensorflow(tmp_path: Path) -> None:
    done, pip = make(tmp_path, "3, 14", "dev")
    assert (done.returncode, pip) == (2, "")
    assert done.stdout == (
        "The development set needs Python 3.13: TensorFlow has no wheel for a newer one yet. "
        f"Remove {tmp_path} and say: make PYTHON=python3.13 …\n"
    )
    assert not (tmp_path / "dev.stamp").exists()


def test_what_azure_gets_is_built_without_the_development_set(tmp_path: Path) -> None:
    line = ["make", "--no-print-directory", "--dry-run", f"VENV={tmp_path}", "package"]
    done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "-r requirements-local.txt" in done.stdout
    assert "requirements-dev.txt" not in done.stdout
    assert done.stdout.endswith(f"{tmp_path}/bin/python -m tools.package\n")
