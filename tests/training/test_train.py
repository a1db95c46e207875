"""Training that can be killed at any moment, told apart from other runs, and done again."""

import gc
import json
import random
import re
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from inference.preprocessing import preprocess
from model_store.manifest import Input
from tests.drawing import draw_chest
from tests.training import tiny
from tests.training.conftest import EPOCHS, LUNGS, ROOT, Python, Terminal, environment
from training.__main__ import main
from training.augmentation import Chest
from training.batches import UNKNOWN, Batches, draw_probabilities
from training.config import Config
from training.data import Example, read_dataset, read_pixels
from training.run_state import RunState, open_run, read_config
from training.train import is_over, lung_loss, targets_of, train

# Of the libraries, about each other.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:keras", "ignore::DeprecationWarning:gast"
)


def state_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "state.json").read_text())


def val_loss_of(network: Path, data: Path) -> float:
    examples = [each for each in read_dataset(data) if each.split == "val"]
    spec = Input(size=64, channels=1, low=0.0, high=255.0)
    inputs = np.concatenate([preprocess(read_pixels(each), spec) for each in examples])
    labels = [
        ("covid19", "normal", "pneumonia", "tuberculosis").index(each.label) for each in examples
    ]
    model = keras.models.load_model(network, compile=False)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return float(loss(np.array(labels), model.predict(inputs, verbose=0)["logits"]))


def test_a_run_ends_with_all_epochs_its_last_checkpoint_and_its_best_network(
    runs: tuple[Path, Path], drawn: Path
) -> None:
    state = state_of(runs[0])
    assert [row["epoch"] for row in state["history"]] == list(range(1, EPOCHS + 1))
    assert {file.name for file in runs[0].iterdir()} == {
        "best.keras",
        "state.json",
        f"epoch-{EPOCHS:03}.keras",
    }
    best = min(row["val_loss"] for row in state["history"])
    assert val_loss_of(runs[0] / "best.keras", drawn) == pytest.approx(best, abs=1e-4)


def test_a_run_leaves_no_images_in_memory(drawn: Path, tmp_path: Path) -> None:
    def chests() -> int:
        gc.collect()
        return sum(isinstance(each, Chest) for each in gc.get_objects())

    before = chests()
    train(replace(tiny.config, epochs=2), read_dataset(drawn), tmp_path / "run")
    keras.utils.clear_session()
    assert chests() == before


def test_a_run_learns_what_can_be_learned(runs: tuple[Path, Path]) -> None:
    first, *_, last = state_of(runs[0])["history"]
    assert last["val_loss"] < first["val_loss"] / 2
    assert last["val_accuracy"] >= 0.8  # of 16 images, one of them with a wrong label


def test_a_run_with_masks_learns_where_the_lungs_are(runs: tuple[Path, Path]) -> None:
    first, *_, last = state_of(runs[0])["history"]
    assert last["lungs_loss"] < first["lungs_loss"]
    model = keras.models.load_model(runs[0] / "best.keras", compile=False)
    spec = Input(size=64, channels=1, low=0.0, high=255.0)
    batch = np.concatenate([preprocess(draw_chest(96, 80, seed), spec) for seed in range(90, 94)])
    found = model.predict(batch, verbose=0)["lungs"][..., 0].mean(axis=0)
    truth = LUNGS.reshape(8, 8, 8, 8).mean(axis=(1, 3))
    assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.5


def test_the_loss_of_the_lungs_leaves_out_what_is_not_known() -> None:
    share = np.array([[[[1.0]], [[0.0]]], [[[UNKNOWN]], [[UNKNOWN]]]], np.float32)
    logits = np.zeros((2, 2, 1, 1), np.float32)
    np.testing.assert_allclose(
        lung_loss(share, keras.ops.convert_to_tensor(logits)), [0.6931472, 0]
    )


