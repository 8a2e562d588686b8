"""The admin as a whole: every page opens, every declared thing exists, and looking changes nothing."""

from __future__ import annotations

import re
from collections import deque
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import ModelAdmin
from django.test import Client as Browser
from django.test import RequestFactory

from tests.doors.world import World, build, fingerprint

LINK = re.compile(r"""<(?:a|iframe)\b[^>]*?\s(?:href|src)=["']([^"'#]+)""")
MOST_PER_PATH = 12  # the same page with other filters and orders
SCREENS = list(admin.site._registry.values())


@pytest.fixture
def world(db: None, settings: LazySettings, tmp_path: Path) -> World:
    settings.DEBUG, settings.VAR_DIR, settings.SECOND_FACTOR = True, tmp_path, "optional"
    (tmp_path / "mailbox").mkdir()
    return build()


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_link_opens_for_a_superuser_and_looking_changes_nothing(world: World, language: str) -> None:
    browser = world.browser("S")
    browser.cookies["django_language"] = language
    before, seen, waiting = fingerprint(), {"/admin/"}, deque(["/admin/"])
    visits: dict[str, int] = {}
    while waiting:
        address = waiting.popleft()
        for found in links_of(browser, address):
            path = urlsplit(found).path
            if found not in seen and visits.get(path, 0) < MOST_PER_PATH:
                seen.add(found)
                visits[path] = visits.get(path, 0) + 1
                waiting.append(found)
    assert len(seen) > 50
    assert fingerprint() == before
    # The links to files of attempts are followed, too: who took what out of the house is written down.
    assert set(LogEntry.objects.values_list("content_type__model", flat=True)) <= {"attempt"}


def links_of(browser: Browser, address: str) -> list[str]:
    answer = browser.get(address)
    assert answer.status_code in {200, 302}, f"{address} answers {answer.status_code}"
    if not answer.get("Content-Type", "").startswith("text/html") or answer.streaming:
        return []
    found = (urljoin(f"http://testserver{address}", unescape(link)) for link in LINK.findall(answer.content.decode()))
    inside = (urlsplit(link) for link in found if link.startswith("http://testserver/"))
    kept = (part for part in inside if not part.path.startswith(("/static/", "/admin/logout/")))
    return [f"{part.path}?{part.query}" if part.query else part.path for part in kept]


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.opts.label)
def test_every_declared_action_exists(screen: ModelAdmin, world: World) -> None:
    request = RequestFactory().get("/")
    request.user = world.users["S"]
    declared = [getattr(action, "__name__", action) for action in screen.actions or ()]
    assert set(declared) <= set(screen.get_actions(request))


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.opts.label)
def test_every_page_of_a_screen_is_reached_by_its_name(screen: ModelAdmin) -> None:
    names = [pattern.name for pattern in screen.get_urls() if pattern.name]
    assert len(names) == len(set(names)), "two addresses share a name"
