"""The size of what is deployed: the repository less `.funcignore`, and the required packages."""

import hashlib
import platform
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import distributions
from io import RawIOBase
from pathlib import Path, PurePosixPath
from typing import Any

from tools.bench.funcignore import deployed_files, is_deployed, read_patterns
from tools.bench.measurement import REPOSITORY, Measurement, NotMeasured, Plan, Row
from tools.bench.progress import progress

BAR = 130

#: Where the Functions worker looks for packages.
SITE = PurePosixPath(".python_packages/lib/site-packages")
#: Debian 12, on which the Functions run, has glibc 2.36.
_PLATFORMS = ["manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(5, 37))]


class _Counted(RawIOBase):
    """A file that keeps nothing."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data)


def measure(plan: Plan) -> Measurement:
    """Install for Linux, and zip as a deployment does."""
    requirements = REPOSITORY / "requirements.txt"
    site = _installed(requirements, plan.build / "package")
    patterns = read_patterns((REPOSITORY / ".funcignore").read_text("utf-8"))
    files = {
        file: PurePosixPath(file.relative_to(REPOSITORY))
        for file in deployed_files(REPOSITORY, patterns)
        if SITE.parts[0] != file.relative_to(REPOSITORY).parts[0]
    }
    packages = {
        file: name
        for file in sorted(_files(site))
        if is_deployed(name := SITE / file.relative_to(site), patterns)
    }
    if found := [name for name in packages.values() if "tensorflow" in name.parts]:
        raise NotMeasured(f"TensorFlow is in the package: {found[0]}.")
    zipped = _zipped(files | packages)
    owners = _owners(site)
    sizes: Counter[str] = Counter()
    for file, size in zipped.items():
        sizes[owners.get(file, "(the app)" if file in files else "(other)")] += size
    total = sum(sizes.values()) / 1e6
    return Measurement(
        {"package_mb": total},
        (
            Row(
                "package: zipped, no TensorFlow in it",
                f"{total:.1f} MB",
                "",
                "",
                f"<= {BAR} MB",
                total <= BAR,
            ),
        ),
        {
            "files": len(zipped),
            "unzipped_mb": sum(file.stat().st_size for file in zipped) / 1e6,
            "largest_zipped_mb": {name: size / 1e6 for name, size in sizes.most_common(10)},
        },
    )


def _installed(requirements: Path, folder: Path) -> Path:
    """Install the requirements for Linux on x86-64 once; what is there already is taken.

    Raises:
        NotMeasured: pip cannot install them.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    site = folder / f"{digest}-{python}"
    if site.is_dir():
        return site
    incoming = folder / f"{site.name}.incoming"
    shutil.rmtree(incoming, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    command += ["--target", str(incoming), "--only-binary", ":all:", "--python-version", python]
    command += [option for name in _PLATFORMS for option in ("--platform", name)]
    command += ["--implementation", platform.python_implementation()[:2].lower()]
    done = subprocess.run(
        [*command, "-r", str(requirements)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        shutil.rmtree(incoming, ignore_errors=True)
        raise NotMeasured(f"pip cannot install requirements.txt: {done.stderr.strip()[-600:]}")
    incoming.rename(site)
    return site


def _files(site: Path) -> Iterator[Path]:
    return (path for path in site.rglob("*") if path.is_file())


def _zipped(files: dict[Path, PurePosixPath]) -> dict[Path, int]:
    """Bytes of each file in a zip that is thrown away, with its share of the directory."""
    sizes = {}
    with (
        zipfile.ZipFile(_Counted(), "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        progress("package", len(files)) as step,
    ):
        for file, name in files.items():
            archive.write(file, str(name))
            member = archive.infolist()[-1]
            # A local header of 30 bytes and a directory entry of 46, each with the name.
            sizes[file] = member.compress_size + 76 + 2 * len(member.filename)
            step()
    return sizes


def _owners(site: Path) -> dict[Path, str]:
    """Each installed file's distribution."""
    return {
        (site / file).resolve(): distribution.name
        for distribution in distributions(path=[str(site)])
        for file in distribution.files or ()
    }
