"""The function, in Azure's own runtime, with messages as the platform brings them."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from archive import jobs, trigger
from archive.batches import ROWS_ONLY, Item
from archive.blobs import POISON, BlobImages
from archive.errors import GivenUp, RecordsUnavailable, WrongModel
from archive.places import Page
from archive.status import status
from archive.submitting import failed
from archive.trigger import Worker
from archive.work import work_off
from inference.reading import Options
from inference.service import Service
from inference.settings import Settings
from model_store.store import open_store
from tests.app.worker import RunningWorker
from tests.archive.cloud import Cloud, drawn
from tests.archive.conftest import StartApp
from tests.azurite.identity import Identity
from tests.tools.running import REPOSITORY
from tests.waiting import until


def test_a_job_is_done_failures_are_rows_and_pictures_lie_beside(
    cloud: Cloud, app: StartApp, tmp_path: Path
) -> None:
    images = drawn(20, broken=10)
    cloud.upload(images)
    job = cloud.submitted("--overlays")
    app()
    until(lambda: status(cloud.records, job).done)
    told = cloud.ask("status", job.id).stdout
    assert f"{job.id}: done" in told
    assert "answered    18\n" in told
    rows = cloud.rows(job)
    assert {row["name"] for row in rows} == set(images)
    assert [row["code"] for row in rows if row["outcome"] == "failed"] == ["undecodable"] * 2
    overlay = next(row for row in rows if row["outcome"] == "answered")["explanations"][0][
        "overlay"
    ]
    assert (cloud.records.read(overlay) or b"")[:3] == b"\xff\xd8\xff"
    done = cloud.ask("collect", job.id, "--to", str(tmp_path / "r.parquet"))
    assert "20 images, one row each" in done.stdout
    # Submitted once more, nothing is queued.
    again = cloud.ask("submit", cloud.container, "--overlays")
    assert f"{job.id}: done" in again.stdout
    assert cloud.queue("archive").peek_messages() == []


def test_what_is_queued_is_well_for_who_submits_or_retries_unless_it_is_cancelled(
    cloud: Cloud,
) -> None:
    cloud.upload({"a.jpg": b"no image"})
    job = cloud.submitted()
    assert cloud.ask("status", job.id).returncode == 1
    assert cloud.ask("cancel", job.id).returncode == 0
    assert cloud.ask("submit", cloud.container).returncode == 1
    assert cloud.ask("retry", job.id).returncode == 0


class BreakingOff(BlobImages):
    """The images of a container, of which one cannot be reached."""

    broken = "clinic-1/00001.jpg"

    def read(self, item: Item, most: int) -> bytes:
        """See `places.Images`."""
        if item.name == self.broken:
            raise RecordsUnavailable("The container does not answer.")
        return super().read(item, most)


def test_pictures_are_written_as_they_come_and_are_the_same_when_the_batch_comes_again(
    cloud: Cloud,
) -> None:
    cloud.upload(drawn(3))
    service = Service(Settings())
    options = Options(explain="all")
    job = jobs.named(cloud.container, "", service.model()["version"], options, True)
    (page,) = cloud.images.pages("", None)
    batch = job.batch(page.items)
    folder = jobs.overlay_folder(job.id, batch.shard)
    breaking = BreakingOff(cloud.images.url, Identity())
    with pytest.raises(RecordsUnavailable):
        work_off(batch, breaking, cloud.records, service, most=10**7)
    first = {name: cloud.records.read(name) for name in cloud.records.names(folder)}
    classes = ("covid19", "normal", "pneumonia", "tuberculosis")
    assert set(first) == {f"{folder}/00.{label}.jpg" for label in classes}
    assert cloud.rows(job) == []

    work_off(batch, cloud.images, cloud.records, service, most=10**7)
    named = [[each["overlay"] for each in row["explanations"]] for row in cloud.rows(job)]
    assert named == [
        [f"{folder}/{number:02}.{label}.jpg" for label in classes] for number in range(3)
    ]
    there = {name: cloud.records.read(name) for name in cloud.records.names(folder)}
    assert sorted(there) == sorted(name for row in named for name in row)
    assert first.items() <= there.items()
    (shard,) = cloud.records.shards(f"{job.path}/shards/")
    assert shard.tally.overlays == 12


def test_what_fails_five_times_is_poison_with_its_reason_until_a_retry(
    cloud: Cloud, app: StartApp, tmp_path: Path
) -> None:
    cloud.upload(drawn(2))
    job = jobs.named(cloud.container, "", "1999.1.1", ROWS_ONLY, False)
    jobs.create(cloud.records, job)
    (page,) = jobs.listed(cloud.records, cloud.images, job)
    cloud.sender().send(jobs.batches(job, page))
    jobs.note_progress(cloud.records, job, jobs.Progress(1, 2, True))
    app(app_dir=without_pauses(tmp_path / "app"))
    log = tmp_path / "app.log"
    until(cloud.poisoned)
    found = status(cloud.records, job)
    assert found.left == 0
    ((images, reason),) = found.given_up
    assert images == 2
    assert reason.startswith("WrongModel: The job wants version 1999.1.1")
    assert cloud.ask("status", job.id).returncode == 1
    # What the runtime tells the host of each delivery; the alert looks for the queue's name.
    told = [line for line in log.read_text().splitlines() if "archive failed" in line]
    assert [POISON in line for line in told] == [False, False, False, False, True]
    assert all("WrongModel: The job wants version 1999.1.1" in line for line in told)
    cloud.ask("cancel", job.id)
    assert "2 images are tried again" in cloud.ask("retry", job.id).stdout
    assert cloud.poisoned() == 0


def test_a_message_that_nobody_can_read_is_given_up_by_the_name_of_its_queue(
    cloud: Cloud, app: StartApp, tmp_path: Path
) -> None:
    cloud.queue("archive").send_message(base64.b64encode(b"no batch").decode())
    app(app_dir=without_pauses(tmp_path / "app"))
    until(cloud.poisoned)
    told = [line for line in (tmp_path / "app.log").read_text().splitlines() if POISON in line]
    assert "A message goes to archive-poison. BatchDamaged: A message is no batch" in told[0]


def test_a_blob_that_event_grid_tells_of_gets_a_row(cloud: Cloud, app: StartApp) -> None:
    images = drawn(1)
    cloud.upload(images)
    (name,) = images
    etag = cloud.blobs(cloud.container).get_blob_client(name).get_blob_properties().etag
    message = arrived(cloud.container, name, etag)
    cloud.queue("archive").send_message(base64.b64encode(message).decode())
    app()
    stem = cloud.container[:40]

    def there() -> list[dict[str, Any]]:
        found = [each for each in jobs.all_jobs(cloud.records) if each.startswith(stem)]
        return cloud.rows(jobs.load(cloud.records, found[0])) if found else []

    rows = until(there)
    assert [(row["name"], row["outcome"]) for row in rows] == [(name, "answered")]
    assert rows[0]["etag"] == etag.strip('"')


def test_what_arrives_counts_apart_from_a_job_that_lists_it_too(cloud: Cloud) -> None:
    images = drawn(2)
    cloud.upload(images)
    service = Service(Settings(archive_store=cloud.store))
    job = jobs.named(cloud.container, "", service.model()["version"], ROWS_ONLY, False)
    jobs.create(cloud.records, job)
    (page,) = jobs.listed(cloud.records, cloud.images, job)
    jobs.note_progress(cloud.records, job, jobs.Progress(1, 2, True))
    worker = Worker(service, Identity())
    for item in page.items:
        worker.work(arrived(cloud.container, item.name, item.etag), 1)
    found = status(cloud.records, job)
    assert (found.done, found.left, found.tally.answered) == (False, 2, 0)
    arrivals = jobs.load(cloud.records, f"{job.id}-arrivals")
    assert {row["name"] for row in cloud.rows(arrivals)} == set(images)


def test_images_whose_retry_is_given_up_count_once(cloud: Cloud) -> None:
    service = Service(Settings())
    job = jobs.named(cloud.container, "", service.model()["version"], ROWS_ONLY, False)
    jobs.create(cloud.records, job)
    page = Page(tuple(Item(f"gone-{number:02}", "0x0") for number in range(32)), None)
    jobs.note_progress(cloud.records, job, jobs.Progress(1, 32, True))
    first, _ = jobs.batches(job, page)  # the second one is still queued
    work_off(first, cloud.images, cloud.records, service, most=10**7)
    (again,) = failed(cloud.records, job)
    jobs.note_poison(cloud.records, again, "It was killed.")
    found = status(cloud.records, job)
    assert (found.tally.failed, found.given_up) == (16, ((16, "It was killed."),))
    assert (found.done, found.left) == (False, 16)


def test_the_fifth_delivery_that_fails_leaves_its_reason_and_none_before(cloud: Cloud) -> None:
    cloud.upload(drawn(1))
    job = jobs.named(cloud.container, "", "1999.1.1", ROWS_ONLY, False)
    (page,) = cloud.images.pages("", None)
    batch = job.batch(page.items)
    worker = Worker(Service(Settings(archive_store=cloud.store)), Identity())
    for delivered, raised, left in ((4, WrongModel, False), (5, GivenUp, True)):
        with pytest.raises(raised):
            worker.work(batch.encode().encode(), delivered)
        path = jobs.poison_path(batch.job, batch.shard)
        assert cloud.records.exists(path) is left


def test_a_version_that_could_not_be_had_at_first_is_opened_for_the_next_delivery(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: weakref.WeakSet[Service] = weakref.WeakSet()

    class Watched(Service):
        def __init__(self, settings: Settings) -> None:
            super().__init__(settings)
            opened.add(self)

    monkeypatch.setattr(trigger, "Service", Watched)
    store = tmp_path / "models"
    (store / "later").mkdir(parents=True)
    cloud.upload(drawn(1))
    job = jobs.named(cloud.container, "", "later", ROWS_ONLY, False)
    (page,) = cloud.images.pages("", None)
    message = job.batch(page.items).encode().encode()
    worker = Worker(
        Service(Settings(archive_store=cloud.store, model_store=str(store))), Identity()
    )
    for _ in range(4):
        with pytest.raises(WrongModel):
            worker.work(message, 1)
    assert len(opened) <= 2  # that of the last delivery, and what it may have met
    bundled = open_store("bundled").open().folder
    shutil.copy(bundled / "model.tflite", store / "later")
    manifest = json.loads((bundled / "manifest.json").read_text()) | {"version": "later"}
    manifest["files"] = {"model.tflite": manifest["files"]["model.tflite"]}
    (store / "later" / "manifest.json").write_text(json.dumps(manifest))
    worker.work(message, 2)
    assert [row["model"]["version"] for row in cloud.rows(job)] == ["later"]


def test_first_messages_at_once_open_the_version_once(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    made: list[object] = []
    both = threading.Barrier(2)

    def alone() -> None:
        """Whoever else comes here at the same time has two seconds for it."""
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(2)

    class Slow(Service):
        def __init__(self, settings: Settings) -> None:
            made.append(settings.model_version)
            alone()
            super().__init__(settings)

    class SlowWorker(Worker):
        def __init__(self, service: Service) -> None:
            made.append("worker")
            alone()
            super().__init__(service)

    monkeypatch.setattr(trigger, "Service", Slow)
    monkeypatch.setattr(trigger, "Worker", SlowWorker)
    service = Service(Settings(archive_store=cloud.store))
    version = service.model()["version"]
    images = drawn(4)
    cloud.upload(images)
    job = jobs.named(cloud.container, "", version, ROWS_ONLY, False)
    (page,) = cloud.images.pages("", None)
    messages = [job.batch((item,)).encode().encode() for item in page.items]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda message: trigger.worker(service).work(message, 1), messages))
    assert made == ["worker", version]
    assert {row["name"] for row in cloud.rows(job)} == set(images)


def test_without_a_store_there_is_no_such_function_and_nothing_of_it_is_imported(
    tmp_path: Path,
) -> None:
    worker = RunningWorker(REPOSITORY, tmp_path / "log", {"ARCHIVE_STORE": ""})
    assert "archive" not in {each.name for each in worker.functions}
    worker.close()


def test_with_a_store_the_function_waits_for_its_queue_and_imports_nothing_yet() -> None:
    asked = (
        "import sys, function_app;"
        "print([f.get_function_name() for f in function_app.app.get_functions()]);"
        "print([m for m in sys.modules if m.startswith(('archive', 'azure.storage', 'numpy'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=REPOSITORY,
        env={"ARCHIVE_STORE": "https://account.blob.core.windows.net", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    names, modules = done.stdout.splitlines()
    assert "'archive'" in names
    assert modules == "[]"


def arrived(container: str, name: str, etag: str) -> bytes:
    """What Event Grid tells of a new blob."""
    event = {
        "eventType": "Microsoft.Storage.BlobCreated",
        "subject": f"/blobServices/default/containers/{container}/blobs/{name}",
        "data": {"eTag": etag, "api": "PutBlob"},
    }
    return json.dumps(event).encode()


def without_pauses(folder: Path) -> Path:
    """The app with a host.json that has failed messages come back at once."""
    folder.mkdir()
    for each in ("inference", "model_store", "web", "archive", "function_app.py"):
        (folder / each).symlink_to(REPOSITORY / each)
    content = json.loads((REPOSITORY / "host.json").read_text())
    content["extensions"]["queues"]["visibilityTimeout"] = "00:00:00"
    (folder / "host.json").write_text(json.dumps(content))
    return folder
