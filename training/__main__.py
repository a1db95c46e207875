"""Look at data, train, export, publish and evaluate: all that makes a model folder for the service."""

import argparse
import math
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from model_store.errors import StoreError
from training.data import of_split, read_dataset, seen_or_asked
from training.data.commands import add_data_commands

if TYPE_CHECKING:
    from model_store.manifest import Manifest
    from training.assess import Audits
    from training.config import Config

type _Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"

_NOT_CXR = (
    "manifest.csv (path, kind, group) of pictures that are no frontal chest X-rays, or its folder"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 2 where its words or its data are wrong, 1 where it came to no good end (or a check
        says so, such as that of `publish`), 130 after Ctrl-C.
    """
    # TensorFlow tells of each thing that a machine without a GPU does not have.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except RuntimeError as error:
        status, reason = 1, str(error)
    except OSError as error:
        status, reason = 2, _sentence(error)
    except (StoreError, ValueError) as error:
        status, reason = 2, str(error)
    except KeyboardInterrupt:
        print(file=sys.stderr)  # behind a progress bar
        status, reason = 130, f"stopped. {options.goes_on}".rstrip()
    print(f"training {options.name}: {reason}", file=sys.stderr)
    return status


def _sentence(error: OSError) -> str:
    if not (error.filename and error.strerror):
        return str(error)
    if isinstance(error, FileExistsError):  # of making a folder
        return f"{error.filename} is a file, and a folder is needed there; name another one."
    return f"{error.filename}: {error.strerror}."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.set_defaults(goes_on="")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    for add in (
        add_data_commands,
        _add_train,
        _add_join,
        _add_adjust,
        _add_leave_out,
        _add_tune,
        _add_track,
        _add_export,
        _add_gate,
        _add_publish,
        _add_evaluate,
        _add_report,
        _add_notebook,
    ):
        add(commands)
    return parser


def _add_train(commands: _Commands) -> None:
    train = commands.add_parser("train", help="train a network from a config")
    _add_data(train)
    train.add_argument(
        "config", help="a name in training/configs, such as mobilenet_v3_small, or a .py file"
    )
    train.add_argument("--run", type=Path, help="folder of the run (build/runs/CONFIG)")
    train.add_argument(
        "--weights", help="file with ImageNet weights (default: Keras downloads them)"
    )
    train.add_argument(
        "--epochs", type=_positive, help="train so many epochs instead of the config's"
    )
    train.add_argument(
        "--lungs", help="file with lung masks (.npz: path, masks), for configs that use them"
    )
    train.add_argument(
        "--start-from", help="go on from this network (.keras), such as a version's model.keras"
    )
    train.add_argument(
        "--teachers",
        nargs="+",
        type=str,
        help="networks (.keras) whose answers soften the labels of the training images",
    )
    train.add_argument("--resume", action="store_true", help="go on after an interruption")
    train.add_argument(
        "--no-tracking", action="store_true", help="leave MLflow alone (MLFLOW_TRACKING_URI)"
    )
    train.set_defaults(command=_train, goes_on="The same command with --resume goes on.")


def _train(options: argparse.Namespace) -> int:
    from training.tracking import tracker
    from training.train import train

    config = _config(options)
    run = options.run or Path("build/runs") / Path(options.config).stem
    observer = tracker(off=options.no_tracking)
    best = train(config, read_dataset(options.data), run, resume=options.resume, observer=observer)
    print(f"The best network is {best}. Next: {_command('export', run, '--data', options.data)}")
    return 0


def _config(options: argparse.Namespace) -> "Config":
    import dataclasses

    from training.config import load_config

    keys = ("weights", "start_from", "teachers", "lungs", "epochs")
    changes = {key: getattr(options, key, None) for key in keys}
    if changes["teachers"]:
        changes["teachers"] = tuple(changes["teachers"])
    config = dataclasses.replace(
        load_config(options.config), **{key: value for key, value in changes.items() if value}
    )
    strength = config.augmentation
    if not config.lungs and (strength.surroundings or strength.lung_crop or config.hidden_lungs):
        print(
            f"{options.config} is made for lung masks: without --lungs the network gets no map of the lungs, "
            "and what lies around them is not swapped.",
            file=sys.stderr,
        )
    return config


def _add_join(commands: _Commands) -> None:
    join = commands.add_parser(
        "join",
        help="make one network of several runs' ones, with the mean of their class maps",
    )
    _add_data(join)
    join.add_argument("runs", nargs="+", type=Path, help="folders of runs; the first one's lungs")
    join.add_argument("--run", type=Path, required=True, help="folder of the new run")
    join.set_defaults(command=_join)


def _join(options: argparse.Namespace) -> int:
    from training.join import join

    return _show_made(join(options.runs, read_dataset(options.data), options.run), options)


def _add_adjust(commands: _Commands) -> None:
    adjust = commands.add_parser(
        "adjust",
        help="make a run whose network names a class more or less readily",
        description="Add constants to the logits of classes, and show what the network then does on the "
        "validation split. Below zero a class is named less readily; heatmaps stay as they are.",
    )
    _add_data(adjust)
    adjust.add_argument("source", type=Path, help="folder of a run, or of a version in a store")
    adjust.add_argument(
        "--logit",
        type=_logit,
        action="append",
        required=True,
        metavar="CLASS=NUMBER",
        help="what to add to the logit of a class; several times for several classes",
    )
    adjust.add_argument(
        "--without",
        nargs="+",
        default=[],
        metavar="SOURCE",
        help="sources that the version was trained without, where its manifest does not say",
    )
    adjust.add_argument(
        "--seen-before",
        nargs="+",
        default=[],
        metavar="SOURCE",
        help="of these, what a network that the version began from had been trained on",
    )
    adjust.add_argument("--run", type=Path, required=True, help="folder of the new run")
    adjust.set_defaults(command=_adjust)


def _adjust(options: argparse.Namespace) -> int:
    from training.adjust import adjust

    examples, logits = read_dataset(options.data), dict(options.logit)
    best = adjust(
        options.source,
        logits,
        examples,
        options.run,
        without=options.without,
        seen_before=options.seen_before,
    )
    return _show_made(best, options)


def _logit(text: str) -> tuple[str, float]:
    label, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not (label and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text!r} is not CLASS=NUMBER, such as covid19=-0.5")
    return label, value


def _show_made(best: Path, options: argparse.Namespace) -> int:
    from training.run_state import read_state

    row = read_state(options.run).history[-1]
    print(" ".join(f"{key} {value:.4g}" for key, value in row.items() if key != "epoch"))
    following = _command("export", options.run, "--data", options.data)
    print(f"The network is {best}. Next: {following}")
    return 0


def _add_leave_out(commands: _Commands) -> None:
    left_out = commands.add_parser(
        "leave-out", help="train without each source in turn and predict it"
    )
    _add_data(left_out)
    left_out.add_argument("config", help="a name in training/configs, such as mobilenet_v3_small")
    left_out.add_argument("--weights", help="file with ImageNet weights")
    left_out.add_argument("--lungs", help="file with lung masks, for configs that use them")
    left_out.add_argument("--epochs", type=_positive, help="instead of the config's")
    left_out.add_argument(
        "--sources", nargs="+", help="these (every one that its classes can spare)"
    )
    left_out.add_argument(
        "--to", type=Path, help="folder for SOURCE.json of each (build/left_out/CONFIG)"
    )
    left_out.set_defaults(command=_leave_out, goes_on="The same command goes on.")


def _leave_out(options: argparse.Namespace) -> int:
    from training.leave_out import leave_out, sources_to_spare

    config = _config(options)
    examples = read_dataset(options.data)
    to = options.to or Path("build/left_out") / Path(options.config).stem
    sources = options.sources or sources_to_spare(examples, config.without_sources)
    if not sources:
        raise ValueError(
            "No source can be left out: each has a class that no other one trains. Sources are named by the "
            "column source of a manifest.csv."
        )
    if unknown := sorted({*sources} - {each.source for each in examples}):
        known = ", ".join(sorted({each.source for each in examples}))
        raise ValueError(f"The data set has no source {', '.join(unknown)}; it has {known}.")
    for source in sources:
        print(leave_out(config, examples, source, to))
    following = _command("report", "VERSION", "--left-out", to, "--data", options.data)
    print(f"Look at them: {following} --to FOLDER")
    return 0


def _add_tune(commands: _Commands) -> None:
    tune = commands.add_parser(
        "tune",
        help="search for a better config, judged on the validation split only",
        description="Search for a better config with Optuna, judged on the validation split only. "
        "The same command, after an interruption or in another terminal, goes on with the same study. "
        "What is tuned, and in which range, is in training/space.py.",
    )
    tune.add_argument("config", help="a name in training/configs, or a .py file")
    tune.add_argument("--data", type=Path, help="as for train; its test split is not read")
    tune.add_argument("--study", type=Path, help="SQLite file (build/tuning/CONFIG.db)")
    tune.add_argument("--runs", type=Path, help="the trials' runs (build/runs/tuning/CONFIG)")
    tune.add_argument("--trials", type=_positive, default=50, help="that the study shall have (50)")
    tune.add_argument("--processes", type=_positive, default=1, help="that train at a time (1)")
    tune.add_argument("--epochs", type=_positive, help="of a trial, instead of the config's")
    tune.add_argument("--weights", help="file with ImageNet weights")
    tune.add_argument("--lungs", help="file with lung masks, for configs that use them")
    tune.add_argument(
        "--timeout", type=_positive, metavar="SECONDS", help="start no trial after so long"
    )
    tune.add_argument(
        "--heartbeat",
        type=_positive,
        default=15,
        metavar="SECONDS",
        help="between a trial's signs of life; after four missed it is done again (15)",
    )
    tune.add_argument(
        "--show", action="store_true", help="only print the best trials and write the best config"
    )
    tune.set_defaults(
        command=_tune, goes_on="The same command goes on, with the trials that were cut off too."
    )


def _tune(options: argparse.Namespace) -> int:
    from training.tune import Tuning, show, tune

    name = Path(options.config).stem
    changes = {key: getattr(options, key) for key in ("weights", "lungs", "epochs")}
    study = options.study or Path("build/tuning") / f"{name}.db"
    tuning = Tuning(
        config=options.config,
        data=options.data,
        study=study,
        runs=options.runs or Path("build/runs/tuning") / study.stem,
        trials=options.trials,
        changes={key: value for key, value in changes.items() if value},
        timeout=options.timeout or math.inf,
        heartbeat=options.heartbeat,
    )
    if not options.show:
        if not options.data:
            raise ValueError("--data is missing; only --show does without.")
        tune(tuning, options.processes)
    text, python = show(tuning)
    best = study.with_name(f"{study.stem}_best.py")
    best.write_text(python)
    files = {f"--{key}": getattr(options, key) for key in ("weights", "lungs")}
    further = [word for each in files.items() if each[1] for word in each]
    print(f"{text}\n\nThe best config is {best}; it can go into training/configs. Train it:")
    print(_command("train", best, "--data", options.data or "DATA", *further))
    return 0


def _add_track(commands: _Commands) -> None:
    track = commands.add_parser(
        "track", help="bring MLflow up to a run: what it missed, a later report"
    )
    _add_data(track)
    track.add_argument("run", type=Path, help="folder of a run")
    track.set_defaults(command=_track)


def _track(options: argparse.Namespace) -> int:
    from training.tracking import track

    track(options.run, read_dataset(options.data))
    return 0


def _add_export(commands: _Commands) -> None:
    export = commands.add_parser("export", help="turn a run into a model version")
    _add_data(export)
    _add_audits(export)
    _add_not_cxr(export)
    export.add_argument("run", type=Path, help="folder of a finished run")
    _add_store(export)
    export.add_argument("--version", help="name of the version (date and run)")
    export.add_argument(
        "--coverage",
        type=_share,
        help="share of the validation images to be answered with certainty (0.8)",
    )
    export.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from model_store.store import FolderStore
    from training.export import COVERAGE, export
    from training.run_state import read_config

    config = read_config(options.run)
    version = options.version or f"{datetime.now(UTC):%Y.%m.%d}-{options.run.name}"
    manifest = export(
        options.run / "best.keras",
        config,
        read_dataset(options.data),
        FolderStore(options.store),
        version=version,
        coverage=options.coverage or COVERAGE,
        audits=_audits(options),
    )
    print(f"{manifest.version} is in {options.store}; its card shows how far to trust it.")
    print(f"Put it into use: python -m model_store promote {version} --store {options.store}")
    return 0


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share above 0 and up to 1")
    return value


def _add_gate(commands: _Commands) -> None:
    gate = commands.add_parser(
        "gate",
        help="fit the gate, which refuses what is no chest X-ray, and hold it against its bars",
        description="Judge the test split, turned and inverted too, and other pictures with a version's "
        "gate. With --as, fit a gate first and make a new version of it: a version never changes.",
    )
    _add_data(gate)
    gate.add_argument("version", help="name of a version in the store, or: active")
    gate.add_argument("--not-cxr", type=Path, required=True, help=_NOT_CXR)
    gate.add_argument("--as", dest="new", metavar="NAME", help="of the new version, with its gate")
    gate.add_argument(
        "--without",
        nargs="+",
        default=[],
        metavar="SOURCE",
        help="with --as: sources that the version was trained without, where its manifest does not say",
    )
    _add_store(gate)
    gate.add_argument(
        "--to", type=Path, help="folder for gate.html, with the mistakes, and gate.json"
    )
    gate.set_defaults(command=_gate)


def _gate(options: argparse.Namespace) -> int:
    from inference.runtime.litert import LiteRTRuntime
    from model_store.store import FolderStore
    from training.gate_page import write_page
    from training.gated import add_gate, as_text, assess_gate, of_version
    from training.negatives import read_negatives

    store, radiographs = FolderStore(options.store), read_dataset(options.data)
    others = read_negatives(options.not_cxr, radiographs)
    if options.new:
        without = options.without or _without(store.manifest(options.version))
        manifest, report = add_gate(
            store, options.version, options.new, radiographs, others, without=without
        )
    else:
        model = store.open(options.version)
        manifest, gate = model.manifest, of_version(model.manifest)
        runtime = LiteRTRuntime(model.read("model.tflite"), manifest.outputs)
        tested = of_split(radiographs, "test")
        report = assess_gate(gate, runtime, manifest.input, tested, others)
    print(as_text(report))
    if options.to:
        write_page(report, manifest.version, options.to)
        print(
            f"\n{options.to / 'gate.html'} shows the mistakes, {options.to / 'gate.json'} has all figures."
        )
    if options.new:
        print(f"\n{manifest.version} is in {options.store}. Put it into use:")
        print(f"python -m training publish {manifest.version} --promote --store {options.store}")
    return 0


def _add_publish(commands: _Commands) -> None:
    publish = commands.add_parser(
        "publish",
        help="put a version into another store, unless it is worse than the active one there",
        description="Put a version into another model store, whole and verified, unless one of its figures "
        "is worse than that of the version that is active there.",
    )
    publish.add_argument("version", help="a version of --store")
    publish.add_argument("--store", default="model_store/models", help="where it is")
    publish.add_argument("--to", help="another store (without it: no copy, for --promote)")
    publish.add_argument("--promote", action="store_true", help="put it into use there")
    publish.add_argument("--force", action="store_true", help="even if it is worse; says so")
    publish.set_defaults(command=_publish)


def _publish(options: argparse.Namespace) -> int:
    from model_store.store import open_store
    from training.publish import publish

    if not (options.to or options.promote):
        raise ValueError("Say with --to which store it goes to, or with --promote to use it here.")
    source = open_store(options.store)
    target = open_store(options.to) if options.to else source
    against = publish(options.version, source, target, promote=options.promote, force=options.force)
    for line in against:
        print(line)
    where = options.to or options.store
    done = f"{options.version} is {'in use' if options.promote else 'there, not yet in use,'} in {where}"
    print(f"{done}, all the same (--force)." if against else f"{done}.")
    return 0


def _add_evaluate(commands: _Commands) -> None:
    evaluate = commands.add_parser(
        "evaluate",
        help="evaluate the served path (python -m inference) on a split",
    )
    _add_data(evaluate)
    _add_split(evaluate)
    evaluate.add_argument(
        "--predictions", type=Path, help="answers made before by: python -m inference … --jsonl"
    )
    evaluate.add_argument("--json", type=Path, help="write the figures into this file too")
    evaluate.set_defaults(command=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from training.evaluate import predictions_of, read_answers, served_answers
    from training.figures import as_text, figures, trained_cells, write_json

    every = read_dataset(options.data)
    examples = of_split(every, options.split)
    answers = read_answers(options.predictions) if options.predictions else served_answers(examples)
    predictions, unanswered = predictions_of(answers, examples)
    print(f"{options.split}: {len(examples)} images, {len(unanswered)} of them not answered")
    without = set(options.without)
    for version in sorted({each["model"]["version"] for each in answers if "model" in each}):
        print(f"The answers are version {version}'s.")
        without |= {*(options.without or _served_without(version))}
    trained = trained_cells(seen_or_asked(every, without, options.split))
    found = figures(predictions, trained=trained or None)
    print(f"\n{as_text(found)}")
    for answer in unanswered[:20]:
        print(f"not answered: {answer['file']}: {answer.get('detail', answer)}")
    if options.json:
        write_json(found, options.json)
    return 0


def _served_without(version: str) -> Sequence[str]:
    from inference.settings import Settings
    from model_store.store import open_store

    try:
        return _without(open_store(Settings.from_environment().model_store).manifest(version))
    except StoreError as error:
        print(
            f"warning: {error} If it was trained without a source, say --without.", file=sys.stderr
        )
        return ()


def _without(manifest: "Manifest") -> Sequence[str]:
    """The sources that a version was trained without, after a line that says so."""
    if manifest.without_sources:
        left_out = ", ".join(manifest.without_sources)
        print(f"{manifest.version} was trained without {left_out}, as its manifest says.")
    return manifest.without_sources


def _add_report(commands: _Commands) -> None:
    report = commands.add_parser(
        "report",
        help="write a page with figures, audits and heatmaps of a model version",
    )
    _add_data(report)
    _add_split(report)
    _add_audits(report)
    _add_not_cxr(report)
    report.add_argument("version", help="name of a version in the store, or: active")
    _add_store(report)
    report.add_argument(
        "--to", type=Path, required=True, help="folder for report.html and metrics.json"
    )
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from model_store.store import FolderStore
    from training.figures import as_text
    from training.report import report

    store = FolderStore(options.store)
    without = options.without or _without(store.manifest(options.version))
    metrics = report(
        store,
        options.version,
        seen_or_asked(read_dataset(options.data), without, options.split),
        options.split,
        options.to,
        _audits(options),
    )
    print(as_text(metrics[options.split]))
    print(
        f"\n{options.to / 'report.html'} shows it, {options.to / 'metrics.json'} has all figures."
    )
    return 0


def _add_notebook(commands: _Commands) -> None:
    notebook = commands.add_parser(
        "notebook",
        help="run the notebook that tells what a model version knows and how far to trust it",
    )
    _add_data(notebook)
    _add_audits(notebook)
    notebook.add_argument(
        "--version", default="active", help="name of a version in the store (%(default)s)"
    )
    _add_store(notebook)
    notebook.add_argument(
        "--config",
        default="mobilenet_v3_small_lungs",
        help="the config that the version was trained with (%(default)s)",
    )
    notebook.add_argument(
        "--show-images",
        action="store_true",
        help="show radiographs of the data set; do not publish such a notebook without their licence",
    )
    notebook.add_argument(
        "--to", type=Path, default=Path("build/story.ipynb"), help="file (%(default)s)"
    )
    notebook.set_defaults(command=_notebook)


def _notebook(options: argparse.Namespace) -> int:
    from model_store.store import FolderStore
    from training.notebook import STORY, execute

    read_dataset(options.data)  # what is wrong is better said here than in a cell
    settings = {
        "DATA": str(options.data.resolve()),
        "STORE": str(options.store.resolve()),
        "VERSION": FolderStore(options.store).manifest(options.version).version,
        "CONFIG": options.config,
        "LUNGS": str(options.lungs.resolve()) if options.lungs else "",
        "LEFT_OUT": str(options.left_out.resolve()) if options.left_out else "",
        "SANITY_IMAGES": str(options.sanity_images),
        "SHOW_IMAGES": str(int(options.show_images)),
    }
    execute(STORY, options.to, settings)
    print(f"{options.to} tells the story of version {settings['VERSION']}.")
    return 0


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="a manifest.csv, its folder, or a folder with train/CLASS/, val/CLASS/, test/CLASS/",
    )


def _add_audits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lungs", type=Path, help="lung masks (.npz) for the audits that need them"
    )
    parser.add_argument(
        "--left-out",
        type=Path,
        help="folder with a SOURCE.json of answers for each source that a network was trained without",
    )
    parser.add_argument(
        "--sanity-images",
        type=_count,
        default=48,
        help="images for the check by randomised weights; 0 leaves it out (%(default)s)",
    )


def _audits(options: argparse.Namespace) -> "Audits":
    from training.assess import Audits

    return Audits(options.lungs, options.left_out, options.sanity_images, options.not_cxr)


def _add_not_cxr(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--not-cxr", type=Path, help=f"for the gate: {_NOT_CXR}")


def _add_split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split", default="test", choices=("train", "val", "test"), help="(%(default)s)"
    )
    parser.add_argument(
        "--without",
        nargs="+",
        default=[],
        metavar="SOURCE",
        help="sources that the version was trained without (those that its manifest names)",
    )


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store", type=Path, default=Path("model_store/models"), help="its folder (%(default)s)"
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _command(*words: object) -> str:
    """A command of this program to be pasted into a shell, whatever folders are called."""
    return shlex.join(["python", "-m", "training", *map(str, words)])


if __name__ == "__main__":
    sys.exit(main())
