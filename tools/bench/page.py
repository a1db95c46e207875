"""The page in a real browser: how long after a drop the picture, and the heatmap over it, are there."""

import base64
import re

from playwright.sync_api import Page, expect

from model_store.progress import progress
from tools.bench.local_host import running
from tools.bench.measurement import Measurement, NotMeasured, Plan, Row, Spread
from tools.browser import FORCE, BrowserMissingError, chromium
from tools.radiographs import draw, jpeg

#: Milliseconds, for a radiograph of about a megabyte.
BAR = 300
SIDE = 3150
_DROP = """(base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "chest.jpg", { type: "image/jpeg" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
}"""
#: Milliseconds from the page's mark (User Timing) that an image was added to the one of this name.
_WAIT = """async (name) => {
    while (!performance.getEntriesByName(name).length) await new Promise(requestAnimationFrame);
    const [from, to] = ["added", name].map((mark) => performance.getEntriesByName(mark)[0].startTime);
    return to - from;
}"""


def measure(plan: Plan) -> Measurement:
    """Drop a radiograph onto a page that has just been loaded, let it be classified at once, again and again.

    Raises:
        NotMeasured: There is no browser.
    """
    image = jpeg(draw(SIDE, SIDE))
    given = base64.b64encode(image).decode()
    previews: list[float] = []
    heatmaps: list[float] = []
    try:
        with running() as host, chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(FORCE)
            with progress("page", plan.drops) as step:
                for _ in range(plan.drops):
                    for mark, found in (("preview", previews), ("heatmap", heatmaps)):
                        url = f"http://localhost:{host.port}"
                        found.append(_drop(page, url, given, mark))
                    step()
    except BrowserMissingError as error:
        raise NotMeasured(str(error)) from error
    seen, answered = Spread.of(previews), Spread.of(heatmaps)
    what = f"{len(image) / 1e6:.1f} MB JPEG"
    return Measurement(
        {"page_ms": answered.median},
        (
            Row(f"page: from drop to picture, {what}", seen.text("ms", 0)),
            Row(
                "page: from drop to answer and heatmap",
                answered.text("ms", 0),
                "",
                "",
                f"<= {BAR} ms",
                answered.median <= BAR,
            ),
        ),
        {"preview_ms": vars(seen), "heatmap_ms": vars(answered), "image_bytes": len(image)},
    )


def _drop(page: Page, url: str, image: str, mark: str) -> float:
    """Milliseconds from the drop onto a fresh page to its mark, at which the screen shows it."""
    page.goto(url)
    expect(page.locator("#version")).to_contain_text(re.compile(r"\d"))
    page.set_checked("#at-once", mark == "heatmap")
    page.evaluate(_DROP, image)
    milliseconds: float = page.evaluate(_WAIT, mark)
    return milliseconds
