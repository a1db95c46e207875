"""Whole archives: the rate of a job on a disk against the bare service, and what collecting rows takes."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from archive import jobs
from archive.batches import Item
from archive.folder import FolderImages, FolderRecords
from archive.here import Place, work_here
from archive.rows import answer, row
from archive.submitting import pages_to_queue, without_shard
from inference.reading import Options
from inference.service import Service
from inference.settings import Settings
from model_store.progress import progress
from tools.bench.measurement import REPOSITORY, Measurement, NotMeasured, Plan, Row

RATE_BAR = 0.85
COLLECT_BAR = 20.0
COLLECT_MIB_BAR = 1024

#: Runs a command and prints its work (s) and peak (MiB). From a process of its own, since Linux counts what
#: the parent holds at the fork into the child's peak, and a benchmark holds TensorFlow.
_USED = """
import json, resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
sys.exit(status)
"""

#: The gate refuses what is drawn here, and the measure is of whole answers.
ANSWERED = Options(explain="none", force=True)


def measure_rate(plan: Plan) -> Measurement:
    """A folder of the one image under many names; the bare time is of one thread, without a disk."""
    data = plan.image.read_bytes()
    service = Service(Settings.from_environment())
    version = service.model()["version"]
    began, worked = time.perf_counter(), time.process_time()
    for _ in range(3 * plan.answers):
        answer(service, data, ANSWERED, "bare")
    bare = (time.perf_counter() - began) / (3 * plan.answers)
    bare_work = (time.process_time() - worked) / (3 * plan.answers)
    cores = os.process_cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        files, store = Path(folder, "files"), Path(folder, "store")
        files.mkdir()
        (files / "000000").write_bytes(data)
        for number in range(1, plan.archive):
            (files / f"{number:06}").hardlink_to(files / "000000")
        records, images = FolderRecords(store), FolderImages(files)
        job = jobs.named(str(files), "", version, ANSWERED, False)
        began, before = time.perf_counter(), _work_of_children()
        jobs.create(records, job)
        for _, made in pages_to_queue(records, images, job):
            jobs.note_progress(records, job, made)
        with progress("archive", plan.archive // 16) as step:
            work_here(
                without_shard(records, job),
                Place(str(files), str(store)),
                done=lambda batch, tally: step(),
            )
        seconds = time.perf_counter() - began
        work = (_work_of_children() - before) / plan.archive
    rate = plan.archive / seconds
    ratio = rate * bare / cores
    return Measurement(
        {"archive_ratio": ratio},
        (
            Row(
                f"archive: {plan.archive:,} images of a folder on {cores} cores",
                f"{rate:.0f} images/s",
                f"{1 / bare:.0f} images/s bare on one core",
                f"{ratio:.2f} of cores x bare",
                f">= {RATE_BAR:g}",
                ratio >= RATE_BAR,
            ),
            Row(  # on a machine that does other things as well, this is what is left to compare
                "  the same, work of a core for an image",
                f"{1000 * work:.2f} ms",
                f"{1000 * bare_work:.2f} ms bare",
                f"{bare_work / work:.2f} of it is the service's",
            ),
        ),
        {"seconds": seconds, "bare_ms": 1000 * bare},
    )


def measure_collect(plan: Plan) -> Measurement:
    """Rows that are drawn from one answer, in shards of sixteen, collected by the command."""
    service = Service(Settings.from_environment())
    version = service.model()["version"]
    found = answer(service, plan.image.read_bytes(), ANSWERED, "drawn")
    with tempfile.TemporaryDirectory() as folder:
        job = jobs.named("drawn", "", version, ANSWERED, False, "drawn")
        _draw(Path(folder), job, found, plan.rows)
        command = [sys.executable, "-m", "archive", "collect", job.id, "--store", folder]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _USED, *command, "--to", str(Path(folder, "rows.parquet"))],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            raise NotMeasured(f"Rows could not be collected: {done.stderr.strip()}")
    work, mebibytes = json.loads(done.stdout)
    return Measurement(
        {"collect_seconds": seconds},
        (
            Row(
                f"archive: {plan.rows:,} rows collected",
                f"{seconds:.1f} s",
                "",
                f"{work:.1f} s of cores",
                f"<= {COLLECT_BAR:g} s",
                seconds <= COLLECT_BAR,
            ),
            Row(
                "  the same, memory",
                f"{mebibytes:.0f} MiB",
                bar=f"<= {COLLECT_MIB_BAR} MiB",
                met=mebibytes <= COLLECT_MIB_BAR,
            ),
        ),
        {"rows": plan.rows},
    )


def _work_of_children() -> float:
    """Seconds of cores that processes have used that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _draw(folder: Path, job: jobs.Job, found: dict[str, Any], count: int) -> None:
    """Shards whose rows differ in name and probability; written plainly, which takes long enough."""
    records = FolderRecords(folder)
    jobs.create(records, job)
    jobs.note_progress(records, job, jobs.Progress(1, count, True))
    text = row(Item("NAME", "TAG"), found, 5.0)
    probability = json.dumps(found["prediction"])  # of which the first number is the probability
    with progress("drawing rows", count // 16) as step:
        for first in range(0, count, 16):
            lines = (
                text.replace("NAME", f"clinic-{number % 20}/{number:07}.dcm", 1).replace(
                    probability,
                    json.dumps({**found["prediction"], "probability": number % 997 / 997}),
                    1,
                )
                for number in range(first, min(count, first + 16))
            )
            path = folder / jobs.shard_path(job.id, f"{first * 40503 % 256:02x}{first:030x}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n")
            step()
