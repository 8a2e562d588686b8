"""A real browser against a live server.

Chromium comes from the machine (Debian's package); where there is none the tests are skipped and say so, but never
when CI=true.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext

from tests.browser import world
from tests.browser.chromium import EXECUTABLE, WIDE, launched
from tests.browser.pages import Page, discover

Login = Callable[..., BrowserContext]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser a file: its event loop runs in this thread, where later files may start loops of their own."""
    if not os.path.exists(EXECUTABLE):
        if os.environ.get("CI") == "true":
            pytest.fail(f"CHROMIUM IS MISSING ({EXECUTABLE}): apt-get install chromium")
        pytest.skip(f"SKIPPED, NO BROWSER: {EXECUTABLE} is missing (apt-get install chromium)")
    with launched() as started:
        yield started


@pytest.fixture
def quiet() -> Iterator[None]:
    """Answers 403 and 404 are expected while pages are searched for."""
    logger = logging.getLogger("django.request")
    level, logger.level = logger.level, logging.CRITICAL
    yield
    logger.level = level


def staff(role: str) -> User:
    """A person: "superuser", the name of a group, or anything else for staff without rights."""
    if role == "superuser":
        return User.objects.create_superuser(f"{role}-{User.objects.count()}", "boss@example.com", "secret")
    user = User.objects.create_user(f"{role}-{User.objects.count()}", f"{role}@example.com", "secret", is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    return user


@pytest.fixture
def pages(db: None, quiet: None) -> list[Page]:
    """Every page of a small installation with everything in it, as its superuser gets it."""
    sending = world.build()
    boss = staff("superuser")
    world.remember_a_change(boss, sending)
    client = Client()
    client.force_login(boss, backend="django.contrib.auth.backends.ModelBackend")
    found = discover(client)
    assert {"index", "mailing_client_changelist", "auth_user_add"} <= {page.name for page in found}
    return found


@pytest.fixture
def login(browser: Browser, live_server: Any, db: None) -> Iterator[Login]:
    """A browser context of somebody logged in: `login("Manager", language="ru", theme="dark")`."""
    opened: list[BrowserContext] = []

    def logged_in(role: str = "superuser", *, language: str = "ru", theme: str = "light", **options: Any) -> Any:
        client = Client()
        client.force_login(staff(role), backend="django.contrib.auth.backends.ModelBackend")
        cookies = {"sessionid": client.cookies["sessionid"].value, settings.LANGUAGE_COOKIE_NAME: language}
        shown = {"viewport": WIDE, "base_url": live_server.url, "color_scheme": theme}
        context = browser.new_context(**shown | options)
        context.set_default_timeout(15_000)
        context.add_cookies([{"name": k, "value": v, "url": live_server.url} for k, v in cookies.items()])
        opened.append(context)
        return context

    yield logged_in
    for context in opened:
        context.close()


@pytest.fixture
def host(live_server: Any) -> str:
    return urlsplit(live_server.url).netloc
