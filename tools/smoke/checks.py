"""The checks: each asks the service something and says what it found, or raises `Unexpected`."""

import base64
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from requests import Request

from inference.report import Report as Expected
from model_store.progress import progress
from tools.radiographs import draw, jpeg
from tools.smoke.asking import Service, Unexpected, json_of
from tools.smoke.reference import Reference
from tools.smoke.report import Check, Report

JSON, PROBLEM = "application/json", "application/problem+json"
#: How far a probability, or a value of a heatmap, may be from what the same model answers here. Another
#: processor rounds otherwise; the goal for another runtime is 2e-3.
TOLERANCE = 0.01
#: Width, height and seed of the radiographs.
RADIOGRAPHS = ((640, 560, 1), (1024, 1024, 2), (900, 1200, 3))


@dataclass(frozen=True)
class Limits:
    """How long things may take: until the expected version answers, and an answer, 95 of 100."""

    wait_seconds: float = 300
    p95_ms: float = 2000
    answers: int = 40


def smoke(
    service: Service, reference: Reference, limits: Limits, revision: str | None = None
) -> Report:
    """Run every check; after the first, which waits for the service, none is left out.

    Args:
        service: What is asked.
        reference: The model that has to answer there.
        limits: What counts as too slow.
        revision: The code that has to answer there; None: any.

    Returns:
        What each check found. Where the service does not come up, that alone.
    """
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        (
            "the expected version serves",
            lambda: wait_for(service, reference, revision, limits.wait_seconds),
        ),
        ("the key is asked for", lambda: check_key(service)),
        ("answers", lambda: check_answers(service, reference)),
        ("a blank picture is refused", lambda: check_refusal(service, "blank")),
        ("what is no image is refused", lambda: check_refusal(service, "no image")),
        ("a broken image is refused", lambda: check_refusal(service, "broken")),
        ("an empty request is refused", lambda: check_refusal(service, "empty")),
        ("too many pixels are refused", lambda: check_refusal(service, "too large")),
        ("health", lambda: check_health(service, reference, revision)),
        ("page and description", lambda: check_page(service)),
        ("latency", lambda: check_latency(service, limits)),
    )
    found: list[Check] = []
    with progress("smoke test", len(checks)) as step:
        for name, check in checks:
            found.append(_run(name, check))
            step()
            if not found[0].passed:
                break
    return Report(service.url, reference.manifest.version, tuple(found))


def _run(name: str, check: Callable[[], str]) -> Check:
    started = time.perf_counter()
    try:
        passed, said = True, check()
    except Unexpected as error:
        passed, said = False, str(error)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        # The answer is not of the form that it has to be of.
        passed, said = False, f"the answer cannot be read: {type(error).__name__}: {error}"
    return Check(name, passed, said, time.perf_counter() - started)


def wait_for(service: Service, reference: Reference, revision: str | None, seconds: float) -> str:
    """Ask until the version and the very file of the reference answer, and the code of the revision.

    Raises:
        Unexpected: They do not in that time; the text has the last answer.
    """
    manifest, deadline = reference.manifest, time.monotonic() + seconds
    wanted = f"{manifest.version} ({reference.sha256[:12]})"
    if revision:
        wanted += f" of revision {revision}"
    while True:
        try:
            facts = json_of(service.get("/api/model"), 200, JSON)
            # A release that is gone back to may be from before there were revisions.
            code = json_of(service.get("/api/health"), 200, JSON).get("revision")
            fits = (facts["version"], facts["sha256"]) == (manifest.version, reference.sha256)
            if fits and revision in (None, code):
                return f"{facts['name']} {facts['version']}, revision {code}"
            last = f"version {facts['version']} ({facts['sha256'][:12]}) of revision {code} serves"
        except Unexpected as error:
            last = str(error)
        if time.monotonic() >= deadline:
            raise Unexpected(f"after {seconds:.0f} s not {wanted}: {last}")
        time.sleep(min(5, max(0.1, deadline - time.monotonic())))


