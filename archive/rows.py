"""A row an image: what the service answers to its bytes, without the picture, or why it does not."""

import base64
import json
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from archive.batches import Item
from archive.errors import ImageChanged, ImageGone, ImageTooLarge, WrongModel
from archive.places import Tally
from inference.errors import ModelUnavailable, TooLarge, as_problem, let_go, trace
from inference.reading import Options
from model_store import log

#: Every row says which of these it is; `refused` is the gate's refusal.
OUTCOMES = ("answered", "refused", "failed")

_OUTCOME = re.compile(rb'^\{"outcome": "(\w+)", "core_ms": ([0-9.]+)', re.MULTILINE)

#: What an image that cannot be read is answered: the members that an error has elsewhere, too.
_UNREAD = {
    ImageGone: (
        410,
        "gone",
        "The image is not there any more",
        "It was deleted after it was listed.",
    ),
    ImageChanged: (
        409,
        "changed",
        "The image has changed",
        "It was written anew after it was listed.",
    ),
}


class Answering(Protocol):
    """What answers: an `inference.service.Service` that keeps to the version that it has opened."""

    def model(self) -> dict[str, Any]:
        """The facts of the model."""

    def predict(self, data: bytes, options: Options, request_id: str) -> Any:
        """A Report."""


@dataclass(frozen=True)
class Picture:
    """An overlay to be kept beside the rows."""

    name: str
    data: bytes


def hold_to(service: Answering, version: str) -> None:
    """Refuse to answer by another version, whose refusals and errors would not tell which it is.

    Raises:
        ModelUnavailable: There is no model.
        WrongModel: It is another version.
    """
    found = service.model()["version"]
    if found != version:
        raise WrongModel(
            f"The job wants version {version} and {found} answers; publish that version to the "
            "store of the models, then retry the job."
        )


def answer(service: Answering, data: bytes, options: Options, request_id: str) -> dict[str, Any]:
    """What `python -m inference` says of these bytes, and the predicted class's `lung_share`.

    Of a defect it is in the log where in the code that is.

    Raises:
        ModelUnavailable, MemoryError: It is not the image's fault.
    """
    try:
        report = service.predict(data, options, request_id)
    except (ModelUnavailable, MemoryError):
        raise
    except Exception as error:
        problem = as_problem(error)
        if problem is not error:
            log.write(logging.ERROR, "defect", request_id=request_id, trace=trace(error))
        let_go(error)
        return problem.problem(request_id)
    share = report.lung_share
    return {**report.to_json(), "lung_share": None if share is None else round(share, 4)}


def unread(
    error: ImageGone | ImageChanged | ImageTooLarge, request_id: str, most: int
) -> dict[str, Any]:
    """What an image is answered whose bytes could not be had."""
    if isinstance(error, ImageTooLarge):
        return TooLarge(f"The image has more than {most} bytes.").problem(request_id)
    status, code, title, detail = _UNREAD[type(error)]
    return {
        "type": f"urn:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }


def outcome(found: dict[str, Any]) -> str:
    """Which of OUTCOMES an answer is."""
    if "prediction" in found:
        return "answered"
    return "refused" if found["code"] == "not_a_chest_xray" else "failed"


def row(item: Item, found: dict[str, Any], core_ms: float) -> str:
    """An image and its answer as a line of JSON; the first two members are read by `tally_of`."""
    head = {"outcome": outcome(found), "core_ms": round(core_ms, 2)}
    return json.dumps({**head, "name": item.name, "etag": item.etag, **found}, ensure_ascii=False)


def take_pictures(found: dict[str, Any], stem: str, keep: bool) -> list[Picture]:
    """Take the pictures out of an answer; where they are kept, say in it under which name."""
    taken = []
    for each in found.get("explanations", ()):
        data = each.pop("base64")
        if keep:
            suffix = {"image/jpeg": "jpg", "image/png": "png"}[each["media_type"]]
            each["overlay"] = f"{stem}.{each['label']}.{suffix}"
            taken.append(Picture(each["overlay"], base64.b64decode(data)))
    return taken


def tally(outcomes: Iterable[str], seconds: float, overlays: int) -> Tally:
    """Count outcomes."""
    found = list(outcomes)
    answered, refused, failed = (found.count(each) for each in OUTCOMES)
    return Tally(answered, refused, failed, seconds, overlays)


def read_rows(shard: bytes) -> Iterator[tuple[Item, str, str]]:
    """Image, outcome and code (empty where answered) of each row of a shard."""
    for line in shard.splitlines():
        told = json.loads(line)
        yield Item(told["name"], told["etag"]), told["outcome"], told.get("code", "")


def tally_of(shard: bytes) -> Tally:
    """Count the rows of a shard by their first members, and the pictures, without reading the rest."""
    heads = _OUTCOME.findall(shard)
    seconds = sum(float(ms) for _, ms in heads) / 1000
    # No text holds this: within one a quotation mark has a backslash before it.
    return tally((kind.decode() for kind, _ in heads), seconds, shard.count(b'"overlay": "'))
