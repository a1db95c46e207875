"""The templates hold what they must, and each check notices when they do not."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.infra import checks

INFRA = checks.ROOT / "infra"

CHECKS: dict[str, Callable[[Path], Iterator[str]]] = {
    check.__name__: check
    for check in (
        checks.syntax,
        checks.names,
        checks.modules,
        checks.loops,
        checks.descriptions,
        checks.settings,
        checks.platform,
        checks.roles,
        checks.closed,
        checks.outputs,
        checks.secrets,
        checks.alerts,
        checks.retention,
        checks.archive,
        checks.parameter_files,
    )
}

#: Check, file, what is replaced, by what, and a part of the sentence that must come of it.
BROKEN = [
    ("syntax", "modules/budget.bicep", "properties: {", "properties: {{", "budget.bicep:"),
    ("names", "modules/app.bicep", "serverFarmId: plan.id", "serverFarmId: plam.id", "plam is not"),
    ("names", "main.bicep", "lock: lock", "lock: false", "lock is not used"),
    ("names", "modules/access.bicep", "scope: models", "scope: model", "model is not declared"),
    ("modules", "main.bicep", "quotaGb: logQuotaGb", "quota: logQuotaGb", "has no parameter quota"),
    (
        "modules",
        "main.bicep",
        "    quotaGb: logQuotaGb\n",
        "",
        "monitoring does not get quotaGb",
    ),
    ("modules", "main.bicep", "budget.bicep'", "budgets.bicep'", "there is no modules/budgets"),
    ("modules", "main.bicep", "app.outputs.url", "app.outputs.uri", "has no output uri"),
    (
        "modules",
        "main.bicep",
        "alwaysReadyInstances: alwaysReadyInstances",
        "alwaysReadyInstances: zoneRedundant",
        "alwaysReadyInstances as bool, not int",
    ),
    ("modules", "main.bicep", "oldVersionDays: 30", "oldVersionDays: 3", "3, which is not allowed"),
    ("modules", "main.bicep", "oldVersionDays: 30", "oldVersionDays: 'a'", "which is no int"),
    (
        "loops",
        "modules/app.bicep",
        "_CONNECTION_STRING: telemetryAddress",
        "_CONNECTION_STRING: plan.properties.status",
        "platformSettings is known too late",
    ),
    (
        "loops",
        "modules/notification.bicep",
        "(email, i) in emails",
        "(email, i) in actionGroup.properties.emailReceivers",
        "known too late",
    ),
    (
        "settings",
        "modules/app.bicep",
        "union(platformSettings, connections, settings)",
        "union(platformSettings, settings)",
        "does not get its settings",
    ),
    (
        "descriptions",
        "modules/app.bicep",
        "@description('Region.')\n",
        "",
        "location has no description",
    ),
    (
        "descriptions",
        "main.bicep",
        "@description('Where the service answers.')\n",
        "",
        "SERVICE_URL has no description",
    ),
    (
        "settings",
        "main.bicep",
        "      MODEL_VERSION: modelVersion\n",
        "",
        "MODEL_VERSION is not set",
    ),
    ("settings", "main.bicep", "      LINK_HOSTS:", "      LINK_HOST:", "LINK_HOST is no setting"),
    (
        "settings",
        "main.bicep",
        "RUNTIME_THREADS: string(runtimeThreads)",
        "RUNTIME_THREADS: string(httpConcurrency)",
        "RUNTIME_THREADS is not set by the parameter",
    ),
    (
        "settings",
        "main.bicep",
        "maxImagePixels int = 40000000",
        "maxImagePixels int = 4000000",
        "default",
    ),
    (
        "settings",
        "main.bicep",
        "allowLinks bool = true",
        "allowLinks bool = false",
        "another default",
    ),
    (
        "settings",
        "main.bicep",
        "logPredictions bool = false",
        "logPredictions bool = true",
        "another default",
    ),
    ("settings", "main.bicep", "@maxValue(209715200)", "@maxValue(209715201)", "another maxValue"),
    ("settings", "main.bicep", "@maxValue(86400)\n", "", "another maxValue"),
    ("settings", "main.bicep", "  'litert'\n", "  'onnx'\n", "allows other values"),
    (
        "platform",
        "modules/app.bicep",
        "  AzureWebJobsDisableHomepage: 'true'\n",
        "",
        "AzureWebJobsDisableHomepage is in local.settings.json",
    ),
    (
        "platform",
        "modules/app.bicep",
        "var platformSettings = {",
        "var platformSettings = {\n  FUNCTIONS_WORKER_RUNTIME: 'python'",
        "is refused by the plan",
    ),
    ("platform", "main.bicep", "httpConcurrency int = 8", "httpConcurrency int = 16", "a thread"),
    ("platform", "modules/app.bicep", "string(2 * int(", "string(20 * int(", "twice the bytes"),
    (
        "roles",
        "modules/access.bicep",
        "roles.storageBlobDataReader",
        "roles.storageBlobDataContributor",
        "'storageBlobDataContributor', 'models') is given",
    ),
    (
        "roles",
        "modules/access.bicep",
        "scope: packages",
        "scope: hostAccount",
        "'hostAccount') is given",
    ),
    ("roles", "modules/access.bicep", "  scope: models\n", "", "None) is given"),
    (
        "roles",
        "modules/archive-access.bicep",
        "submitterPrincipalId, roles.storageQueueDataMessageSender",
        "submitterPrincipalId, roles.storageQueueDataContributor",
        "None) is given",
    ),
    (
        "roles",
        "modules/incoming.bicep",
        "  scope: queue\n",
        "  scope: account\n",
        "'account') is given",
    ),
    ("roles", "roles.json", "2a2b9908", "2a2b9909", "storageBlobDataReader is not 2a2b9909"),
    (
        "roles",
        "modules/access.bicep",
        "roles.monitoringMetricsPublisher)\n  }",
        "'3913510d-42f4-4e42-8a64-420c390055eb')\n  }",
        "stands outside roles.json",
    ),
    (
        "roles",
        "modules/deployer-access.bicep",
        "${roles.storageQueueDataMessageSender}'",
        "${roles.owner}'",
        "not exactly the roles",
    ),
    *(
        ("closed", f"modules/{file}.bicep", before, after, path)
        for file, before, after, path in [
            ("storage", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true", "SharedKey"),
            ("storage", "allowBlobPublicAccess: false\n", "\n", "allowBlobPublicAccess"),
            ("storage", "'TLS1_2'", "'TLS1_1'", "minimumTlsVersion"),
            ("storage", "publicAccess: 'None'", "publicAccess: 'Blob'", "publicAccess"),
            ("archive", "publicAccess: 'None'", "publicAccess: 'Blob'", "publicAccess"),
            ("incoming", "type: 'SystemAssigned'", "type: 'UserAssigned'", "deliveryWith"),
            ("incoming", "type: 'SystemAssigned'", "type: 'UserAssigned'", "deadLetterWith"),
            ("incoming", "publicAccess: 'None'", "publicAccess: 'Blob'", "publicAccess"),
            ("monitoring", "DisableLocalAuth: true", "DisableLocalAuth: false", "DisableLocalAuth"),
            ("app", "ftpsState: 'Disabled'", "ftpsState: 'AllAllowed'", "ftpsState"),
            ("app", "version: '3.13'", "version: '3.12'", "runtime.version"),
            ("app", "httpsOnly: true", "httpsOnly: false", "httpsOnly"),
            ("app", "    allow: false", "    allow: true", "properties.allow"),
            ("app", "name: 'scm'", "name: 'ftp'", "passwords for scm"),
        ]
    ),
    ("outputs", "main.bicep", "output SERVICE_URL", "output SERVICE_URI", "no output SERVICE_URL"),
    (
        "secrets",
        "modules/storage.bicep",
        "output name string = account.name",
        "output name string = account.listKeys().keys[0].value",
        "listKeys",
    ),
    (
        "secrets",
        "modules/monitoring.bicep",
        "output componentName string = component.name",
        "output componentName string = component.properties.ConnectionString",
        "ConnectionString",
    ),
    (
        "secrets",
        "modules/app.bicep",
        "AzureWebJobsStorage__credential: 'managedidentity'",
        "AzureWebJobsStorage: 'AccountName=x;AccountKey=y'",
        "AccountKey",
    ),
    ("secrets", "main.bicep", "@minLength(1)\n", "@secure()\n", "environmentName is a secret"),
    (
        "retention",
        "modules/monitoring.bicep",
        "totalRetentionInDays: retentionDays",
        "",
        "not keep",
    ),
    (
        "retention",
        "modules/monitoring.bicep",
        "  'AppTraces'\n",
        "",
        "AppTraces is kept for 90 days",
    ),
    (
        "alerts",
        "modules/alerts.bicep",
        "name == 'predict'",
        "name == 'classify'",
        "no function classify",
    ),
    ("alerts", "modules/alerts.bicep", "'health', ", "", "does not look at ['health']"),
    ("alerts", "modules/alerts.bicep", "enabled: trafficExpected", "enabled: true", "silence"),
    (
        "alerts",
        "modules/alerts.bicep",
        "enabled: archiveEnabled",
        "enabled: true",
        "poison: is not enabled",
    ),
    (
        "alerts",
        "modules/alerts.bicep",
        "'archive-poison'",
        "'archives-poison'",
        "does not look for archive-poison",
    ),
    ("alerts", "modules/alerts.bicep", "union exceptions, traces", "traces", "in exceptions"),
    ("alerts", "main.bicep", " || !empty(archiveStore)", "", "wherever the app works off"),
    ("alerts", "modules/alerts.bicep", "_LogOperation", "traces", "whether it is full"),
    ("alerts", "modules/alerts.bicep", "'logs' ? workspace.id : ", "'' ? '' : ", "the component"),
    ("alerts", "../host.json", '"Exception"', '"Request"', "exceptions may be left out"),
    ("archive", "main.bicep", "archiveEnabled bool = false", "archiveEnabled bool = true", "off"),
    (
        "archive",
        "main.bicep",
        "incoming.bicep' = if (archiveEnabled && archiveEvents)",
        "incoming.bicep' = if (archiveEvents)",
        "incoming is made without archiveEnabled",
    ),
    ("archive", "main.bicep", "ArchiveQueue__queueServiceUri", "ArchiveQueue", "find its queue"),
    ("archive", "modules/incoming.bicep", "/${containerName}/'", "/'", "of other containers"),
    ("archive", "modules/incoming.bicep", "InSeconds: -1", "InSeconds: 604800", "expire"),
    ("archive", "modules/incoming.bicep", "deadLetterWith", "deadLettersWith", "are dropped"),
    (
        "archive",
        "modules/incoming.bicep",
        "blobContainerName: undelivered.name",
        "blobContainerName: containerName",
        "are dropped",
    ),
    ("archive", "main.bicep", "httpConcurrency int = 8", "httpConcurrency int = 2", "threads"),
    ("archive", "main.bicep", "archiveQueue = 'archive'", "archiveQueue = 'a'", "which the code"),
    ("archive", "../host.json", '"newBatchThreshold": 3', '"newBatchThreshold": 4', "10 pictures"),
    ("archive", "../host.json", '"batchSize": 1', '"batchSize": 2', "10 pictures"),
    ("alerts", "modules/alerts.bicep", "    name: 'slow'", "    name: 'slower'", "slower"),
    ("alerts", "modules/alerts.bicep", "'422'", "'413'", "does not count refusals"),
    (
        "parameter_files",
        "prod.bicepparam",
        "param lock = true",
        "param locks = true",
        "no parameter",
    ),
    ("parameter_files", "prod.bicepparam", "param lock = true", "param lock = 'yes'", "is no bool"),
    (
        "parameter_files",
        "main.bicepparam",
        "maximumInstanceCount = 4",
        "maximumInstanceCount = 0",
        "which is not allowed",
    ),
    ("parameter_files", "prod.bicepparam", "param environmentName = 'prod'\n", "", "is missing"),
]


@pytest.mark.parametrize("name", CHECKS)
def test_the_templates_hold(name):
    assert list(CHECKS[name](INFRA)) == []


@pytest.mark.parametrize(
    ("name", "file", "before", "after", "told"),
    BROKEN,
    ids=[f"{row[0]}-{number}" for number, row in enumerate(BROKEN)],
)
def test_a_broken_copy_is_noticed(tmp_path, name, file, before, after, told):
    broken = _copy(tmp_path, file, before, after)
    assert any(told in sentence for sentence in CHECKS[name](broken))


def test_every_check_has_a_broken_copy():
    assert {row[0] for row in BROKEN} == set(CHECKS)


def test_api_versions_are_the_newest_stable_ones(shared):
    assert list(checks.versions(INFRA, shared / "bicep-types")) == []


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("modules/app.bicep", "sites@2025-03-01", "sites@2024-11-01"),
        ("modules/notification.bicep", "@2023-01-01", "@2024-10-01-preview"),
    ],
)
def test_an_older_version_or_a_preview_is_noticed(tmp_path, shared, file, before, after):
    broken = _copy(tmp_path, file, before, after)
    assert any("the newest is" in each for each in checks.versions(broken, shared / "bicep-types"))


def test_azures_own_type_data_know_every_property(shared):
    done = _type_check(shared, INFRA)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(" 0 findings") == len(list(INFRA.rglob("*.bicep")))


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("modules/app.bicep", "httpsOnly:", "httpOnly:", "unknown property 'httpOnly'"),
        ("modules/storage.bicep", "    name: skuName", "", "missing required 'name'"),
        ("modules/app.bicep", "'UserAssigned'", "'UserAsigned'", "is none of"),
        ("modules/network.bicep", "Networks@2025-09-01", "Networks@2025-09-31", "no type data"),
    ],
)
def test_azures_type_data_notice_a_broken_copy(tmp_path, shared, file, before, after, told):
    done = _type_check(shared, _copy(tmp_path, file, before, after))
    assert (done.returncode, told in done.stdout) == (1, True), done.stdout


def _copy(folder: Path, file: str, before: str, after: str) -> Path:
    copied = shutil.copytree(INFRA, folder / "infra")
    shutil.copy(checks.ROOT / "host.json", folder)
    text = (copied / file).read_text()
    assert before in text
    (copied / file).write_text(text.replace(before, after))
    return copied


def _type_check(shared: Path, infra: Path) -> subprocess.CompletedProcess[str]:
    files = sorted(map(str, infra.rglob("*.bicep")))
    command = [sys.executable, str(shared / "tools" / "bicep_check.py"), *files]
    return subprocess.run(command, capture_output=True, text=True, check=False)
