"""The benchmark runs from end to end, and knows what is deployed. No test holds a time."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from tests.azurite.fixtures import there_or_skip
from tests.tools.running import REPOSITORY
from tools.bench.measurement import Spread
from tools.package.funcignore import deployed_files, is_deployed, read_patterns
from tools.radiographs import draw

KEYS = [
    "cold_ratio",
    "warm_ratio",
    "overhead_ratio",
    "gate_ms",
    "peak_mib_typical",
    "peak_mib_worst",
    "peak_mib_archive",
    "package_mb",
    "parity_max_abs",
    "page_ms",
    "archive_ratio",
    "collect_seconds",
]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tools.bench", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_quick_run_writes_its_figures_and_says_on_what_machine(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "bench.json"
    # Left out: the package, which takes an index of packages, the page, which takes a browser, and
    # the queue, which takes Azurite.
    names = ("cold", "overhead", "memory-typical", "memory-worst", "parity", "archive", "collect")
    done = run("--quick", "--json", str(file), "--only", *names)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    content = json.loads(file.read_text())
    assert [*content] == [*KEYS, "details"]
    figures = {key: content[key] for key in KEYS}
    assert figures.pop("warm_ratio") is None
    assert figures.pop("peak_mib_archive") is None
    assert figures.pop("package_mb") is None
    assert figures.pop("page_ms") is None
    assert figures.pop("gate_ms") is None
    assert all(math.isfinite(value) for value in figures.values())
    assert content["details"]["machine"]["cores"] >= 1
    assert content["details"]["not_measured"] == {}
    assert "A quick look" in done.stdout
    assert "INFO" not in done.stdout


def test_a_job_that_a_queue_brings_is_measured(tmp_path: Path) -> None:
    there_or_skip()
    file = tmp_path / "bench.json"
    done = run("--quick", "--only", "memory-archive", "--json", str(file))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    content = json.loads(file.read_text())
    assert content["peak_mib_archive"] > 50
    assert len(content["details"]["memory-archive"]["mib_by_tenth"]) == 10


def test_what_cannot_be_measured_is_named_and_is_not_a_success(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    done = run("--quick", "--only", "parity", "--data", str(tmp_path / "none"), "--json", str(file))
    assert done.returncode == 2
    assert "NOT MEASURED parity" in done.stdout
    assert "there is no such file or folder" in done.stdout
    assert json.loads(file.read_text())["parity_max_abs"] is None


def test_help_says_what_the_exit_status_means() -> None:
    assert "exit status" in run("--help").stdout


@pytest.mark.parametrize(
    ("path", "deployed"),
    [
        ("inference/pipeline.py", True),
        ("model_store/models/v1/model.tflite", True),
        ("model_store/models/v1/model.keras", False),
        (".python_packages/lib/site-packages/numpy/__init__.py", True),
        (".python_packages/lib/site-packages/numpy/__pycache__/a.pyc", True),
        (".python_packages/lib/site-packages/numpy/tests/test_a.py", False),
        (".python_packages/lib/site-packages/ai_edge_litert/tools/a.py", False),
        (".python_packages/lib/site-packages/ai_edge_litert/interpreter.py", True),
        ("inference/__pycache__/pipeline.pyc", False),
        (".github/workflows/ci.yml", False),
        ("tests/conftest.py", False),
    ],
)
def test_our_funcignore_leaves_in_what_serves(path: str, deployed: bool) -> None:
    patterns = read_patterns((REPOSITORY / ".funcignore").read_text())
    assert is_deployed(PurePosixPath(path), patterns) is deployed


def test_a_walk_leaves_out_ignored_folders_and_keeps_the_rest(tmp_path: Path) -> None:
    for name in (
        "function_app.py",
        ".git/config",
        "tools/bench/cold.py",
        "web/page.js",
        "web/a.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = deployed_files(tmp_path, read_patterns(".*\n*.md\ntools\n"))
    assert [file.relative_to(tmp_path).as_posix() for file in found] == [
        "function_app.py",
        "web/page.js",
    ]


def test_this_repository_deploys_the_app_and_nothing_for_its_makers() -> None:
    patterns = read_patterns((REPOSITORY / ".funcignore").read_text())
    found = {file.relative_to(REPOSITORY) for file in deployed_files(REPOSITORY, patterns)}
    assert {Path("function_app.py"), Path("host.json"), Path("requirements.txt")} <= found
    assert not {"tests", "tools", "training", "build"} & {file.parts[0] for file in found}
    assert not [file for file in found if file.name in ("model.keras", "local.settings.json")]


def test_the_95th_percentile_is_a_value_that_was_measured() -> None:
    assert Spread.of([float(value) for value in range(1, 102)]) == Spread(51.0, 96.0, 101)
    assert Spread.of([3.0]) == Spread(3.0, 3.0, 1)


def test_a_drawn_radiograph_is_the_same_each_time_and_another_for_each_seed() -> None:
    picture = draw(300, 200, seed=1)
    assert picture.shape == (200, 300)
    assert picture.dtype == np.uint8
    assert (picture == draw(300, 200, seed=1)).all()
    assert (picture != draw(300, 200, seed=2)).mean() > 0.5
