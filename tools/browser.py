"""The browser that the tests of the page, its benchmark and its screenshots run in."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Nothing but what a page asks for goes over the network.
_ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

#: For pages that show drawn radiographs: ask for an answer whatever the gate thinks of them.
FORCE = """{
    const { open } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.open = function (method, url) {
        return open.call(this, method, `${url}&force=true`);
    };
}"""


class BrowserMissingError(Exception):
    """There is no Chromium; the text says how to get one."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium without a window, with an empty profile; close it in the end.

    Raises:
        BrowserMissingError: There is none.
    """
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        raise BrowserMissingError(
            "There is no Chromium; on Debian or Ubuntu: sudo apt-get install -y chromium"
        )
    expect.set_options(timeout=60_000)  # of five seconds a machine that is busy needs more
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=list(_ARGUMENTS), env={**os.environ, "HOME": home}
        )
        try:
            yield browser
        finally:
            browser.close()
