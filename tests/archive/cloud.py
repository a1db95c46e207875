"""An account with queue and containers in Azurite, an app that its messages are brought to, and images."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from archive.blobs import QUEUE_SETTING, BlobImages, BlobRecords, Queue, container_of
from archive.jobs import Job, load
from tests import drawing
from tests.azurite.identity import Identity, IdentityEndpoint
from tests.azurite.server import ACCOUNT, Azure, Azurite
from tests.tools.running import REPOSITORY, command


@dataclass
class Cloud:
    """A container `images` of its own for each test; jobs and queues are those of the account."""

    store: str
    queues: str
    environment: dict[str, str]
    container: str = field(default_factory=lambda: f"images-{uuid.uuid4().hex}")

    @classmethod
    def open(cls, azure: Azure, queue: Azurite, identity: IdentityEndpoint) -> Cloud:
        """An account without messages, and what an app or a command is told of it."""
        store = f"https://127.0.0.1:{azure.server.port}/{ACCOUNT}"
        queues = f"https://127.0.0.1:{queue.port}/{ACCOUNT}"
        environment = identity.environment | {
            "ARCHIVE_STORE": store,
            QUEUE_SETTING: queues,
            "REQUESTS_CA_BUNDLE": str(azure.authority),
        }
        cloud = cls(store, queues, environment)
        for name in ("archive", cloud.container):
            client = cloud.blobs(name)
            if not client.exists():
                client.create_container()
        for name in ("archive", "archive-poison"):
            with contextlib.suppress(ResourceExistsError):
                cloud.queue(name).create_queue()
            cloud.queue(name).clear_messages()
        return cloud

    def blobs(self, container: str) -> ContainerClient:
        """A client of a container."""
        return ContainerClient.from_container_url(container_of(self.store, container), Identity())

    def queue(self, name: str) -> QueueClient:
        """A client of a queue, as the platform's."""
        return QueueClient(self.queues, name, credential=Identity())

    def sender(self) -> Queue:
        """The queue as who submits has it."""
        return Queue(self.queues, credential=Identity())

    @property
    def records(self) -> BlobRecords:
        """Where the jobs are."""
        return BlobRecords(container_of(self.store, "archive"), Identity())

    @property
    def images(self) -> BlobImages:
        """What the container has."""
        return BlobImages(container_of(self.store, self.container), Identity())

    def upload(self, images: Mapping[str, bytes]) -> None:
        """Put images into the container."""
        client = self.blobs(self.container)
        for name, data in images.items():
            client.upload_blob(name, data, overwrite=True)

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m archive` in a process of its own."""
        return ask(*arguments, **self.environment)

    def submitted(self, *options: str) -> Job:
        """A job of all images of the container."""
        done = self.ask("submit", self.container, *options)
        assert done.returncode == 0, done.stderr
        return load(self.records, done.stdout.split()[1])

    def rows(self, job: Job) -> list[dict[str, Any]]:
        """All rows of all shards."""
        found = []
        for path in self.records.names(f"{job.path}/shards/"):
            found += [json.loads(line) for line in (self.records.read(path) or b"").splitlines()]
        return found

    def poisoned(self) -> int:
        """Messages that were given up."""
        return len(self.queue("archive-poison").peek_messages(32))


def ask(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m archive` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "archive", *arguments],
        cwd=REPOSITORY,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def start_app(
    environment: Mapping[str, str], log_file: Path, *, lease: int = 2, app_dir: Path = REPOSITORY
) -> subprocess.Popen[bytes]:
    """The app in a local host that brings it messages, which come back so soon after its death."""
    with log_file.open("ab") as log:
        return subprocess.Popen(
            command(app_dir, "--port", "0", "--quiet", "--lease", str(lease)),
            cwd=REPOSITORY,
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )


def drawn(count: int, *, broken: int = 0) -> dict[str, bytes]:
    """Different radiographs of three clinics by name; every so many is a file that is broken."""
    chests = [drawing.draw_chest(240, 200, seed=seed) for seed in range(6)]
    images = {}
    for number in range(count):
        brighter = chests[number % 6].astype(int) + number // 6 % 50 - 25
        pixels = np.clip(brighter, 0, 255).astype(np.uint8)[number // 300 % 8 :, number % 5 :]
        data = drawing.encode_jpeg(pixels)
        if broken and number % broken == 7:
            data = data[: len(data) // 2]
        images[f"clinic-{number % 3}/{number:05}.jpg"] = data
    return images


def expected(images: Mapping[str, bytes], folder: Path) -> dict[str, dict[str, Any]]:
    """What `python -m inference` says of them, by name."""
    for name, data in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-m", "inference", "--jsonl", "--explain", "none", "--files-from", "-"],
        cwd=REPOSITORY,
        input="\n".join(str(folder / name) for name in images),
        capture_output=True,
        text=True,
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {str(Path(each["file"]).relative_to(folder)): said(each) for each in answers}


def said(answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer without what is of its place, its time or its number, or what rows alone have."""
    others = ("file", "name", "etag", "outcome", "core_ms", "timing_ms", "request_id", "lung_share")
    return {key: value for key, value in answer.items() if key not in others}