def test_classes_are_drawn_equally_often_and_small_sources_more_often() -> None:
    examples = [
        Example(Path("x"), label, "train", source, "g")
        for label, source, number in (("normal", "a", 8), ("normal", "b", 2), ("covid19", "a", 5))
        for _ in range(number)
    ]
    for balance, share_of_b in ((0.0, 0.1), (0.5, 1 / 6), (1.0, 0.25)):
        found = draw_probabilities(examples, balance)
        assert found[:10].sum() == pytest.approx(0.5)
        assert found[8:10].sum() == pytest.approx(share_of_b)
        assert found.sum() == pytest.approx(1)


def test_a_run_can_go_on_from_another_ones_network(
    runs: tuple[Path, Path], drawn: Path, tmp_path: Path
) -> None:
    config = replace(
        tiny.config,
        epochs=1,
        learning_rate=1e-9,
        start_from=str(runs[0] / "best.keras"),
        lungs=str(drawn / "lungs.npz"),
        hidden_lungs=0.5,
    )
    train(config, read_dataset(drawn), tmp_path / "run")
    best = min(row["val_loss"] for row in state_of(runs[0])["history"])
    # Only the statistics of batch norm move at this learning rate.
    assert state_of(tmp_path / "run")["history"][0]["val_loss"] == pytest.approx(best, abs=0.5)


def test_teachers_soften_the_labels_by_their_share(runs: tuple[Path, Path], drawn: Path) -> None:
    network = runs[0] / "best.keras"
    examples = [each for each in read_dataset(drawn) if each.split == "train"][:10]
    chests = [Chest(read_pixels(each)) for each in examples]
    taught = replace(tiny.config, teachers=(str(network), str(network)), teachers_share=0.25)
    inputs = np.concatenate(
        [
            preprocess(chest.pixels, Input(size=64, channels=1, low=0.0, high=255.0))
            for chest in chests
        ]
    )
    answers = keras.models.load_model(network, compile=False)(inputs)["logits"]
    expected = 0.75 * targets_of(examples, chests, tiny.config)
    expected += 0.25 * keras.ops.convert_to_numpy(keras.ops.softmax(answers))
    np.testing.assert_allclose(targets_of(examples, chests, taught), expected, atol=1e-5)


def test_hidden_lungs_have_no_class() -> None:
    chests = [Chest(draw_chest(64, 64, seed), LUNGS) for seed in range(8)]
    targets = np.eye(4, dtype=np.float32)[[0, 1, 2, 3] * 2]
    config = replace(tiny.config, lungs="masks", mixup=0.0, hidden_lungs=1.0)
    _, truth = Batches(chests, targets, np.full(8, 1 / 8), config, 0)[0]
    np.testing.assert_array_equal(truth["logits"], np.full((8, 4), 0.25))
    assert targets.max() == 1  # the truth itself is left alone


def test_a_run_stops_early_when_validation_has_not_improved_for_so_long() -> None:
    rows = [{"val_loss": loss} for loss in (3.0, 2.0, 2.5, 2.4)]
    patient, impatient = (replace(tiny.config, patience=each) for each in (3, 2))
    assert is_over(RunState({}, "x", rows), impatient)
    assert not is_over(RunState({}, "x", rows), patient)
    assert not is_over(RunState({}, "x", rows), tiny.config)


def test_two_runs_with_the_same_seed_are_the_same(runs: tuple[Path, Path]) -> None:
    one, two = (state_of(run)["history"] for run in runs)
    for first, second in zip(one, two, strict=True):
        assert first == pytest.approx(second, abs=1e-3)


