"""What must hold in `infra/`: each check yields a sentence for everything that is wrong.

They read Bicep only, so that they can be shown to fail on broken copies; see test_templates.py.
"""

import ast
import gzip
import json
import re
import typing
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from archive.blobs import POISON, QUEUE
from archive.trigger import THREADS
from inference.settings import Settings, SettingsError
from tests.infra.bicep import Expression, Parameter, Template, parameter_file, read_folder

ROOT = Path(__file__).parents[2]

#: Azure's built-in roles (learn.microsoft.com/azure/role-based-access-control/built-in-roles).
ROLES = {
    "contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "locksContributor": "28bf596f-4eb7-45ce-b5bc-6cf482fec137",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "roleBasedAccessControlAdministrator": "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
    "storageBlobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageBlobDataReader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "storageQueueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "storageQueueDataMessageProcessor": "8a0f0c08-91a1-4084-bc3d-661d67233fed",
    "storageQueueDataMessageSender": "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a",
}

#: Who gets which role where: nothing less works, and nothing more is given.
ASSIGNMENTS = {
    "modules/access.bicep": {
        ("servicePrincipalId", "storageBlobDataOwner", "hostAccount"),
        ("servicePrincipalId", "storageBlobDataReader", "models"),
        ("servicePrincipalId", "monitoringMetricsPublisher", "component"),
        ("deployerPrincipalId", "storageBlobDataContributor", "models"),
        ("deployerPrincipalId", "storageBlobDataContributor", "packages"),
    },
    "modules/archive-access.bicep": {
        ("servicePrincipalId", "storageQueueDataContributor", "queue"),
        ("servicePrincipalId", "storageQueueDataMessageSender", "poison"),
        ("servicePrincipalId", "storageBlobDataContributor", "results"),
        ("servicePrincipalId", "storageBlobDataReader", "containers[i]"),
        ("submitterPrincipalId", "storageQueueDataMessageSender", "queue"),
        ("submitterPrincipalId", "storageQueueDataMessageProcessor", "poison"),
        ("submitterPrincipalId", "storageBlobDataContributor", "results"),
        ("submitterPrincipalId", "storageBlobDataContributor", "containers[i]"),
    },
    "modules/incoming.bicep": {
        ("topic.identity.principalId", "storageQueueDataMessageSender", "queue"),
        ("topic.identity.principalId", "storageBlobDataContributor", "undelivered"),
        ("submitterPrincipalId", "storageBlobDataReader", "undelivered"),
    },
    "modules/deployer-access.bicep": {
        ("principalId", "contributor", None),
        ("principalId", "roleBasedAccessControlAdministrator", None),
        ("principalId", "locksContributor", None),
    },
}

#: Pictures at a time that an instance's memory is measured with (infra/README.md).
PICTURES = 8

#: What the workflows and azd read from a deployment.
OUTPUTS = {
    "RESOURCE_GROUP",
    "FUNCTION_APP_NAME",
    "SERVICE_URL",
    "MODEL_STORE",
    "STORAGE_ACCOUNT_NAME",
    "DEPLOYMENT_CONTAINER",
    "ARCHIVE_STORE",
}

