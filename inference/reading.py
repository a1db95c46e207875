"""Request → bytes: the query of `POST /api/predict`, and the image or the link that its body holds.

Nothing here knows a web framework, and nothing looks into the image: what the bytes are, `decoding`
tells. Whatever comes in, only a `ServiceError` is raised.
"""

import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from string import ascii_letters, digits
from typing import Any, Literal, NoReturn, cast

from inference.errors import BadRequest, NoImage, ServiceError, TooLarge, UnsupportedMedia

MIN_SIZE, MAX_SIZE = 128, 1024  # pixels of the overlay's long side
MAX_URL_LENGTH = 4096  # characters

_AZURE_PARAMETERS = {"code", "clientId"}  # the function key and its name, read by the host
_FORM_OVERHEAD = 64 * 1024  # bytes around the image in a multipart body
_FORM_MEMORY = 128 * 1024  # bytes of one text field or of one part's headers
_FORM_PARTS = 16
_NAMED = 5  # names that nobody knows, in an error
_JSON_ELEMENTS = 10_000  # commas and brackets; a link may hold some, millions would fill the memory
_URL_SAFE_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_BASE64 = (ascii_letters + digits + "+/=").encode()
_WHITESPACE = b" \t\r\n"


@dataclass(frozen=True)
class Options:
    """The query of `POST /api/predict`.

    Attributes:
        explain: Which heatmaps to answer with: `predicted`, `all`, `none` or the label of a class.
        overlay: The format of the overlay.
        size: The long side of the overlay in pixels, 128 to 1024.
        force: Whether to classify what the gate refuses.
    """

    explain: str = "predicted"
    overlay: Literal["jpeg", "png"] = "jpeg"
    size: int = 512
    force: bool = False


@dataclass(frozen=True)
class Upload:
    """The bytes of an image; nobody has looked at them yet."""

    data: bytes


@dataclass(frozen=True)
class Link:
    """Where an image is said to be; nobody has looked at the URL yet."""

    url: str


def read_options(query: Mapping[str, str], labels: Sequence[str]) -> Options:
    """Read the query; `labels` are the classes that `explain` may name.

    Raises:
        BadRequest: A parameter is unknown or out of range. The detail names all of them.
    """
    takes: dict[str, tuple[str, Callable[[str], Any]]] = {
        "explain": _one_of("predicted", "all", "none", *labels),
        "overlay": _one_of("jpeg", "png"),
        "size": (f"a whole number from {MIN_SIZE} to {MAX_SIZE}", _overlay_size),
        "force": ("true or false", {"true": True, "false": False}.__getitem__),
    }
    values, wrong, unknown = {}, [], []
    for name, text in query.items():
        if name in _AZURE_PARAMETERS:
            continue
        if name not in takes:
            unknown.append(_quote(name))
            continue
        what, read = takes[name]
        try:
            values[name] = read(text)
        except (ValueError, LookupError):
            wrong.append(f"{name} is {_quote(text)}; it takes {what}.")
    if unknown:
        named = ", ".join(unknown[:_NAMED])
        verb = "is not a parameter" if len(unknown) == 1 else "are not parameters"
        wrong.append(f"{named} {verb}; these are: {', '.join(takes)}.")
    if wrong:
        raise BadRequest(" ".join(wrong), log="wrong query parameters")
    return Options(**values)


