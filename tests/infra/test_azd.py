"""What `azd up` and the workflows find: names that agree, and variables that are given and explained."""

import re

import pytest
import yaml

from tests.infra.bicep import read, read_folder
from tests.infra.checks import ROOT

INFRA = ROOT / "infra"
AZURE = yaml.safe_load((ROOT / "azure.yaml").read_text())


def test_azd_finds_the_app_by_its_tag():
    assert list(AZURE["services"]) == ["app"]
    assert "'azd-service-name': 'app'" in (INFRA / "modules" / "app.bicep").read_text()


def test_azd_deploys_these_templates_and_builds_nothing_itself():
    assert AZURE["infra"] == {"provider": "bicep", "path": "infra", "module": "main"}
    assert AZURE["services"]["app"] == {
        "project": ".",
        "language": "py",
        "host": "function",
        "remoteBuild": False,
    }


def test_azd_provisions_before_it_deploys():
    assert [step["azd"].split()[0] for step in AZURE["workflows"]["up"]["steps"]] == [
        "provision",
        "deploy",
    ]


def test_the_first_day_of_the_budget_is_set_once():
    run = AZURE["hooks"]["preprovision"]["run"]
    assert run.startswith("azd env get-value BUDGET_START_DATE")
    assert '|| azd env set BUDGET_START_DATE "$(date -u +%Y-%m-01)"' in run


def test_the_package_is_built_before_it_is_deployed():
    assert AZURE["hooks"]["predeploy"]["run"] == "make package"
    [_, deploy] = AZURE["workflows"]["up"]["steps"]
    assert deploy["azd"] == "deploy app --from-package build/package.zip"


def test_the_service_does_not_take_its_own_output_for_a_parameter():
    # azd puts outputs into the environment, from which parameters are read.
    outputs = set(read(INFRA / "main.bicep").outputs)
    assert not outputs & {name for file in _parameter_files() for name in _variables(file)}


@pytest.mark.parametrize("file", ["main.bicepparam", "prod.bicepparam"])
def test_variables_of_the_environment_are_explained(file):
    readme = (INFRA / "README.md").read_text()
    assert [name for name in _variables(INFRA / file) if f"`{name}`" not in readme] == []


def test_the_deployer_gives_the_workflows_what_the_parameters_read():
    text = (INFRA / "deployer.bicep").read_text()
    given = set(re.findall(r"^  '([A-Z_]+)=", text, re.MULTILINE))
    assert given == {
        "AZURE_CLIENT_ID",
        "AZURE_TENANT_ID",
        "AZURE_SUBSCRIPTION_ID",
        "AZURE_RESOURCE_GROUP",
        "AZURE_LOCATION",
        "AZURE_PRINCIPAL_ID",
        "AZURE_PRINCIPAL_TYPE",
        "BUDGET_START_DATE",
    }


def test_only_jobs_of_one_environment_can_be_the_deployer():
    assert (
        "subject: 'repo:${repository}:environment:${environmentName}'"
        in (INFRA / "deployer.bicep").read_text()
    )
    federation = (INFRA / "modules" / "federation.bicep").read_text()
    assert "issuer: 'https://token.actions.githubusercontent.com'" in federation
    assert "'api://AzureADTokenExchange'" in federation


def test_parameters_that_are_named_are_there():
    told = (ROOT / "docs/deploy.md").read_text()
    passed = re.findall(r"--parameters ((?:\w+=\S+ ?)+)", told)
    assert {each.split("=")[0] for line in passed for each in line.split()} == {
        "environmentName",
        "repository",
    }
    assert {"environmentName", "repository", "lock"} <= set(
        read(INFRA / "deployer.bicep").parameters
    )


def test_by_hand_is_deployed_what_the_workflow_deploys():
    document = (ROOT / "docs/deploy.md").read_text()
    told = document.partition("By hand (`az login`)")[2].partition("## ")[0]
    workflow = (ROOT / ".github/workflows/deploy-environment.yml").read_text()
    released = r"python -m tools\.release (\w+)"
    assert re.findall(released, told) == re.findall(released, workflow) == ["seed", "app"]
    exports = "".join(line for line in told.splitlines() if line.strip().startswith("export"))
    exported = set(re.findall(r"[A-Z]+(?:_[A-Z]+)+", exports))
    assert exported == {"AZURE_LOCATION", "AZURE_PRINCIPAL_ID", "BUDGET_START_DATE"}
    assert exported <= set(_variables(INFRA / "main.bicepparam"))
    for name in ("AZURE_LOCATION", "BUDGET_START_DATE"):  # what dev.env has
        assert f"'{name}=" in (INFRA / "deployer.bicep").read_text()


def test_azd_is_asked_for_outputs_that_there_are():
    asked = re.findall(r"azd env get-value (\w+)", (ROOT / "docs/deploy.md").read_text())
    assert set(asked) >= {"MODEL_STORE", "SERVICE_URL"}
    assert set(asked) <= set(read(INFRA / "main.bicep").outputs)


def test_the_services_to_register_are_those_that_are_used():
    used = {
        resource.type.split("/")[0]
        for template in read_folder(INFRA).values()
        for resource in template.resources
    }
    readme = (INFRA / "README.md").read_text()
    told = readme.partition("## A new subscription")[2].partition("## What is checked")[0]
    always_there = {"Microsoft.Authorization", "Microsoft.Resources"}
    # The subnet of the app is delegated to Microsoft.App.
    assert set(re.findall(r"Microsoft\.\w+", told)) == used - always_there | {"Microsoft.App"}


def _parameter_files():
    return sorted(INFRA.glob("*.bicepparam"))


def _variables(file):
    return sorted(set(re.findall(r"readEnvironmentVariable\('(\w+)'", file.read_text())))
