"""`python -m inference` answers for files: a table for people, JSON lines for programs."""

import base64
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.__main__ import main
from tests.drawing import draw_chest, encode_jpeg, encode_png

ROOT = Path(__file__).parents[2]
LITERT_GREETING = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
LABELS = ["covid19", "normal", "pneumonia", "tuberculosis"]


def inference(*arguments: object, stdin: bytes = b"", **environment: str):
    """Run the command; its output as text, for no output of it may be anything else."""
    done = subprocess.run(
        [sys.executable, "-m", "inference", *map(os.fspath, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        input=stdin,
        capture_output=True,
        check=False,
    )
    done.stdout, done.stderr = (
        stream.decode(environment.get("PYTHONIOENCODING", "utf-8"))
        for stream in (done.stdout, done.stderr)
    )
    assert "Traceback" not in done.stdout + done.stderr
    done.stderr = done.stderr.removeprefix(LITERT_GREETING)
    return done


def lines(done) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def files(tmp_path) -> dict[str, Path]:
    """Good files and bad ones, by what they are."""
    contents = {
        "chest.jpg": encode_jpeg(draw_chest(300, 260)),
        "other chest.png": encode_png(draw_chest(260, 300, seed=1)),
        "blank.png": encode_png(np.full((90, 90), 3, np.uint8)),
        "empty.jpg": b"",
        "text.jpg": b"this is no picture",
        "truncated.png": encode_png(draw_chest(200, 200))[:2000],
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    names = [*contents, "folder", "missing.jpg"]
    return {name: tmp_path / name for name in names}


BAD = {
    "blank.png": ("not_a_chest_xray", "Refused: the picture is (nearly) of one gray value."),
    "empty.jpg": ("unsupported_media", "The bytes are no image that is read here"),
    "text.jpg": ("unsupported_media", "The bytes are no image that is read here"),
    "truncated.png": ("undecodable", "The PNG file is truncated or corrupt."),
    "folder": ("bad_request", "The file cannot be read: Is a directory."),
    "missing.jpg": ("bad_request", "The file cannot be read: No such file or directory."),
}


def test_a_person_gets_a_table(files):
    done = inference(files["chest.jpg"])
    assert (done.returncode, done.stderr) == (0, "")
    path, *rows, answer, notice, empty = done.stdout.splitlines()
    assert path == str(files["chest.jpg"])
    assert [row.split()[0] for row in rows] == LABELS
    shares = [float(row.split()[1].rstrip("%")) for row in rows]
    assert sum(shares) == pytest.approx(100, abs=0.3)
    names = ["COVID-19", "Normal", "Pneumonia", "Tuberculosis"]
    assert answer.startswith(f"  → {names[int(np.argmax(shares))]}")
    assert notice == "  Research use only. Not a medical device; not for diagnosis."
    assert empty == ""


def test_a_bad_file_is_named_and_the_others_are_answered(files):
    done = inference(*files.values())
    assert (done.returncode, done.stderr) == (1, "")
    told = dict(block.split("\n", 1) for block in done.stdout.strip().split("\n\n"))
    assert list(told) == [str(file) for file in files.values()]
    for name in ("chest.jpg", "other chest.png"):
        assert "  → " in told[str(files[name])]
    for name, (_, detail) in BAD.items():
        assert f": {detail}" in told[str(files[name])]


def test_json_lines_come_in_order_each_the_body_of_an_answer_and_its_file(files):
    order = [*reversed(files.values()), *files.values()]
    done = inference("--jsonl", *order)
    assert (done.returncode, done.stderr) == (1, "")
    answers = lines(done)
    assert [answer["file"] for answer in answers] == [str(file) for file in order]
    for answer in answers:
        name = Path(answer["file"]).name
        if name in BAD:
            code, detail = BAD[name]
            assert answer["code"] == code
            assert answer["detail"].startswith(detail)
        else:
            assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-6)
            assert answer["prediction"]["label"] in LABELS
    assert len({answer["request_id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize(
    ("explain", "expected"), [("none", []), ("all", LABELS), ("pneumonia", ["pneumonia"])]
)
def test_explanations_are_the_asked_ones(files, explain, expected):
    [answer] = lines(inference("--jsonl", "--explain", explain, files["chest.jpg"]))
    assert [each["label"] for each in answer["explanations"]] == expected


def test_overlays_are_written_into_a_new_folder(files, tmp_path):
    folder = tmp_path / "new" / "overlays"
    good = [files["chest.jpg"], files["text.jpg"], files["other chest.png"]]
    done = inference(
        "--overlay-dir", folder, "--explain", "all", "--overlay", "png", "--size", "200",
        "--jsonl", *good,
    )  # fmt: skip
    assert done.returncode == 1
    expected = {}
    for number, answer in enumerate(lines(done)):
        for each in answer.get("explanations", []):
            name = f"{number:06}-{Path(answer['file']).stem}.{each['label']}.png"
            expected[name] = base64.b64decode(each["base64"])
    assert len(expected) == 8
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == expected
    for data in expected.values():
        assert max(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2]) == 200


def test_the_overlay_of_the_predicted_class_is_written_where_nothing_else_is_asked(files, tmp_path):
    done = inference("--overlay-dir", tmp_path / "overlays", files["chest.jpg"])
    assert done.returncode == 0
    [file] = (tmp_path / "overlays").iterdir()
    assert file.name in {f"chest.{label}.jpg" for label in LABELS}
    assert cv2.imread(str(file)).shape == (444, 512, 3)


def test_files_of_one_name_do_not_overwrite_each_others_overlays(files, tmp_path):
    other = tmp_path / "folder" / "chest.jpg"
    other.write_bytes(files["chest.jpg"].read_bytes())
    inference("--overlay-dir", tmp_path / "overlays", files["chest.jpg"], other)
    assert len(list((tmp_path / "overlays").iterdir())) == 2


def test_files_are_listed_by_a_file_or_stdin(files, tmp_path):
    listed = [files["chest.jpg"], files["other chest.png"]]
    text = f"{listed[0]}\n\n{listed[1]}\r\n"
    (tmp_path / "list.txt").write_text(text)
    by_stdin = inference("--files-from", "-", "--jsonl", stdin=text.encode())
    by_file = inference("--files-from", tmp_path / "list.txt", "--jsonl", "--explain", "none")
    for done in (by_stdin, by_file):
        assert (done.returncode, done.stderr) == (0, "")
        assert [answer["file"] for answer in lines(done)] == [str(file) for file in listed]


def test_a_name_that_is_no_text_is_a_name_all_the_same(files, tmp_path):
    odd = os.fsencode(tmp_path) + b"/\xff\xfe.jpg"
    try:
        with open(odd, "wb") as file:
            file.write(files["chest.jpg"].read_bytes())
    except OSError:
        pytest.skip("this file system has no such names")
    listed = odd + b"\n" + os.fsencode(tmp_path) + b"/a\0b.jpg\n"
    for options in ((), ("--jsonl",)):
        done = inference("--files-from", "-", *options, stdin=listed)
        assert (done.returncode, done.stderr) == (1, "")
        assert "covid19" in done.stdout
        assert "The file cannot be read: " in done.stdout


def test_a_terminal_without_the_characters_gets_others(files):
    done = inference(files["chest.jpg"], PYTHONIOENCODING="cp1252")
    assert (done.returncode, done.stderr) == (0, "")
    assert "tuberculosis" in done.stdout


def test_force_answers_what_the_gate_refuses(files):
    done = inference("--force", "--jsonl", files["blank.png"])
    assert done.returncode == 0
    [answer] = lines(done)
    assert answer["gate"]["reasons"] == ["blank"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name at least one FILE, or --files-from LIST"),
        (["--files-from", "-"], "name at least one FILE, or --files-from LIST"),
        (["--files-from", "no-such-list"], "no-such-list: No such file or directory"),
        (["--files-from", "tests"], "tests: Is a directory"),
        (["--size", "12", "x.jpg"], "size is '12'; it takes a whole number from 128 to 1024."),
        (["--size", "big", "x.jpg"], "argument --size: invalid int value: 'big'"),
        (
            ["--explain", "cancer", "x.jpg"],
            "it takes one of: predicted, all, none, covid19, normal",
        ),
        (["--overlay", "gif", "x.jpg"], "argument --overlay: invalid choice: 'gif'"),
        (["--overlay-dir", "README.md", "x.jpg"], "README.md: File exists"),
        (["--wrong", "x.jpg"], "unrecognized arguments: --wrong"),
    ],
)
def test_wrong_arguments_end_it_with_a_clear_message(arguments, message):
    done = inference(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr.replace('"', "'")


def test_a_wrong_setting_ends_it_with_a_clear_message(files):
    done = inference(files["chest.jpg"], RUNTIME_THREADS="many")
    assert (done.returncode, done.stdout) == (2, "")
    assert "RUNTIME_THREADS is 'many'; it takes a whole number from 1 to 16." in done.stderr


def test_a_stand_in_for_a_missing_version_is_told(files):
    done = inference(files["chest.jpg"], MODEL_VERSION="no-such-version")
    assert done.returncode == 0
    assert "There is no version 'no-such-version'" in done.stderr


@pytest.fixture
def long_run(files):
    """A run that has answered for one of a thousand files."""
    many = [str(files["chest.jpg"])] * 1000
    with subprocess.Popen(
        [sys.executable, "-m", "inference", *many],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Where these tests run in the background, a shell has set it to be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_whoever_reads_may_have_enough(long_run):
    long_run.stdout.close()
    assert long_run.stderr.read().decode() in ("", LITERT_GREETING)
    assert long_run.wait(60) == 1


def test_whoever_waits_may_end_it(long_run):
    long_run.send_signal(signal.SIGINT)
    printed, told = long_run.communicate(timeout=60)
    assert long_run.returncode == 130
    assert told.decode().removeprefix(LITERT_GREETING) == (
        "Interrupted before every file was answered.\n"
    )
    assert printed.count("→".encode()) < 1000


def test_an_overlay_that_cannot_be_written_is_told(files, tmp_path):
    folder = tmp_path / "overlays"
    for label in LABELS:
        (folder / f"chest.{label}.jpg").mkdir(parents=True)
    done = inference("--overlay-dir", folder, files["chest.jpg"])
    assert done.returncode == 1
    assert ".jpg: Is a directory" in done.stderr


def test_help_tells_what_it_takes():
    done = inference("--help")
    assert done.returncode == 0
    for option in ("--jsonl", "--files-from", "--explain", "--overlay-dir", "--force", "--size"):
        assert option in done.stdout


def test_a_defect_says_where_it_is_and_nothing_of_a_patient(files, monkeypatch, capsys, caplog):
    tag = "Doe^Jane"

    def decode(data: bytes, **options: object) -> None:
        raise ValueError(tag)

    monkeypatch.setattr("inference.pipeline.decode", decode)
    with caplog.at_level(logging.ERROR, "chest_xray"):
        assert main(["--jsonl", str(files["chest.jpg"])]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["code"] == "internal"
    assert answer["detail"] == "The request could not be answered. The fault is on our side."
    [defect] = [json.loads(each.getMessage()) for each in caplog.records]
    assert (defect["event"], defect["request_id"]) == ("defect", answer["request_id"])
    assert defect["trace"].endswith("\nValueError")
    assert tag not in caplog.text
