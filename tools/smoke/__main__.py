"""The command: test the service at an address, and say what was found."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.smoke.asking import Service
from tools.smoke.checks import Limits, smoke
from tools.smoke.reference import NoReference, Reference
from tools.smoke.report import Report

_EPILOG = """\
exit status: 0 all checks passed; 1 one did not; 2 nothing was tested (wrong arguments, or the expected
model is not here)

examples:
  python -m tools.smoke http://localhost:7071
  SMOKE_KEY=… python -m tools.smoke https://APP.azurewebsites.net --key-from-env SMOKE_KEY \\
      --expect-version 2026.11.5 --json build/smoke.json --summary "$GITHUB_STEP_SUMMARY\""""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        service = Service(given.url, _key(given.key_from_env))
        report = smoke(
            service,
            Reference.open(given.reference, given.expect_version),
            limits(given),
            given.expect_revision,
        )
    except (NoReference, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(report.to_text())
    write(report, given.json, given.summary)
    return 0 if report.passed else 1


def write(report: Report, as_json: Path | None, summary: Path | None) -> None:
    """Write a report as JSON, and add it as Markdown to a summary; None leaves it."""
    if as_json:
        as_json.parent.mkdir(parents=True, exist_ok=True)
        as_json.write_text(json.dumps(report.to_json(), indent=2) + "\n", "utf-8")
    if summary:
        with summary.open("a", encoding="utf-8") as stream:
            stream.write(report.to_markdown())


def limits(given: argparse.Namespace) -> Limits:
    """What the options of `add_limits` say."""
    return Limits(given.wait, given.p95_ms, given.answers)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is too slow, and where the report goes."""
    default = Limits()
    add = parser.add_argument
    add(
        "--wait",
        type=float,
        metavar="SECONDS",
        default=default.wait_seconds,
        help="for so long the expected version and code may take to answer (%(default)g)",
    )
    add(
        "--p95-ms",
        type=float,
        metavar="MS",
        default=default.p95_ms,
        help="95 of 100 answers to a 1024 px JPEG may take so long, network and all (%(default)g)",
    )
    add("--answers", type=int, default=default.answers, help="how many are timed (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write the report as JSON")
    add("--summary", type=Path, metavar="FILE", help="add the report to this file, as Markdown")


def _key(variable: str | None) -> str | None:
    if variable and not os.environ.get(variable):
        raise ValueError(f"The environment variable {variable} is to have the key, but is not set.")
    return os.environ[variable] if variable else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.smoke",
        description="Post drawn radiographs and things that are none to a service, and hold version, "
        "code, answers, refusals and latency against what the same model answers here.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", help="where the service is; https://, but for this machine")
    parser.add_argument(
        "--expect-version", default="active", metavar="VERSION", help="of --reference (%(default)s)"
    )
    parser.add_argument(
        "--expect-revision", metavar="COMMIT", help="of the code, as /api/health says it (any)"
    )
    parser.add_argument(
        "--reference",
        default="bundled",
        metavar="STORE",
        help="as MODEL_STORE takes it (%(default)s)",
    )
    parser.add_argument(
        "--key-from-env", metavar="NAME", help="the environment variable that has the function key"
    )
    add_limits(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
