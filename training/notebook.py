"""The notebook's way from a Python file with cells to a file with outputs."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

#: What is told: a Python file, so that its changes can be read; `# %%` begins a cell.
STORY = Path(__file__).parent / "notebooks" / "story.py"


_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}

#: Seconds; nbclient's own minute is too short for a busy machine.
_START = 600


class NotebookError(RuntimeError):
    """A cell failed."""


def execute(source: Path, to: Path, settings: Mapping[str, str]) -> None:
    """Run a notebook in a kernel of this Python and write it with its outputs.

    What libraries print on standard error is left out, because it names folders and machines.

    Args:
        source: A Python file with cells in the percent format.
        to: The `.ipynb` that is written once all cells have run.
        settings: Environment variables for the kernel beside those of this process.

    Raises:
        NotebookError: A cell raised an exception.
    """
    notebook = jupytext.read(source, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # random ones would make every run another file
    notebook.metadata = {"kernelspec": _KERNEL}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    with tqdm(total=len(notebook.cells), desc="running", unit="cell", disable=None) as bar:
        client = NotebookClient(
            notebook,
            timeout=None,
            startup_timeout=_START,
            kernel_name=_KERNEL["name"],
            record_timing=False,
            resources={"metadata": {"path": str(Path.cwd())}},
            on_cell_complete=lambda **_: bar.update(),
        )
        try:
            client.execute(env={**os.environ, **quiet, **settings}, stderr=subprocess.DEVNULL)
        except CellExecutionError as error:
            raise NotebookError(f"{error.ename}: {error.evalue}") from error
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    nbformat.validate(notebook)
    to.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, to)
