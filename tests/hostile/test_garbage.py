"""Garbage into every parameter of every page: nothing breaks, nothing is logged as an error, nothing hangs.

The pages are those of the table of doors, so that a new one is asked by itself; its parameters are found in its own
filters, links and forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import get_resolver

from tests.conftest import Told
from tests.doors.table import DOORS, Door
from tests.doors.world import World
from tests.hostile import garbage
from tests.hostile.garbage import NAMES, VALUES, Watch

HANG = 20  # seconds: twenty times the slowest answer that was measured (the demo being filled)
REFUSED = ("%00", "_to_field")  # would hide what a page makes of the others
LISTS = [door for door in DOORS if door.method == "GET" and door.name.endswith("_changelist")]
IN_PATHS = ("5 000 digits", "beyond 64 bit", "NUL", "lone surrogate", "no UTF-8", "quotes", "path", "braces")
IN_FIELDS = (
    "5 000 digits",
    "year one",
    "last day",
    "1e308",
    "NUL",
    "emoji",
    "very long",
    "list",
    "quotes",
    "nothing",
)
FORMS = [door for door in DOORS if door.method == "POST"]
PAGES = [door for door in DOORS if door.method == "GET" and door not in LISTS and door.may]


@pytest.fixture
def browser(world: World) -> Browser:
    world.upload_of("S")
    world.undo_of("S")
    browser = world.browser("S")
    browser.raise_request_exception = False
    return browser


def closed(watch: Watch, told: Told, what: str) -> None:
    seconds, label = watch.slowest
    told(f"garbage: {watch.asked} requests for {what}, the slowest {seconds:.2f} s ({label[:80]})")
    assert not watch.wrong, "\n".join(watch.wrong[:300])
    assert seconds < HANG, label


def test_a_list_takes_garbage_in_each_of_its_parameters(world: World, browser: Browser, told: Told) -> None:
    watch = Watch()
    for door in LISTS:
        address = door.address(world.ids)
        page = browser.get(address).content.decode()
        for name in sorted(garbage.own_names(page, address) | {"q", "p", "o", "all", "_popup", "_to_field"}):
            for what in garbage.asked_here(VALUES):
                ask(browser, watch, f"{address}?{name}={VALUES[what]}", f"{address} {name}: {what}")
        for name in NAMES:
            ask(browser, watch, f"{address}?{name}=1", f"{address} {name}")
    closed(watch, told, "lists")


def test_no_look_up_of_django_gets_through_a_list(world: World, browser: Browser, told: Told) -> None:
    watch = Watch()
    for door in LISTS:
        address, screen = door.address(world.ids), garbage.screen_of(door.name)
        assert screen
        for name in garbage.lookups(screen.model):
            ask(browser, watch, f"{address}?{name}={quote(garbage.EXPONENTIAL)}", f"{address} {name}")
    closed(watch, told, "look-ups")


@pytest.mark.parametrize("half", [0, 1])
def test_every_other_page_takes_garbage_in_its_parameters(
    world: World, browser: Browser, told: Told, half: int
) -> None:
    watch = Watch()
    for door in PAGES[half::2]:
        address = door.address(world.ids)
        answer = browser.get(address, door.sent(world.ids))
        page = "" if answer.streaming else answer.content.decode()
        for what in garbage.asked_here(VALUES):
            value = VALUES[what]
            for name in garbage.own_names(page, address) | door.data.keys():
                ask(browser, watch, f"{address}?{name}={value}", f"{address} {name} {what}")
            query = "&".join(f"{name}={value[:2000]}" for name in NAMES if name not in REFUSED)
            ask(browser, watch, f"{address}?{query}", f"{address} {what}", unwell=door.name.endswith("healthz"))
        for name in REFUSED:
            ask(browser, watch, f"{address}?{name}=x", f"{address} {name}", unwell=door.name.endswith("healthz"))
    closed(watch, told, "other pages")


def test_every_part_of_every_address_takes_garbage(world: World, browser: Browser, told: Told) -> None:
    watch = Watch()
    for route in routes():
        for what in garbage.asked_here(IN_PATHS):
            ask(browser, watch, route.replace("*", VALUES[what][:5000]), f"{route} {what}", unwell=True)
        for part in ("_5F_00_2F", "%5F5F", "0", "_", "a_2Fb", "1/change/x", "%2e%2e/"):
            ask(browser, watch, route.replace("*", part), f"{route} {part}", unwell=True)
    closed(watch, told, "parts of addresses")


def routes() -> Iterator[str]:
    """Every address of the installation, with a star for each part that is not fixed."""
    yield from walk("", get_resolver())


def walk(prefix: str, resolver: Any) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern).lstrip("^").removesuffix("\\Z").removesuffix("$")
        if hasattr(pattern, "url_patterns"):
            yield from walk(route, pattern)
        else:
            yield "/" + re.sub(r"<[^>]+>|\(\?P<.*\)", "*", route)


@pytest.mark.parametrize("half", [0, 1])
def test_every_form_takes_garbage_in_each_of_its_fields(world: World, told: Told, half: int) -> None:
    watch = Watch()
    for door in FORMS[half::2]:
        world.upload_of("S")
        world.undo_of("S")
        browser = world.browser("S")
        browser.raise_request_exception = False
        names = fields(browser, world, door)
        for what in garbage.asked_here(IN_FIELDS):
            given = dict.fromkeys(names, unquote(VALUES[what]))
            post(browser, watch, door.address(world.ids), given, f"{door}: {what}")
        for name in names:
            values = {**door.sent(world.ids), name: unquote(VALUES["beyond 64 bit"])}
            post(browser, watch, door.address(world.ids), values, f"{door}: {name}")
    closed(watch, told, "forms")


def fields(browser: Browser, world: World, door: Door) -> set[str]:
    """Those of its page, and those that a script or another page would send along."""
    page = browser.get(door.address(world.ids))
    shown = garbage.posted_names(page.content.decode()) if page.status_code == 200 and not page.streaming else set()
    return (shown | door.data.keys() | {"next", "seen", "sample", "select_across", "index"}) - {"csrfmiddlewaretoken"}


def post(browser: Browser, watch: Watch, address: str, values: dict[str, str], label: str) -> None:
    """As the superuser, whatever the form did to the session before; nothing is kept."""
    cookies = dict(browser.cookies.items())

    def send() -> HttpResponse:
        with transaction.atomic():
            answer = browser.post(address, values)
            transaction.set_rollback(True)
        return answer

    watch.request(label, send)
    browser.cookies.clear()
    browser.cookies.update(cookies)


def ask(browser: Browser, watch: Watch, address: str, label: str, *, unwell: bool = False) -> None:
    path, _, query = address.partition("?")
    browser.cookies.pop("messages", None)  # nobody looks at the page on which they would be shown
    watch.request(label, lambda: browser.get(path, QUERY_STRING=query), unwell=unwell)
