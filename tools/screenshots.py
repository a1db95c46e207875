"""The pictures of the page in README: ``python -m tools.screenshots``, or ``make screenshots``.

The radiographs in them are drawn, so anybody may see them; what the network says of them means nothing.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, FilePayload, Page, expect
from tqdm import tqdm

from tools.bench.local_host import running
from tools.bench.measurement import REPOSITORY, NotMeasured
from tools.browser import FORCE, BrowserMissingError, chromium
from tools.radiographs import draw, jpeg

QUALITY = 80


@dataclass(frozen=True)
class Shot:
    """One picture: the browser, and how many drawn radiographs are classified."""

    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]
    images: int
    beside: bool = False


SHOTS = (
    Shot("start", 1280, 640, "light", images=0),
    Shot("answer", 1280, 860, "dark", images=1),
    Shot("several", 1280, 1400, "light", images=4, beside=True),
    Shot("phone", 390, 1000, "light", images=1),
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 where there is no browser or the local host does not start."""
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots", description=__doc__)
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        default=REPOSITORY / "docs",
        help="where they go (default: docs/)",
    )
    folder: Path = parser.parse_args(arguments).to
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with running() as host, chromium() as browser:
            for shot in tqdm(SHOTS, desc="screenshots", disable=None):
                take(shot, browser, f"http://localhost:{host.port}", folder)
    except (BrowserMissingError, NotMeasured) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Written: {folder}")
    return 0


def take(shot: Shot, browser: Browser, url: str, folder: Path) -> Path:
    """Take one picture; the file."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height},
        color_scheme=shot.scheme,
        reduced_motion="reduce",
        locale="en-US",
    )
    page = context.new_page()
    page.add_init_script(FORCE)
    page.goto(url)
    expect(page.locator("#version")).to_contain_text(re.compile(r"\d"))
    if shot.images:
        _classify(page, shot)
    file = folder / f"{shot.name}.jpg"
    page.screenshot(path=file, type="jpeg", quality=QUALITY)
    context.close()
    return file


def _classify(page: Page, shot: Shot) -> None:
    page.check("#at-once")
    drawn: list[FilePayload] = [
        {
            "name": f"drawn-{seed}.jpg",
            "mimeType": "image/jpeg",
            "buffer": jpeg(draw(900, 840, seed)),
        }
        for seed in range(shot.images)
    ]
    page.set_input_files("#files", drawn)
    expect(page.locator("#status")).to_have_text(
        re.compile(rf"{shot.images} of {shot.images} answered|certain")
    )
    if shot.beside:
        page.get_by_text("Side by side").click()
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(300)  # the frame after the last one


if __name__ == "__main__":
    sys.exit(main())
