"""The workflows are what is demanded of them, and each check finds what it is there for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tools.running import REPOSITORY
from tests.workflows.checks import CHECKS, workflows


@pytest.mark.parametrize("check", CHECKS)
def test_the_workflows_pass(check: str) -> None:
    assert CHECKS[check](REPOSITORY) == []


def test_these_are_the_workflows() -> None:
    assert [file.name for file in workflows(REPOSITORY)] == [
        "ci.yml",
        "deploy-environment.yml",
        "deploy.yml",
        "release-model.yml",
        "security.yml",
    ]


PINNED = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"

# check, file, what is replaced, by what, and what the check then says
MUTATIONS = [
    ("actionlint", "ci.yml", "${{ matrix.python }}", "${{ matrix.pyhton }}", "pyhton"),
    ("actionlint", "deploy.yml", "needs: dev", "needs: test", "test"),
    ("actionlint", "deploy.yml", "      environment: dev\n", "", "environment"),
    ("zizmor", "ci.yml", "  pull_request:\n", "  pull_request_target:\n", "dangerous-triggers"),
    ("zizmor", "security.yml", PINNED, "actions/checkout@v7", "unpinned-uses"),
    (
        "zizmor",
        "release-model.yml",
        'verify "$VERSION"',
        "verify ${{ inputs.version }}",
        "template-injection",
    ),
    ("schema", "ci.yml", "runs-on: ubuntu-24.04", "run-on: ubuntu-24.04", "runs-on"),
    ("schema", "../dependabot.yml", "interval: weekly", "interval: hourly", "hourly"),
    ("pins", "ci.yml", PINNED, "actions/checkout@v7", "is not pinned"),
    ("pins", "ci.yml", PINNED, PINNED.partition(" #")[0], "is not pinned"),
    ("pins", "ci.yml", PINNED, PINNED.replace("3d3c", "3d3d"), "but elsewhere"),
    ("pins", "deploy.yml", "./.github/workflows/ci.yml", "./.github/workflows/ic.yml", "no ./"),
    ("permissions", "ci.yml", "permissions: {}", "permissions: write-all", "write-all"),
    ("permissions", "ci.yml", "contents: read", "contents: write", "no reason for contents: write"),
    (
        "permissions",
        "ci.yml",
        "      contents: read\n    strategy",
        "      contents: read\n      id-token: write\n    strategy",
        "ci.yml: serve: has no reason for id-token: write",
    ),
    (
        "permissions",
        "deploy.yml",
        "    permissions:\n      contents: read\n    uses",
        "    uses",
        "deploy.yml: ci: has no permissions of its own",
    ),
    (
        "secrets",
        "deploy-environment.yml",
        "${{ vars.AZURE_CLIENT_ID }}",
        "${{ secrets.AZURE_CLIENT_ID }}",
        "secrets.AZURE_CLIENT_ID",
    ),
    ("secrets", "ci.yml", "persist-credentials: false", "fetch-depth: 1", "leaves its token"),
    (
        "text",
        "release-model.yml",
        'model "$VERSION"',
        "model ${{ inputs.version }}",
        "inputs.version",
    ),
    ("ends", "ci.yml", "    timeout-minutes: 45\n", "", "ci.yml: test: has no timeout-minutes"),
    ("ends", "ci.yml", "defaults:\n  run:\n    shell: bash\n", "", "without pipefail"),
    ("patience", "deploy-environment.yml", "minutes: 70", "minutes: 45", "its worst case takes 60"),
    ("triggers", "deploy.yml", "  push:\n    branches: [main]\n", "  pull_request:\n", "deploys"),
    ("triggers", "deploy.yml", "[main]", "[main, develop]", "other branches than main"),
    ("triggers", "ci.yml", "  pull_request:\n", "  pull_request_target:\n", "pull_request_target"),
    ("order", "deploy.yml", "    needs: ci\n", "", "dev does not wait for ci"),
    ("order", "deploy.yml", "needs: dev", "needs: ci", "prod does not wait for dev"),
    ("order", "deploy.yml", "environment: prod", "environment: dev", "prod deploys to dev"),
    (
        "order",
        "release-model.yml",
        "cancel-in-progress: false",
        "cancel-in-progress: true",
        "beside another release",
    ),
    ("order", "release-model.yml", "      queue: max\n", "", "cancels a release that waits"),
    ("order", "deploy-environment.yml", "queue: max", "queue: single", "a release that waits"),
    (
        "order",
        "deploy-environment.yml",
        "    environment: ${{ inputs.environment }}\n    #",
        "    #",
        "outside of an environment",
    ),
    (
        "login",
        "release-model.yml",
        "az deployment group show",
        "az deployment group create",
        "too long after the login",
    ),
    ("commands", "ci.yml", "make checkov", "make chekov", "no target chekov"),
    ("commands", "ci.yml", "run: .ci/run", "run: make lint", "no job runs .ci/run"),
    ("commands", "ci.yml", "tools.package --check", "tools.package --chek", "no option --chek"),
    ("commands", "ci.yml", "-m tools.smoke", "-m tools.smok", "no `python -m tools.smok`"),
    (
        "commands",
        "deploy-environment.yml",
        "-m tools.release seed",
        "-m tools.release sow",
        "no `python -m tools.release sow`",
    ),
    ("commands", "ci.yml", "-r requirements-local.txt", "-r local.txt", "there is no local.txt"),
    (
        "infrastructure",
        "deploy-environment.yml",
        "      BUDGET_START_DATE:",
        "      BUDGET_START_DAY:",
        "does not set BUDGET_START_DATE",
    ),
    (
        "infrastructure",
        "deploy.yml",
        "infra/prod.bicepparam",
        "infra/production.bicepparam",
        "there is no infra/production.bicepparam",
    ),
    (
        "infrastructure",
        "deploy-environment.yml",
        "vars.AZURE_TENANT_ID",
        "vars.AZURE_TENANT",
        "nobody sets the variable AZURE_TENANT",
    ),
]


@pytest.mark.parametrize(("check", "file", "old", "new", "said"), MUTATIONS)
def test_a_broken_workflow_is_found(
    check: str, file: str, old: str, new: str, said: str, tmp_path: Path
) -> None:
    shutil.copytree(REPOSITORY / ".github", tmp_path / ".github")
    (
        tmp_path / ".git"
    ).mkdir()  # by this actionlint knows a repository, in which workflows call others
    broken = tmp_path / ".github" / "workflows" / file
    text = broken.read_text()
    assert old in text
    broken.write_text(text.replace(old, new, 1))
    findings = CHECKS[check](tmp_path)
    assert any(said in finding for finding in findings), findings


def test_an_output_that_a_release_reads_and_bicep_lacks_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.workflows.checks.OUTPUTS", ("SERVICE_URL", "SERVICE_COLOUR"))
    assert CHECKS["infrastructure"](REPOSITORY) == ["infra/main.bicep has no output SERVICE_COLOUR"]