#: Properties that keep things closed, by file, type of resource and path.
CLOSED: list[tuple[str, str, str, Any]] = [
    ("storage", "Microsoft.Storage/storageAccounts", "properties.allowSharedKeyAccess", False),
    ("storage", "Microsoft.Storage/storageAccounts", "properties.allowBlobPublicAccess", False),
    ("storage", "Microsoft.Storage/storageAccounts", "properties.isLocalUserEnabled", False),
    ("storage", "Microsoft.Storage/storageAccounts", "properties.minimumTlsVersion", "TLS1_2"),
    ("storage", "Microsoft.Storage/storageAccounts", "properties.supportsHttpsTrafficOnly", True),
    (
        "storage",
        "Microsoft.Storage/storageAccounts/blobServices",
        "properties.isVersioningEnabled",
        True,
    ),
    (
        "storage",
        "Microsoft.Storage/storageAccounts/blobServices",
        "properties.deleteRetentionPolicy.enabled",
        True,
    ),
    (
        "storage",
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        "properties.publicAccess",
        "None",
    ),
    (
        "archive",
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        "properties.publicAccess",
        "None",
    ),
    (
        "incoming",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        "properties.deliveryWithResourceIdentity.identity.type",
        "SystemAssigned",
    ),
    (
        "incoming",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        "properties.deadLetterWithResourceIdentity.identity.type",
        "SystemAssigned",
    ),
    (
        "incoming",
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        "properties.publicAccess",
        "None",
    ),
    ("monitoring", "Microsoft.Insights/components", "properties.DisableLocalAuth", True),
    (
        "monitoring",
        "Microsoft.OperationalInsights/workspaces",
        "properties.features.disableLocalAuth",
        True,
    ),
    ("app", "Microsoft.Web/sites", "properties.httpsOnly", True),
    ("app", "Microsoft.Web/sites", "properties.siteConfig.minTlsVersion", "1.2"),
    ("app", "Microsoft.Web/sites", "properties.siteConfig.scmMinTlsVersion", "1.2"),
    ("app", "Microsoft.Web/sites", "properties.siteConfig.ftpsState", "Disabled"),
    ("app", "Microsoft.Web/sites", "properties.siteConfig.remoteDebuggingEnabled", False),
    ("app", "Microsoft.Web/sites", "identity.type", "UserAssigned"),
    ("app", "Microsoft.Web/sites", "properties.functionAppConfig.runtime.version", "3.13"),
    (
        "app",
        "Microsoft.Web/sites",
        "properties.functionAppConfig.deployment.storage.authentication.type",
        "UserAssignedIdentity",
    ),
    ("app", "Microsoft.Web/sites/basicPublishingCredentialsPolicies", "properties.allow", False),
]

#: What a laptop needs and this plan refuses or does otherwise, and how.
ELSEWHERE = {
    "FUNCTIONS_WORKER_RUNTIME": "functionAppConfig.runtime",
    "AzureWebJobsStorage": "AzureWebJobsStorage__accountName and the identity",
}

#: Functions and words by which a secret would get into a template.
_SECRET_WORDS = re.compile(
    r"listKeys|listAccountSas|listServiceSas|listSecrets|listCallbackUrl|listConnectionStrings"
    r"|AccountKey|SharedAccess|DefaultEndpointsProtocol|InstrumentationKey"
    r"|StorageAccountConnectionString|primaryKey|masterKey",
    re.IGNORECASE,
)
_TELEMETRY_ADDRESS = {
    "telemetryAddress: component.properties.ConnectionString",
    "APPLICATIONINSIGHTS_CONNECTION_STRING: telemetryAddress",
}
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def syntax(infra: Path) -> Iterator[str]:
    """Every file can be read."""
    for name, template in read_folder(infra).items():
        yield from (f"{name}:{line}: syntax" for line in template.syntax_errors)


def names(infra: Path) -> Iterator[str]:
    """What is referred to is declared, and what is declared as an input is used."""
    for name, template in read_folder(infra).items():
        declared = set(template.symbols)
        for unknown in sorted(template.references - declared - template.local_names):
            yield f"{name}: {unknown} is not declared"
        for unused in sorted({*template.parameters, *template.variables} - template.references):
            yield f"{name}: {unused} is not used"
        for twice in sorted({s for s in template.symbols if template.symbols.count(s) > 1}):
            yield f"{name}: {twice} is declared twice"


def modules(infra: Path) -> Iterator[str]:
    """Modules get what they ask for and nothing else, and have the outputs that are read."""
    templates = read_folder(infra)
    used = set()
    for name, template in templates.items():
        paths = {module.symbol: module.path for module in template.modules}
        for module in template.modules:
            used.add(module.path)
            if module.path not in templates:
                yield f"{name}: there is no {module.path}"
                continue
            takes = templates[module.path].parameters
            for given in sorted(set(module.parameters) - set(takes)):
                yield f"{name}: {module.path} has no parameter {given}"
            for needed in sorted(set(takes) - set(module.parameters)):
                if takes[needed].required:
                    yield f"{name}: {module.symbol} does not get {needed}"
            for given, passed in module.parameters.items():
                if given in takes and (wrong := _misfit(takes[given], passed, template)):
                    yield f"{name}: {module.symbol} gets {wrong}"
        for symbol, output in sorted(template.module_outputs):
            if output not in templates[paths[symbol]].outputs:
                yield f"{name}: {paths[symbol]} has no output {output}"
    for name in sorted(set(templates) - used - {"main.bicep", "deployer.bicep"}):
        yield f"{name} is used by nothing"