def test_a_run_killed_at_random_moments_and_resumed_ends_as_one_that_was_left_alone(
    runs: tuple[Path, Path], drawn: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "tests.training.tiny", str(drawn), str(EPOCHS), str(run)]
    seed = random.randrange(2**32)
    moments, killed, done_at_first_kill = random.Random(seed), 0, EPOCHS
    # So many seconds at most after it has begun to save an epoch; then it may end in peace.
    for longest in (0.05, 0.6, 0.2, None):
        before = files_of(run, "*epoch-*")
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if longest is not None:
            while process.poll() is None and files_of(run, "*epoch-*") == before:
                time.sleep(0.002)
            time.sleep(moments.uniform(0, longest))
            process.kill()
        output, _ = process.communicate()
        if process.returncode == -9:
            killed += 1
        else:
            assert process.returncode == 0, (seed, output.decode())
        done = assert_no_false_state(run, seed)
        done_at_first_kill = min(done, done_at_first_kill)

    assert killed >= 2, seed
    state, undisturbed = state_of(run), state_of(runs[0])
    assert len(state["history"]) == EPOCHS
    assert state["config"] == undisturbed["config"]
    best = min(row["val_loss"] for row in state["history"])
    assert val_loss_of(run / "best.keras", drawn) == pytest.approx(best, abs=1e-4), seed
    # Up to the first kill it is the same run. After it each epoch has the same batches, but Keras
    # deals them in another order, because its generator starts anew: the same end, not the same way.
    for row, expected in zip(
        state["history"][:done_at_first_kill], undisturbed["history"], strict=False
    ):
        assert row == pytest.approx(expected, abs=1e-3), seed
    last, expected = state["history"][-1], undisturbed["history"][-1]
    assert last["val_loss"] == pytest.approx(expected["val_loss"], abs=0.2), seed
    assert last["val_accuracy"] == pytest.approx(expected["val_accuracy"], abs=0.13), seed


def files_of(run: Path, pattern: str = "*") -> set[tuple[str, int]]:
    found = set()
    for file in run.glob(pattern):
        try:
            found.add((file.name, file.stat().st_mtime_ns))
        except FileNotFoundError:
            continue
    return found


def assert_no_false_state(run: Path, seed: int) -> int:
    """The state file is whole and what it names is there and whole; how many epochs it says are done."""
    if not (run / "state.json").exists():
        return 0
    state = state_of(run)
    done = len(state["history"])
    assert [row["epoch"] for row in state["history"]] == list(range(1, done + 1)), seed
    assert state["checkpoint"] == f"epoch-{done:03}.keras", seed
    assert zipfile.ZipFile(run / state["checkpoint"]).testzip() is None, seed
    best = run / "best.keras"
    assert done == 1 or zipfile.ZipFile(best).testzip() is None, seed
    return done


