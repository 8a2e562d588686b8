"""The list of mailings: its columns, filters, cards and actions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing.admin.mailings import actions
from mailing.choices import AttemptStatus, Audience, MailingStatus, Periodicity
from mailing.models import Attempt, Mailing
from tests.factories import AttemptFactory, ClientFactory, MailingFactory, MessageFactory

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/mailing/mailing/"


@pytest.fixture
def staff(superuser: User, client: Browser) -> Browser:
    client.force_login(superuser)
    return client


def running(**fields: Any) -> Mailing:
    """An active daily mailing that ran before."""
    now = timezone.now()
    fields = {
        "periodicity": Periodicity.DAILY,
        "status": MailingStatus.RUNNING,
        "start_at": now - timedelta(days=2),
        "active_since": now - timedelta(days=2),
        "next_run_at": now + timedelta(hours=5),
    } | fields
    return MailingFactory(**fields)


def names(page: Any) -> set[str]:
    return {mailing.name for mailing in page.context["cl"].result_list}


def press(browser: Browser, action: str, *mailings: Mailing, **more: Any) -> Any:
    data = {"action": action, "_selected_action": [mailing.pk for mailing in mailings]} | more
    return browser.post(LIST, data, follow=True)


def test_the_screen_offers_what_it_should(superuser: User, rf: Any) -> None:
    request = rf.get(LIST)
    request.user = superuser
    screen = admin.site._registry[Mailing]

    assert list(screen.get_actions(request)) == ["send_now", "pause", "resume", "finish", "copy", "delete_selected"]
    assert [getattr(column, "__name__", column) for column in screen.get_list_display(request)] == [
        *("title", "state", "periodicity", "next_send", "recipients", "last_send", "trend"),
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=sending", {"sending"}),
        ("state=paused", {"draft"}),
        ("state=finished", {"over"}),
        ("attention=overdue", {"late"}),
        ("attention=failing", {"failing"}),
        ("attention=errors", {"failing"}),
        ("attention=ending", {"ending"}),
        ("attention=empty", {"empty"}),
        ("periodicity__exact=weekly", {"weekly"}),
        ("q=weekly", {"weekly"}),
    ],
)
def test_each_filter_finds_its_mailings(staff: Browser, query: str, found: set[str]) -> None:
    now = timezone.now()
    one = [ClientFactory()]
    AttemptFactory(mailing=running(name="sending", clients=one))
    running(name="draft", is_paused=True, next_run_at=None, clients=one)
    running(name="over", status=MailingStatus.FINISHED, next_run_at=None, clients=one)
    running(name="late", next_run_at=now - timedelta(hours=1), clients=one)
    AttemptFactory(mailing=running(name="failing", clients=one), status=AttemptStatus.FAILED, audience=1, failed=1)
    running(name="ending", end_at=now + timedelta(days=3), clients=one)
    running(name="empty")
    running(name="weekly", periodicity=Periodicity.WEEKLY, clients=one)

    assert names(staff.get(f"{LIST}?{query}")) == found


def test_filters_by_message_and_range_of_the_next_send(staff: Browser) -> None:
    message = MessageFactory()
    running(name="mine", message=message)
    running(name="far", next_run_at=timezone.now() + timedelta(days=60))
    soon = (timezone.localdate() + timedelta(days=3)).isoformat()

    assert names(staff.get(f"{LIST}?message={message.pk}")) == {"mine"}
    assert names(staff.get(f"{LIST}?next_run_at__until={soon}")) == {"mine"}


def test_what_is_being_sent_stands_first_then_what_comes_next(staff: Browser) -> None:
    now = timezone.now()
    running(name="tomorrow", next_run_at=now + timedelta(days=1))
    running(name="over", status=MailingStatus.FINISHED, next_run_at=None)
    running(name="soon", next_run_at=now + timedelta(hours=1))
    AttemptFactory(mailing=running(name="sending", next_run_at=now + timedelta(days=9)))

    order = [mailing.name for mailing in staff.get(LIST).context["cl"].result_list]

    assert order == ["sending", "soon", "tomorrow", "over"]


def test_cards_follow_the_filter(staff: Browser) -> None:
    AttemptFactory(mailing=running(name="a"), status=AttemptStatus.FAILED, audience=10, sent=8, failed=2)
    AttemptFactory(
        mailing=running(name="b", periodicity=Periodicity.WEEKLY),
        status=AttemptStatus.SUCCEEDED,
        audience=5,
        sent=5,
    )

    everything = [card.value for card in staff.get(LIST).context["cards"]]
    weekly = [card.value for card in staff.get(f"{LIST}?periodicity__exact=weekly").context["cards"]]

    assert everything == [0, 13, 2]
    assert weekly == [0, 5, 0]


def test_a_row_shows_state_recipients_result_and_trend(staff: Browser) -> None:
    mailing = running(clients=3)
    for status in ("partly", "succeeded"):
        AttemptFactory(mailing=mailing, status=status, audience=3, sent=2, failed=1)

    page = staff.get(LIST).content.decode()

    assert "<span>without errors 1 of 2</span><span>accepted 66.7% of the letters</span>" in page
    assert "run-partly" in page
    assert "2 of 3" in page
    assert "1 error" in page
    assert '<span class="num">3</span>' in page


def test_a_list_of_a_hundred_costs_no_more_queries_than_one_of_ten(staff: Browser) -> None:
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert staff.get(f"{LIST}?all=").status_code == 200
        return len(queries)

    def add(number: int) -> None:
        for _ in range(number):
            AttemptFactory(mailing=running(clients=1), status=AttemptStatus.SUCCEEDED)
            AttemptFactory(mailing=running(audience=Audience.EVERYONE), status=AttemptStatus.FAILED)

    add(5)
    staff.get(LIST)
    few = count()
    add(45)

    assert count() == few
    assert few <= 25


def test_sending_one_goes_to_its_page_and_several_are_asked_about(staff: Browser) -> None:
    first, second = running(clients=1), running(clients=2)

    alone = press(staff, "send_now", first)
    asked = press(staff, "send_now", first, second)

    assert alone.redirect_chain[-1][0] == f"{LIST}{first.pk}/send/"
    assert "3 letters will leave now" in asked.content.decode()
    assert not Attempt.objects.exists()

    done = press(staff, "send_now", first, second, post="yes", **{f"seen_{first.pk}": 0, f"seen_{second.pk}": 0})

    assert Attempt.objects.running().count() == 2
    assert "Sending of 2 mailings has begun." in done.content.decode()


def test_only_those_that_can_be_sent_are_counted_and_the_others_say_why_not(staff: Browser) -> None:
    going, waiting = running(clients=5), running(clients=4)
    lease = {"lease_owner": "worker", "lease_until": timezone.now() + timedelta(hours=1)}
    busy = AttemptFactory(mailing=going, status=AttemptStatus.RUNNING, audience=5, **lease)
    AttemptFactory(mailing=waiting, status=AttemptStatus.RUNNING, audience=4, sent=1)
    paused, empty, ready = running(clients=6, is_paused=True), running(), running(clients=2)

    asked = press(staff, "send_now", going, waiting, paused, empty, ready)

    page = asked.content.decode()
    assert "5 letters will leave now" in page
    assert {row.mailing for row in asked.context["rows"]} == {waiting, ready}
    assert {row.mailing: row.hindrance for row in asked.context["hindered"]} == {
        going: f"Already begun: attempt {busy.pk}.",
        paused: "The mailing is paused. Resume it first.",
        empty: "Nobody to send to: add recipients.",
    }
    assert f"<td>Already begun: attempt {busy.pk}.</td>" in page
    assert page.count('name="_selected_action"') == 2


def test_when_none_of_several_can_be_sent_there_is_nothing_to_press(staff: Browser) -> None:
    page = press(staff, "send_now", running(), running(clients=1, is_paused=True)).content.decode()

    assert "None of these mailings can be sent now." in page
    assert "btn-primary" not in page.partition("Will not be sent")[2]


def test_more_than_one_press_takes_are_left_and_it_says_so(staff: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "AT_ONCE", 2)
    asked = press(staff, "send_now", *(running(clients=1) for _ in range(3)))

    assert len(asked.context["rows"]) == 2
    words = "Only the first 2 of 3 mailings are taken at once; choose the others afterwards."
    assert words in asked.content.decode()


def test_pausing_and_resuming_several_says_how_many(staff: Browser) -> None:
    mailings = [running(clients=1), running(clients=1)]

    assert "2 mailings paused." in press(staff, "pause", *mailings).content.decode()
    assert Mailing.objects.filter(is_paused=True).count() == 2
    assert "2 mailings resumed." in press(staff, "resume", *mailings).content.decode()
    assert not Mailing.objects.filter(is_paused=True).exists()


def test_a_refusal_names_its_mailing_and_stops_nobody_else(staff: Browser) -> None:
    running(name="Good", clients=1, is_paused=True)
    running(name="Empty", is_paused=True)

    page = press(staff, "resume", *Mailing.objects.all()).content.decode()

    assert "Empty: Nobody to send to: add recipients." in page
    assert "1 mailing resumed." in page


def test_finishing_asks_first(staff: Browser) -> None:
    mailing = running(clients=1)

    press(staff, "finish", mailing)
    mailing.refresh_from_db()
    assert mailing.status == MailingStatus.RUNNING

    press(staff, "finish", mailing, post="yes")
    mailing.refresh_from_db()
    assert mailing.status == MailingStatus.FINISHED


def test_copies_are_drafts_with_the_same_recipients(staff: Browser) -> None:
    press(staff, "copy", running(name="News", clients=3))

    copy = Mailing.objects.get(name="News (copy)")
    assert (copy.is_paused, copy.clients.count(), copy.created_by.username) == (True, 3, "boss")


def test_deleting_shows_counts_and_keeps_the_clients(staff: Browser) -> None:
    mailing = running(clients=3)
    AttemptFactory.create_batch(2, mailing=mailing, status=AttemptStatus.SUCCEEDED)

    asked = press(staff, "delete_selected", mailing).content.decode()
    assert mailing.clients.first().email not in asked

    press(staff, "delete_selected", mailing, post="yes")
    assert not Mailing.objects.exists()
    assert not Attempt.objects.exists()


def test_a_mailing_that_is_being_sent_is_not_deleted(staff: Browser) -> None:
    mailing = running(clients=1)
    attempt = AttemptFactory(mailing=mailing)

    for page in (
        staff.post(f"{LIST}{mailing.pk}/delete/", {"post": "yes"}, follow=True),
        press(staff, "delete_selected", mailing, post="yes"),
    ):
        assert f"a run is not over (attempt {attempt.pk}: stands still" in page.content.decode()
    assert Mailing.objects.filter(pk=mailing.pk).exists()


def test_whoever_has_no_clients_begins_with_them(staff: Browser) -> None:
    assert "First load your clients" in staff.get(LIST).content.decode()

    ClientFactory()
    assert "First write a message" in staff.get(LIST).content.decode()

    MessageFactory()
    assert "New mailing" in staff.get(LIST).content.decode()