def loops(infra: Path) -> Iterator[str]:
    """Loops run over what is known when a deployment starts, or the compiler refuses them."""
    for name, template in read_folder(infra).items():
        for expression in template.loops_over:
            for symbol in re.findall(r"[A-Za-z_]\w*", expression):
                told = f"{expression} {template.variables.get(symbol, '')!r}"
                if re.search(r"\.(?:properties|outputs|list\w+)\b", told):
                    yield f"{name}: a loop over {expression}, of which {symbol} is known too late"


def descriptions(infra: Path) -> Iterator[str]:
    """Parameters and outputs say what they are."""
    for name, template in read_folder(infra).items():
        for parameter in template.parameters.values():
            if not parameter.decorators.get("description", [""])[0].endswith("."):
                yield f"{name}: {parameter.name} has no description"
        yield from (
            f"{name}: {output} has no description" for output in template.undescribed_outputs
        )


def settings(infra: Path) -> Iterator[str]:
    """The app gets every setting of the code and no other, with the defaults and limits of the code."""
    app = read_folder(infra)["modules/app.bicep"]
    if "items(union(platformSettings, connections, settings))" not in app.loops_over:
        yield "the app does not get its settings"
    main = read_folder(infra)["main.bicep"]
    given = next(m for m in main.modules if m.symbol == "app").parameters["settings"]
    known = {field.name.upper() for field in fields(Settings)}
    yield from (f"{name} is not set" for name in sorted(known - set(given)))
    yield from (f"{name} is no setting of the code" for name in sorted(set(given) - known))
    for name in sorted(known & set(given)):
        parameter = main.parameters.get(_camel(name))
        if parameter is None or not re.search(rf"\b{_camel(name)}\b", repr(given[name])):
            yield f"{name} is not set by the parameter {_camel(name)}"
            continue
        yield from _like_the_code(name, parameter)


def platform(infra: Path) -> Iterator[str]:
    """What a laptop sets is set in Azure too, unless the plan has another way."""
    template = read_folder(infra)["modules/app.bicep"]
    main = read_folder(infra)["main.bicep"]
    given = template.variables["platformSettings"]
    local = json.loads((ROOT / "local.settings.json").read_text())["Values"]
    known = {field.name.upper() for field in fields(Settings)}
    for name in sorted(set(local) - known - set(ELSEWHERE) - set(given)):
        yield f"{name} is in local.settings.json and not in Azure"
    yield from (f"{name} is refused by the plan" for name in sorted(set(ELSEWHERE) & set(given)))
    if given.get("AzureWebJobsDisableHomepage") != local["AzureWebJobsDisableHomepage"]:
        yield "AzureWebJobsDisableHomepage differs"
    threads = given.get("PYTHON_THREADPOOL_THREAD_COUNT")
    concurrency = main.parameters["httpConcurrency"].default
    if threads != Expression("string(httpConcurrency)") or str(concurrency) != local.get(
        "PYTHON_THREADPOOL_THREAD_COUNT"
    ):
        yield "there is not a thread for each request"
    body = given.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT")
    image = main.parameters["maxImageBytes"].default
    if body != Expression("string(2 * int(settings.MAX_IMAGE_BYTES) + 1048576)") or str(
        2 * image + 1048576
    ) != local.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"):
        yield "a body may not have twice the bytes of an image and a mebibyte"


def roles(infra: Path) -> Iterator[str]:
    """Role ids are right, stand in one file, and are given to whom and where it is written above."""
    table = json.loads((infra / "roles.json").read_text())
    for name, guid in table.items():
        if ROLES.get(name) != guid:
            yield f"roles.json: {name} is not {guid}"
    templates = read_folder(infra)
    for name, template in templates.items():
        yield from (
            f"{name}: {guid} stands outside roles.json" for guid in _GUID.findall(template.text)
        )
        found = {
            _assignment(resource.body)
            for resource in template.resources
            if resource.type == "Microsoft.Authorization/roleAssignments"
        }
        expected = ASSIGNMENTS.get(name, set())
        yield from (f"{name}: {each} is given" for each in sorted(found - expected, key=str))
        yield from (f"{name}: {each} is not given" for each in sorted(expected - found, key=str))
        for used in set(re.findall(r"\broles\.(?!json)(\w+)", template.text)) - set(table):
            yield f"{name}: there is no role {used}"
    grantable = templates["modules/deployer-access.bicep"].variables.get("grantable")
    if set(re.findall(r"roles\.(\w+)", repr(grantable))) != {
        role
        for name, assignments in ASSIGNMENTS.items()
        for _, role, _ in assignments
        if name != "modules/deployer-access.bicep"
    }:
        yield "modules/deployer-access.bicep: not exactly the roles of an environment may be given"


