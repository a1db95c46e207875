"""What is demanded of workflows: each check takes the repository, and gives its findings, a line each."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.tools.running import REPOSITORY
from tools.release.azure import DEPLOYMENT_SECONDS
from tools.release.infrastructure import OUTPUTS
from tools.smoke.checks import Limits

#: Beside the interpreter: the environment need not be activated.
_BIN = Path(sys.executable).parent
_PINNED = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
#: What a job may do, and which step or called workflow is the reason for more than reading.
_PERMISSIONS = {
    ("contents", "read"): "",
    ("id-token", "write"): r"azure/login@|deploy-environment\.yml",
    ("security-events", "write"): r"github/codeql-action/analyze@",
}
#: Set by people where they want to; deployer.bicep does not know it.
_OPTIONAL_VARIABLES = {"ALERT_EMAILS"}

type Job = dict[str, Any]


def workflows(root: Path) -> list[Path]:
    """The workflow files."""
    return sorted((root / ".github" / "workflows").glob("*.yml"))


def jobs(root: Path) -> Iterator[tuple[str, Job]]:
    """Every job, with a name for findings."""
    for file in workflows(root):
        for name, job in _read(file)["jobs"].items():
            yield f"{file.name}: {name}", job


def scripts(root: Path) -> Iterator[tuple[str, str]]:
    """Every `run`, with a name for findings; lines that go on are joined."""
    for name, job in jobs(root):
        for step in job.get("steps", ()):
            if "run" in step:
                yield name, step["run"].replace("\\\n", " ")


def check_actionlint(root: Path) -> list[str]:
    """Syntax, expressions, and shell scripts where shellcheck is installed."""
    return _lines([str(_BIN / "actionlint"), "-oneline", *map(str, workflows(root))])


def check_zizmor(root: Path) -> list[str]:
    """Known ways to attack a workflow; nothing above low."""
    line = [str(_BIN / "zizmor"), "--offline", "--no-progress", "--min-severity=medium"]
    done = subprocess.run(
        [*line, "--format=json", str(root / ".github")], capture_output=True, text=True, check=False
    )
    # 0: nothing found; 11 to 14: something was; anything else: it did not look.
    assert done.returncode in (0, 11, 12, 13, 14), done.stderr
    return [f"zizmor: {finding['ident']}: {finding['desc']}" for finding in json.loads(done.stdout)]


def check_schema(root: Path) -> list[str]:
    """GitHub's own schemas of workflows and of Dependabot."""
    line = [str(_BIN / "check-jsonschema"), "--builtin-schema"]
    return [
        *_lines([*line, "vendor.github-workflows", *map(str, workflows(root))], quiet=True),
        *_lines([*line, "vendor.dependabot", str(root / ".github" / "dependabot.yml")], quiet=True),
    ]


def check_pins(root: Path) -> list[str]:
    """Actions of others are named by commit, with the version beside it, everywhere the same."""
    found, versions = [], {}
    for file in workflows(root):
        for used in re.findall(r"uses:\s*(.+?)\s*$", file.read_text(), re.M):
            if used.startswith("./"):
                if not (root / used).is_file():
                    found.append(f"{file.name}: there is no {used}")
            elif not _PINNED.match(used):
                found.append(f"{file.name}: {used} is not pinned to a commit, with its version")
            elif versions.setdefault(used.partition("@")[0], used) != used:
                found.append(
                    f"{file.name}: {used}, but elsewhere {versions[used.partition('@')[0]]}"
                )
    return found


def check_permissions(root: Path) -> list[str]:
    """None for a workflow; for each job those that its steps need."""
    found = [
        f"{file.name}: permissions are {_read(file).get('permissions')} for all jobs; they are {{}}"
        for file in workflows(root)
        if _read(file).get("permissions") != {}
    ]
    for name, job in jobs(root):
        given = job.get("permissions")
        if not isinstance(given, dict):
            found.append(f"{name}: has no permissions of its own")
            continue
        for permission in given.items():
            reason = _PERMISSIONS.get(permission)
            if reason is None or not re.search(reason, json.dumps(job)):
                found.append(f"{name}: has no reason for {': '.join(permission)}")
    return found


