"""What can go wrong with a request: one class a situation, each an HTTP problem (RFC 9457)."""

import traceback
from typing import Any, ClassVar


class ServiceError(Exception):
    """A request that cannot be answered.

    `detail` is written for the client and must say nothing of the inside; `log` is written for whoever
    runs the service and must say nothing of a patient (no file name, no tag, no pixel, no address).
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    #: A detail as the OpenAPI document shows it; the one of an error that is given none.
    example: ClassVar[str]

    def __init__(self, detail: str = "", *, log: str = "") -> None:
        self.detail = detail or self.example
        self.log = log or self.detail
        super().__init__(self.detail)

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers that belong to this problem."""
        return {}

    def problem(self, request_id: str) -> dict[str, Any]:
        """The members of the `application/problem+json` answer."""
        return {
            "type": f"urn:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        }


class NoImage(ServiceError):
    status, code, title = 400, "no_image", "There is no image in the request"
    example = "The body is empty, or came in chunks: send it with its Content-Length."


class BadRequest(ServiceError):
    status, code, title = 400, "bad_request", "The request cannot be understood"
    example = "size is '12'; it takes a whole number from 128 to 1024."


class LinkForbidden(ServiceError):
    status, code, title = 403, "link_forbidden", "This link is not followed"
    example = "The link leads to an address that is not public."


class NotFound(ServiceError):
    status, code, title = 404, "not_found", "There is nothing at this address"
    example = (
        "There is nothing here; the page is at / and the API's description at /api/openapi.json."
    )


class WrongMethod(ServiceError):
    status, code, title = 405, "wrong_method", "This address takes another method"
    example = "A radiograph is sent by POST; /docs has examples, and / is the page."

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": "POST"}


class TooLarge(ServiceError):
    status, code, title = 413, "too_large", "The image is too large"
    example = "12,582,912 bytes came; an image may have 10,485,760."


class UnsupportedMedia(ServiceError):
    status, code, title = 415, "unsupported_media", "This is no image format that is read here"
    example = "The bytes are no image that is read here; JPEG, PNG, WebP, BMP, TIFF and DICOM are."


class Undecodable(ServiceError):
    status, code, title = 422, "undecodable", "The image cannot be decoded"
    example = "The JPEG file is truncated: its end is missing."


class NotAChestXray(ServiceError):
    """The gate refuses the image; `why` is for people, `reasons` are words for programs such as `blank`."""

    status, code, title = 422, "not_a_chest_xray", "This does not look like a frontal chest X-ray"

    def __init__(self, why: str, *, reasons: tuple[str, ...], log: str = "") -> None:
        super().__init__(
            f"Refused: {why}. Ask with force to have it answered all the same.", log=log
        )
        self.reasons = reasons

    def problem(self, request_id: str) -> dict[str, Any]:
        return {**super().problem(request_id), "reasons": list(self.reasons)}


class Internal(ServiceError):
    status, code, title = 500, "internal", "The service made a mistake"
    example = "The request could not be answered. The fault is on our side."


class LinkFailed(ServiceError):
    status, code, title = 502, "link_failed", "The link did not lead to an image"
    example = "The other server did not answer with an image."


class ModelUnavailable(ServiceError):
    status, code, title = 503, "model_unavailable", "No model could be loaded"
    example = "The service has no model at the moment; try again later."

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "30"}


class LinkTimeout(ServiceError):
    status, code, title = 504, "link_timeout", "The other server took too long"
    example = "The other server did not answer in time."


def as_problem(error: Exception) -> ServiceError:
    """What the client is answered when this is raised; of a defect, nothing but that there is one."""
    if isinstance(error, ServiceError):
        return error
    return Internal(log=type(error).__qualname__)


def trace(error: BaseException) -> str:
    """Where a defect came from, without the exception's own words: they may quote a patient's tag."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{trace(cause)}\n" if cause else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}Traceback (most recent call last):\n{frames}{type(error).__qualname__}"


def let_go(error: BaseException) -> None:
    """Part an error, and those that it came of, from the frames that they have passed.

    Often one of these frames keeps the error (contextlib's do, and those of a Future), so that they keep
    each other and, until the garbage is collected, the file and its pixels.
    """
    link: BaseException | None = error
    while link and link.__traceback__:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