def check_key(service: Service) -> str:
    """Hold what the service does without a key against what it says of itself."""
    document = json_of(service.get("/api/openapi.json"), 200, JSON)
    asked = "security" in document["paths"]["/api/predict"]["post"]
    if not (asked and service.key):
        # The local host does not ask unless told to; without a key nothing can be told apart.
        return "not looked at: no key was given" if asked else "anybody may ask"
    status = service.predict(b"", with_key=False).status_code
    if status != 401:
        raise Unexpected(f"without the key {status} instead of 401")
    return "401 without it"


def check_answers(service: Service, reference: Reference) -> str:
    """Post radiographs in three ways and hold the answers against the reference's."""
    worst = 0.0
    for number, (width, height, seed) in enumerate(RADIOGRAPHS):
        image = jpeg(draw(width, height, seed))
        answer = json_of(_post(service, image, number), 200, JSON)
        worst = max(worst, _compare(answer, reference.answer(image), image))
    return f"{len(RADIOGRAPHS)} as here, probabilities within {worst:.1e}"


def _post(service: Service, image: bytes, way: int) -> Any:
    if way % 3 == 0:
        return service.predict(image, force=True)
    if way % 3 == 1:
        prepared = Request("POST", "https://x", files={"image": ("x.jpg", image)}).prepare()
    else:
        encoded = {"image": base64.b64encode(image).decode()}
        prepared = Request("POST", "https://x", json=encoded).prepare()
    body = prepared.body
    assert isinstance(body, bytes)
    return service.predict(body, force=True, media_type=prepared.headers["content-type"])


def _compare(answer: dict[str, Any], expected: Expected, image: bytes) -> float:
    """Hold an answer against a report; the largest difference of a probability."""
    wanted = expected.to_json()
    for member in ("input", "model", "notice"):
        if answer[member] != wanted[member]:
            raise Unexpected(f"{member} is {answer[member]} instead of {wanted[member]}")
    # Not the score: it is a network's, and differs in its last digits.
    for member in ("chest_xray", "reasons"):
        if answer["gate"][member] != wanted["gate"][member]:
            raise Unexpected(f"the gate says {answer['gate']} instead of {wanted['gate']}")
    probabilities = answer["probabilities"]
    if list(probabilities) != list(wanted["probabilities"]):
        raise Unexpected(f"the classes are {', '.join(probabilities)}")
    apart = [abs(probabilities[label] - value) for label, value in wanted["probabilities"].items()]
    # Written so that NaN does not pass.
    if not max(apart) <= TOLERANCE:
        raise Unexpected(f"probabilities {probabilities} instead of {wanted['probabilities']}")
    if not abs(sum(probabilities.values()) - 1) <= 1e-6:
        raise Unexpected(f"the probabilities sum to {sum(probabilities.values())}")
    label = answer["prediction"]["label"]
    if label != max(probabilities, key=probabilities.__getitem__):
        raise Unexpected(f"{label} is predicted, but is not the most probable")
    _compare_explanations(answer["explanations"], wanted["explanations"])
    return float(max(apart))