def check_secrets(root: Path) -> list[str]:
    """No secret that lives longer than a job, and none within reach of what a job runs."""
    found = []
    for file in workflows(root):
        for word in re.findall(
            r"secrets\.\w+|secrets: inherit|client-secret|\bcreds:", file.read_text()
        ):
            found.append(f"{file.name}: {word}")
    for name, job in jobs(root):
        for step in job.get("steps", ()):
            checkout = step.get("uses", "").startswith("actions/checkout@")
            if checkout and step.get("with", {}).get("persist-credentials") is not False:
                found.append(f"{name}: checkout leaves its token behind")
    return found


def check_text(root: Path) -> list[str]:
    """Nothing is pasted into a script: what comes from outside goes through the environment."""
    return [f"{name}: {script!r}" for name, script in scripts(root) if "${{" in script]


def check_ends(root: Path) -> list[str]:
    """Every job that runs has an end, and every script stops at its first failure, in a pipe too."""
    found = [
        f"{name}: has no timeout-minutes"
        for name, job in jobs(root)
        if "steps" in job and "timeout-minutes" not in job
    ]
    for file in workflows(root):
        shell = _read(file).get("defaults", {}).get("run", {}).get("shell")
        if any("steps" in job for job in _read(file)["jobs"].values()) and shell != "bash":
            found.append(f"{file.name}: scripts run without pipefail; say `shell: bash`")
    return found


def check_patience(root: Path) -> list[str]:
    """A job that deploys is not cut off while it takes back what was not fit."""
    taken = 2 * (DEPLOYMENT_SECONDS + Limits().wait_seconds) / 60
    before = 20  # minutes, for what comes before: the infrastructure above all
    return [
        f"{name}: ends after {job['timeout-minutes']} minutes, its worst case takes {taken + before:g}"
        for name, job in jobs(root)
        if "tools.release app" in json.dumps(job) and job["timeout-minutes"] < taken + before
    ]


def check_triggers(root: Path) -> list[str]:
    """Who may start what: a deployment only a push to main, and nothing a stranger with our rights."""
    found = []
    for file in workflows(root):
        content = _read(file)
        started = set(content[True])  # YAML 1.1 takes `on` for a truth value
        found += [
            f"{file.name}: is started by {trigger}"
            for trigger in sorted(
                started & {"pull_request_target", "workflow_run", "issue_comment"}
            )
        ]
        logs_in = "id-token: write" in file.read_text()
        if logs_in and started - {"push", "workflow_call", "workflow_dispatch"}:
            found.append(f"{file.name}: deploys when {', '.join(sorted(started))}")
        if logs_in and "push" in started and content[True]["push"] != {"branches": ["main"]}:
            found.append(f"{file.name}: deploys from other branches than main")
    return found


def check_order(root: Path) -> list[str]:
    """Checks, then dev, then prod; one at a time in an environment, whatever is released, and none lost."""
    deploy = _read(root / ".github" / "workflows" / "deploy.yml")["jobs"]
    found = [
        f"deploy.yml: {job} does not wait for {before}"
        for job, before in (("dev", "ci"), ("prod", "dev"))
        if deploy[job].get("needs") != before
    ]
    found += [
        f"deploy.yml: {job} deploys to {deploy[job]['with']['environment']}"
        for job in ("dev", "prod")
        if deploy[job]["with"]["environment"] != job
    ]
    one = {"group": "environment-${{ inputs.environment }}", "cancel-in-progress": False}
    for name, job in jobs(root):
        if "azure/login@" in json.dumps(job):
            concurrency = dict(job.get("concurrency", {}))
            # Whoever comes with `single`, which is the default, cancels all that wait.
            if concurrency.pop("queue", "single") != "max":
                found.append(f"{name}: cancels a release that waits")
            if concurrency != one:
                found.append(f"{name}: may run beside another release")
            if job.get("environment") != "${{ inputs.environment }}":
                found.append(f"{name}: logs in outside of an environment")
    return found


