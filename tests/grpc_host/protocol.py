"""The protocol's generated classes: fetched once, kept under ``build/``.

Microsoft publishes them on PyPI only inside the first alpha wheels of azure-functions-runtime, as
the tests of that package. The wheel is downloaded, never installed; the file is pinned by its hash.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType

PACKAGE = "functions_rpc"

_WHEEL = "azure-functions-runtime==1.0.0a3"
_SHA256 = "baf10d226b87026ea3fbdfaadf260425c7e6f1b7fa957092e7319679d56c1af9"
_INSIDE = "tests/protos/"


class ProtocolUnavailableError(Exception):
    """The package index could not be reached, or has no such file."""


def fetch(cache: Path) -> Path:
    """Put the classes into ``cache`` unless they are there; the folder to import PACKAGE from.

    Raises ProtocolUnavailableError.
    """
    package = cache / PACKAGE
    if package.is_dir():
        return cache
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        complete = _extract(_download(Path(temporary)), Path(temporary) / PACKAGE)
        try:
            complete.rename(package)
        except OSError:  # another test process was faster
            if not package.is_dir():
                raise
    return cache


def load(folder: Path) -> ModuleType:
    """Import what ``fetch`` has fetched."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return importlib.import_module(PACKAGE)


def _download(folder: Path) -> Path:
    wanted = folder / "wheel.txt"
    wanted.write_text(f"{_WHEEL} --hash=sha256:{_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--only-binary=:all:", "--dest", str(folder), "-r", str(wanted)]
    try:
        done = subprocess.run(pip, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired as error:
        raise ProtocolUnavailableError("pip did not finish in two minutes") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise ProtocolUnavailableError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
    return wheels[0]


def _extract(wheel: Path, package: Path) -> Path:
    """Unpack under a name of our own: the wheel's is ``tests``, like that of this folder."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith(_INSIDE) and name.endswith(".py"):
                target = package / name.removeprefix(_INSIDE)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
    return package