def closed(infra: Path) -> Iterator[str]:
    """Keys, passwords, old TLS and public blobs are off; every container and policy is looked at."""
    templates = read_folder(infra)
    for file, kind, path, expected in CLOSED:
        bodies = [
            r.body
            for r in templates[f"modules/{file}.bicep"].resources
            if r.type == kind and not r.existing
        ]
        if not bodies or any(_at(body, path) != expected for body in bodies):
            yield f"modules/{file}.bicep: {kind} has not {path} = {expected!r}"
    policies = {
        resource.body.get("name")
        for resource in templates["modules/app.bicep"].resources
        if resource.type == "Microsoft.Web/sites/basicPublishingCredentialsPolicies"
    }
    yield from (f"passwords for {site} are not off" for site in {"ftp", "scm"} - policies)


def retention(infra: Path) -> Iterator[str]:
    """Logs are kept no longer than the parameter says: the tables of Application Insights keep to it too."""
    template = read_folder(infra)["modules/monitoring.bicep"]
    kept = Expression("retentionDays")
    for kind, members in (
        ("workspaces", ("retentionInDays",)),
        ("workspaces/tables", ("retentionInDays", "totalRetentionInDays")),
    ):
        name = f"Microsoft.OperationalInsights/{kind}"
        bodies = [each.body for each in template.resources if each.type == name]
        if not bodies or any(
            _at(body, f"properties.{member}") != kept for body in bodies for member in members
        ):
            yield f"modules/monitoring.bicep: {name} does not keep to retentionDays"
    for table in ("AppExceptions", "AppRequests", "AppTraces"):
        if f"'{table}'" not in template.text:
            yield f"modules/monitoring.bicep: {table} is kept for 90 days"


def outputs(infra: Path) -> Iterator[str]:
    """What the workflows read is there."""
    found = set(read_folder(infra)["main.bicep"].outputs)
    yield from (f"main.bicep: there is no output {name}" for name in sorted(OUTPUTS - found))


def secrets(infra: Path) -> Iterator[str]:
    """No key, signature or connection string is read, passed on or put out.

    The one exception is the address that telemetry is sent to: it is a setting of the app, it stands in no
    output, and it opens nothing, because local authentication is off (`closed`).
    """
    for name, template in read_folder(infra).items():
        for number, line in enumerate(template.text.splitlines(), 1):
            code = re.sub(r"//.*|@description\(.*", "", line)
            if _SECRET_WORDS.search(code):
                yield f"{name}:{number}: {code.strip()}"
            if "connectionstring" in code.lower().replace("_", "") and (
                code.strip() not in _TELEMETRY_ADDRESS
            ):
                yield f"{name}:{number}: {code.strip()}"
        for parameter in template.parameters.values():
            if "secure" in parameter.decorators:
                yield f"{name}: {parameter.name} is a secret"


