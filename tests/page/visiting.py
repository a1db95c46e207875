"""A visitor of the page: does what people do, and notes what a browser does unasked."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, Response, Route, expect

# A file as (name, media type, bytes).
type File = tuple[str, str, bytes]

_GIVE = """([kind, files, text]) => {
    const data = new DataTransfer();
    for (const [name, type, base64] of files) {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], name, { type }));
    }
    if (text) data.setData(kind === "drop" ? "text/uri-list" : "text/plain", text);
    const event = kind === "drop"
        ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
        : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
}"""


@dataclass
class Visit:
    """One visit. `allowed`: a pattern of console errors that the test is about."""

    page: Page
    url: str
    allowed: str = "(?!)"
    asked: list[Request] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    links: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_viewport_size({"width": 1280, "height": 900})
        self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        self._listeners: dict[str, Any] = {
            "request": lambda request: self.asked.append(request),
            "console": self._console,
            "pageerror": lambda error: self.said.append(f"{error}"),
        }
        for event, listener in self._listeners.items():
            self.page.on(event, listener)  # type: ignore[call-overload]

    def open(self, path: str = "/") -> None:
        """Go there and wait until the page knows the model's facts."""
        self.page.goto(self.url + path)
        if path == "/":
            expect(self.page.locator("#version")).to_contain_text(re.compile(r"\d"))

    @contextmanager
    def fingers(self) -> Iterator[Callable[..., None]]:
        """A touch screen: a function of what fingers do on it, and where each of those is by number."""
        session = self.page.context.new_cdp_session(self.page)
        screen = "Emulation.setTouchEmulationEnabled"
        session.send(screen, {"enabled": True, "maxTouchPoints": 2})

        def touch(kind: str, fingers: dict[int, tuple[float, float]]) -> None:
            points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in fingers.items()]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
            # Moves reach the page together, shortly before it is drawn the next time.
            self.page.evaluate("new Promise(requestAnimationFrame)")

        yield touch
        session.send(screen, {"enabled": False})
        session.detach()

    def leave(self) -> None:
        """Forget everything. AssertionError: errors in the console, or requests to elsewhere."""
        self.page.unroute_all()
        self.page.evaluate("sessionStorage.clear(); localStorage.clear()")
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)
        self.page.goto("about:blank")
        unexpected = [each for each in self.said if not re.search(self.allowed, each)]
        assert unexpected == []
        here = (self.url, "blob:", "data:")
        assert [each.url for each in self.asked if not each.url.startswith(here)] == []

    def choose(self, *files: File, field: str = "#files") -> None:
        """Through the file dialog."""
        chosen = [{"name": n, "mimeType": t, "buffer": b} for n, t, b in files]
        self.page.set_input_files(field, chosen)  # type: ignore[arg-type]

    def drop(self, *files: File, link: str = "") -> None:
        """Onto the page."""
        self._give("drop", files, link)

    def drop_from_disk(self, *paths: Path) -> None:
        """Drag files or folders of this machine onto the page."""
        session = self.page.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            event = {"type": kind, "x": 200, "y": 200, "data": data}
            session.send("Input.dispatchDragEvent", event)
        session.detach()

    def paste(self, *files: File, text: str = "") -> None:
        """From the clipboard."""
        self._give("paste", files, text)

    def send(self) -> None:
        """Press the button and wait until nothing is on its way."""
        self.page.click("#send")
        self.wait()

    def wait(self) -> None:
        """Until the image that is shown has an answer or a problem, and nothing is on its way."""
        expect(self.answer).to_have_class(re.compile("^(answered|refused|failed|cancelled)$"))
        expect(self.page.locator("#cancel")).to_be_hidden()

    def see(self, *files: File) -> dict[str, Any]:
        """Choose, send, and the service's answer."""
        self.choose(*files)
        self.send()
        expect(self.answer).to_have_class("answered")
        return self.predictions[-1].json()

    def heading(self) -> str:
        """Of the answer."""
        return self.answer.locator("h2").inner_text()

    @property
    def answer(self) -> Locator:
        return self.page.locator("#answer")

    @property
    def sent(self) -> list[Request]:
        """The requests for predictions."""
        return [each for each in self.asked if "/api/predict" in each.url]

    @property
    def predictions(self) -> list[Response]:
        """The answers to these; waits for those that are still to come."""
        return [answer for each in self.sent if (answer := each.response())]

    def sends_instead(self, image: bytes) -> None:
        """Let the service have these bytes where it would fetch a link: none leaves this machine."""

        def swap(route: Route) -> None:
            self.links.append(route.request.post_data)
            headers = {**route.request.headers, "content-type": "application/octet-stream"}
            route.continue_(post_data=image, headers=headers)

        self.page.route("**/api/predict?*", swap)

    def holds(self) -> None:
        """Let predictions never be answered."""
        self.page.route("**/api/predict?*", lambda route: None)

    def answers_with(self, status: int, body: str = "", **headers: str) -> None:
        """Let predictions be answered with this."""
        self.page.route(
            "**/api/predict?*",
            lambda route: route.fulfill(status=status, body=body, headers=headers),
        )

    def answers_changed(self, change: Any) -> None:
        """Let the service answer, and change what it said before the page has it."""

        def fulfil(route: Route) -> None:
            response = route.fetch()
            answer = response.json()
            change(answer)
            route.fulfill(response=response, body=json.dumps(answer))

        self.page.route("**/api/predict?*", fulfil)

    def heat(self, points: list[tuple[float, float]]) -> list[list[int]]:
        """RGBA of the heat at points given from 0 to 1."""
        return self._pixels("#stage .heat", points)

    def gray(self, points: list[tuple[float, float]]) -> list[int]:
        """The radiograph at points given from 0 to 1."""
        return [pixel[0] for pixel in self._pixels("#stage canvas:not(.heat)", points)]

    def _pixels(self, selector: str, points: list[tuple[float, float]]) -> list[list[int]]:
        # A picture is decoded, and drawn a moment after what is said of it.
        expect(self.page.locator("#stage:not(.empty)")).to_be_attached()
        script = """(canvas, points) => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            return points.map(([x, y]) => 4 * (Math.floor(y * height) * width + Math.floor(x * width)))
                .map((at) => [...data.slice(at, at + 4)]);
        }"""
        return self.page.locator(selector).first.evaluate(script, points)

    def words(self, language: str = "en") -> dict[str, str]:
        """The page's sentences in a language."""
        text = self.page.request.get(f"{self.url}/{language}.txt").text()
        return dict(line.split(": ", 1) for line in text.splitlines())

    def _give(self, kind: str, files: tuple[File, ...], text: str) -> None:
        given = [[n, t, base64.b64encode(b).decode()] for n, t, b in files]
        self.page.evaluate(_GIVE, [kind, given, text])

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(message.text)
