"""The Azure Functions app: read the request, call the service, write the response."""

import functools
import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func

from inference import access_log, docs, openapi
from inference.course import Course
from inference.errors import BadRequest, NotFound, WrongMethod, as_problem, let_go, trace
from inference.service import Service
from inference.settings import Settings
from model_store import log

Handler = Callable[[func.HttpRequest, func.Context], func.HttpResponse]

settings = Settings.from_environment()
service = Service(settings)
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

PREDICT_AUTH = {
    "function": func.AuthLevel.FUNCTION,
    "anonymous": func.AuthLevel.ANONYMOUS,
}[settings.predict_auth]

MEDIA_TYPES = {
    ".html": "text/html",  # the SDK adds the character set to text
    ".css": "text/css",
    ".js": "text/javascript",
    ".txt": "text/plain",
}
WEB = Path(__file__).parent / "web"
#: The page's files by the path under which they are asked for; anything else is not there.
ASSETS = {file.name: file for file in WEB.iterdir() if file.suffix in MEDIA_TYPES}
ASSETS[""] = ASSETS["index.html"]

PAGE_HEADERS = {
    "Cache-Control": "no-cache",  # kept, but asked for anew each time: a deployment is seen at once
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ANSWER_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def answered(handler: Handler) -> Handler:
    """Turn whatever a handler raises into problem+json: what leaves a function is a bare 500.

    Of a defect the log has where in the code it is and its kind.
    """

    @functools.wraps(handler)
    def answer(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        try:
            return handler(req, context)
        except Exception as error:
            problem = as_problem(error)
            if problem is not error:
                request_id = context.invocation_id
                log.write(logging.ERROR, "defect", request_id=request_id, trace=trace(error))
            let_go(error)
        return _json(
            problem.problem(context.invocation_id),
            status=problem.status,
            media_type="application/problem+json",
            headers=problem.headers,
        )

    return answer


@app.route("api/predict", methods=[func.HttpMethod.POST], auth_level=PREDICT_AUTH)
@answered
def predict(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Probabilities and Grad-CAM for one radiograph."""
    course = Course(context.invocation_id)
    with access_log.logged(course, predictions=settings.log_predictions):
        content_type = req.headers.get("content-type")
        report = service.answer(content_type, req.get_body(), req.params, course)
        return _answer(report.to_bytes())


@app.route("api/model", methods=[func.HttpMethod.GET])
@answered
def model(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """The facts of the model that serves."""
    return _json(service.model())


@app.route("api/health", methods=[func.HttpMethod.GET])
@answered
def health(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Whether predictions are answered."""
    state = service.health()
    return _json(state, status=503 if state["status"] == "unavailable" else 200)


@app.route("api/openapi.json", methods=[func.HttpMethod.GET])
@answered
def openapi_document(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """What this service takes and answers, for programs."""
    return _json(openapi.document(service.labels(), settings))


@app.route("docs", methods=[func.HttpMethod.GET])
@answered
def developers(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """The same for people, with examples."""
    try:
        asked = urlsplit(req.url)
    except ValueError as error:
        raise BadRequest("The header Host is no address.") from error
    document = openapi.document(service.labels(), settings)
    return func.HttpResponse(
        docs.page(document, f"{asked.scheme}://{asked.netloc}"),
        headers=PAGE_HEADERS,
        mimetype=MEDIA_TYPES[".html"],
    )


if settings.archive_store:

    @app.queue_trigger("message", queue_name="archive", connection="ArchiveQueue")
    def archive(message: func.QueueMessage) -> None:
        """A row for each of up to sixteen radiographs of an archive."""
        from archive.trigger import worker  # not before there is work: it brings Azure's packages

        worker(service).work(message.get_body(), message.dequeue_count or 1)


@app.route("{*asset}", methods=[func.HttpMethod.GET])
@answered
def page(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """The page at `/` and its files."""
    asset = req.route_params.get("asset") or ""
    file = ASSETS.get(asset)
    if asset == "api/predict":
        raise WrongMethod
    if file is None:
        raise NotFound
    content = file.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    # RFC 9110, 13.1.2. The headers are those of 200, which a browser replaces its own by.
    known = etag in req.headers.get("if-none-match", "")
    return func.HttpResponse(
        None if known else content,
        status_code=304 if known else 200,
        headers=PAGE_HEADERS | {"ETag": etag},
        mimetype=MEDIA_TYPES[file.suffix],
    )


def _json(
    content: dict[str, Any],
    *,
    status: int = 200,
    media_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> func.HttpResponse:
    text = json.dumps(content, allow_nan=False, ensure_ascii=False)
    return _answer(text, status=status, media_type=media_type, headers=headers)


def _answer(
    body: str | bytes,
    *,
    status: int = 200,
    media_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> func.HttpResponse:
    return func.HttpResponse(
        body,
        status_code=status,
        headers=ANSWER_HEADERS | (headers or {}),
        mimetype=media_type,
    )
