"""What the address of a list may ask for, and what a person is told when it asks for something else."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.db.models import CharField, TextField
from django.test import Client as Browser
from django.test import RequestFactory
from lxml import html as lxml_html

from mailing.models import Client, Message
from tests.doors.table import DOORS
from tests.doors.world import World
from tests.factories import ClientFactory, MessageFactory
from tests.hostile.garbage import EXPONENTIAL

AT_ONCE = 1.0  # second; measured: 0.02. Before, 26 letters took 20 s, and every further letter doubled that
LISTS = [door for door in DOORS if door.method == "GET" and door.name.endswith("_changelist")]
SCREENS = list(admin.site._registry.values())


@pytest.fixture
def browser(world: World) -> Browser:
    return world.browser("S")


def lines(answer: object) -> list[str]:
    """The messages above a page."""
    tree = lxml_html.fromstring(answer.content.decode())  # type: ignore[attr-defined]
    return [line.text_content().strip() for line in tree.xpath("//ul[@class='messagelist']/li")]


def test_an_expression_that_doubles_with_every_letter_is_not_even_tried(world: World) -> None:
    MessageFactory(body="a" * 26)
    begun = time.perf_counter()
    address = f"/admin/mailing/message/?body__regex={quote(EXPONENTIAL)}"
    answer = world.browser("V").get(address, follow=True)
    assert time.perf_counter() - begun < AT_ONCE
    assert lines(answer) == [
        rf"Not understood and ignored: body__regex={EXPONENTIAL}. The list below is not narrowed by it."
    ]


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.opts.label)
def test_no_screen_lets_a_text_be_compared_with_an_expression(screen: admin.ModelAdmin, world: World) -> None:
    request = RequestFactory().get("/")
    request.user = world.users["S"]
    texts = [field.name for field in screen.model._meta.fields if isinstance(field, CharField | TextField)]
    for name in texts:
        for lookup in ("regex", "iregex", "contains", "startswith"):
            assert not screen.lookup_allowed(f"{name}__{lookup}", "x", request)


def test_what_was_understood_stays_when_the_rest_is_left_out(browser: Browser) -> None:
    answer = browser.get("/admin/mailing/client/?receives=no&p=x&colour=green&q=stopped", follow=True)
    assert answer.redirect_chain == [("/admin/mailing/client/?receives=no&q=stopped", 302)]
    assert lines(answer) == ["Not understood and ignored: p=x, colour=green. The list below is not narrowed by it."]


def test_the_line_is_in_the_language_of_the_reader_short_and_escaped(browser: Browser) -> None:
    browser.cookies["django_language"] = "ru"
    name = quote("<script>alert(1)</script>" + "y" * 900)
    answer = browser.get(f"/admin/mailing/client/?{name}={'x' * 900}%0D%0A", follow=True)
    [line] = lines(answer)
    assert line.startswith("Не понято и не учтено: <script>alert(1)</script>yyyyyyyyyyyyyyy…=xxxx")
    assert len(line) < 200
    assert b"<script>alert" not in answer.content


@pytest.mark.parametrize(
    "query",
    [
        "created_at__since=0001-01-01",
        "created_at__until=9999-12-31",
        "created_at__since=2024-02-31",
        "mailing=" + "7" * 5000,
        "mailings=all",
        "receives=yes&receives=no",
        "q=" + "x" * 201,
        "o=" + ".".join(["1"] * 3000),
        "_to_field=email",
    ],
)
def test_a_value_that_no_filter_makes_is_said_not_swallowed(browser: Browser, query: str) -> None:
    answer = browser.get(f"/admin/mailing/client/?{query}", follow=True)
    assert answer.status_code == 200
    assert lines(answer)[0].startswith("Not understood and ignored: ")


@pytest.mark.parametrize(
    "address",
    [
        "/admin/mailing/client/?file=4711",  # clients of a file that is no longer kept
        "/admin/mailing/client/?mailing=4711",
        "/admin/mailing/suppression/?attempt=4711",
        "/admin/mailing/delivery/?attempt__id__exact=4711",
    ],
)
def test_a_list_narrowed_to_something_that_is_gone_is_empty_not_full(browser: Browser, address: str) -> None:
    answer = browser.get(address)
    assert answer.status_code == 200
    assert answer.context_data["cl"].result_count == 0


def test_a_page_beyond_the_last_keeps_the_filter(browser: Browser) -> None:
    ClientFactory.create_batch(60)
    answer = browser.get("/admin/mailing/client/?receives=yes&p=900", follow=True)
    assert answer.redirect_chain == [("/admin/mailing/client/?receives=yes", 302)]


def test_an_action_on_rows_that_nobody_saw_is_refused(browser: Browser) -> None:
    before = Client.objects.count()
    pressed = {
        "action": "delete_selected",
        "select_across": "1",
        "index": "0",
        "_selected_action": "1",
        "post": "yes",
    }
    for query in ("colour=green", "mailing=x", "created_at__since=0001-01-01"):
        answer = browser.post(f"/admin/mailing/client/?{query}", pressed)
        assert answer.status_code == 400
        assert "Nothing was done; go back and choose again." in answer.content.decode()
    assert Client.objects.count() == before


@pytest.mark.parametrize("selected", ["x", "7" * 5000, "9" * 19, "-1", "a\x00b", ""])
def test_an_action_on_a_row_that_cannot_be_is_refused(browser: Browser, selected: str) -> None:
    answer = browser.post("/admin/mailing/message/", {"action": "copy", "_selected_action": selected})
    assert answer.status_code == 400
    assert Message.objects.count() == 3


@pytest.mark.parametrize(
    "address",
    [
        "/admin/mailing/client/export/?colour=green",
        "/admin/mailing/suppression/export/?reason__exact=bored",
        "/admin/mailing/attempt/export/?mailing=x",
        "/admin/mailing/attempt/export/?format=pdf",
        "/admin/mailing/attempt/report/?started_at__since=0001-01-01",
        "/admin/mailing/attempt/report/?colour=green",
    ],
)
def test_a_file_or_report_of_something_else_than_was_asked_for_is_refused(browser: Browser, address: str) -> None:
    answer = browser.get(address)
    assert answer.status_code == 400
    assert "Not understood: " in answer.content.decode()


@pytest.mark.parametrize("door", LISTS, ids=str)
def test_whatever_a_list_links_to_is_understood(world: World, browser: Browser, door: object) -> None:
    address = door.address(world.ids)  # type: ignore[attr-defined]
    tree = lxml_html.fromstring(browser.get(address).content.decode())
    own = [link for link in tree.xpath("//@href") if link.startswith("?")]
    assert all(browser.get(f"{address}{link}").status_code == 200 for link in own)


def test_a_search_of_a_list_that_searches_nothing_is_said(browser: Browser) -> None:
    assert lines(browser.get("/admin/auth/group/?q=view", follow=True))[0].startswith("Not understood")
