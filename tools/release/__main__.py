"""The command: release a package or a model, test it where it runs, take it back if it is not fit."""

import argparse
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from inference.revision import FILE
from model_store.errors import StoreError
from model_store.store import open_store
from tools.release import azure, model
from tools.release.infrastructure import Infrastructure, OutputsError
from tools.release.rollout import ReleaseError, Rollout, Steps, roll_out
from tools.smoke.__main__ import add_limits, limits, write
from tools.smoke.asking import Service
from tools.smoke.checks import smoke
from tools.smoke.reference import NoReference, Reference
from tools.smoke.report import Report

_EPILOG = """\
OUTPUTS is a file that has what `infra/main.bicep` put out, as written by
  az deployment group create … --query properties.outputs --output json

exit status: 0 the new release is live; 1 it is not, and what was before serves again or was left alone (or
it is, but could not be kept to go back to); 3 nothing that is fit serves; 2 the arguments are wrong

examples:
  python -m tools.release seed --outputs build/outputs.json
  python -m tools.release app build/package.zip --outputs build/outputs.json
  python -m tools.release model 2026.12.1 --outputs build/outputs.json --wait 120"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        place = Infrastructure.read(given.outputs)
        rollout: Rollout | None = given.command(place, given)
    except (ReleaseError, StoreError, OutputsError, NoReference, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if rollout is None:
        return 0
    if given.summary:
        with given.summary.open("a", encoding="utf-8") as stream:
            stream.write(rollout.to_markdown())
    if rollout.reports:
        write(rollout.reports[0], given.json, None)
    return rollout.outcome.exit_status


def _seed(place: Infrastructure, given: argparse.Namespace) -> None:
    if place.model_store == "bundled":
        print("The app serves the model that comes with it.")
        return
    version = model.seed(open_store(given.source), open_store(place.model_store))
    print(f"Put into use: {version}." if version else "A version is in use already.")


def _app(place: Infrastructure, given: argparse.Namespace) -> Rollout:
    if not zipfile.is_zipfile(given.package):  # told here, nothing has to be taken back
        raise ReleaseError(f"{given.package} is no package; one is made with: make package.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        previous = azure.fetch_last_good(place, folder / "previous.zip")

        def tested(package: Path) -> Callable[[], Report]:
            return lambda: _test(
                place,
                given,
                models_of(place, package, folder / package.stem),
                revision=revision_of(package),
            )

        steps = Steps(
            deploy=lambda: azure.deploy(place, given.package),
            verify=tested(given.package),
            restore=(lambda: azure.deploy(place, previous)) if previous else None,
            verify_restored=tested(previous or given.package),
            keep=lambda: azure.keep_last_good(place, given.package),
        )
        return roll_out(steps)


def models_of(place: Infrastructure, package: Path, folder: Path) -> str:
    """The store that an app reads: the one in Azure, or the one in its package, which is unpacked."""
    if place.model_store != "bundled":
        return place.model_store
    bundled = "model_store/models/"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(
            folder, [each for each in archive.namelist() if each.startswith(bundled)]
        )
    return str(folder / bundled)


def revision_of(package: Path) -> str | None:
    """The code that answers from a package, as `/api/health` says it; None where the package does not."""
    with zipfile.ZipFile(package) as archive:
        return archive.read(FILE).decode().strip() if FILE in archive.namelist() else None


def _model(place: Infrastructure, given: argparse.Namespace) -> Rollout:
    if place.model_store == "bundled":
        raise ReleaseError(
            "The app serves the model that comes with it; there is no store to put one into."
        )
    source, target = open_store(given.source), open_store(place.model_store)
    before = next(iter(target.history()), None)
    for line in model.bring(given.version, source, target, force=given.force):
        print(line)
    steps = Steps(
        deploy=lambda: model.promote(given.version, target),
        verify=lambda: _test(place, given, place.model_store, given.version),
        restore=(lambda: model.take_back(given.version, before, target)) if before else None,
        verify_restored=lambda: _test(place, given, place.model_store, before or ""),
    )
    return roll_out(steps)


def _test(
    place: Infrastructure,
    given: argparse.Namespace,
    store: str,
    version: str = "active",
    revision: str | None = None,
) -> Report:
    try:
        reference = Reference.open(store, version)
    except NoReference as error:
        raise ReleaseError(str(error)) from error
    service = Service(place.service_url, azure.function_key(place))
    report = smoke(service, reference, limits(given), revision)
    print(report.to_text())
    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.release",
        description="Release a package or a model, test it where it runs, take it back if it is not fit.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--outputs", type=Path, required=True, metavar="OUTPUTS", help="see below")
    tested = argparse.ArgumentParser(add_help=False)
    add_limits(tested)
    source = argparse.ArgumentParser(add_help=False)
    source.add_argument(
        "--from", dest="source", default="bundled", metavar="STORE", help="(%(default)s)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    what = "put the active version of --from into an empty store; where one is in use, do nothing"
    seed = commands.add_parser("seed", parents=[where, source], help=what, description=what)
    seed.set_defaults(command=_seed)

    what = "deploy a package, test it, put the one that passed last back if it is not fit"
    app = commands.add_parser("app", parents=[where, tested], help=what, description=what)
    app.add_argument("package", type=Path, help="made by python -m tools.package")
    app.set_defaults(command=_app)

    what = "copy a version into the app's store unless it is worse there, promote and test it, or roll back"
    version = commands.add_parser(
        "model", parents=[where, source, tested], help=what, description=what
    )
    version.add_argument("version", help="a version of --from")
    version.add_argument("--force", action="store_true", help="even if it is worse; says so")
    version.set_defaults(command=_model)
    return parser


if __name__ == "__main__":
    sys.exit(main())
