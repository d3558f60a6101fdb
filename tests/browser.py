"""Pages in the system's own Chromium, and apps on a loopback port for them to visit.

A page that asks for anything beyond this machine, logs an error to the console or raises in a
script fails its test: the programs must work without any network, and say nothing by accident.
"""

import ipaddress
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright
from werkzeug.serving import make_server

VIEWPORTS = {
    "laptop": {"width": 1366, "height": 768},
    "phone": {"width": 390, "height": 844},
}
BROWSERS = [
    "chromium-headless-shell",  # the same engine without a window to draw: half the processor time
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
LOCAL_SCHEMES = {"about", "blob", "data"}


# A busy machine is slow, not wrong: what a page will show is waited for longer than the usual 5 s.
expect.set_options(timeout=20_000)


def find_browser() -> str:
    """Return the path of an installed Chromium or Chrome; fails the test when there is none."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.fail("no Chromium on PATH: install it, or set CHROMIUM", pytrace=False)
    return found


def is_local(url: str) -> bool:
    """Tell whether a request to this address stays on this machine."""
    parts = urlsplit(url)
    if parts.scheme in LOCAL_SCHEMES:
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


class Watcher:
    """Opens pages for one test and remembers what they did wrong."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[Any] = []
        self.complaints: list[str] = []

    def open(
        self, viewport: str = "laptop", *, expected_errors: tuple[str, ...] = (), **options: Any
    ) -> Page:
        """Open a page in a fresh context (own cookies); options go to Playwright's context.

        A console error that contains one of expected_errors is no complaint: Chromium logs one
        for every 4xx answer, such as "409 (CONFLICT)".
        """
        settings = {"viewport": VIEWPORTS[viewport], "locale": "zh-CN"} | options
        context = self._browser.new_context(**settings)
        self._contexts.append(context)
        context.on("request", self._check_request)
        page = context.new_page()
        page.on("console", lambda message: self._check_console(message, expected_errors))
        page.on("pageerror", lambda error: self.complaints.append(f"script raised: {error}"))
        return page

    def _check_request(self, request: Request) -> None:
        if not is_local(request.url):
            self.complaints.append(f"asked for {request.url}")

    def _check_console(self, message: Any, expected_errors: tuple[str, ...]) -> None:
        text, url = message.text, message.location.get("url", "")
        # Chromium asks for the icon whenever it finds the time, or never: no ground for a verdict.
        if message.type != "error" or url.endswith("/favicon.ico"):
            return
        if not any(part in text for part in expected_errors):
            self.complaints.append(f"console error: {text} ({url})")

    def close(self) -> None:
        """Close every page of the test."""
        for context in self._contexts:
            context.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The one browser of this test run; pages come from browser_page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browser_page(
    chromium: Browser,
    live_server: Callable[[Any], str],  # only so that pages close before their server does
) -> Iterator[Callable[..., Page]]:
    """Open pages: browser_page(), browser_page("phone"), browser_page(expected_errors=("404",))."""
    watcher = Watcher(chromium)
    yield watcher.open
    watcher.close()
    if watcher.complaints:
        pytest.fail("the page misbehaved:\n" + "\n".join(watcher.complaints), pytrace=False)


@pytest.fixture
def live_server() -> Iterator[Callable[[Any], str]]:
    """Serve a WSGI app on a free loopback port until the test ends: url = live_server(app)."""
    running = []

    def serve(app: Any) -> str:
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()
