"""Any app may be a guest of the back office; the demo is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory

from backoffice.context import Shell
from mailing import guests
from mailing.guests import Guest, Mode, Offer, Page, Section
from tests import admin as room
from tests.factories import UserFactory


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


class Silent(Guest):
    name = "silent"


class Party(Guest):
    name = "party"

    def pages(self) -> Iterator[Page]:
        yield Page("party/", "party", hello)

    def sections(self) -> Iterator[Section]:
        yield Section("Party", "admin:index", "inbox")

    def mode(self) -> Mode:
        return Mode("Party mode", "amber")

    def offers(self, user: User) -> Iterator[Offer]:
        if user.is_superuser:
            yield Offer("Bored?", "Begin a party", "admin:logout")


@pytest.fixture(autouse=True)
def visit(monkeypatch: pytest.MonkeyPatch) -> None:
    present = [Silent("silent", room), Party("party", room)]
    monkeypatch.setattr(guests, "installed", lambda: iter(present))


def shell(user: User | AnonymousUser) -> Shell:
    request = RequestFactory().get("/admin/")
    request.user = user
    return Shell(request)


def test_a_guest_has_entries_in_the_navigation_and_a_word_on_every_page(browser: Browser) -> None:
    page = browser.get("/admin/").content.decode()
    assert '<span class="section-label">Party</span>' in page
    assert "Party mode" in page


def test_a_guest_offers_a_way_to_begin_to_whom_it_likes(browser: Browser) -> None:
    assert '<form method="post" action="/admin/logout/">' in browser.get("/admin/").content.decode()
    assert "Begin a party" in browser.get("/admin/").content.decode()
    assert shell(UserFactory()).offers == []


def test_a_stranger_is_shown_nothing_of_a_guest() -> None:
    assert shell(AnonymousUser()).sections == []
    assert shell(AnonymousUser()).offers == []


def test_the_pages_of_a_guest_are_for_staff(superuser: User) -> None:
    (page,) = [pattern for pattern in admin.site.get_urls() if getattr(pattern, "name", "") == "party"]
    request = RequestFactory().get("/admin/party/")
    request.user = superuser
    assert page.callback(request).content == b"hello"
    request.user = AnonymousUser()
    assert page.callback(request).status_code == 302


def test_a_switched_off_installation_says_that_first(browser: Browser, settings: LazySettings) -> None:
    settings.MAILING_SENDING_ENABLED = False
    assert "Party mode" not in browser.get("/admin/").content.decode()
