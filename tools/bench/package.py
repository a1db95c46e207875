"""The size of what is deployed."""

from collections import Counter
from importlib.metadata import distributions
from pathlib import Path

from tools.bench.measurement import REPOSITORY, Measurement, NotMeasured, Plan, Row
from tools.package.building import BAR, NotBuilt, contents, installed, write


def measure(plan: Plan) -> Measurement:
    """Build the package for this Python, and weigh it and what it is made of.

    Raises:
        NotMeasured: It cannot be built.
    """
    folder = plan.build / "package"
    try:
        site = installed(REPOSITORY / "requirements.txt", folder)
        files = contents(REPOSITORY, site, folder / "bytecode")
    except NotBuilt as error:
        raise NotMeasured(str(error)) from error
    package = write(files, folder / "package.zip")
    owners = _owners(site)
    sizes: Counter[str] = Counter()
    for name, size in package.sizes.items():
        inside = files[name].is_relative_to(site)
        sizes[owners.get(files[name], "(other)") if inside else "(the app)"] += size
    total = package.megabytes
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
            "files": len(files),
            "unzipped_mb": sum(file.stat().st_size for file in files.values()) / 1e6,
            "largest_zipped_mb": {name: size / 1e6 for name, size in sizes.most_common(10)},
        },
    )


def _owners(site: Path) -> dict[Path, str]:
    """Each installed file's distribution."""
    return {
        site / file: distribution.name
        for distribution in distributions(path=[str(site)])
        for file in distribution.files or ()
    }
