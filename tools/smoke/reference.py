"""What has to be answered: the same model, asked here."""

from dataclasses import dataclass

from inference.course import Course
from inference.pipeline import Pipeline
from inference.reading import Options
from inference.report import Report
from inference.settings import Settings
from model_store.errors import StoreError
from model_store.manifest import Manifest
from model_store.store import open_store


class NoReference(Exception):
    """The expected model cannot be opened here; the text says why."""


@dataclass(frozen=True)
class Reference:
    """A model that is opened here to be compared with."""

    manifest: Manifest
    sha256: str
    _pipeline: Pipeline

    @classmethod
    def open(cls, store: str, version: str = "active") -> "Reference":
        """Open a version of a store, named as the setting MODEL_STORE names it.

        Raises:
            NoReference: It cannot be opened, or was made for another preprocessing than this code's.
        """
        settings = Settings()
        try:
            model = open_store(store).open(version, (settings.model_file,))
            pipeline = Pipeline(model, settings)
        except (StoreError, ValueError) as error:
            raise NoReference(f"The expected model cannot be opened here: {error}") from error
        manifest = model.manifest
        return cls(manifest, manifest.files[settings.model_file].sha256, pipeline)

    def answer(self, image: bytes) -> Report:
        """The report that the service has to give to an image that it is forced to answer."""
        options = Options(explain="predicted", overlay="jpeg", size=512, force=True)
        return self._pipeline.predict(image, options, Course(""))