def read_image(
    content_type: str | None, body: bytes, *, max_bytes: int, links: bool = True
) -> Upload | Link:
    """Find the image, or the link to it, in a request body.

    Read are `multipart/form-data` (RFC 7578), `application/json`, and any image, DICOM, untyped or
    `application/octet-stream` body, which is taken as it is without a copy.

    Args:
        content_type: The header as it came, with its parameters; None where there is none.
        max_bytes: What an image may have; base64 and multipart may take more around it.
        links: Whether `image_url` is a field at all.

    Raises:
        NoImage: The body, or the field of the image, is empty or missing.
        BadRequest: Malformed multipart, JSON or base64; unknown, repeated or contradicting fields.
        TooLarge: More than `max_bytes`; told by the length of the body before it is parsed.
        UnsupportedMedia: A content type that is not read here.
    """
    form = body_form(content_type)
    if not body:
        raise NoImage
    if form == "form":
        _check_size(body, max_bytes + _FORM_OVERHEAD, max_bytes)
        return _choose(_form_fields(content_type or "", body), max_bytes, links)
    if form == "json":
        # base64 takes 4/3, its line breaks and JSON's way of writing slashes some per cent more
        _check_size(body, max_bytes * 3 // 2 + _FORM_OVERHEAD, max_bytes)
        return _choose(_json_fields(body), max_bytes, links)
    if form == "raw":
        _check_size(body, max_bytes, max_bytes)
        return Upload(body)
    raise UnsupportedMedia(
        f"A body of the type {_quote(_media_type(content_type))} is not read. Send the image in a "
        "multipart form or in JSON, or as it is with its own type, such as image/jpeg or "
        "application/dicom.",
        log="unsupported content type",
    )


def body_form(content_type: str | None) -> Literal["form", "json", "raw"] | None:
    """How a body of this content type holds an image; None where it is a type that is not read."""
    media_type = _media_type(content_type)
    if media_type == "multipart/form-data":
        return "form"
    if media_type == "application/json":
        return "json"
    raw = {"", "application/dicom", "application/octet-stream"}
    return "raw" if media_type in raw or media_type.startswith("image/") else None


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def _check_size(data: bytes, most: int, max_bytes: int) -> None:
    if len(data) > most:
        raise TooLarge(
            f"{len(data):,} bytes came; an image may have {max_bytes:,}.", log="too many bytes"
        )


def _choose(fields: list[tuple[str, bytes | str]], max_bytes: int, links: bool) -> Upload | Link:
    """Make an upload or a link of the one field that there must be.

    An empty field counts as missing: that is how a browser sends the input that was left alone.
    """
    known = ("image", "image_url") if links else ("image",)
    if unknown := [name for name, _ in fields if name not in known]:
        named = ", ".join(_quote(name) for name in unknown[:_NAMED])
        raise BadRequest(
            f"The body has {named}. It takes {' or '.join(known)}; options belong into the query.",
            log="unknown fields",
        )
    given = [(name, value) for name, value in fields if value and not value.isspace()]
    if not given:
        raise NoImage(f"Nothing is in the body; it takes {' or '.join(known)}.")
    if len(given) > 1:
        raise BadRequest(f"One image a request, but the body has {len(given)} fields.")
    [(name, value)] = given
    if name == "image_url":
        if not isinstance(value, str):
            raise BadRequest("image_url must be text, not a file.")
        if len(value) > MAX_URL_LENGTH:
            raise BadRequest(
                f"image_url has {len(value):,} characters of at most {MAX_URL_LENGTH:,}."
            )
        return Link(value.strip())
    data = _from_base64(value) if isinstance(value, str) else value
    _check_size(data, max_bytes, max_bytes)
    return Upload(data)


def _form_fields(content_type: str, body: bytes) -> list[tuple[str, bytes | str]]:
    """The fields of a multipart form: bytes for a file, text for anything else."""
    # werkzeug takes 100 ms to import where no web framework has done so before
    from werkzeug.exceptions import RequestEntityTooLarge
    from werkzeug.formparser import FormDataParser
    from werkzeug.http import parse_options_header

    parser = FormDataParser(
        stream_factory=_in_memory,
        max_form_memory_size=_FORM_MEMORY,
        max_form_parts=_FORM_PARTS,
        silent=False,
    )
    try:
        media_type, parameters = parse_options_header(content_type)
        if not 1 <= len(parameters.get("boundary", "")) <= 70:  # RFC 2046, section 5.1.1
            raise BadRequest("The multipart content type needs a boundary of 1 to 70 characters.")
        _, texts, files = parser.parse(BytesIO(body), media_type.lower(), len(body), parameters)
    except RequestEntityTooLarge as error:
        raise BadRequest(
            f"The multipart form has more than {_FORM_PARTS} parts, or a header or a text in it is "
            "too long. Send the image as a file, a part with a file name.",
            log="multipart over its limits",
        ) from error
    except (ValueError, LookupError, AttributeError) as error:
        raise BadRequest("The multipart form is malformed or cut off.") from error
    if texts.get("image"):
        raise BadRequest("image must be a file, a part with a file name.")
    fields: list[tuple[str | None, bytes | str]] = list(texts.items(multi=True))
    for name, file in files.items(multi=True):
        fields.append((name, cast(BytesIO, file.stream).getvalue()))  # unlike read(), no copy
    return [(name or "", value) for name, value in fields]  # a part may come without a name


def _in_memory(*_: object, **__: object) -> BytesIO:
    """Where werkzeug puts a file; its own choice would write a large one to disk."""
    return BytesIO()


def _json_fields(body: bytes) -> list[tuple[str, bytes | str]]:
    """The members of a JSON object of strings, as RFC 8259 has it: no NaN, and no name twice."""
    if sum(map(body.count, (b",", b"[", b"{"))) > _JSON_ELEMENTS:
        raise BadRequest("The JSON has too many elements.")
    try:
        members = json.loads(body, object_pairs_hook=_unique, parse_constant=_no_constant)
    except ServiceError:
        raise
    except (ValueError, RecursionError) as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise BadRequest(f"The JSON is malformed{where}.") from error
    if not isinstance(members, dict):
        raise BadRequest("The JSON must be an object.")
    for name, value in members.items():
        if name in ("image", "image_url") and not isinstance(value, str):
            raise BadRequest(f"{name} must be a string.")
    return list(members.items())


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise BadRequest("The JSON has a name twice.")
    return members


def _no_constant(name: str) -> NoReturn:
    raise BadRequest(f"The JSON has {name}, which JSON does not know.")


def _from_base64(text: str) -> bytes:
    """Decode base64 (RFC 4648, sections 4 and 5), padded or not, or a data URI of it (RFC 2397)."""
    text = text.strip()
    if text[:5].lower() == "data:":
        header, comma, text = text.partition(",")
        if not comma or not header.lower().endswith(";base64"):
            raise BadRequest("The data URI must read data:MEDIA-TYPE;base64,DATA.")
        if not text.strip():
            raise NoImage("The data URI is empty.")
    if text[:8].lower().startswith(("http://", "https://")):
        raise BadRequest("image takes base64, not a link.")
    with suppress(ValueError):  # mostly it is as it should be, and needs no copies
        return binascii.a2b_base64(text, strict_mode=True)
    symbols = text.encode("ascii", "replace").translate(_URL_SAFE_TO_STANDARD, _WHITESPACE)
    try:
        return binascii.a2b_base64(symbols + b"=" * (-len(symbols) % 4), strict_mode=True)
    except binascii.Error as error:
        strange = symbols.strip(_BASE64)
        fault = "has a character that base64 does not know" if strange else "is cut off or garbled"
        raise BadRequest(f"The base64 {fault}.") from error


def _one_of(*choices: str) -> tuple[str, Callable[[str], str]]:
    return "one of: " + ", ".join(choices), dict(zip(choices, choices, strict=True)).__getitem__


def _overlay_size(text: str) -> int:
    if not (text.isascii() and text.isdigit() and MIN_SIZE <= int(text[:9]) <= MAX_SIZE):
        raise ValueError(text)
    return int(text)


def _quote(text: str) -> str:
    """What the client sent, fit for a sentence."""
    return repr(text if len(text) <= 40 else text[:40] + "…")
