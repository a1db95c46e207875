"""Evaluate what is served: every image goes through `python -m inference`, as anybody's would."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from training.data import Example, check_labels
from training.evaluators import Predictions


def served_answers(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Answers of `python -m inference --jsonl`, one a file, in order; settings are the environment's.

    Raises:
        RuntimeError: The command ended without an answer for every file.
    """
    files = "\n".join(str(example.path) for example in examples)
    command = [
        sys.executable,
        "-m",
        "inference",
        "--jsonl",
        "--explain",
        "none",
        "--files-from",
        "-",
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TQDM_DISABLE": "1"},  # the bar is ours
        process_group=0,  # so is Ctrl-C
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended already and said why
                process.stdin.write(files)
                process.stdin.close()
            lines = tqdm(
                process.stdout, "evaluating", len(examples), unit="image", leave=False, disable=None
            )
            answers = [json.loads(line) for line in lines]
        except BaseException:
            process.kill()
            raise
    if len(answers) != len(examples):
        raise RuntimeError(
            f"{len(answers)} answers for {len(examples)} files; see the message above."
        )
    return answers


def read_answers(file: Path) -> list[dict[str, Any]]:
    """Answers that `python -m inference --jsonl` gave before, one a line.

    Raises:
        ValueError: A line is none; it is named.
    """
    answers = []
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
        try:
            answer = json.loads(line)
            answer["file"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{file}, line {number}: this is no answer of python -m inference … --jsonl."
            ) from error
        answers.append(answer)
    return answers


def predictions_of(
    answers: Iterable[dict[str, Any]], examples: Sequence[Example]
) -> tuple[Predictions, list[dict[str, Any]]]:
    """Put answers beside the truth; the second value are the refusals and errors among them.

    Raises:
        ValueError: Nothing was answered, an image is not among the answers, or a label is none of the
            model's classes.
    """
    by_file = {answer["file"]: answer for answer in answers}
    missing = [example.path for example in examples if str(example.path) not in by_file]
    if missing:
        raise ValueError(f"There is no answer for {len(missing)} images, such as {missing[0]}.")
    in_order = [by_file[str(example.path)] for example in examples]
    answered = [answer for answer in in_order if "probabilities" in answer]
    if not answered:
        raise ValueError(
            f"No image was answered; the first was not because: {in_order[0]['detail']}"
        )
    classes = tuple(answered[0]["probabilities"])
    check_labels(examples, classes)
    probabilities = [[a.get("probabilities", {}).get(c, 0.0) for c in classes] for a in in_order]
    predictions = Predictions(
        classes,
        np.array(probabilities),
        np.array([classes.index(example.label) for example in examples]),
        [example.source for example in examples],
        [example.group for example in examples],
    )
    return predictions, [answer for answer in in_order if "probabilities" not in answer]