def _compare_explanations(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    if [each["label"] for each in found] != [each["label"] for each in wanted]:
        raise Unexpected(f"explained is {[each['label'] for each in found]}")
    for ours, theirs in zip(found, wanted, strict=True):
        heat, expected = (np.asarray(each["heatmap"]["values"]) for each in (ours, theirs))
        if heat.shape != expected.shape or not np.abs(heat - expected).max() <= TOLERANCE:
            raise Unexpected(f"another heatmap for {ours['label']} than here")
        shares = [each["lung_share"] for each in (ours, theirs)]
        apart = 0 if shares == [None, None] else abs(shares[0] - shares[1])
        if not apart <= TOLERANCE:
            raise Unexpected(f"lung_share is {shares[0]} instead of {shares[1]}")
        picture = cv2.imdecode(
            np.frombuffer(base64.b64decode(ours["base64"]), np.uint8), cv2.IMREAD_COLOR
        )
        size = None if picture is None else (picture.shape[1], picture.shape[0])
        if size != (theirs["width"], theirs["height"]):
            raise Unexpected(f"the overlay for {ours['label']} is a picture of {size}")


def check_refusal(service: Service, what: str) -> str:
    """Post something that must not be answered, and hold the problem (RFC 9457) against the design."""
    body, status, code = _REFUSED[what]()
    problem = json_of(service.predict(body), status, PROBLEM)
    if (problem["status"], problem["code"]) != (status, code):
        raise Unexpected(f"{problem['status']} {problem['code']} instead of {status} {code}")
    for member in ("type", "title", "detail", "request_id"):
        if not isinstance(problem[member], str) or not problem[member]:
            raise Unexpected(f"{member} of the problem is {problem[member]!r}")
    return f"{status} {code}"


def _claiming(side: int) -> bytes:
    """A PNG whose header tells of side x side pixels (ISO 15948 11.2.2)."""
    _, encoded = cv2.imencode(".png", np.zeros((8, 8), np.uint8))
    png = encoded.tobytes()
    header = b"IHDR" + 2 * side.to_bytes(4) + png[24:29]
    return png[:12] + header + zlib.crc32(header).to_bytes(4) + png[33:]


_REFUSED: dict[str, Callable[[], tuple[bytes, int, str]]] = {
    "blank": lambda: (jpeg(np.full((400, 400), 90, np.uint8)), 422, "not_a_chest_xray"),
    "no image": lambda: (b"This is no image. " * 20, 415, "unsupported_media"),
    "broken": lambda: (jpeg(draw(400, 400))[:4000], 422, "undecodable"),
    "empty": lambda: (b"", 400, "no_image"),
    "too large": lambda: (_claiming(60_000), 413, "too_large"),
}


def check_health(service: Service, reference: Reference, revision: str | None) -> str:
    """After answers a healthy service is `ready`, with the expected version and code."""
    state = json_of(service.get("/api/health"), 200, JSON)
    if state["status"] != "ready":
        raise Unexpected(f"{state['status']}: {state['reason']}")
    if state["model"]["version"] != reference.manifest.version:
        raise Unexpected(f"version {state['model']['version']} is ready")
    if revision not in (None, code := state.get("revision")):
        raise Unexpected(f"revision {code} is ready")
    return "ready"


def check_page(service: Service) -> str:
    """The page is there, and may load nothing from elsewhere; the description is OpenAPI 3."""
    page = service.get("/")
    if page.status_code != 200 or not page.headers.get("content-type", "").startswith("text/html"):
        raise Unexpected(f"the page at / is answered with {page.status_code}")
    if "default-src 'self'" not in page.headers.get("content-security-policy", ""):
        raise Unexpected("the page comes without its content security policy")
    document = json_of(service.get("/api/openapi.json"), 200, JSON)
    if not str(document["openapi"]).startswith("3."):
        raise Unexpected(f"the description is OpenAPI {document['openapi']}")
    return f"OpenAPI {document['openapi']}"


def check_latency(service: Service, limits: Limits) -> str:
    """One answer after the other, on an open connection: what a client waits for."""
    image = jpeg(draw(1024, 1024, 2))
    times = sorted(_durations(service, image, limits.answers))
    median, p95 = times[len(times) // 2], times[int(0.95 * (len(times) - 1) + 0.5)]
    said = f"median {median:.0f} ms, p95 {p95:.0f} ms of {len(times)}"
    if p95 > limits.p95_ms:
        raise Unexpected(f"{said}; the bar is {limits.p95_ms:.0f} ms")
    return said


def _durations(service: Service, image: bytes, count: int) -> Iterator[float]:
    for _ in range(count):
        started = time.perf_counter()
        json_of(service.predict(image, force=True), 200, JSON)
        yield 1000 * (time.perf_counter() - started)
