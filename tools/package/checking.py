"""Does a finished zip hold its bars: its size, and a first answer where there is nothing but it?"""

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from tools.package.building import BAR, REPOSITORY, SITE

#: What Azure puts beside an app: the library that runs it.
_RUNTIME = "azure-functions-runtime"


class NotFit(Exception):
    """The package must not be deployed; the text says why."""


def check(package: Path) -> Mapping[str, Any]:
    """Weigh a package, and have it answer its first call; see `first_answer`.

    Raises:
        NotFit: It is too large, or `first_answer` says why.
    """
    if (megabytes := package.stat().st_size / 1e6) > BAR:
        raise NotFit(f"{package} has {megabytes:.1f} MB; the bar is {BAR} MB.")
    return first_answer(package)


def first_answer(package: Path) -> Mapping[str, Any]:
    """Unpack a package and have it answer its first call, through Azure's own runtime.

    Returns:
        What `tools.package.answering` prints.

    Raises:
        NotFit: It is no whole zip, does not start, does not answer, or reaches for something outside.
    """
    # Resolved: on some systems the folder for temporary files is a link.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        app, platform = folder / "app", folder / "platform"
        try:
            with zipfile.ZipFile(package) as archive:
                archive.extractall(app)
        except zipfile.BadZipFile as error:
            raise NotFit(f"{package} is no whole zip: {error}.") from error
        _lay_out_platform(platform, app / SITE)
        # -S leaves out what is installed here; -P the folder in which this is called.
        done = subprocess.run(
            [sys.executable, "-S", "-P", "-m", "tools.package.answering", app, platform],
            cwd=app,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(map(str, (app / SITE, platform)))}
            | {"MODEL_STORE": "", "MODEL_VERSION": "", "INFERENCE_RUNTIME": ""},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise NotFit(f"The package does not answer its first call:\n{done.stderr.strip()[-2000:]}")
    found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if found["tensorflow"]:
        raise NotFit("TensorFlow can be imported from the package.")
    if found["outside"]:
        raise NotFit(f"Modules came from outside the package: {', '.join(found['outside'])}.")
    return found


def _lay_out_platform(folder: Path, site: Path) -> None:
    """Link what Azure supplies, and the tools, into a folder: all but what the package has itself."""
    folder.mkdir()
    (folder / "tools").symlink_to(REPOSITORY / "tools")
    packaged = {_plain(path.name.partition("-")[0]) for path in site.glob("*.dist-info")}
    for each in _required(_RUNTIME, packaged, set()):
        for file in each.files or ():
            place, target = folder / file.parts[0], Path(str(each.locate_file(file.parts[0])))
            if len(file.parts) == 1 or file.parts[0] == "azure":
                continue  # `azure` is the package's; the runtime's own name is azure_functions_runtime
            if ".." not in file.parts and not place.exists():
                place.symlink_to(target)
        for file in each.files or ():
            if len(file.parts) == 1 and file.suffix == ".py":
                (folder / file).symlink_to(str(each.locate_file(file)))


def _required(name: str, packaged: set[str], seen: set[str]) -> list[Distribution]:
    """A distribution and what it needs, without what the package has."""
    if _plain(name) in packaged | seen:
        return []
    seen.add(_plain(name))
    found = distribution(name)
    needed = [each for each in found.requires or () if "extra ==" not in each]
    names = [re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0] for each in needed]
    return [found, *(more for each in names for more in _required(each, packaged, seen))]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
