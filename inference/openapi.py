"""The service's description of itself: OpenAPI 3.1 of every route.

Whatever the code knows already is taken from it: the errors, the classes of the model, the limits.
"""

from collections.abc import Sequence
from typing import Any

from inference import errors
from inference.caveats import SENTENCES
from inference.errors import ServiceError
from inference.notice import NOTICE
from inference.reading import MAX_SIZE, MAX_URL_LENGTH, MIN_SIZE, Options
from inference.reasons import EXPLANATIONS, PASSES
from inference.settings import Settings

Json = dict[str, Any]

_RAW_TYPES = (
    *("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff"),
    *("application/dicom", "application/octet-stream"),
)
_REQUEST_ID = "5f0c6a54-8a0e-4a55-9d0b-3c8ad3a1f0de"
_PROBLEMS: tuple[type[ServiceError], ...] = (
    *(errors.NoImage, errors.BadRequest, errors.TooLarge, errors.UnsupportedMedia),
    *(errors.Undecodable, errors.NotAChestXray, errors.Internal, errors.ModelUnavailable),
)
_PROBLEMS_OF_LINKS: tuple[type[ServiceError], ...] = (
    *(errors.LinkForbidden, errors.LinkFailed, errors.LinkTimeout),
)
_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "number"}
_SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
_SHARE_OR_NULL: Json = {**_SHARE, "type": ["number", "null"]}
_COUNT: Json = {"type": "integer", "minimum": 1}
_REASON: Json = {"type": "string", "enum": list(EXPLANATIONS)}
_MILLISECONDS: Json = {"type": "number", "minimum": 0}
_SHA256: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SAME: Json = {"description": "It is still the one that If-None-Match names."}
_FILE: Json = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
}


def document(labels: Sequence[str], settings: Settings) -> Json:
    """Describe the service as it is set up; it answers where the document comes from.

    Args:
        labels: The classes of the model, in order.
        settings: `predict_auth`, `allow_links` and the limits change what is described.

    Returns:
        An OpenAPI 3.1 document, ready for `json.dumps`.
    """
    problems = [*_PROBLEMS, *(_PROBLEMS_OF_LINKS if settings.allow_links else ())]
    predict = _predict(labels, settings, problems)
    schemes = {}
    if settings.predict_auth == "function":
        schemes = {
            "key_header": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
            "key_query": {"type": "apiKey", "in": "query", "name": "code"},
        }
        predict["security"] = [{name: []} for name in schemes]
        predict["responses"]["401"] = {"description": "The function key is missing or wrong."}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Chest X-ray classification with Grad-CAM",
            "version": "1.0.0",
            "description": NOTICE,
        },
        "paths": {
            "/api/predict": {"post": predict, "get": _predict_by_get()},
            "/api/model": {"get": _model()},
            "/api/health": {"get": _health()},
            "/api/openapi.json": {"get": _this_document()},
            "/docs": {"get": _developers()},
            "/": {"get": _page()},
            "/{asset}": {"get": _asset()},
        },
        "components": {
            "schemas": {
                "Report": _report(labels),
                "Model": _model_facts(labels),
                "Health": _health_facts(),
                **{
                    kind.__name__: _problem(kind)
                    for kind in (*problems, errors.NotFound, errors.WrongMethod)
                },
            },
            "securitySchemes": schemes,
        },
    }


def _predict(
    labels: Sequence[str], settings: Settings, problems: Sequence[type[ServiceError]]
) -> Json:
    return {
        "operationId": "predict",
        "summary": "Classify one frontal chest X-ray and show what the network looked at",
        "description": (
            f"An image may have {settings.max_image_bytes:,} bytes and "
            f"{settings.max_image_pixels:,} pixels. Its bytes decide what it is, not its type."
        ),
        "parameters": _options(labels),
        "requestBody": {"required": True, "content": _bodies(settings)},
        "responses": {
            "200": _json_response("The answer.", "Report"),
            **_problem_responses(problems),
        },
    }


def _predict_by_get() -> Json:
    return {
        "operationId": "predict_by_get",
        "summary": "For a browser that asks for the address: what to do instead",
        "responses": _problem_responses([errors.WrongMethod]),
    }


def _options(labels: Sequence[str]) -> list[Json]:
    default = Options()
    described: dict[str, tuple[str, Json]] = {
        "explain": (
            "The classes to explain: the predicted one, one by its label, all or none.",
            {"type": "string", "enum": ["predicted", "all", "none", *labels]},
        ),
        "overlay": (
            "The format of the picture with the heatmap.",
            {"type": "string", "enum": ["jpeg", "png"]},
        ),
        "size": (
            "The long side of that picture in pixels.",
            {"type": "integer", "minimum": MIN_SIZE, "maximum": MAX_SIZE},
        ),
        "force": (
            "Answer even where the image does not look like a frontal chest X-ray.",
            {"type": "boolean"},
        ),
    }
    return [
        {
            "name": name,
            "in": "query",
            "description": what,
            "schema": {**schema, "default": getattr(default, name)},
        }
        for name, (what, schema) in described.items()
    ]