def test_on_a_terminal_the_bar_says_while_the_graph_for_a_side_is_compiled(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    config = replace(tiny.config, epochs=3, early_sizes=(48,), early_share=0.5)
    train(config, read_dataset(drawn), tmp_path / "run")
    bars = re.findall(r" (\d+)/12 \[[^\r]*?(compiling)?\]", terminal.getvalue())
    # Two epochs have one side, the third another one.
    assert {steps for steps, compiling in bars if compiling} == {"0", "8"}
    assert bars[-1] == ("12", "")


def test_ctrl_c_ends_a_training_with_a_sentence_and_resume_goes_on(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    command = ["train", "tests/training/tiny.py", "--data", str(drawn), "--run", str(run)]
    command += ["--no-tracking", "--epochs", "2"]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal := Terminal(then=" 4/8 "))
        assert main(command) == 130
    end = "training train: stopped. The same command with --resume goes on.\n"
    assert terminal.getvalue().endswith(end)
    assert main([*command, "--resume"]) == 0
    assert [row["epoch"] for row in state_of(run)["history"]] == [1, 2]


@pytest.fixture(scope="module")
def shipped(drawn: Path, rgb_weights: Path, python: Python, tmp_path_factory: Any) -> Path:
    """One epoch of the config that is shipped, from weights in a file, by its command."""
    run = tmp_path_factory.mktemp("shipped") / "run"
    done = python(
        *("-m", "training", "train", "mobilenet_v3_small", "--data", drawn, "--run", run),
        *("--weights", rgb_weights, "--epochs", 1, "--no-tracking"),
    )
    assert done.returncode == 0, done.stderr
    assert "This run is not tracked: --no-tracking." in done.stdout
    assert f"The best network is {run / 'best.keras'}." in done.stdout
    return run


def test_weights_that_cannot_be_downloaded_and_masks_that_are_missing_are_said(
    drawn: Path, python: Python, tmp_path: Path
) -> None:
    done = python(
        *("-m", "training", "train", "mobilenet_v3_small_lungs", "--no-tracking"),
        *("--data", drawn, "--run", tmp_path / "run"),
        https_proxy="http://127.0.0.1:9",  # where nobody listens
        KERAS_HOME=tmp_path,
    )
    assert done.returncode == 1
    assert "mobilenet_v3_small_lungs is made for lung masks: without --lungs" in done.stderr
    assert "ImageNet weights of mobilenet_v3_small cannot be downloaded; fetch" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_trains_the_config_that_is_shipped(shipped: Path, rgb_weights: Path) -> None:
    config = read_config(shipped)
    assert (config.backbone, config.size, config.epochs) == ("mobilenet_v3_small", 224, 1)
    assert config.weights == str(rgb_weights)
    assert len(state_of(shipped)["history"]) == 1


def train_command(data: Path, run: Path, *more: str) -> list[str]:
    command = ["train", "mobilenet_v3_small", "--data", str(data), "--run", str(run)]
    return [*command, "--no-tracking", *more]


def test_a_run_that_exists_is_left_alone_without_resume(
    runs: tuple[Path, Path], drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(runs[0])
    assert main(train_command(drawn, runs[0])) == 2
    assert "holds a run already: go on with --resume or name another" in capsys.readouterr().err
    assert files_of(runs[0]) == before


def test_a_run_of_another_config_is_not_resumed_and_what_differs_is_named(
    runs: tuple[Path, Path], drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(train_command(drawn, runs[0], "--resume")) == 2
    message = capsys.readouterr().err
    assert "was made with another config (backbone, size, stride, early_sizes," in message
    assert "seed" not in message
    assert "classes" not in message


def test_an_image_that_cannot_be_read_and_a_class_without_images_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "0.png").write_bytes(b"no image")
    rows = ["path,label,split", *["0.png,normal,train"] * 8, "0.png,normal,val"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    command = ["train", "tests/training/tiny.py", "--data", str(tmp_path)]
    assert main([*command, "--run", str(tmp_path / "run"), "--no-tracking"]) == 2
    message = capsys.readouterr().err
    assert "no training image is of covid19, pneumonia, tuberculosis;" in message
    assert "0.png: The bytes are no image that is read here" in message
    assert "data split DATA --to FILE --leave-out unreadable" in message


def test_a_run_that_was_begun_before_a_setting_was_added_goes_on_with_its_default(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs[0], run)
    state = json.loads((run / "state.json").read_text())
    del state["config"]["hidden_lungs"], state["config"]["augmentation"]["flip"]
    (run / "state.json").write_text(json.dumps(state))
    config = read_config(runs[0])
    assert read_config(run) == config
    assert open_run(config, run, resume=True).epochs_done == len(state["history"])
    with pytest.raises(ValueError, match=r"\(hidden_lungs differ\)"):
        open_run(replace(config, hidden_lungs=0.5), run, resume=True)


def test_a_setting_that_a_run_was_made_with_and_was_removed_since_is_named(
    runs: tuple[Path, Path], drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs[0], run)
    state = json.loads((run / "state.json").read_text())
    state["config"]["focal"] = state["config"]["augmentation"]["shear"] = 0.5
    (run / "state.json").write_text(json.dumps(state))
    assert main(["export", str(run), "--data", str(drawn), "--store", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "was made with augmentation.shear, focal, which configs no longer have:" in message
    assert "use the code that made it" in message


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"config": {"backbone": "tiny"}}'])
def test_a_file_that_no_training_wrote_is_named(
    content: str, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state.json").write_text(content)
    assert main(["export", str(tmp_path), "--data", str(drawn)]) == 2
    assert "state.json is not what a training writes" in capsys.readouterr().err


def test_a_folder_that_holds_no_run_is_named(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["export", str(tmp_path)], ["join", str(tmp_path), "--run", str(tmp_path)]):
        assert main([*command, "--data", str(drawn)]) == 2
        assert f"{tmp_path} holds no run: there is no state.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "classes", [("normal",), ("a", "a"), ("normal", "TB active"), ("a", "all")]
)
def test_classes_that_no_version_could_have_are_refused_before_the_training(
    classes: tuple[str, ...],
) -> None:
    with pytest.raises(ValueError, match="they are two or more different words of letters"):
        Config("tiny", classes=classes)


def test_a_config_that_does_not_exist_is_named_beside_those_that_do(
    drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "resnet", "--data", str(drawn)]) == 2
    message = capsys.readouterr().err
    assert "There is no config 'resnet' in training/configs; it has" in message
    assert "mobilenet_v3_small" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config = Config(", "SyntaxError: '(' was never closed"),
        ("config = Config('tiny', sise=64)", "unexpected keyword argument 'sise'"),
        ("configuration = Config('tiny')", "has no `config = Config(…)`"),
        ("config = Config('resnet')", "There is no backbone 'resnet'; there are"),
    ],
)
def test_a_config_file_that_is_wrong_is_told_in_a_sentence(
    text: str, message: str, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"from training.config import Config\n{text}\n")
    command = ["train", str(file), "--data", str(drawn), "--run", str(tmp_path / "run")]
    assert main([*command, "--no-tracking"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--run", "FILE"], "FILE is a file, and a folder is needed there; name another one."),
        (["--lungs", "FILE"], "FILE: lung masks are a .npz file"),
        (["--start-from", "NONE.keras"], "File not found: filepath=NONE.keras."),
        (["--data", "NONE"], "NONE: there is no such file or folder."),
        (["--data", "FILE"], "FILE: the columns label, path, split are missing"),
    ],
)
def test_a_file_that_is_missing_or_of_another_kind_is_named(
    more: list[str],
    message: str,
    drawn: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("no picture\n")
    command = train_command(drawn, Path("run"))
    command[1] = "small_cnn"
    assert main([*command, *more]) == 2
    assert f"training train: {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "tiny", "--epochs", "0"], "'0' is not a whole number above 0"),
        (["export", "run", "--coverage", "80%"], "'80%' is not a share above 0 and up to 1"),
        (["export", "run", "--coverage", "80"], "'80' is not a share above 0 and up to 1"),
        (["export", "run", "--sanity-images", "-1"], "'-1' is not a whole number from 0 on"),
    ],
)
def test_a_number_that_an_option_does_not_take_is_told(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--data", "DATA"])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["0.png,normal,val"], "no image in its split train"),
        (["0.png,normal,train"], "no image in its split val"),
        (["0.png,normal,train", "0.png,fracture,val"], "has the labels fracture; the model has"),
        (["0.png,normal,train", "0.png,normal,val"], "1 training images do not fill a batch of 32"),
    ],
)
def test_data_that_a_run_cannot_use_stop_it_with_a_sentence(
    tmp_path: Path, rows: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.csv").write_text("\n".join(["path,label,split", *rows]))
    assert main(train_command(tmp_path, tmp_path / "run")) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        *([], ["train"], ["leave-out"], ["tune"], ["track"]),
        *(["export"], ["report"], ["publish"], ["evaluate"]),
    ],
)
def test_help_needs_no_tensorflow(python: Python, command: list[str]) -> None:
    code = (
        "import sys; from training.__main__ import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print(sorted({'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))"
    )
    done = python("-c", code, *command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: python -m training")
    assert done.stdout.endswith("[]\n")
