"""The zip: the repository less `.funcignore`, with the required packages for Linux beside it.

It has its own bytecode. Where it runs it is mounted read-only, so that nothing could be kept there and
every cold start would compile every module anew. The bytecode is found valid without a look at file
times (PEP 552, unchecked), which a zip does not keep to the second.
"""

import hashlib
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from inference.revision import FILE
from model_store.progress import progress
from tools.package.funcignore import deployed_files, is_deployed, read_patterns

REPOSITORY = Path(__file__).resolve().parents[2]
#: Megabytes (10^6 bytes) that the zip may have.
BAR = 130
#: Where the Functions worker looks for packages.
SITE = PurePosixPath(".python_packages/lib/site-packages")
#: What the package is for; bytecode and compiled modules fit one version only.
PYTHON = "3.13"
#: Debian 12, on which the Functions run, has glibc 2.36.
_PLATFORMS = ["manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(5, 37))]
#: The first moment that a zip can name.
_MOMENT = (1980, 1, 1, 0, 0, 0)

#: Files by the name that they get in the package.
type Contents = dict[PurePosixPath, Path]


class NotBuilt(Exception):
    """The package cannot be built; the text says why and what to do."""


@dataclass(frozen=True)
class Package:
    """A finished zip. `sizes` are the bytes that each file takes in it, directory entry included."""

    path: Path
    sha256: str
    sizes: Mapping[PurePosixPath, int]

    @property
    def megabytes(self) -> float:
        """Its size in units of 10^6 bytes."""
        return self.path.stat().st_size / 1e6


def running_python() -> str:
    """The version of this interpreter, as pip names it."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def installed(requirements: Path, folder: Path) -> Path:
    """Install requirements for Linux on x86-64 into a folder once; what is there already is taken.

    Raises:
        NotBuilt: pip cannot install them.
    """
    python = running_python()
    # What pip is asked for and how bytecode is made are part of what the folder's name stands for.
    recipe = requirements.read_bytes() + Path(__file__).read_bytes()
    site = folder / f"{hashlib.sha256(recipe).hexdigest()[:16]}-{python}"
    if site.is_dir():
        return site
    incoming = folder / f"{site.name}.incoming"
    shutil.rmtree(incoming, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    command += ["--target", str(incoming), "--only-binary", ":all:", "--python-version", python]
    command += [option for name in _PLATFORMS for option in ("--platform", name)]
    command += ["--implementation", platform.python_implementation()[:2].lower(), "--no-compile"]
    done = subprocess.run(
        [*command, "-r", str(requirements)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        shutil.rmtree(incoming, ignore_errors=True)
        raise NotBuilt(f"pip cannot install {requirements.name}: {done.stderr.strip()[-600:]}")
    # A package may have a file for another Python, which does not compile.
    _compile(incoming, SITE)
    incoming.rename(site)
    return site


def head(repository: Path) -> str | None:
    """The commit that is checked out, with `-dirty` where files differ from it; None without git."""
    command = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


def contents(repository: Path, site: Path, cache: Path, revision: str | None = None) -> Contents:
    """What belongs into the package: the app with its bytecode and revision, and what is left of `site`.

    What is made for it lies in the folder `cache`.

    Raises:
        NotBuilt: A module of the app does not compile, or TensorFlow is among the packages.
    """
    patterns = read_patterns((repository / ".funcignore").read_text("utf-8"))
    found = app_files(repository, patterns)
    found |= _bytecode(found, cache)
    if revision:
        found[PurePosixPath(FILE)] = cache / FILE
        (cache / FILE).write_text(f"{revision}\n", "ascii")
    for file in site.rglob("*"):
        name = SITE / file.relative_to(site)
        if file.is_file() and is_deployed(name, patterns):
            found[name] = file
    if wrong := sorted(name for name in found if "tensorflow" in name.parts):
        raise NotBuilt(f"TensorFlow is in the package: {wrong[0]}.")
    return found


def app_files(repository: Path, patterns: GitIgnoreSpec) -> Contents:
    """The app's own files that `.funcignore` leaves in."""
    names = {
        PurePosixPath(file.relative_to(repository)): file
        for file in deployed_files(repository, patterns)
    }
    return {name: file for name, file in names.items() if name.parts[0] != SITE.parts[0]}


def write(files: Contents, to: Path, *, level: int = 6) -> Package:
    """Write the zip; the same files make the same bytes, whenever and wherever.

    Args:
        files: What is in it.
        to: The zip; a file of that name is replaced when the new one is whole.
        level: Of deflate; 0 stores.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    incoming = to.with_name(f"{to.name}.incoming")
    sizes = {}
    try:
        with (
            zipfile.ZipFile(incoming, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive,
            progress("package", len(files)) as step,
        ):
            for name in sorted(files):
                member = zipfile.ZipInfo(str(name), _MOMENT)
                member.compress_type = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
                member.external_attr = 0o100644 << 16
                archive.writestr(member, files[name].read_bytes(), compresslevel=level)
                # A local header of 30 bytes and a directory entry of 46, each with the name.
                sizes[name] = member.compress_size + 76 + 2 * len(member.filename)
                step()
        incoming.replace(to)
    finally:  # half of one would keep a full disk full
        incoming.unlink(missing_ok=True)
    with to.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Package(to, digest, sizes)


def _bytecode(files: Contents, cache: Path) -> Contents:
    """Compile copies of the app's modules in an empty folder."""
    shutil.rmtree(cache, ignore_errors=True)
    sources = {name: file for name, file in files.items() if name.suffix == ".py"}
    for name, file in sources.items():
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, cache / name)
    if said := _compile(cache, PurePosixPath()):
        raise NotBuilt(f"A module does not compile: {said}")
    made = {
        name.parent / "__pycache__" / f"{name.stem}.{sys.implementation.cache_tag}.pyc"
        for name in sources
    }
    return {name: cache / name for name in made}


def _compile(folder: Path, name: PurePosixPath) -> str:
    """Compile every module of a folder, which tracebacks then call `name`; what did not compile.

    In a process of its own: bytecode says which of its strings were known before, so that the same module
    compiled here would come out otherwise, depending on what has been imported.
    """
    command = [sys.executable, "-m", "compileall", "-q", "-r", "50", str(folder)]
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(folder)]
    command += ["-p", str(name)] if name.parts else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode else ""