def _bodies(settings: Settings) -> Json:
    base64: Json = {
        "type": "string",
        "minLength": 1,
        "contentEncoding": "base64",
        "description": "The image as base64, standard or URL-safe, or as a data URI of it.",
    }
    link: Json = {
        "type": "string",
        "format": "uri",
        "pattern": "^https?://",
        "maxLength": MAX_URL_LENGTH,
        "description": "A public http or https link to the image.",
    }
    links = {"image_url": link} if settings.allow_links else {}
    form = _one_of_these({"image": _FILE, **links})
    if settings.allow_links:
        # A browser sends both inputs of a form, one of them empty.
        form["properties"]["image_url"] = {"anyOf": [link, {"type": "string", "maxLength": 0}]}
        form["maxProperties"] = 2
        form["description"] = "One of the two; the other one is left out or empty."
    return {
        "multipart/form-data": {"schema": form},
        "application/json": {"schema": _one_of_these({"image": base64, **links})},
        **{media_type: {"schema": _FILE} for media_type in _RAW_TYPES},
    }


def _model() -> Json:
    return {
        "operationId": "model",
        "summary": "The facts of the model that answers",
        "responses": {
            "200": _json_response("The model's facts.", "Model"),
            **_problem_responses([errors.Internal, errors.ModelUnavailable]),
        },
    }


def _health() -> Json:
    return {
        "operationId": "health",
        "summary": "Whether predictions are answered",
        "responses": {
            "200": _json_response("They are, or will be with the first request.", "Health"),
            "503": _json_response("No model could be loaded.", "Health"),
            **_problem_responses([errors.Internal]),
        },
    }


