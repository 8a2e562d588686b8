"""The page of one mailing: what it says, what it refuses, what saving makes happen."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client as Browser
from django.utils import timezone

from mailing.choices import AttemptStatus, Audience, MailingStatus, Periodicity
from mailing.models import Attempt, Mailing
from mailing.services.mailings import lifecycle
from tests.factories import (
    AttemptFactory,
    ClientFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
    UserFactory,
)
from tests.forms import filled

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/mailing/mailing/"


@pytest.fixture
def staff(superuser: User, client: Browser) -> Browser:
    client.force_login(superuser)
    return client


@pytest.fixture
def editor(db: None) -> Browser:
    user = UserFactory(email="editor@example.com")
    user.groups.add(Group.objects.get(name="Editor"))
    browser = Browser()
    browser.force_login(user)
    return browser


def at(moment: datetime, name: str = "start_at") -> dict[str, str]:
    local = timezone.localtime(moment)
    return {f"{name}_0": local.strftime("%Y-%m-%d"), f"{name}_1": local.strftime("%H:%M")}


def save(browser: Browser, mailing: Mailing | None = None, **changes: Any) -> Any:
    url = f"{LIST}{mailing.pk}/schedule/" if mailing else f"{LIST}add/"
    fields = filled(browser.get(url).content.decode(), "mailing_form", **changes)
    return browser.post(url, fields, follow=True)


def said(page: Any) -> str:
    return " ".join(str(message) for message in page.context["messages"])


def future(days: int = 3) -> datetime:
    return timezone.now().replace(second=0, microsecond=0) + timedelta(days=days)


# --- a new mailing ----------------------------------------------------------------------------------


def test_a_start_in_the_past_sends_right_after_saving_and_offers_a_pause(staff: Browser) -> None:
    """Rule 2 of the calendar."""
    message, clients = MessageFactory(subject="Tea"), ClientFactory.create_batch(2)
    past = timezone.now() - timedelta(hours=1)

    page = save(staff, message=message.pk, add_clients=[client.pk for client in clients], **at(past))

    mailing = Mailing.objects.get()
    assert (mailing.name, mailing.clients.count(), mailing.created_by.username) == ("Tea", 2, "boss")
    assert "Sending to 2 clients begins." in said(page)
    assert f"{LIST}{mailing.pk}/pause/" in said(page)
    assert mailing.active_since is not None


def test_a_start_in_the_future_waits_and_says_until_when(staff: Browser) -> None:
    page = save(staff, message=MessageFactory().pk, add_clients=[ClientFactory().pk], **at(future()))

    mailing = Mailing.objects.get()
    assert mailing.next_run_at == future()
    assert "The next send:" in said(page)


def test_a_draft_sends_nothing(staff: Browser) -> None:
    past = timezone.now() - timedelta(hours=1)

    save(staff, message=MessageFactory().pk, add_clients=[ClientFactory().pk], is_paused="on", **at(past))

    mailing = Mailing.objects.get()
    assert (mailing.is_paused, mailing.next_run_at) == (True, None)


def test_a_mailing_with_nobody_in_it_becomes_a_draft_and_says_so(staff: Browser) -> None:
    page = save(staff, message=MessageFactory().pk, **at(future()))

    assert Mailing.objects.get().is_paused
    assert "Nobody is in it yet" in said(page)


def test_an_editor_saves_drafts_only(editor: Browser) -> None:
    past = timezone.now() - timedelta(hours=1)
    fields = {"message": MessageFactory().pk, "add_clients": [ClientFactory().pk], **at(past)}

    page = editor.post(f"{LIST}add/", fields | {"audience": "selected", "periodicity": "daily"}, follow=True)

    assert page.status_code == 200
    assert Mailing.objects.get().is_paused


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"end_at_0": "2020-01-01", "end_at_1": "10:00"}, "The end is before the first send."),
        ({"message": ""}, "This field is required."),
        ({"start_at_0": "31.02.2026"}, "“31.02.2026” is not a date. Write it like this: 20"),
        ({"start_at_0": "11/12/2026"}, "“11/12/2026” is not a date."),
        ({"start_at_1": "half past"}, "“half past” is not a time. Write it like this: 14:30."),
        ({"start_at_1": ""}, "Give the date and the time."),
        ({"end_at_0": "2040-01-01"}, "Give the time, too."),
        ({"end_at_1": "10:00"}, "Give the date, too."),
        ({"reply_to": "nobody"}, "Enter a valid email address."),
        ({"from_name": "=?utf-8?q?x?= é"}, "A name with “=?” in it is misread by mail programs."),
    ],
)
def test_bad_input_is_answered_with_a_sentence(staff: Browser, changes: dict[str, str], sentence: str) -> None:
    page = save(staff, **({"message": str(MessageFactory().pk)} | changes))

    assert sentence in page.content.decode()
    assert not Mailing.objects.exists()


def test_more_than_fifty_clients_at_once_are_sent_to_the_list(staff: Browser) -> None:
    clients = ClientFactory.create_batch(51)

    page = save(staff, message=MessageFactory().pk, add_clients=[client.pk for client in clients])

    assert "Add at most 50 clients here" in page.content.decode()


def test_the_zone_is_printed_and_each_picker_has_a_name(staff: Browser) -> None:
    """Rule 1 of the calendar."""
    page = staff.get(f"{LIST}add/").content.decode()

    assert "Moscow time (UTC+3)." in page
    for name in ("First send: date", "First send: time", "End: date", "End: time"):
        assert f'aria-label="{name}"' in page


# --- an existing one ----------------------------------------------------------------------------------


def test_recipients_never_stand_on_the_form(staff: Browser) -> None:
    mailing = MailingFactory(clients=5)

    page = staff.get(f"{LIST}{mailing.pk}/schedule/").content.decode()

    assert mailing.clients.first().email not in page
    assert f"{LIST}{mailing.pk}/recipients/" in page


def test_an_untouched_save_changes_nothing_but_the_time_of_change(staff: Browser) -> None:
    mailing = MailingFactory(clients=1, end_at=timezone.now() + timedelta(days=9, seconds=7))
    before = Mailing.objects.values().get()

    save(staff, mailing)

    after = Mailing.objects.values().get()
    kept = set(before) - {"updated_at", "next_run_at", "active_since", "schedule_id"}
    assert {name: before[name] for name in kept} == {name: after[name] for name in kept} | {"name": before["name"]}


def test_a_save_never_overwrites_what_the_runner_writes(staff: Browser) -> None:
    """Rule 9 of a run."""
    mailing = MailingFactory(clients=1, name="Old")
    url = f"{LIST}{mailing.pk}/schedule/"
    fields = filled(staff.get(url).content.decode(), "mailing_form", name="New", version="")
    AttemptFactory(mailing=mailing)
    Mailing.objects.filter(pk=mailing.pk).update(status=MailingStatus.RUNNING)

    staff.post(url, fields)

    mailing.refresh_from_db()
    assert (mailing.name, mailing.status) == ("New", MailingStatus.RUNNING)


def test_a_form_gone_stale_is_shown_once_more_and_then_saved(staff: Browser) -> None:
    mailing = MailingFactory(clients=1, name="Old")
    url = f"{LIST}{mailing.pk}/schedule/"
    fields = filled(staff.get(url).content.decode(), "mailing_form", name="New")
    Mailing.objects.filter(pk=mailing.pk).update(status=MailingStatus.RUNNING)

    first = staff.post(url, fields)
    assert "While you were editing, the mailing started." in first.content.decode()
    assert Mailing.objects.get().name == "Old"

    staff.post(url, filled(first.content.decode(), "mailing_form"))
    assert Mailing.objects.get().name == "New"


def test_moving_the_start_moves_the_next_send(staff: Browser) -> None:
    mailing = MailingFactory(clients=1, start_at=future(2), next_run_at=future(2), active_since=timezone.now())

    save(staff, mailing, **at(future(5)))

    mailing.refresh_from_db()
    assert mailing.next_run_at == future(5)


def test_an_editor_looks_at_an_active_mailing_but_cannot_change_it(editor: Browser) -> None:
    mailing = MailingFactory(clients=1, name="Old")

    page = editor.get(f"{LIST}{mailing.pk}/schedule/")
    answer = editor.post(f"{LIST}{mailing.pk}/schedule/", {"name": "New"})

    assert "only a Manager may change it" in page.content.decode()
    assert "_save" not in page.content.decode()
    assert answer.status_code == 403
    assert Mailing.objects.get().name == "Old"


# --- the sentence while typing ------------------------------------------------------------------------


def plan(browser: Browser, **fields: str) -> str:
    return browser.get(f"{LIST}plan/", {"audience": "selected", "periodicity": "once"} | fields).content.decode()


def test_the_sentence_says_when_and_how_often(staff: Browser) -> None:
    text = plan(
        staff,
        periodicity="weekly",
        start_at_0="2040-01-02",
        start_at_1="10:00",
        end_at_0="2040-01-31",
        end_at_1="12:00",
    )

    assert "The first send is on 2 January 2040 at 10:00, then every Monday at 10:00" in text
    assert "5 sends in all" in text
    assert text.count("<li>") == 5


def test_the_sentence_explains_short_months(staff: Browser) -> None:
    text = plan(staff, periodicity="monthly", start_at_0="2040-01-31", start_at_1="10:00")

    assert "on day 31 of each month" in text
    assert "In shorter months: on their last day." in text
    assert "29 February 2040" in text


def test_the_button_says_to_how_many_it_sends_when_the_start_is_past(staff: Browser) -> None:
    """Rule 2 of the calendar."""
    clients = ClientFactory.create_batch(2)

    text = plan(staff, audience=Audience.EVERYONE, periodicity="daily", start_at_0="2020-01-01", start_at_1="10:00")

    assert f"Save and send to {len(clients)} clients" in text
    assert "The first send starts right after saving" in text


def test_an_end_before_every_send_says_that_the_mailing_will_be_finished(staff: Browser) -> None:
    mailing = MailingFactory(clients=1, periodicity=Periodicity.DAILY)
    AttemptFactory(mailing=mailing, occurrence=mailing.start_at, status=AttemptStatus.SUCCEEDED)
    end = at(timezone.now() - timedelta(seconds=1), "end_at")

    text = plan(staff, mailing=str(mailing.pk), periodicity="daily", **at(mailing.start_at), **end)

    assert "finished as soon as it is saved" in text or "The end is before the first send." in text


def test_the_sentence_changes_nothing(staff: Browser) -> None:
    mailing = MailingFactory(clients=1)
    before = Mailing.objects.values().get()

    plan(staff, mailing=str(mailing.pk), start_at_0="2040-01-31", start_at_1="10:00")

    assert Mailing.objects.values().get() == before
    assert not Attempt.objects.exists()


def test_an_untouched_save_moves_no_moment_by_its_seconds(staff: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    start = timezone.now().replace(second=42, microsecond=123456) - timedelta(days=3)
    mailing = MailingFactory(
        clients=1,
        start_at=start,
        end_at=start + timedelta(days=90),
        periodicity=Periodicity.WEEKLY,
        status=MailingStatus.RUNNING,
        active_since=start,
        next_run_at=start + timedelta(days=7),
    )
    AttemptFactory(mailing=mailing, occurrence=start, status=AttemptStatus.SUCCEEDED, finished_at=start)
    before = Mailing.objects.values("start_at", "end_at", "active_since", "next_run_at").get()
    told: list[list[str]] = []
    apply = lifecycle.apply_edit

    def watched(*args: Any, changed: Any, **kwargs: Any) -> Any:
        told.append(list(changed))
        return apply(*args, changed=changed, **kwargs)

    monkeypatch.setattr(lifecycle, "apply_edit", watched)
    save(staff, mailing)

    assert told == [[]]
    assert Mailing.objects.values("start_at", "end_at", "active_since", "next_run_at").get() == before


def test_the_time_shows_its_seconds_only_when_it_has_some(staff: Browser) -> None:
    whole = MailingFactory(start_at=future())
    odd = MailingFactory(start_at=future() + timedelta(seconds=42))
    clock = timezone.localtime(future()).strftime("%H:%M")

    assert f'value="{clock}"' in staff.get(f"{LIST}{whole.pk}/schedule/").content.decode()
    page = staff.get(f"{LIST}{odd.pk}/schedule/").content.decode()
    assert f'value="{clock}:42"' in page


def test_the_delete_page_says_what_goes_and_that_the_clients_stay(staff: Browser) -> None:
    mailing = MailingFactory(clients=3, name="Tea “of the day”")
    plain = staff.get(f"{LIST}{mailing.pk}/delete/").content.decode()
    assert "Delete the mailing “Tea ‘of the day’”?" in plain
    assert "With it" not in plain
    attempt = AttemptFactory(mailing=mailing, status=AttemptStatus.SUCCEEDED)
    for client in mailing.clients.all():
        DeliveryFactory(attempt=attempt, client=client)

    page = staff.get(f"{LIST}{mailing.pk}/delete/").content.decode()

    assert "With it disappear 1 attempt and the records of 3 letters." in page
    assert "The clients stay." in page
