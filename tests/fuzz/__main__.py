"""Coverage-guided fuzzing of what reads a stranger's bytes, by atheris (libFuzzer).

    python -m tests.fuzz decode --seconds 60

`make fuzz` runs every target in an environment of its own. What a target finds lies in
build/fuzz/TARGET/ as crash-…, timeout-… or oom-…; `python -m tests.fuzz TARGET --replay FILE` runs
it again. A finding is mended, and the file joins `tests/hostile` as an input with its right answer.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

TARGETS = ("decode", "dicom", "request")
BUILD = Path(__file__).parents[2] / "build" / "fuzz"


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz one target; exit status 0 if nothing was found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="default: %(default)s")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run this one input and end")
    given = parser.parse_args(arguments)
    if given.replay:
        _target(given.target)(given.replay.read_bytes())
        print("Nothing was found.")
        return 0
    import atheris

    with atheris.instrument_imports(
        include=["inference", "PIL", "pydicom", "werkzeug"], exclude=["inference.errors"]
    ):
        run = _target(given.target)
    folder = BUILD / given.target
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in import_module(f"tests.fuzz.{given.target}").seeds():
        (corpus / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(w)}"\n' for w in _words(given.target)))
    options = [f"-max_total_time={given.seconds}", f"-artifact_prefix={folder}/", f"-dict={words}"]
    options += ["-max_len=16384", "-timeout=20", "-rss_limit_mb=1500", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], run)
    atheris.Fuzz()  # ends the process
    return 0


def _target(name: str) -> Callable[[bytes], None]:
    run: Callable[[bytes], None] = import_module(f"tests.fuzz.{name}").run
    return run


def _words(target: str) -> list[bytes]:
    return list(import_module(f"tests.fuzz.{target}").WORDS)


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main())
