"""A session ends after idling and at the latest after half a day; its cookie is of this host alone; HSTS as set."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client as Browser

from backoffice import sessions
from tests.access.knocking import RIGHT, knock, member
from tests.processes import PROJECT, environment

pytestmark = pytest.mark.django_db


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sessions, "time", clock)
    return clock


@pytest.fixture
def browser(clock: Clock, superuser: User) -> Browser:
    browser = Browser()
    browser.force_login(superuser)
    return browser


def is_in(browser: Browser, page: str = "/admin/mailing/client/") -> bool:
    return browser.get(page).status_code == 200


def test_who_works_stays_in_and_who_left_is_out(browser: Browser, clock: Clock, settings: LazySettings) -> None:
    for _quarter in range(8):
        clock.now += 3000
        assert is_in(browser)
    clock.now += settings.SESSION_IDLE_SECONDS + 61
    assert not is_in(browser)


def test_nobody_stays_in_for_longer_than_half_a_day_however_busy(
    browser: Browser, clock: Clock, settings: LazySettings
) -> None:
    stayed = 0
    while is_in(browser) and stayed < 100_000:
        clock.now += 600
        stayed += 600
    assert settings.SESSION_MAX_SECONDS <= stayed <= settings.SESSION_MAX_SECONDS + 600


def test_what_a_page_asks_by_itself_keeps_no_session_alive(browser: Browser, clock: Clock) -> None:
    for _minute in range(130):
        clock.now += 60
        browser.get("/admin/mailing/mailing/1/live/")
    assert not is_in(browser)


def test_a_busy_session_is_written_once_a_minute(browser: Browser, clock: Clock) -> None:
    is_in(browser)
    written = [write(browser, clock, seconds) for seconds in (1, 1, 61, 1)]
    assert written == [False, False, True, False]


def write(browser: Browser, clock: Clock, seconds: int) -> bool:
    before = browser.session["session_touched"]
    clock.now += seconds
    is_in(browser)
    return bool(browser.session["session_touched"] != before)


def test_the_row_of_a_session_ends_with_it(browser: Browser, settings: LazySettings) -> None:
    assert browser.session.get_expiry_age() <= settings.SESSION_IDLE_SECONDS + 60


def test_a_session_from_before_the_upgrade_gets_its_limits_at_the_first_page(browser: Browser, clock: Clock) -> None:
    session = browser.session
    del session["session_began"], session["session_touched"]
    session.save()
    assert is_in(browser)
    assert browser.session["session_began"] == clock.now


def test_the_health_check_looks_at_no_session(browser: Browser, clock: Clock) -> None:
    clock.now += 1_000_000
    browser.get("/healthz")
    assert browser.session["session_began"]


def settings_of(**given: str) -> list[str]:
    names = (
        *("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "KNOWN_DEVICE_COOKIE_NAME"),
        *("SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD"),
    )
    code = f"from django.conf import settings; print(*(getattr(settings, name) for name in {names}))"
    command = [sys.executable, "-c", code]
    return subprocess.check_output(command, cwd=PROJECT, env=environment(**given), text=True).split()


@pytest.mark.parametrize(
    ("given", "hsts"),
    [
        ({}, ["31536000", "False", "False"]),
        ({"HSTS": "off"}, ["0", "False", "False"]),
        ({"HSTS": "subdomains"}, ["31536000", "True", "False"]),
        ({"HSTS": "preload"}, ["31536000", "True", "True"]),
    ],
)
def test_behind_tls_cookies_are_of_this_host_alone_and_hsts_is_as_set(given: dict[str, str], hsts: list[str]) -> None:
    assert settings_of(SITE_URL="https://letters.example.com", **given) == [
        *("__Host-sessionid", "__Host-csrftoken", "__Host-known"),
        *hsts,
    ]


def test_without_tls_names_are_plain_and_there_is_no_hsts() -> None:
    assert settings_of(HSTS="preload") == ["sessionid", "csrftoken", "known", "0", "False", "False"]


def test_all_cookies_keep_what_their_name_promises(settings: LazySettings) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    settings.KNOWN_DEVICE_COOKIE_NAME = "__Host-known"
    member()
    browser = Browser()
    browser.get("/admin/login/")
    knock(browser, password=RIGHT)
    cookies = [browser.cookies[name] for name in ("__Host-sessionid", "__Host-csrftoken", "__Host-known")]
    assert all(cookie["secure"] and cookie["path"] == "/" and not cookie["domain"] for cookie in cookies)
    assert browser.get("/admin/").status_code == 200