def alerts(infra: Path) -> Iterator[str]:
    """Queries ask for what there is; silence and poison alone may be off."""
    rules = {
        rule["name"]: rule
        for rule in read_folder(infra)["modules/alerts.bicep"].variables.get("rules", [])
    }
    if set(rules) != {"errors", "slow", "refusals", "silence", "logs", "poison"}:
        yield f"there are {sorted(rules)}"
        return
    poison = rules.pop("poison")
    tables, *steps = poison["query"].strip().splitlines()
    if "exceptions" not in tables or not any(f"contains '{POISON}'" in each for each in steps):
        yield f"poison: does not look for {POISON} in exceptions"
    if "value" not in steps[-1]:
        yield "poison: does not make a value"
    host = json.loads((infra.parent / "host.json").read_text())
    sampling = host["logging"]["applicationInsights"]["samplingSettings"]
    if "Exception" not in sampling["excludedTypes"].split(";"):
        yield "poison: exceptions may be left out by sampling"
    if poison["enabled"] != Expression("archiveEnabled"):
        yield "poison: is not enabled as it should be"
    main = read_folder(infra)["main.bicep"]
    (module,) = (each for each in main.modules if each.symbol == "alerts")
    if module.parameters["archiveEnabled"] != Expression("archiveEnabled || !empty(archiveStore)"):
        yield "poison: is not enabled wherever the app works off archives"
    logs = rules.pop("logs")
    tables, *steps = logs["query"].strip().splitlines()
    if tables != "_LogOperation" or not any("'OverQuota'" in each for each in steps):
        yield "logs: does not ask the workspace whether it is full"
    if logs["enabled"] is not True or "value" not in steps[-1]:
        yield "logs: is not enabled, or does not make a value"
    text = (infra / "modules" / "alerts.bicep").read_text()
    if "rule.name == 'logs' ? workspace.id : component.id" not in text:
        yield "logs: is asked of the component, which does not have this table"
    functions = _functions(ROOT / "function_app.py")
    for name, rule in rules.items():
        query = rule["query"]
        listed = re.search(r"name in \(([^)]*)\)", query)
        asked = set(re.findall(r"'([^']*)'", listed[1])) if listed else set()
        asked |= set(re.findall(r"name == '([^']*)'", query))
        yield from (f"{name}: there is no function {each}" for each in sorted(asked - functions))
        if name == "errors" and asked != functions:
            yield f"{name}: does not look at {sorted(functions - asked)}"
        if not query.strip().startswith("requests\n") or "value" not in query:
            yield f"{name}: does not make a value of requests"
        if (rule["enabled"] is True) != (name != "silence"):
            yield f"{name}: is not enabled as it should be"
    if "resultCode == '422'" not in rules["refusals"]["query"]:
        yield "refusals: does not count refusals"
    if "Problems by code" not in (infra / "README.md").read_text():
        yield "refusals: points to a query that is not there"


def archive(infra: Path) -> Iterator[str]:
    """The archive is off unless asked for, its queue is found, and no message of it expires."""
    templates = read_folder(infra)
    main = templates["main.bicep"]
    for name in ("archiveEnabled", "archiveEvents"):
        if main.parameters[name].default is not False:
            yield f"{name} is not off"
    made = re.findall(r"^module (archive\w*|incoming) '.*' = (.*) \{$", main.text, re.MULTILINE)
    for symbol, condition in made:
        if not re.match(r"if \(archiveEnabled\b", condition):
            yield f"{symbol} is made without archiveEnabled"
    (app,) = (module for module in main.modules if module.symbol == "app")
    if set(re.findall(r"\bArchiveQueue__(\w+):", repr(app.parameters["connections"]))) != {
        "queueServiceUri",
        "credential",
        "clientId",
    }:
        yield "the trigger does not find its queue"
    (events,) = (
        resource.body["properties"]
        for resource in templates["modules/incoming.bicep"].resources
        if resource.type.endswith("/eventSubscriptions")
    )
    begins = "'/blobServices/default/containers/${containerName}/'"
    if _at(events, "filter.subjectBeginsWith") != Expression(begins):
        yield "events are of other containers too"
    destination = _at(events, "deliveryWithResourceIdentity.destination")
    if repr(_at(destination, "properties.queueMessageTimeToLiveInSeconds")) != "-1":
        yield "messages of events expire"
    undelivered = _at(events, "deadLetterWithResourceIdentity.deadLetterDestination.properties")
    if _at(undelivered, "blobContainerName") != Expression("undelivered.name"):
        yield "events that cannot be delivered are dropped"
    if main.variables["archiveQueue"] != QUEUE or f"{QUEUE}-poison" != POISON:
        yield f"the queues are not {QUEUE} and {POISON}, which the code names"
    queues = json.loads((infra.parent / "host.json").read_text())["extensions"]["queues"]
    messages = queues["batchSize"] + queues["newBatchThreshold"]
    threads = int(main.parameters["httpConcurrency"].default)
    if not 0 < messages <= threads:
        yield "an instance takes more messages at a time than the worker has threads"
    if (pictures := messages * THREADS) > PICTURES:
        yield f"an instance takes {pictures} pictures at a time, and its memory is for {PICTURES}"


def parameter_files(infra: Path) -> Iterator[str]:
    """Both environments give values that main.bicep takes, and all that it must have."""
    takes = read_folder(infra)["main.bicep"].parameters
    for name in ("main.bicepparam", "prod.bicepparam"):
        given = parameter_file(infra / name)
        for needed in sorted(n for n, p in takes.items() if p.required and n not in given):
            yield f"{name}: {needed} is missing"
        for each, passed in given.items():
            if each not in takes:
                yield f"{name}: main.bicep has no parameter {each}"
            elif wrong := _misfit(takes[each], passed, None):
                yield f"{name}: {wrong}"


