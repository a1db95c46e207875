"""The commands that need the browser: the benchmark of the page, and its screenshots."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.tools.running import REPOSITORY

pytestmark = pytest.mark.usefixtures("browser")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_benchmark_says_how_long_a_drop_takes(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    done = run("tools.bench", "--quick", "--only", "page", "--json", str(file))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    content = json.loads(file.read_text())
    details = content["details"]["page"]
    assert 800_000 < details["image_bytes"] < 1_200_000
    assert 0 < details["preview_ms"]["median"] < details["heatmap_ms"]["median"]
    assert content["page_ms"] == details["heatmap_ms"]["median"]
    assert "<= 300 ms" in done.stdout


def test_the_screenshots_are_small_pictures_of_drawn_radiographs(tmp_path: Path) -> None:
    done = run("tools.screenshots", "--to", str(tmp_path))
    assert done.returncode == 0, done.stderr
    sizes = {file.name: Image.open(file).size for file in tmp_path.iterdir()}
    assert sizes == {
        "start.jpg": (1280, 640),
        "answer.jpg": (1280, 860),
        "several.jpg": (1280, 1400),
        "phone.jpg": (390, 1000),
    }
    assert max(file.stat().st_size for file in tmp_path.iterdir()) < 200_000
    for file in tmp_path.iterdir():
        committed = REPOSITORY / "docs" / file.name
        assert Image.open(committed).size == sizes[file.name]
