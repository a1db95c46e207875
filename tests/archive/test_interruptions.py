"""Ctrl-C and deaths at awkward moments: a sentence, no trace, and nothing that stays behind."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psutil
import pytest

from archive.__main__ import main
from archive.here import _pool
from tests.archive.cloud import ask, drawn
from tests.tools.running import REPOSITORY
from tests.waiting import until

SENTENCE = "Interrupted; the same command goes on.\n"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of 64 images."""
    folder = tmp_path / "files"
    for name, data in drawn(64).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def done(images: Path, tmp_path: Path) -> Path:
    """The store of a job `all` that is done."""
    line = ("submit", str(images), "--job", "all", "--store", str(tmp_path / "store"))
    assert ask(*line, "--workers", "1").returncode == 0
    return tmp_path / "store"


@contextmanager
def interrupted_when(condition: Callable[[], bool]) -> Iterator[None]:
    """Send this process Ctrl-C once that is so."""
    here = threading.get_ident()

    def interrupt() -> None:
        until(condition)
        signal.pthread_kill(here, signal.SIGINT)

    # Where these tests run in the background, a shell has set it to be ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_while_processes_start_is_a_sentence_and_the_same_command_goes_on(
    images: Path, tmp_path: Path, workers: int
) -> None:
    line = ["submit", str(images), "--store", str(tmp_path / "store"), "--workers", str(workers)]
    begun = subprocess.Popen(
        [sys.executable, "-m", "archive", *line],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )

    # One more looks after what processes share. None of them is to hear it, however far it is by then.
    children = psutil.Process(begun.pid).children
    until(lambda: len(children()) == workers + 1)
    for each in children():
        told = Path(f"/proc/{each.pid}/status").read_text()
        masks = re.findall(r"^Sig(?:Blk|Ign):\t(\w+)$", told, re.MULTILINE)
        assert any(int(mask, 16) & 1 << signal.SIGINT - 1 for mask in masks)
    os.killpg(begun.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, told = begun.communicate(timeout=120)
    assert begun.returncode == 130
    # LiteRT greets from each process, at times in the midst of something else.
    assert SENTENCE in told
    assert "Traceback" not in told
    again = ask(*line)
    assert again.returncode == 0, again.stderr
    assert "answered    64\n" in again.stdout


def test_who_presses_ctrl_c_twice_does_not_wait_for_what_is_in_hand() -> None:
    in_hand = []

    def interrupted_once() -> None:
        with _pool(1) as pool:
            in_hand.append(pool.submit(time.sleep, 3600))
            raise KeyboardInterrupt

    frames, here = sys._current_frames, threading.get_ident()

    def waits() -> bool:
        called = {frame.f_code.co_name for frame, _ in traceback.walk_stack(frames()[here])}
        return {"_pool", "shutdown"} <= called

    with interrupted_when(waits), pytest.raises(KeyboardInterrupt):
        interrupted_once()
    assert in_hand[0].exception() is not None


@pytest.mark.parametrize("package", ["archive", "inference"])
def test_ctrl_c_while_the_command_is_imported_is_a_sentence(package: str) -> None:
    script = (
        "import runpy, sys\n"
        "class Finder:\n"
        "    def find_spec(name, *rest):\n"
        f"        if name == '{package}.errors':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder)\n"
        f"runpy.run_module('{package}', run_name='__main__')\n"
    )
    line = [sys.executable, "-c", script]
    ended = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == 130
    assert ended.stderr.startswith("Interrupted")
    assert ended.stderr.count("\n") == 1


def test_ctrl_c_in_the_database_is_a_sentence_and_leaves_nothing(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = threading.Event()

    def long_query(database: duckdb.DuckDBPyConnection, *rest: object) -> None:
        begun.set()
        database.execute("SELECT sum(sqrt(i)) FROM range(1000000000000) numbers(i)")

    monkeypatch.setattr("archive.collecting._collected", long_query)
    results = tmp_path / "results"
    line = ["collect", "all", "--store", str(done), "--to", str(results / "rows.parquet")]
    with interrupted_when(begun.is_set):
        code = main(line)
    assert (code, capsys.readouterr().err) == (130, SENTENCE)
    assert list(results.iterdir()) == []


def test_collecting_clears_what_a_killed_one_left_and_not_what_another_works_in(
    done: Path, tmp_path: Path
) -> None:
    left, live = tmp_path / ".collect-left", tmp_path / ".collect-live"
    for folder in (left, live):
        folder.mkdir()
        (folder / "part-0.jsonl").write_text("{}\n")
    held = os.open(live, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    line = ["collect", "all", "--store", str(done), "--to", str(tmp_path / "rows.parquet")]
    assert main(line) == 0
    assert not left.exists()
    assert (live / "part-0.jsonl").exists()
    os.close(held)
    assert main(line) == 0
    assert list(tmp_path.glob(".*")) == []


def test_a_killed_collect_leaves_what_the_next_one_clears(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "results" / "rows.parquet"
    line = ["collect", "all", "--store", str(done), "--to", str(to)]
    script = (
        "import os, signal, sys\n"
        "from archive import __main__, collecting\n"
        "collecting._collected = lambda *given: os.kill(os.getpid(), signal.SIGKILL)\n"
        "__main__.main(sys.argv[1:])\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, *line], cwd=REPOSITORY, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [each.name[:9] for each in to.parent.iterdir()] == [".collect-"]
    assert ask(*line).returncode == 0
    assert {each.name for each in to.parent.iterdir()} == {"rows.parquet", "rows.html"}


def test_two_that_collect_at_once_do_each_other_no_harm(done: Path, tmp_path: Path) -> None:
    to = tmp_path / "results" / "rows.parquet"
    line = [sys.executable, "-m", "archive", "collect", "all", "--store", str(done)]
    both = [subprocess.Popen([*line, "--to", str(to)], cwd=REPOSITORY) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert {each.name for each in to.parent.iterdir()} == {"rows.parquet", "rows.html"}
    assert duckdb.sql(f"SELECT count(*) FROM '{to}'").fetchall() == [(64,)]
