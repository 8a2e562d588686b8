"""Debian's Chromium under Playwright: how it is started, and what a page must not do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright

EXECUTABLE = os.environ.get("CHROMIUM", "") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
SIZES = (("wide", WIDE), ("phone", PHONE))


@contextmanager
def launched() -> Iterator[Browser]:
    """Playwright's event loop runs in this thread while it is open; Django would take us for asynchronous code."""
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def find_action(tab: Page, name: str) -> Locator:
    """The button of an action in the bar under ticked rows, to be seen: some are folded into its menu."""
    button = tab.locator(f".actions button[name=action][value={name}]")
    if not button.is_visible():
        tab.click(".actions .menu > summary")
    return button


class Watch:
    """Collects what a page should never have: console errors, script errors, requests to other hosts."""

    def __init__(self, page: Page, host: str) -> None:
        self.host = host
        self.troubles: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.troubles.append(f"script error: {error}"))
        page.on("request", lambda request: self._requested(request.url))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "404" not in message.text:
            self.troubles.append(f"console {message.type}: {message.text}")

    def _requested(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != self.host:
            self.troubles.append(f"request to another host: {url}")

    def take(self) -> list[str]:
        taken, self.troubles = self.troubles, []
        return taken
