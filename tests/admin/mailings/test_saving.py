"""A mailing and its schedule are saved together or not at all, whatever comes between."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from mailing.errors import NotAllowed
from mailing.models import Mailing
from mailing.services.mailings import lifecycle
from tests.factories import AttemptFactory, ClientFactory, MailingFactory, MessageFactory
from tests.forms import filled

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/mailing/mailing/"


def in_days(days: int) -> datetime:
    return timezone.now().replace(second=0, microsecond=0) + timedelta(days=days)


def save(browser: Browser, mailing: Mailing | None = None, *, start: datetime, **changes: Any) -> Any:
    url = f"{LIST}{mailing.pk}/schedule/" if mailing else f"{LIST}add/"
    local = timezone.localtime(start)
    changes |= {"start_at_0": local.strftime("%Y-%m-%d"), "start_at_1": local.strftime("%H:%M")}
    return browser.post(url, filled(browser.get(url).content.decode(), "mailing_form", **changes))


class Killed(BaseException):
    """The process ends between the mailing and its schedule."""


@pytest.fixture
def dies(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*args: Any) -> None:
        raise Killed

    monkeypatch.setattr("mailing.scheduling.sync_row", die)


@pytest.mark.usefixtures("dies")
def test_a_new_mailing_is_stored_with_its_schedule_or_not_at_all(browser: Browser) -> None:
    message, client = MessageFactory.create(), ClientFactory.create()
    with pytest.raises(Killed):
        save(browser, message=message.pk, audience="selected", add_clients=[client.pk], start=in_days(3))
    assert not Mailing.objects.exists()


def test_a_change_of_the_date_is_stored_with_its_schedule_or_not_at_all(
    browser: Browser, request: pytest.FixtureRequest
) -> None:
    mailing = lifecycle.launch(MailingFactory.create(clients=1, start_at=in_days(3)))
    before = Mailing.objects.values().get()
    request.getfixturevalue("dies")
    with pytest.raises(Killed):
        save(browser, mailing, start=in_days(5))
    assert Mailing.objects.values().get() == before


def test_a_right_taken_away_between_the_page_and_the_save_stores_nothing(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = lifecycle.launch(MailingFactory.create(clients=1, start_at=in_days(3)))
    before = Mailing.objects.values().get()

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise NotAllowed("Only those who may send.")

    monkeypatch.setattr("mailing.services.access.permissions.require_send", refuse)
    assert save(browser, mailing, start=in_days(5)).status_code == 403
    assert Mailing.objects.values().get() == before


# --- an end that has passed ------------------------------------------------------------------------

NEVER = "this mailing could never send"


def until(days: int) -> dict[str, str]:
    local = timezone.localtime(in_days(days))
    return {"end_at_0": local.strftime("%Y-%m-%d"), "end_at_1": local.strftime("%H:%M")}


@pytest.mark.parametrize("more", [{}, {"is_paused": "on"}, {"periodicity": "daily"}])
def test_a_new_mailing_that_could_never_send_is_refused_and_nothing_is_lost(
    browser: Browser, more: dict[str, str]
) -> None:
    message = MessageFactory.create()
    given = {"message": message.pk, "name": "Old offer"} | more
    page = save(browser, start=in_days(-9), **given, **until(-2)).content.decode()
    assert NEVER in page
    assert "Old offer" in page
    assert not Mailing.objects.exists()
    save(browser, start=in_days(-9), **given, **until(2))
    assert Mailing.objects.exists()


def test_a_draft_is_not_moved_to_where_it_could_never_send(browser: Browser) -> None:
    mailing = MailingFactory.create(start_at=in_days(3), is_paused=True)
    assert NEVER in save(browser, mailing, start=in_days(-9), **until(-2)).content.decode()
    mailing.refresh_from_db()
    assert mailing.end_at is None


def test_a_mailing_that_is_over_is_renamed_and_one_that_has_sent_is_ended(browser: Browser) -> None:
    over = MailingFactory.create(start_at=in_days(-9), end_at=in_days(-2), status="finished")
    save(browser, over, start=over.start_at, name="Renamed")
    sent = MailingFactory.create(start_at=in_days(-9), periodicity="daily", clients=1, active_since=in_days(-9))
    AttemptFactory(mailing=sent, status="succeeded", occurrence=sent.start_at, started_at=sent.start_at)
    save(browser, sent, start=sent.start_at, **until(-1))
    over.refresh_from_db()
    sent.refresh_from_db()
    assert over.name == "Renamed"
    assert (sent.status, sent.end_at) == ("finished", in_days(-1))
