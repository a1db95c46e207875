"""Answer for files on the command line: the same Report as over HTTP, without a server.

A person gets a table; `--jsonl` gives one JSON object a line, the body of an HTTP answer plus `file`.
A bad file is named and does not stop the rest; the exit status is then 1.
"""

import argparse
import base64
import io
import json
import logging
import os
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from inference.errors import (
    BadRequest,
    ModelUnavailable,
    ServiceError,
    as_problem,
    let_go,
    trace,
)
from inference.reading import MAX_SIZE, MIN_SIZE, Options, read_options
from inference.service import Service
from inference.settings import Settings, SettingsError
from model_store import log

_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer for every file; 1 if any failed, 2 if the arguments or settings are wrong."""
    # A file's name may be no text, and not every terminal knows every character.
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "replace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        files = [*given.files, *_listed(given.files_from)]
        if given.overlay_dir:
            given.overlay_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    if not files:
        parser.error("name at least one FILE, or --files-from LIST")
    try:
        service = Service(Settings.from_environment())
        service.model()  # opens it, so that its absence is told once
        options = _options(given, service)
    except (SettingsError, ServiceError) as error:
        parser.error(error.log if isinstance(error, ModelUnavailable) else str(error))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = pool.map(lambda file: _answer(service, file, options), files)
        try:
            return 1 if _show(files, _watched(answers, len(files)), given) else 0
        except BrokenPipeError:  # whoever reads has enough, as `head` has
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except OSError as error:
            parser.exit(1, f"{parser.prog}: error: {error.filename}: {error.strerror}\n")
        finally:
            pool.shutdown(cancel_futures=True)


def _show(
    files: Sequence[Path], answers: Iterable[dict[str, Any]], given: argparse.Namespace
) -> int:
    """Print the answers and write their overlays; how many failed."""
    failed = 0
    for number, (file, answer) in enumerate(zip(files, answers, strict=True)):
        failed += "prediction" not in answer
        if given.overlay_dir:
            stem = f"{number:06}-{file.stem}" if len(files) > 1 else file.stem
            _write_overlays(answer, given.overlay_dir, stem)
        if given.jsonl:
            print(json.dumps({"file": str(file), **answer}), flush=True)
        else:
            _print(file, answer)
    return failed


def _answer(service: Service, file: Path, options: Options) -> dict[str, Any]:
    request_id = uuid.uuid4().hex
    try:
        data = file.read_bytes()
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        reason = getattr(error, "strerror", None) or error
        return BadRequest(f"The file cannot be read: {reason}.").problem(request_id)
    try:
        return service.predict(data, options, request_id).to_json()
    except Exception as error:
        problem = as_problem(error)
        if problem is not error:  # where in the code, on stderr; its words may be a patient's
            log.write(logging.ERROR, "defect", request_id=request_id, trace=trace(error))
        let_go(error)
        return problem.problem(request_id)


def _options(given: argparse.Namespace, service: Service) -> Options:
    explain = given.explain or ("predicted" if given.jsonl or given.overlay_dir else "none")
    query = {"explain": explain, "overlay": given.overlay, "size": str(given.size)}
    return read_options(query | ({"force": "true"} if given.force else {}), service.labels())


def _listed(source: str | None) -> Iterator[Path]:
    if source is None:
        return
    lines = (
        sys.stdin
        if source == "-"
        else Path(source).read_text(errors="surrogateescape").splitlines()
    )
    yield from (Path(line.strip()) for line in lines if line.strip())


def _watched(answers: Iterable[dict[str, Any]], total: int) -> Iterable[dict[str, Any]]:
    """A progress bar on a terminal's stderr, where tqdm is installed and there is something to wait for."""
    if total < 20 or not sys.stderr.isatty():
        return answers
    try:
        from tqdm import tqdm
    except ImportError:
        return answers
    watched: Iterable[dict[str, Any]] = tqdm(answers, total=total, unit="image")
    return watched


def _write_overlays(answer: dict[str, Any], folder: Path, stem: str) -> None:
    for each in answer.get("explanations", ()):
        file = folder / f"{stem}.{each['label']}{_SUFFIXES[each['media_type']]}"
        file.write_bytes(base64.b64decode(each["base64"]))


def _print(file: Path, answer: dict[str, Any]) -> None:
    print(file)
    if "prediction" not in answer:
        print(f"  {answer['title']}: {answer['detail']}\n")
        return
    for label, probability in answer["probabilities"].items():
        print(f"  {label:<14} {probability:6.1%} {'█' * round(40 * probability)}")
    predicted = answer["prediction"]
    sure = "" if predicted["certain"] else " (not certain)"
    print(f"  → {predicted['name']}{sure}")
    for warning in answer["warnings"]:
        print(f"  ! {warning}")
    print(f"  {answer['notice']}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="radiographs")
    parser.add_argument(
        "--files-from", metavar="LIST", help="a file with a path a line; - is stdin"
    )
    parser.add_argument("--jsonl", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--explain",
        help="predicted, all, none or a class (predicted; none where nobody would see it)",
    )
    parser.add_argument("--overlay", choices=("jpeg", "png"), default="jpeg")
    parser.add_argument(
        "--size",
        type=int,
        default=512,
        help=f"long side of the overlays, {MIN_SIZE}-{MAX_SIZE} pixels (512)",
    )
    parser.add_argument("--overlay-dir", type=Path, metavar="DIR", help="write the overlays here")
    parser.add_argument(
        "--force", action="store_true", help="answer even where the gate refuses an image"
    )
    return parser
