"""Questions do not act: whoever asks changes nothing, in the database as in what was handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing.choices import AttemptStatus, Periodicity
from mailing.models import Attempt, Mailing, MailService
from mailing.services.access import site_guard
from mailing.services.mailings import lifecycle, missed
from mailing.services.mailings.missed import Decision
from mailing.services.operations import health
from tests.factories import ClientFactory, DeliveryFactory, MailingFactory

pytestmark = pytest.mark.django_db

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@contextmanager
def only_reading() -> Iterator[None]:
    with CaptureQueriesContext(connection) as queries:
        yield
    assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []


@pytest.mark.parametrize(
    "ask",
    [site_guard.remembered, site_guard.is_copy, site_guard.refusal, site_guard.closed, health.banners, health.report],
    ids=lambda ask: ask.__name__,
)
def test_asking_about_the_installation_writes_nothing(ask: Callable[[], object]) -> None:
    MailService.objects.all().delete()

    with only_reading():
        ask()


def test_the_first_page_of_an_installation_writes_nothing(superuser: User) -> None:
    MailService.objects.all().delete()
    browser = Browser()
    browser.get("/admin/login/")  # the middleware that begins a session is loaded with the first page
    browser.force_login(superuser)

    with only_reading():
        assert browser.get("/admin/").status_code == 200


@pytest.fixture
def daily(now: datetime) -> Mailing:
    """Sent for the first time yesterday, due now; its run of yesterday waits for deferred letters."""
    mailing = MailingFactory(clients=1, start_at=now - DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - DAY)
    attempt = Attempt.objects.create(mailing=mailing, audience=1, occurrence=now - DAY, resume_at=now + HOUR)
    DeliveryFactory(attempt=attempt, client=ClientFactory())
    return Mailing.objects.get(pk=mailing.pk)


def test_what_becomes_of_a_due_occurrence_is_asked_without_closing_the_previous_run(
    daily: Mailing, now: datetime
) -> None:
    previous = daily.attempts.get()

    with only_reading():
        assert missed.decide(daily, now, now) == Decision(close_first=previous)
    assert previous.status == AttemptStatus.RUNNING

    assert lifecycle.run_due(daily.pk, now) is not None
    previous.refresh_from_db()
    assert previous.status == AttemptStatus.FAILED


def test_somebody_at_work_on_the_previous_run_puts_the_decision_off(daily: Mailing, now: datetime) -> None:
    daily.attempts.update(lease_owner="elsewhere:1:1:1", lease_until=timezone.now() + HOUR)
    daily.attempts.get().deliveries.update(tries=1)

    with only_reading():
        assert missed.decide(daily, now, now) == Decision(wait=True)


def test_the_mailing_as_it_stood_before_a_change_stays_as_it_was(daily: Mailing, now: datetime) -> None:
    before = Mailing.objects.get(pk=daily.pk)
    before.active_since = now - 9 * DAY

    missed.record_before_change(daily, before, now + HOUR, missed.CHANGED)

    assert before.active_since == now - 9 * DAY
