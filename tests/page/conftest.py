"""One browser, one host and one tab for all tests of the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests import drawing
from tests.hosts import start_host
from tests.page.visiting import Visit
from tests.tools.running import REPOSITORY, RunningHost, start
from tools.browser import BrowserMissingError, chromium

__all__ = ["start_host"]

KEY = "s3cret"


# Not for the session: while Playwright is open, no other test could run an event loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; without it these tests are skipped, and fail with STRICT=1."""
    try:
        with chromium() as browser:
            yield browser
    except BrowserMissingError as error:
        (pytest.fail if os.environ.get("STRICT") == "1" else pytest.skip)(str(error))


@pytest.fixture(scope="package")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """The app, without keys."""
    host = start(REPOSITORY, log_file=tmp_path_factory.mktemp("log") / "stderr")
    yield host
    host.stop()


@pytest.fixture(scope="package")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """The app behind a key; it takes images of 50,000 bytes."""
    log_file = tmp_path_factory.mktemp("log") / "stderr"
    options = ("--enable-auth", "--key", KEY)
    host = start(REPOSITORY, *options, log_file=log_file, MAX_IMAGE_BYTES="50000")
    yield host
    host.stop()


@pytest.fixture(scope="package")
def tab(browser: Browser) -> Iterator[Page]:
    """A tab of an English desktop browser."""
    context = browser.new_context(locale="en-US", accept_downloads=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(tab: Page, host: RunningHost) -> Iterator[Visit]:
    """A visitor at /, who has never been here before; what went wrong unseen fails the test."""
    visit = Visit(tab, host.url)
    visit.open()
    yield visit
    visit.leave()


@pytest.fixture(scope="package")
def chest() -> bytes:
    """A radiograph as JPEG, 640 x 560."""
    return drawing.encode_jpeg(drawing.draw_chest(640, 560, seed=3))


@pytest.fixture(scope="package")
def blank() -> bytes:
    """A picture of one gray, which the gate refuses."""
    return drawing.encode_png(drawing.draw_chest(200, 200) * 0 + 90)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """An empty folder."""
    return tmp_path
