"""The notebook runs from the first cell to the last, and what is published of it is what it says now."""

import base64
from pathlib import Path

import cv2
import jupytext
import nbformat
import numpy as np
import pytest

from tests.training.test_audits import left_out_folder
from training.__main__ import main
from training.evaluators import Predictions
from training.evaluators.heat import mean_heat
from training.notebook import STORY, NotebookError, execute
from training.panels import grid
from training.phantom import phantom
from training.pictures import as_png

PUBLISHED = STORY.with_suffix(".ipynb")

# Of libraries, about each other.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def said(notebook: nbformat.NotebookNode) -> str:
    """What its cells say in words."""
    return "\n".join(
        output.get("data", {}).get("text/markdown", "") for output in outputs(notebook)
    )


def pictures(notebook: nbformat.NotebookNode) -> list[np.ndarray]:
    encoded = [each["data"]["image/png"] for each in outputs(notebook) if "image/png" in each.data]
    return [
        cv2.imdecode(np.frombuffer(base64.b64decode(each), np.uint8), cv2.IMREAD_COLOR)
        for each in encoded
    ]


@pytest.fixture(scope="module")
def told(
    drawn: Path, exported: Path, tmp_path_factory: pytest.TempPathFactory
) -> nbformat.NotebookNode:
    """The story of the tiny network on drawn images, with all audits."""
    root = tmp_path_factory.mktemp("notebook")
    arguments = ["notebook", "--data", drawn, "--store", exported, "--version", "1.0"]
    audits = ["--lungs", drawn / "lungs.npz", "--left-out", left_out_folder(root / "left_out")]
    arguments += [*audits, "--sanity-images", 2, "--to", root / "new" / "story.ipynb"]
    assert main(list(map(str, arguments))) == 0
    return nbformat.read(root / "new" / "story.ipynb", as_version=4)


def test_every_part_of_the_story_is_told_in_figures(told: nbformat.NotebookNode) -> None:
    text = said(told)
    assert "version **1.0**" in text
    assert "64 radiographs: 32 train, 16 val, 16 test" in text
    assert "in two splits" in text
    assert "| accuracy " in text
    assert "a uniform map has 0.316" in text  # of drawn lungs: 2 x 36 x 18 of 64 x 64
    assert "| lungs blacked out " in text
    assert "classes and sources with at least 25 images: **0.900**" in text
    assert "| expected calibration error " in text
    assert "three weakest places" in text
    assert len(pictures(told)) >= 12


def test_grad_cam_of_the_closed_form_is_that_of_the_gradients(told: nbformat.NotebookNode) -> None:
    after = said(told).split("Largest difference, where the largest value is 1: **")[1]
    assert float(after.split("**")[0]) < 1e-4


def test_outputs_name_no_folder_and_no_library_s_chatter(
    told: nbformat.NotebookNode, drawn: Path, exported: Path
) -> None:
    written = nbformat.writes(told)
    for folder in (drawn, exported, Path.cwd(), Path.home()):
        assert str(folder) not in written
    assert all(each.output_type == "display_data" for each in outputs(told))


def test_the_same_run_gives_cells_the_same_names(told: nbformat.NotebookNode) -> None:
    assert [cell.id for cell in told.cells[:3]] == ["cell-0", "cell-1", "cell-2"]


def test_a_cell_that_fails_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    source = tmp_path / "fails.py"
    source.write_text("# %%\nimport os\n\n# %%\nraise ValueError(f\"no {os.environ['THING']}\")\n")
    with pytest.raises(NotebookError, match="ValueError: no lungs"):
        execute(source, tmp_path / "fails.ipynb", {"THING": "lungs"})
    assert not (tmp_path / "fails.ipynb").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(["--version", "9.9"], "9.9"), (["--data", "nowhere"], "there is no such file or folder")],
)
def test_what_is_not_there_is_said_before_anything_runs(
    wrong: list[str], message: str, drawn: Path, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["notebook", "--data", str(drawn), "--store", str(exported), "--version", "1.0"]
    assert main([*arguments, *wrong]) == 2
    assert message in capsys.readouterr().err


def test_the_published_notebook_is_what_the_story_says_now() -> None:
    """Where this fails, CONTRIBUTING.md says how to run the notebook again."""
    published = nbformat.read(PUBLISHED, as_version=4)
    story = jupytext.read(STORY, fmt="py:percent")
    assert [cell.source for cell in published.cells] == [cell.source for cell in story.cells]
    assert "This run shows version **" in said(published)
    assert len(pictures(published)) >= 12


def test_the_published_notebook_is_small_and_names_no_folder() -> None:
    written = PUBLISHED.read_text()
    assert len(written.encode()) < 2_000_000
    for folder in ("/home/", "/root/", "/work/", "/tmp/", "/Users/"):
        assert folder not in written
    assert {each.output_type for each in outputs(nbformat.reads(written, as_version=4))} == {
        "display_data"
    }


def test_a_drawn_chest_is_another_one_for_each_seed_and_has_air_in_its_lungs() -> None:
    one, again, other = phantom(1, 128), phantom(1, 128), phantom(2, 128)
    assert one.pixels.shape == (128, 128)
    assert one.pixels.dtype == np.uint8
    assert np.array_equal(one.pixels, again.pixels)
    assert not np.array_equal(one.pixels, other.pixels)
    assert one.lungs is not None
    assert one.lungs.shape == (64, 64)
    assert 0.1 < one.lungs.mean() < 0.4
    inside = cv2.resize(one.lungs, (128, 128)) > 0
    middle = np.s_[32:96, 56:72]  # spine and heart
    assert one.pixels[inside].mean() < one.pixels[middle].mean() - 30


def test_the_mean_heat_is_that_of_right_answers_with_each_map_s_peak_at_one() -> None:
    predictions = Predictions(
        ("normal", "pneumonia"),
        np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]),
        np.array([0, 0, 0, 1]),
        ["a"] * 4,
    )
    maps = [np.diag([4.0, 0.0]), np.diag([0.0, 2.0]), np.ones((2, 2)), np.ones((2, 2))]
    left = np.array([[1, 0], [1, 0]], np.uint8)
    everything = np.ones((2, 2), np.uint8)
    found = mean_heat(predictions, maps, [left, everything, None, left])
    assert list(found) == ["normal"]  # the one pneumonia was named wrongly
    heat, lungs = found["normal"]
    assert heat.tolist() == [[0.5, 0.0], [0.0, 0.5]]
    assert lungs.tolist() == [[1.0, 0.5], [1.0, 0.5]]


def test_a_grid_has_a_row_for_so_many_images_and_shows_them_in_their_range() -> None:
    images = [(name, np.full((8, 4), 100)) for name in "abcde"]
    figure = grid(images, 2, limits=(50, 150))
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c", "d", "e"]
    assert [axes.images[0].norm(100) for axes in figure.axes] == [0.5] * 5
    assert as_png(figure) == as_png(grid(images, 2, limits=(50, 150)))
