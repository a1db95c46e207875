"""Run checkov over the Bicep files and judge what it says; it has an environment of its own (`make checkov`).

checkov itself ends well when it cannot read a file. Here that is a failure: a file that was not read was not
checked. What is accepted stands as `checkov:skip=ID:reason` in the resource, and is printed with its reason.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parents[1] / "infra"


def judge(report: Mapping[str, Any], files: Sequence[Path]) -> tuple[list[str], list[str]]:
    """What is wrong, and what is accepted with its reason, a line each.

    Args:
        report: What checkov prints with `-o json`.
        files: The files that it was to read.
    """
    results = report.get("results", {})
    wrong = [f"{file}: cannot be read by checkov" for file in results.get("parsing_errors", [])]
    for check in results.get("failed_checks", []):
        wrong.append(f"{_place(check)}: {check['check_id']} {check['check_name']}")
    accepted = []
    for check in results.get("skipped_checks", []):
        reason = check["check_result"].get("suppress_comment") or ""
        line = f"{_place(check)}: {check['check_id']} {check['check_name']}: {reason}"
        if len(reason.split()) < 3:
            wrong.append(f"{line} (accepted without a reason)")
        accepted.append(line)
    if not results.get("passed_checks"):
        wrong.append(f"checkov checked nothing of {len(files)} files")
    return wrong, accepted


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.checkov", description=__doc__)
    parser.add_argument(
        "--command",
        default="checkov",
        metavar="FILE",
        help="checkov (default: the one on the path)",
    )
    parser.add_argument(
        "--folder", type=Path, default=_FOLDER, metavar="FOLDER", help="the templates (infra)"
    )
    given = parser.parse_args(arguments)
    files = sorted(given.folder.rglob("*.bicep"))
    command = [given.command, "--directory", str(given.folder), "--framework", "bicep"]
    command += ["--output", "json", "--skip-download"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        report = json.loads(done.stdout)
    except FileNotFoundError:
        print(f"There is no {given.command}; `make checkov` installs it.", file=sys.stderr)
        return 2
    except ValueError:
        print(f"checkov says nothing: {done.stderr.strip()[-600:]}", file=sys.stderr)
        return 2
    wrong, accepted = judge(report, files)
    for line in accepted:
        print(f"accepted  {line}")
    for line in wrong:
        print(f"WRONG     {line}")
    print(f"{len(files)} files, {len(wrong)} findings, {len(accepted)} accepted with a reason")
    return 1 if wrong else 0


def _place(check: Mapping[str, Any]) -> str:
    return f"{check['file_path'].lstrip('/')}:{check['file_line_range'][0]}"


if __name__ == "__main__":
    sys.exit(main())
