"""The furniture every screen of ours is built with: words, cards, buttons, empty lists, deletion by counts."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.template import Context, Template
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from mailing.admin.common import deletion
from mailing.formatting import THIN_SPACE, duration, num, percent, pill, progress, shares, when
from mailing.models import Client, Mailing, Message
from tests.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory, MessageFactory


@pytest.fixture
def browser(superuser: User) -> Browser:
    browser = Browser()
    browser.force_login(superuser, backend="django.contrib.auth.backends.ModelBackend")
    return browser


# --- Numbers and moments ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (999, "999"), (1415, f"1{THIN_SPACE}415"), (122451, f"122{THIN_SPACE}451"), ("—", "—"), (True, True)],
)
def test_numbers_stand_in_groups_of_three(value: Any, shown: Any) -> None:
    assert num(value) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 0, "—"), (0, 9, "0%"), (9, 9, "100%"), (1, 3, "33.3%")],
)
def test_shares_have_one_digit(part: int, whole: int, shown: str) -> None:
    assert percent(part, whole) == shown


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([991, 8, 1], ["99.1%", "0.8%", "0.1%"]),
        ([888, 111, 1], ["88.8%", "11.1%", "0.1%"]),
        ([1, 1, 1], ["33.4%", "33.3%", "33.3%"]),
        ([9999, 1], ["99.9%", "0.1%"]),
        ([10**12, 1, 0, 1], ["99.8%", "0.1%", "0%", "0.1%"]),
        ([7, 0], ["100%", "0%"]),
        ([0, 0], ["—", "—"]),
    ],
)
def test_shares_of_a_whole_add_up_to_all_of_it(parts: list[int], shown: list[str]) -> None:
    assert shares(parts) == shown


def test_random_shares_add_up_and_hide_nobody() -> None:
    dice = random.Random(14)
    for _ in range(3000):
        parts = [dice.choice((0, 1, dice.randrange(100), dice.randrange(10**9))) for _ in range(5)]
        if sum(parts):
            tenths = [round(10 * float(share.removesuffix("%"))) for share in shares(parts)]
            assert sum(tenths) == 1000
            assert [bool(part) for part in parts] == [bool(tenth) for tenth in tenths]


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (None, "—"),
        (timedelta(0), "0 s"),
        (timedelta(seconds=200), "3 min\xa020 s"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=1, hours=1, minutes=5), "1 d\xa01 h"),
    ],
)
def test_spans_are_told_in_their_two_largest_units(span: timedelta | None, shown: str) -> None:
    assert duration(span) == shown


@pytest.mark.parametrize(
    ("days", "english"),
    [(-1, "yesterday at 10:00"), (0, "today at 10:00"), (1, "tomorrow at 10:00")],
)
def test_near_moments_are_told_as_people_say_them(days: int, english: str) -> None:
    ten = timezone.localtime().replace(hour=10, minute=0, second=0, microsecond=0)
    assert f">{english}</time>" in when(ten + timedelta(days=days))


def test_a_moment_carries_its_exact_time_and_zone() -> None:
    shown = when(datetime(2024, 2, 3, 7, 0, 5, tzinfo=timezone.get_default_timezone()))
    assert 'datetime="2024-02-03T07:00:05+03:00"' in shown
    assert "07:00:05 (UTC+0300)" in shown
    with translation.override("ru"):
        assert "3 февраля 2024" in when(datetime(2024, 2, 3, 7, 0, 5, tzinfo=timezone.get_default_timezone()))


def test_what_is_shown_is_escaped() -> None:
    assert "<b>" not in pill("<b>", "green")
    assert "pill-grey" in pill("x", "no such tone")
    assert "<i>" not in progress(1, 2, note="<i>")


def test_a_bar_never_divides_by_nothing() -> None:
    assert "0 of 0" in progress(0, 0)


def test_a_post_button_is_a_form_with_its_hidden_fields() -> None:
    button = {"label": "Send", "url": "/x/", "method": "post", "hidden": {"seen": 7}, "primary": True}
    html = Template("{% load samovar %}{% button item %}").render(Context({"item": button, "csrf_token": "tok"}))
    assert '<form method="post" action="/x/"' in html
    assert 'name="seen" value="7"' in html
    assert 'value="tok"' in html


# --- Lists ---------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_belongs_there_and_a_search_without_result_offers_to_reset(browser: Browser) -> None:
    empty = browser.get("/admin/mailing/client/").content.decode()
    assert 'class="empty"' in empty
    assert 'id="searchbar"' not in empty
    ClientFactory()
    nothing = browser.get("/admin/mailing/client/?q=nobody").content.decode()
    assert "Nothing found for “nobody”" in nothing
    assert "Reset search and filters" in nothing


def test_the_cards_of_a_list_follow_its_filter(browser: Browser) -> None:
    ClientFactory.create_batch(3)
    ClientFactory(full_name="Самовар")
    found = browser.get("/admin/mailing/client/?q=самовар").context_data["cards"]  # type: ignore[attr-defined]
    assert found[0].value == 1


# --- Deletion ------------------------------------------------------------------------------------------


def run_of(clients: int) -> Mailing:
    mailing = MailingFactory(name="Старая", clients=clients)
    attempt = AttemptFactory(mailing=mailing, status="failed")
    for client in mailing.clients.all():
        DeliveryFactory(attempt=attempt, client=client)
    return mailing


def test_a_deletion_is_shown_in_counts_with_the_same_queries_for_few_and_for_many(browser: Browser) -> None:
    few, many = run_of(2), run_of(40)
    labels = {"mailing.Mailing_clients": "places"}
    assert deletion.counts([many], Mailing, labels) == {"attempts": 1, "deliveries": 40, "places": 40}
    with CaptureQueriesContext(connection) as for_few:
        deletion.counts([few], Mailing, labels)
    with CaptureQueriesContext(connection) as for_many:
        deletion.counts([many], Mailing, labels)
    assert len(for_few) == len(for_many)
    html = browser.get(f"/admin/mailing/mailing/{many.pk}/delete/").content.decode()
    assert "40" in html
    assert "client39@" not in html


def test_what_still_needs_a_message_is_named_and_the_message_stays(browser: Browser) -> None:
    message = MessageFactory(subject="Нужное")
    MailingFactory.create_batch(12, message=message, name="Рассылка")
    url = f"/admin/mailing/message/{message.pk}/delete/"
    html = browser.get(url).content.decode()
    assert html.count("Рассылка</a>") == 10
    assert "and 2 more" in html
    browser.post(url, {"post": "yes"})
    assert Message.objects.filter(pk=message.pk).exists()


def test_ten_thousand_rows_are_deleted_by_one_short_form_and_leave_one_line_in_the_log(browser: Browser) -> None:
    ClientFactory.create_batch(150)
    asked = browser.post(
        "/admin/mailing/client/",
        {"action": "delete_selected", "select_across": "1", "_selected_action": "0", "index": "0"},
    ).content.decode()
    assert asked.count('name="_selected_action"') == 1
    assert "150" in asked
    browser.post(
        "/admin/mailing/client/",
        {"action": "delete_selected", "select_across": "1", "_selected_action": "0", "post": "yes"},
    )
    assert not Client.objects.exists()
    assert LogEntry.objects.filter(action_flag=DELETION).count() == 1


def test_nobody_deletes_without_the_right(superuser: User) -> None:
    viewer = User.objects.create_user("viewer", "v@example.com", "secret", is_staff=True)
    client = ClientFactory()
    browser = Browser()
    browser.force_login(viewer, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.post(f"/admin/mailing/client/{client.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Client.objects.filter(pk=client.pk).exists()
