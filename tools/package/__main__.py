"""The command: build the package, or check one."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.package.building import (
    BAR,
    PYTHON,
    REPOSITORY,
    NotBuilt,
    contents,
    head,
    installed,
    running_python,
    write,
)
from tools.package.checking import NotFit, check

_EPILOG = f"""\
exit status: 0 built, or fit to be deployed; 1 not (larger than {BAR} MB, no first answer …)

examples:
  python -m tools.package                      build/package.zip, with its dependencies for Linux
  python -m tools.package --check build/package.zip
                                               unpack it, and have it answer through Azure's runtime"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        found = check_one(given.check) if given.check else build(given.to, given.revision)
    except (NotBuilt, NotFit, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=2) if given.json else "\n".join(map(_line, found.items())))
    return 0


def build(to: Path, revision: str | None) -> dict[str, object]:
    """Build the package of a revision, by default the one that is checked out; say what came out.

    Raises:
        NotBuilt: It cannot be built here.
        NotFit: It is larger than it may be.
    """
    if (python := running_python()) != PYTHON:
        raise NotBuilt(f"The app runs on Python {PYTHON}; build it with that, not with {python}.")
    folder = REPOSITORY / "build" / "package"
    site = installed(REPOSITORY / "requirements.txt", folder)
    revision = revision or head(REPOSITORY)
    package = write(contents(REPOSITORY, site, folder / "bytecode", revision), to)
    if package.megabytes > BAR:
        raise NotFit(f"{to} has {package.megabytes:.1f} MB; the bar is {BAR} MB.")
    return {
        "package": str(to),
        "revision": revision,
        "sha256": package.sha256,
        "megabytes": round(package.megabytes, 2),
        "files": len(package.sizes),
    }


def check_one(package: Path) -> dict[str, object]:
    """Check a package and say what it answered.

    Raises:
        NotFit: It must not be deployed.
    """
    return {"package": str(package), **check(package)}


def _line(entry: tuple[str, object]) -> str:
    name, value = entry
    return f"{name:10} {value}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.package",
        description="Build what is deployed, the same byte for byte wherever it is built; or check it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--to", type=Path, default=Path("build/package.zip"), help="the zip (%(default)s)"
    )
    parser.add_argument(
        "--revision", metavar="COMMIT", help="of the code, as /api/health will say it (git's)"
    )
    parser.add_argument("--check", type=Path, metavar="FILE", help="check this zip, build nothing")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