def check_login(root: Path) -> list[str]:
    """What asks for a token of storage comes after a login, with nothing between that may take long.

    The token that a login is made with lives for minutes, and a new audience wants it once more.
    """
    found = []
    for name, job in jobs(root):
        fresh = False
        for step in job.get("steps", ()):
            script = step.get("run", "")
            if "azure/login@" in step.get("uses", ""):
                fresh = True
            elif "az deployment group" in script and "deployment group show" not in script:
                fresh = False
            elif "tools.release" in script:
                if not fresh:
                    found.append(f"{name}: {step['name']!r} comes too long after the login")
                break  # from here on the tokens are there, each for an hour or more
    return found


def check_commands(root: Path) -> list[str]:
    """What scripts call is there: targets of make, our programs with these options, parameter files."""
    found = []
    targets = set(re.findall(r"^([\w.-]+):", (REPOSITORY / "Makefile").read_text(), re.M))
    for name, script in scripts(root):
        for target in re.findall(r"^\s*make ([\w.-]+)", script, re.M):
            if target not in targets:
                found.append(f"{name}: there is no target {target} in the Makefile")
        for module, rest in re.findall(
            r"python -m ((?:tools|training|model_store)[\w.]*)(.*)", script
        ):
            words = re.split(r"[|>&]", rest)[0].split()
            command = [word for word in words[:1] if re.fullmatch(r"[a-z]+", word)]
            known = _help(module, *command)
            if known is None:
                found.append(f"{name}: there is no `python -m {' '.join([module, *command])}`")
                continue
            for option in re.findall(r"(?<![\w\"-])--[\w-]+", " ".join(words)):
                if not re.search(rf"{option}\b(?!-)", known):
                    found.append(f"{name}: {module} has no option {option}")
        for file in re.findall(r"-r (\S+\.txt)", script):
            if not (REPOSITORY / file).is_file():
                found.append(f"{name}: there is no {file}")
    if not any(script.strip() == ".ci/run" for _, script in scripts(root)):
        found.append("no job runs .ci/run")
    return found


def check_infrastructure(root: Path) -> list[str]:
    """Workflows and Bicep know each other's names: outputs, variables, files of parameters."""
    infra = REPOSITORY / "infra"
    outputs = re.findall(r"^output (\w+) ", (infra / "main.bicep").read_text(), re.M)
    found = [f"infra/main.bicep has no output {name}" for name in OUTPUTS if name not in outputs]
    file = root / ".github" / "workflows" / "deploy-environment.yml"
    environment = _read(file)["jobs"]["deploy"]["env"]
    for job in ("dev", "prod"):
        deploy = _read(root / ".github" / "workflows" / "deploy.yml")["jobs"][job]
        parameters = REPOSITORY / deploy["with"]["parameters"]
        if not parameters.is_file():
            found.append(f"deploy.yml: there is no {deploy['with']['parameters']}")
            continue
        for name in re.findall(r"readEnvironmentVariable\('(\w+)'", parameters.read_text()):
            if name not in environment:
                found.append(f"{file.name}: does not set {name}, which {parameters.name} reads")
    made = set(re.findall(r"'(\w+)=", (infra / "deployer.bicep").read_text())) | _OPTIONAL_VARIABLES
    for workflow in workflows(root):
        for name in re.findall(r"vars\.(\w+)", workflow.read_text()):
            if name not in made:
                found.append(f"{workflow.name}: nobody sets the variable {name}")
    return found


CHECKS: dict[str, Callable[[Path], list[str]]] = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}


def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def _lines(command: list[str], *, quiet: bool = False) -> list[str]:
    """What a linter prints where it is not content."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if quiet and done.returncode == 0:
        return []
    lines = (done.stdout + done.stderr).splitlines()
    assert lines or done.returncode == 0, f"{command[0]} ended with {done.returncode}"
    return lines


@functools.cache
def _help(*command: str) -> str | None:
    """What a program says of itself; None where there is none."""
    done = subprocess.run(
        [sys.executable, "-m", *command, "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None
