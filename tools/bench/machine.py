"""The machine that was measured on; a figure without it means nothing."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "ai-edge-litert",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "azure-functions-runtime",
    "tensorflow",
    "keras",
)


def describe() -> dict[str, Any]:
    """Processor, cores, memory, load, Python and libraries."""
    return {
        "cpu": _cpu(),
        "cores": os.process_cpu_count(),
        "memory_gib": round(_memory() / 2**30, 1),
        "load_at_start": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
