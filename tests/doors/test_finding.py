"""What the box behind Ctrl-K offers somebody is what they may open: no way ends at 403, whatever they look for."""

from __future__ import annotations

import re

import pytest

from tests.doors.world import ROLES, World

LINK = re.compile(r'<a[^>]* href="([^"]+)"')
TEXTS = (
    *("", "a", "анна", "anna@mail.example", "active", "free", "gone", "stop", "import", "export", "new", "settings"),
    *("pause", "send", "resume", "test", "finish", "preview", "report", "users", "log"),
)


@pytest.mark.parametrize("role", sorted(ROLES.keys() - {"A"}), ids=lambda role: ROLES[role])
def test_every_way_that_is_shown_is_open(world: World, role: str) -> None:
    browser = world.browser(role)
    shown = set()
    for text in (*TEXTS, str(world.ids["attempt"])):
        page = browser.get("/admin/find/", {"q": text, "part": "1"}).content.decode()
        shown |= {url.replace("&amp;", "&") for url in LINK.findall(page)}
    assert "/admin/" in shown
    assert {url: browser.get(url).status_code for url in shown if browser.get(url).status_code != 200} == {}