def versions(infra: Path, types: Path) -> Iterator[str]:
    """Every resource has the newest stable version that Azure's type data hold."""
    newest = _newest(types)
    for name, template in read_folder(infra).items():
        for resource in template.resources:
            if resource.version != (latest := newest.get(resource.type.lower())):
                yield f"{name}: {resource.type} has {resource.version}, the newest is {latest}"


def _like_the_code(name: str, parameter: Parameter) -> Iterator[str]:
    default = parameter.default
    text = ",".join(default) if isinstance(default, list) else str(default)
    text = text.lower() if isinstance(default, bool) else text
    # The cloud's models are in a container; an empty parameter stands for it.
    if (name, text) != ("MODEL_STORE", "") and Settings.from_environment(
        {name: text}
    ) != Settings():
        yield f"{name}: {parameter.name} has another default than the code"
    (kind,) = (f.type for f in fields(Settings) if f.name.upper() == name)
    if typing.get_origin(kind) is typing.Literal and set(typing.get_args(kind)) != set(
        parameter.decorators.get("allowed", [[]])[0]
    ):
        yield f"{name}: {parameter.name} allows other values than the code"
    for limit, step in (("minValue", -1), ("maxValue", 1)):
        edge = parameter.decorators.get(limit)
        if parameter.type == "int" and not (
            edge and _takes(name, edge[0]) and not _takes(name, edge[0] + step)
        ):
            yield f"{name}: {parameter.name} has another {limit} than the code"


def _takes(name: str, number: int) -> bool:
    try:
        Settings.from_environment({name: str(number)})
    except SettingsError:
        return False
    return True


def _misfit(parameter: Parameter, passed: Any, template: Template | None) -> str | None:
    """What is wrong with a literal, or with a parameter that is passed on."""
    if isinstance(passed, Expression):
        source = template.parameters.get(passed.text) if template else None
        if source and source.type != parameter.type:
            return f"{parameter.name} as {source.type}, not {parameter.type}"
        return None
    kinds = {"string": str, "int": int, "bool": bool, "array": list, "object": dict}
    wanted = kinds[parameter.type]
    if not isinstance(passed, wanted) or (wanted is int and isinstance(passed, bool)):
        return f"{parameter.name} = {passed!r}, which is no {parameter.type}"
    allowed = parameter.decorators.get("allowed", [None])[0]
    low = parameter.decorators.get("minValue", [None])[0]
    high = parameter.decorators.get("maxValue", [None])[0]
    outside = isinstance(passed, int) and (
        (low is not None and passed < low) or (high is not None and passed > high)
    )
    if outside or (allowed is not None and passed not in allowed):
        return f"{parameter.name} = {passed!r}, which is not allowed"
    return None


def _assignment(body: dict[str, Any]) -> tuple[str, str, str | None]:
    """Principal, role and scope of a role assignment whose three mentions of the role agree."""
    properties = body["properties"]
    role = re.search(r"roles\.(\w+)", repr(properties["roleDefinitionId"]))
    named = re.search(r"roles\.(\w+)", repr(body["name"]))
    if role is None or named is None or role[1] != named[1]:
        return (repr(body["name"]), repr(properties["roleDefinitionId"]), None)
    scope = body.get("scope")
    return (repr(properties["principalId"]), role[1], repr(scope) if scope else None)


def _at(body: Any, path: str) -> Any:
    for key in path.split("."):
        body = body.get(key) if isinstance(body, dict) else None
    return body


def _camel(name: str) -> str:
    first, *others = name.lower().split("_")
    return first + "".join(map(str.capitalize, others))


def _functions(app: Path) -> set[str]:
    """Names under which the host reports the functions of the app: those with a route."""
    return {
        node.name
        for node in ast.parse(app.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and any("route" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


@cache
def _newest(types: Path) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for file in types.glob("*/*.json.gz"):
        for entry in json.loads(gzip.decompress(file.read_bytes())):
            if entry["$type"] == "ResourceType":
                kind, _, version = entry["name"].lower().partition("@")
                found.setdefault(kind, set()).add(version)
    return {
        kind: max((v for v in versions if "preview" not in v), default="none")
        for kind, versions in found.items()
    }
