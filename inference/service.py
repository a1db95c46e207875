"""The service: keeps the settings and the opened model, and hands each request its way.

A promotion in the store is noticed while requests come: at the first one after MODEL_REFRESH_SECONDS
a thread looks, and opens the new version beside the old one, which answers until then; while a
stand-in serves, every RETRY_SECONDS at least.

Nothing heavy is imported before the first prediction, so that the app starts in a moment and its page,
its health and its OpenAPI document cost nothing.
"""

import logging
import math
import re
import threading
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.course import Course
from inference.errors import ModelUnavailable
from inference.notice import NOTICE
from inference.reading import Link, Options, body_form, read_image, read_options
from inference.revision import REVISION
from inference.settings import Settings
from model_store import log
from model_store.errors import StoreError
from model_store.manifest import Manifest
from model_store.model import Model
from model_store.renewed import Renewed
from model_store.serving import Serving, open_serving
from model_store.store import BUNDLED, open_store

if TYPE_CHECKING:
    from inference.pipeline import Pipeline
    from inference.report import Report

#: Larger bodies are read one after the other: base64 takes four times its size while it is read.
LARGE_BODY = 2**20

#: While a stand-in serves, the asked version is tried this often, however rarely promotions are looked for.
RETRY_SECONDS = 60

#: The folders of an absolute path; no part of a URL.
_DIRECTORIES = re.compile(r"(?<![\w./:])/(?:[^\s/;,]+/)+")


class Service:
    """One for a process; safe to call from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._serving = Renewed(self._open, self._refresh_seconds)
        self._failure: str | None = None
        self._large_bodies = threading.Lock()

    def answer(
        self, content_type: str | None, body: bytes, query: Mapping[str, str], course: Course
    ) -> "Report":
        """Answer a `POST /api/predict`, whose course is filled meanwhile.

        Raises:
            ServiceError: Any of its kinds, see `errors`.
        """
        course.form = body_form(content_type)
        serving = self._opened()
        course.manifest, course.degraded = serving.manifest, serving.degraded is not None
        with course.step("read"):
            options = read_options(query, serving.manifest.labels)
            data = self._read(content_type, body, course)
        return serving.loaded.predict(data, options, course)

    def predict(self, data: bytes, options: Options, request_id: str) -> "Report":
        """Answer for the bytes of one image.

        Raises:
            ServiceError: Any of its kinds but those of links, see `errors`.
        """
        return self._opened().loaded.predict(data, options, Course(request_id))

    def model(self) -> dict[str, Any]:
        """The public facts of the model that serves.

        Raises:
            ModelUnavailable: None can be loaded.
        """
        manifest = self._opened().manifest
        return {
            "name": manifest.name,
            "version": manifest.version,
            "created": manifest.created,
            "architecture": manifest.architecture,
            "sha256": manifest.files[self.settings.model_file].sha256,
            "classes": [{"label": each.label, "name": each.name} for each in manifest.classes],
            "input": vars(manifest.input),
            "preprocessing": manifest.preprocessing,
            "temperature": manifest.temperature,
            "threshold": vars(manifest.threshold),
            "metrics": manifest.metrics,
            "training_data": manifest.training_data,
            "licence": manifest.licence,
            "notice": NOTICE,
        }

    def health(self) -> dict[str, Any]:
        """Whether predictions are answered, and by which code; asking loads nothing.

        `starting`: no prediction has been asked for yet; `ready`; `degraded`: a stand-in serves, the
        reason says why; `unavailable`: no model could be loaded.
        """
        serving = self._serving.peek()
        if serving is None:
            status = "unavailable" if self._failure else "starting"
            model, reason = None, self._failure
        else:
            status = "degraded" if serving.degraded else "ready"
            model = {"name": serving.manifest.name, "version": serving.manifest.version}
            reason = serving.degraded
        return {
            "status": status,
            "model": model,
            "reason": self._public(reason),
            "revision": REVISION,
        }

    def _public(self, reason: str | None) -> str | None:
        """A reason without the places of files, which are nobody's business outside."""
        if reason is None:
            return None
        asked = self.settings.model_store
        for place in (str(BUNDLED), asked, str(Path(asked))):
            if "://" in place or Path(place).is_absolute():
                reason = reason.replace(f"The store {place}", "The store")
                reason = reason.replace(place, "the store")
        return _DIRECTORIES.sub("", reason)

    def labels(self) -> tuple[str, ...]:
        """The classes that the model tells apart, as its manifest lists them; loads no network."""
        serving = self._serving.peek()
        return serving.manifest.labels if serving else self._asked_manifest().labels

    def _asked_manifest(self) -> Manifest:
        settings = self.settings
        # To ask a store elsewhere takes as long as to open it.
        if "://" not in settings.model_store:
            with suppress(StoreError):
                return open_store(settings.model_store).manifest(settings.model_version)
        return self._opened().manifest

    def _read(self, content_type: str | None, body: bytes, course: Course) -> bytes:
        settings = self.settings
        with self._large_bodies if len(body) > LARGE_BODY else nullcontext():
            image = read_image(
                content_type, body, max_bytes=settings.max_image_bytes, links=settings.allow_links
            )
        if isinstance(image, Link):
            course.link = True
            from inference.links import fetch

            return fetch(
                image.url,
                allowed_hosts=settings.link_hosts,
                max_bytes=settings.max_image_bytes,
            )
        return image.data

    def _opened(self) -> "Serving[Pipeline]":
        try:
            return self._serving.get()
        except StoreError as error:
            raise ModelUnavailable(log=str(error)) from error

    def _refresh_seconds(self, serving: "Serving[Pipeline]") -> float:
        every = self.settings.model_refresh_seconds or math.inf
        return min(every, RETRY_SECONDS) if serving.degraded else every

    def _open(self, before: "Serving[Pipeline] | None") -> "Serving[Pipeline]":
        settings = self.settings
        try:
            serving = open_serving(
                self._load,
                settings.model_store,
                settings.model_version,
                files=(settings.model_file,),
                before=before,
            )
        except StoreError as error:
            if before is None:
                self._failure = str(error)
                log.write(logging.WARNING, "unavailable", reason=self._failure)
            raise
        self._failure = None
        if serving.degraded and (before is None or serving.degraded != before.degraded):
            log.write(logging.WARNING, "degraded", reason=serving.degraded)
        elif before and serving.manifest != before.manifest:
            log.write(logging.INFO, "promoted", model_version=serving.manifest.version)
        return serving

    def _load(self, model: Model) -> "Pipeline":
        from inference.pipeline import Pipeline

        return Pipeline(model, self.settings)