def _this_document() -> Json:
    return {
        "operationId": "openapi",
        "summary": "This document",
        "responses": {
            "200": {
                "description": "OpenAPI 3.1.",
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            **_problem_responses([errors.Internal, errors.ModelUnavailable]),
        },
    }


def _developers() -> Json:
    return {
        "operationId": "developers",
        "summary": "This document for people, with examples",
        "responses": {
            "200": _text_response("The page.", "text/html"),
            **_problem_responses([errors.BadRequest, errors.Internal, errors.ModelUnavailable]),
        },
    }


def _page() -> Json:
    return {
        "operationId": "page",
        "summary": "A page to try the service with",
        "responses": {
            "200": _text_response("The page.", "text/html"),
            "304": _SAME,
            **_problem_responses([errors.Internal]),
        },
    }


def _asset() -> Json:
    return {
        "operationId": "asset",
        "summary": "The files of that page, and whatever is asked for and is not there",
        "parameters": [{"name": "asset", "in": "path", "required": True, "schema": _TEXT}],
        "responses": {
            "200": _text_response("The file.", "text/*"),
            "304": _SAME,
            **_problem_responses([errors.NotFound, errors.Internal]),
        },
    }


def _report(labels: Sequence[str]) -> Json:
    label = {"type": "string", "enum": list(labels)}
    heatmap = _object(
        rows=_COUNT,
        columns=_COUNT,
        values={
            "type": "array",
            "items": _SHARE,
            "description": (
                "Row by row, over the whole image. All explanations of an answer are on one scale, values "
                "and pictures alike: 1 is the strongest point of them all. All zero where nothing "
                "speaks for the class."
            ),
        },
    )
    explanation = _object(
        label=label,
        method={"const": "grad-cam"},
        media_type={"enum": ["image/jpeg", "image/png"]},
        width=_COUNT,
        height=_COUNT,
        base64={"type": "string", "contentEncoding": "base64"},
        lung_share={
            **_SHARE_OR_NULL,
            "description": (
                "The share of the heat that lies in the lungs, as the network itself draws them "
                "(energy-based pointing game, Wang et al. 2020). A map that is the same everywhere has "
                "about 0.4. Null where the network draws no lungs, what it draws cannot be lungs, "
                "or there is no heat."
            ),
        },
        heatmap=heatmap,
    )
    gate = _object(
        chest_xray={
            "type": ["boolean", "null"],
            "description": "Null where the model cannot tell.",
        },
        score={
            **_SHARE_OR_NULL,
            "description": f"How much it looks like one; {PASSES:g} passes. Null if not asked.",
        },
        reasons={"type": "array", "items": _REASON},
    )
    steps = ("read", "decode", "preprocess", "run", "gate", "explain", "total")
    return _object(
        prediction=_object(
            label=label,
            name=_TEXT,
            probability=_SHARE,
            certain={
                "type": "boolean",
                "description": "False where the model had better abstain: below its threshold.",
            },
        ),
        probabilities=_object(**dict.fromkeys(labels, _SHARE)),
        explanations={"type": "array", "items": explanation, "maxItems": len(labels)},
        input=_object(format=_TEXT, width=_COUNT, height=_COUNT, sha256=_SHA256),
        gate=gate,
        warnings={
            "type": "array",
            "items": {"type": "string", "pattern": "^[a-z_]+: ."},
            "description": (
                "What lowers the trust in the answer without forbidding it, each a code, a colon, a "
                f"space and a sentence. Codes, of which more may come: {', '.join(SENTENCES)}."
            ),
        },
        model=_object(
            name=_TEXT,
            version=_TEXT,
            sha256=_SHA256,
            preprocessing=_TEXT,
            runtime={"enum": ["litert", "tensorflow"]},
        ),
        timing_ms=_object(**dict.fromkeys(steps, _MILLISECONDS)),
        request_id=_TEXT,
        notice={"const": NOTICE},
    )


def _model_facts(labels: Sequence[str]) -> Json:
    return _object(
        name=_TEXT,
        version=_TEXT,
        created={"type": "string", "format": "date-time"},
        architecture=_TEXT,
        sha256={**_SHA256, "description": "Of the file that is served."},
        classes={
            "type": "array",
            "items": _object(label={"type": "string", "enum": list(labels)}, name=_TEXT),
        },
        input=_object(size=_COUNT, channels={"enum": [1, 3]}, low=_NUMBER, high=_NUMBER),
        preprocessing=_TEXT,
        temperature={"type": "number", "exclusiveMinimum": 0},
        threshold=_object(value=_SHARE, coverage=_SHARE),
        metrics={"type": "object"},
        training_data={"type": "string", "description": "A fingerprint of the training data."},
        licence=_TEXT,
        notice={"const": NOTICE},
    )


def _health_facts() -> Json:
    return _object(
        status={"enum": ["ready", "starting", "degraded", "unavailable"]},
        model={"oneOf": [_object(name=_TEXT, version=_TEXT), {"type": "null"}]},
        reason={"type": ["string", "null"]},
        revision={
            "type": ["string", "null"],
            "description": "The commit that the code was packaged of; null where it was not.",
        },
    )


def _problem(kind: type[ServiceError]) -> Json:
    """The schema of one error; RFC 9457 and the members that this service adds."""
    constants = ("type", "title", "status", "code")
    example = _error(kind).problem("")
    members: Json = {name: {"const": example[name]} for name in constants}
    members |= {"detail": _TEXT, "request_id": _TEXT}
    if kind is errors.NotAChestXray:
        members["reasons"] = {"type": "array", "items": _REASON, "minItems": 1}
    return _object(**members)


def _error(kind: type[ServiceError]) -> ServiceError:
    """An error of this kind, as an example."""
    if kind is errors.NotAChestXray:
        return errors.NotAChestXray(EXPLANATIONS["blank"], reasons=("blank",))
    return kind()


def _problem_responses(kinds: Sequence[type[ServiceError]]) -> Json:
    """The responses of these errors, one for each status."""
    responses: Json = {}
    for status in sorted({kind.status for kind in kinds}):
        those = [kind for kind in kinds if kind.status == status]
        schemas = [_reference(kind.__name__) for kind in those]
        response: Json = {
            "description": "; ".join(kind.title for kind in those) + ".",
            "content": {
                "application/problem+json": {
                    "schema": schemas[0] if len(schemas) == 1 else {"oneOf": schemas},
                    "examples": {
                        kind.code: {"value": _error(kind).problem(_REQUEST_ID)} for kind in those
                    },
                }
            },
        }
        if headers := {name for kind in those for name in _error(kind).headers}:
            response["headers"] = {name: {"schema": _TEXT} for name in sorted(headers)}
        responses[str(status)] = response
    return responses


def _json_response(description: str, schema: str) -> Json:
    content = {"application/json": {"schema": _reference(schema)}}
    return {"description": description, "content": content}


def _text_response(description: str, media_type: str) -> Json:
    return {"description": description, "content": {media_type: {"schema": _TEXT}}}


def _reference(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _object(**members: Json) -> Json:
    """An object of exactly these members."""
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


def _one_of_these(members: Json) -> Json:
    """An object of exactly one of these members."""
    return {
        "type": "object",
        "properties": members,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
