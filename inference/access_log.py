"""The log's line of each answer to `POST /api/predict`: what became of it, and nothing of whom it shows."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from inference.course import Course
from inference.errors import NotAChestXray, ServiceError, as_problem
from model_store import log

if TYPE_CHECKING:
    from inference.gate import Verdict


@contextmanager
def logged(course: Course, *, predictions: bool) -> Iterator[None]:
    """Write the line of the answer that is made inside; what is raised there goes on.

    Args:
        course: The request's, which is filled meanwhile.
        predictions: Whether the line has what the model makes of the image.
    """
    try:
        yield
    except Exception as error:
        _write(course, as_problem(error), predictions)
        raise
    _write(course, None, predictions)


def _write(course: Course, problem: ServiceError | None, predictions: bool) -> None:
    members = _outcome(course, problem)
    if predictions:
        members |= _prediction(course, problem)
    level = logging.INFO if members["status"] < 500 else logging.WARNING
    log.write(level, "predict", **members)


def _outcome(course: Course, problem: ServiceError | None) -> dict[str, Any]:
    """Always the same members; None where a thing is not known.

    No hash of the image and no exact size, by either of which it could be found again.
    """
    refused = problem.reasons if isinstance(problem, NotAChestXray) else ()
    verdict, manifest, pixels = course.verdict, course.manifest, course.pixels
    classification = None if problem else course.classification
    return {
        "request_id": course.request_id,
        "status": problem.status if problem else 200,
        "code": problem.code if problem else None,
        "reason": problem.log if problem else None,
        "model_version": manifest.version if manifest else None,
        "degraded": course.degraded,
        "form": course.form,
        "link": course.link,
        "format": course.format,
        "megapixels": None if pixels is None else _megapixels(pixels),
        "gate": "refused" if refused else _passed(verdict),
        "reasons": list(refused or (verdict.reasons if verdict else ())),
        "certain": classification.certain if classification else None,
        "timing_ms": {step: round(value, 2) for step, value in course.timing_ms.items()},
    }


def _prediction(course: Course, problem: ServiceError | None) -> dict[str, Any]:
    classification, manifest = course.classification, course.manifest
    if problem or classification is None or manifest is None:
        return {"label": None, "probability": None, "probabilities": None}
    values = classification.probabilities.tolist()
    return {
        "label": manifest.labels[classification.number],
        "probability": classification.probability,
        "probabilities": dict(zip(manifest.labels, values, strict=True)),
    }


def _passed(verdict: "Verdict | None") -> str | None:
    if verdict is None:
        return None
    if verdict.reasons:
        return "forced"
    return "passed" if verdict.chest_xray else "not_checked"


def _megapixels(pixels: int) -> int:
    """Rounded up to a power of two: enough to tell what an image costs, too little to tell which it is."""
    return 1 << (-(-pixels // 1_000_000) - 1).bit_length()
