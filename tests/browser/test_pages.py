"""Every page of the admin in a real browser: both languages, both themes, wide and phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Page as Tab

from tests.browser import scenes, world
from tests.browser.chromium import SIZES, Watch
from tests.browser.conftest import Login
from tests.browser.pages import Page
from tests.factories import AttemptFactory, SuppressionFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

THEMES = ("light", "dark")


def looks(tab: Tab) -> Iterator[str]:
    """What is wrong with the page as it stands there, in both sizes and both themes."""
    for name, size in SIZES:
        tab.set_viewport_size(size)
        for theme in THEMES:
            tab.emulate_media(color_scheme=theme)
            hidden = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if hidden > 0:
                yield f"{hidden} pixels too wide ({name}, {theme})"


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_page_opens_fits_and_stays_silent(pages: list[Page], login: Login, host: str, language: str) -> None:
    tab = login(language=language).new_page()
    watch = Watch(tab, host)
    troubles = []
    for page in pages:
        response = tab.goto(page.url)
        assert response is not None
        found = list(looks(tab)) + watch.take()
        if response.status != 200:
            found.append(f"status {response.status}")
        if tab.locator("html").get_attribute("lang") != language:
            found.append("not in the language")
        troubles += [f"{page.name}: {trouble}" for trouble in found]
    assert troubles == []


@pytest.mark.parametrize("language", ["ru", "en"])
def test_what_only_an_act_brings_about_fits_and_stays_silent(
    live_server: Any, login: Login, host: str, quiet: None, language: str
) -> None:
    world.build()
    attempt = AttemptFactory()
    SuppressionFactory(attempt=attempt)
    for name in ("viewer", "manager"):
        UserFactory(username=name).groups.set(Group.objects.filter(name=name.title()))
    scenes.furnish()
    context = login(language=language)
    troubles = []
    for name, play in scenes.SCENES.items():
        tab = context.new_page()
        watch = Watch(tab, host)
        play(scenes.Stage(tab, live_server.url, language))
        found = list(looks(tab)) + watch.take()
        if tab.locator("html").get_attribute("lang") != language:
            found.append("not in the language")
        troubles += [f"{name}: {trouble}" for trouble in found]
        tab.close()
    assert troubles == []


def test_pages_of_errors_keep_the_shell_and_a_way_home(live_server: Any, login: Login) -> None:
    tab = login("Viewer", language="ru").new_page()
    for path in ("/admin/nowhere/", "/admin/auth/user/"):
        tab.goto(path)
        assert tab.locator(".error-page h1").inner_text()
        assert tab.locator("nav.sections").is_visible()
        tab.click("main a.btn-primary")
        assert urlsplit(tab.url).path == "/admin/"
