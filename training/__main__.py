"""Train, export and evaluate; see `python -m training --help`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from model_store.errors import StoreError
from training.data import of_split, read_dataset
from training.data.commands import add_data_commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 1 where its words or its data are wrong."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except (OSError, RuntimeError, StoreError, ValueError) as error:
        print(f"training {options.name}: {error}", file=sys.stderr)
        return 1


def _train(options: argparse.Namespace) -> int:
    import dataclasses

    from training.train import load_config, train

    config = load_config(options.config)
    if options.weights:
        config = dataclasses.replace(config, weights=options.weights)
    if options.epochs:
        config = dataclasses.replace(config, epochs=options.epochs)
    run = options.run or Path("build/runs") / options.config
    best = train(config, read_dataset(options.data), run, resume=options.resume)
    print(
        f"The best network is {best}. Next: python -m training export {run} --data {options.data}"
    )
    return 0


def _export(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from model_store.store import FolderStore
    from training.export import export
    from training.train import read_config

    config = read_config(options.run)
    version = options.version or f"{datetime.now(UTC):%Y.%m.%d}-{options.run.name}"
    manifest = export(
        options.run / "best.keras",
        config.classes,
        read_dataset(options.data),
        FolderStore(options.store),
        version=version,
        coverage=options.coverage,
    )
    print(f"{manifest.version} is in {options.store}; its card shows how far to trust it.")
    print(f"Put it into use: python -m model_store promote {version} --store {options.store}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    import json

    from training.evaluate import as_text, figures, predictions_of, served_answers, write_json

    examples = of_split(read_dataset(options.data), options.split)
    if options.predictions:
        answers = [json.loads(line) for line in options.predictions.read_text().splitlines()]
    else:
        answers = served_answers(examples)
    predictions, unanswered = predictions_of(answers, examples)
    found = figures(predictions)
    print(f"{options.split}: {found['images']} images, {len(unanswered)} of them not answered\n")
    print(as_text(predictions, found))
    for answer in unanswered[:20]:
        print(f"not answered: {answer['file']}: {answer.get('detail', answer)}")
    if options.json:
        write_json(found, options.json)
    return 0


def _positive(text: str) -> int:
    if not (text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _share(text: str) -> float:
    if not 0 < float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share above 0 and up to 1")
    return float(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    add_data_commands(commands)

    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data",
        type=Path,
        required=True,
        help="a manifest.csv, its folder, or a folder with train/CLASS/, val/CLASS/, test/CLASS/",
    )

    train = commands.add_parser("train", parents=[data], help="train a network from a config")
    train.add_argument("config", help="a name in training/configs, such as mobilenet_v3_small")
    train.add_argument("--run", type=Path, help="folder of the run (build/runs/CONFIG)")
    train.add_argument(
        "--weights", help="file with ImageNet weights (default: Keras downloads them)"
    )
    train.add_argument(
        "--epochs", type=_positive, help="train so many epochs instead of the config's"
    )
    train.add_argument("--resume", action="store_true", help="go on after an interruption")
    train.set_defaults(command=_train)

    export = commands.add_parser("export", parents=[data], help="turn a run into a model version")
    export.add_argument("run", type=Path, help="folder of a finished run")
    export.add_argument("--store", type=Path, default=Path("model_store/models"))
    export.add_argument("--version", help="name of the version (date and run)")
    export.add_argument(
        "--coverage", type=_share, default=0.9, help="share of answers that are to count as certain"
    )
    export.set_defaults(command=_export)

    evaluate = commands.add_parser(
        "evaluate", parents=[data], help="evaluate the served path (python -m inference) on a split"
    )
    evaluate.add_argument("--split", default="test", choices=("train", "val", "test"))
    evaluate.add_argument(
        "--predictions", type=Path, help="answers made before by: python -m inference … --jsonl"
    )
    evaluate.add_argument("--json", type=Path, help="write the figures into this file too")
    evaluate.set_defaults(command=_evaluate)
    return parser


if __name__ == "__main__":
    sys.exit(main())
