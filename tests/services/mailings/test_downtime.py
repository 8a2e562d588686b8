"""Rule 6 of the calendar: after downtime one late run or none, and a row with its reason for whatever did not run."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings

from mailing.choices import AttemptStatus, DeliveryReason, Periodicity
from mailing.models import Attempt, Mailing, MailService
from mailing.services.access import site_guard
from mailing.services.mailings import lifecycle
from mailing.services.operations import reconciler
from tests.clock.carrying import carry
from tests.delivery.transports.in_memory import MemoryTransport
from tests.factories import ClientFactory, DeliveryFactory, MailingFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("carrier")]

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def daily(begin: datetime, **fields: object) -> Mailing:
    """A daily mailing that has sent its first run."""
    mailing = MailingFactory(clients=1, start_at=begin, periodicity=Periodicity.DAILY, **fields)
    lifecycle.launch(mailing, now=begin)
    lifecycle.run_due(mailing.pk, begin)
    carry(begin)
    return mailing


def missed(mailing: Mailing) -> list[datetime | None]:
    rows = mailing.attempts.filter(status=AttemptStatus.MISSED).order_by("occurrence")
    return list(rows.values_list("occurrence", flat=True))


def test_after_downtime_the_latest_runs_once_and_the_earlier_stand_as_missed(now: datetime) -> None:
    """Rule 6 of the calendar."""
    mailing = daily(now - 4 * DAY)

    attempt = lifecycle.run_due(mailing.pk, now + HOUR)
    lifecycle.run_due(mailing.pk, now + HOUR)

    assert attempt is not None
    assert attempt.occurrence == now
    assert missed(mailing) == [now - 3 * DAY, now - 2 * DAY, now - DAY]
    assert all(row.note_text for row in mailing.attempts.filter(status=AttemptStatus.MISSED))


def test_what_is_a_day_late_does_not_run_any_more(now: datetime) -> None:
    """Rule 6 of the calendar."""
    mailing = MailingFactory(clients=1, start_at=now)
    lifecycle.launch(mailing, now=now - HOUR)

    assert lifecycle.run_due(mailing.pk, now + DAY) is None

    assert missed(mailing) == [now]
    mailing.refresh_from_db()
    assert mailing.status == "finished"


def test_late_counts_from_the_activation_when_that_came_later(now: datetime) -> None:
    """Rule 6 of the calendar."""
    mailing = MailingFactory(clients=1, start_at=now - 30 * DAY)
    lifecycle.launch(mailing, now=now)

    assert lifecycle.run_due(mailing.pk, now + HOUR) is not None


def test_a_long_absence_is_summed_up_after_a_hundred_rows(now: datetime) -> None:
    """Rule 6 of the calendar."""
    mailing = daily(now - 150 * DAY)

    lifecycle.run_due(mailing.pk, now + HOUR)

    rows = mailing.attempts.filter(status=AttemptStatus.MISSED).order_by("occurrence")
    assert rows.count() == 101
    assert (rows[0].stands_for, rows[0].first_occurrence) == (49, now - 149 * DAY)
    assert rows[0].occurrence == now - 101 * DAY
    assert "49 planned times" in rows[0].note_text


def test_one_missed_run_after_the_other_is_summed_up_too(now: datetime, settings: LazySettings) -> None:
    mailing = daily(now)
    settings.MAILING_SENDING_ENABLED = False

    for number in range(1, 121):
        lifecycle.run_due(mailing.pk, now + number * DAY)

    rows = mailing.attempts.filter(status=AttemptStatus.MISSED).order_by("occurrence")
    assert rows.count() == 101
    assert (rows[0].stands_for, rows[0].first_occurrence) == (20, now + DAY)


def test_the_end_stops_what_is_late(now: datetime) -> None:
    mailing = daily(now - 2 * DAY, end_at=now - DAY + HOUR)

    assert lifecycle.run_due(mailing.pk, now) is None

    assert missed(mailing) == [now - DAY]
    mailing.refresh_from_db()
    assert mailing.status == "finished"


def running_attempt(mailing: Mailing, **fields: object) -> Attempt:
    attempt = Attempt.objects.create(mailing=mailing, audience=1, **fields)
    DeliveryFactory(attempt=attempt, client=ClientFactory())
    return attempt


def test_an_occurrence_while_the_previous_run_hands_over_letters_is_missed(now: datetime) -> None:
    """Rule 6 of the calendar."""
    mailing = daily(now - DAY)
    previous = running_attempt(mailing, lease_owner="elsewhere:1:1:1", lease_until=now + HOUR)

    assert lifecycle.run_due(mailing.pk, now + MINUTE) is None

    row = mailing.attempts.get(status=AttemptStatus.MISSED)
    assert row.occurrence == now
    assert str(previous.pk) in row.note_text


def test_a_previous_run_that_only_waits_makes_way(now: datetime) -> None:
    """Rule 6 of the calendar."""
    mailing = daily(now - DAY)
    previous = running_attempt(mailing, resume_at=now + HOUR)

    attempt = lifecycle.run_due(mailing.pk, now + MINUTE)

    assert attempt is not None
    assert attempt.occurrence == now
    previous.refresh_from_db()
    assert (previous.status, previous.failed) == (AttemptStatus.FAILED, 1)
    assert previous.deliveries.get().reason == DeliveryReason.NEXT_RUN


def test_a_worker_busy_with_deferred_letters_only_puts_the_decision_off(now: datetime) -> None:
    mailing = daily(now - DAY)
    previous = running_attempt(mailing, lease_owner="elsewhere:1:1:1", lease_until=now + HOUR)
    previous.deliveries.update(tries=1)

    assert lifecycle.run_due(mailing.pk, now + MINUTE) is None
    assert missed(mailing) == []

    Attempt.objects.filter(pk=previous.pk).update(lease_owner="", lease_until=None, resume_at=now + HOUR)
    assert lifecycle.run_due(mailing.pk, now + 2 * MINUTE) is not None


def test_a_row_made_by_a_script_is_treated_as_just_saved(now: datetime, carrier: MemoryTransport) -> None:
    mailing = MailingFactory(clients=1, start_at=now - 30 * DAY, periodicity=Periodicity.DAILY)

    report = reconciler.tick(now)
    carry(now)

    assert report.started == 1
    assert missed(mailing) == []
    assert len(carrier.accepted) == 1


def test_a_script_may_add_the_recipients_after_the_mailing(now: datetime) -> None:
    mailing = MailingFactory(start_at=now - MINUTE)
    reconciler.tick(now)
    mailing.clients.add(ClientFactory())

    assert reconciler.tick(now).started == 1


# --- Sending held back ----------------------------------------------------------------------------


def test_what_falls_due_while_sending_is_switched_off_is_missed(now: datetime, settings: LazySettings) -> None:
    mailing = daily(now - DAY)
    settings.MAILING_SENDING_ENABLED = False

    reconciler.tick(now + MINUTE)

    assert missed(mailing) == [now]
    settings.MAILING_SENDING_ENABLED = True
    assert reconciler.tick(now + 2 * MINUTE).started == 0


def test_a_copy_of_the_data_writes_to_nobody_until_it_is_confirmed(now: datetime, settings: LazySettings) -> None:
    """Rule 13 of a run."""
    mailing = daily(now - DAY)
    settings.SITE_URL = "https://staging.example.com"

    reconciler.tick(now + MINUTE)

    row = mailing.attempts.get(status=AttemptStatus.MISSED)
    assert "127.0.0.1" in row.note_text
    site_guard.confirm_site(by=None)
    assert reconciler.tick(now + DAY + MINUTE).started == 1


def test_a_run_that_was_open_when_the_data_were_copied_does_not_go_on(now: datetime, settings: LazySettings) -> None:
    """Rule 13 of a run."""
    attempt = running_attempt(daily(now - DAY))
    settings.SITE_URL = "https://staging.example.com"

    reconciler.tick(now - HOUR)
    carry_tasks()

    attempt.refresh_from_db()
    assert attempt.open == 1


def carry_tasks() -> None:
    from tests.queueing import drain

    drain()


@pytest.mark.parametrize(
    ("remembered", "here", "same"),
    [
        ("http://127.0.0.1:8000", "http://localhost:9000", True),
        ("http://[::1]:8000", "http://127.0.0.2", True),
        ("https://mail.example.com", "https://mail.example.com:443", True),
        ("http://mail.example.com", "https://MAIL.example.com", True),
        ("https://mail.example.com", "https://staging.example.com", False),
        ("https://example.com/one", "https://example.com/two", False),
        ("http://127.0.0.1:8000", "https://mail.example.com", False),
    ],
)
def test_a_site_is_known_by_its_host_and_all_loopback_addresses_are_one(
    remembered: str, here: str, same: bool, settings: LazySettings
) -> None:
    """Rule 13 of a run."""
    MailService.objects.update_or_create(pk=1, defaults={"site_url": remembered})
    settings.SITE_URL = here

    assert site_guard.is_copy() is not same
