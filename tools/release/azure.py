"""What releases do in Azure: by its command line, which is logged in by OpenID Connect and has no secret.

The package that passed its test last is kept as a blob beside the one that Azure runs. It is there for as
long as the app is, needs no earlier run of a workflow, and is by construction one that worked.
"""

import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tools.release.infrastructure import Infrastructure
from tools.release.rollout import ReleaseError

#: Where the last good package is, in the container of deployments.
LAST_GOOD = "last-good/package.zip"
#: Seconds that Azure may take for a deployment.
DEPLOYMENT_SECONDS = 900
#: How often a key is asked for, ten seconds apart, while a new app starts.
_ATTEMPTS = 12


def az(arguments: Sequence[str]) -> str:
    """Run a command of the Azure CLI; what it prints.

    Raises:
        ReleaseError: It is not installed, or failed; the text has what it says.
    """
    try:
        done = subprocess.run(["az", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ReleaseError("The Azure CLI is not installed: https://aka.ms/azure-cli.") from error
    if done.returncode:
        # The first words of a command name it; what follows may be long.
        raise ReleaseError(f"az {' '.join(arguments[:4])} failed: {done.stderr.strip()[-1500:]}")
    return done.stdout


def deploy(place: Infrastructure, package: Path) -> None:
    """Deploy a package as it is: nothing is built in Azure. Returns when Azure says that it is done.

    Raises:
        ReleaseError: Azure does not take it.
    """
    az(
        [
            *("functionapp", "deployment", "source", "config-zip"),
            *("--resource-group", place.resource_group),
            *("--name", place.function_app_name),
            *("--src", str(package)),
            *("--build-remote", "false"),
            *("--timeout", str(DEPLOYMENT_SECONDS)),
        ]
    )


def function_key(place: Infrastructure) -> str:
    """The app's default key, which exists once the app has started; asked for until then.

    In a job of GitHub it is told to the runner first, which then blackens it in the log.

    Raises:
        ReleaseError: There is none after some minutes.
    """
    for attempt in range(_ATTEMPTS):
        try:
            answer = az(
                [
                    *("functionapp", "keys", "list", "--output", "json"),
                    *("--resource-group", place.resource_group),
                    *("--name", place.function_app_name),
                ]
            )
            key = json.loads(answer)["functionKeys"]["default"]
        except (ReleaseError, ValueError, KeyError, TypeError) as error:
            if attempt == _ATTEMPTS - 1:
                raise ReleaseError(f"The app has no default key: {error}") from error
            time.sleep(10)
            continue
        if os.environ.get("GITHUB_ACTIONS") == "true":
            print(f"::add-mask::{key}", flush=True)
        return str(key)
    raise AssertionError("not reached")


def fetch_last_good(place: Infrastructure, to: Path) -> Path | None:
    """Download the package that passed its test last; None where none ever did.

    Raises:
        ReleaseError: The container cannot be read.
    """
    blob = ["--name", LAST_GOOD, *_container(place)]
    found = json.loads(az(["storage", "blob", "exists", *blob, "--output", "json"]))
    if not found["exists"]:
        return None
    to.parent.mkdir(parents=True, exist_ok=True)
    az(["storage", "blob", "download", *blob, "--file", str(to), "--no-progress"])
    return to


def keep_last_good(place: Infrastructure, package: Path) -> None:
    """Keep a package as the one to go back to; its predecessor is a version of the blob for a while.

    Raises:
        ReleaseError: The container cannot be written.
    """
    blob = ["--name", LAST_GOOD, *_container(place)]
    az(["storage", "blob", "upload", *blob, "--file", str(package), "--overwrite", "--no-progress"])


def _container(place: Infrastructure) -> list[str]:
    return [
        *("--account-name", place.storage_account_name),
        *("--container-name", place.deployment_container),
        *("--auth-mode", "login"),
    ]
