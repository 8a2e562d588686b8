"""What a change, a pause or an end leaves behind: occurrences that stand as missed, and why."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mailing.choices import AttemptStatus, Hindrance, MailingStatus, Periodicity
from mailing.models import Attempt, Mailing
from mailing.services.mailings import lifecycle
from tests.factories import MailingFactory

pytestmark = pytest.mark.django_db(transaction=True)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def test_what_fell_due_before_an_edit_and_was_not_sent_stands_as_missed(now: datetime) -> None:
    """Rules 5 and 6 of the calendar."""
    mailing = MailingFactory(clients=1, start_at=now - DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - DAY)
    lifecycle.run_due(mailing.pk, now - DAY)
    Attempt.objects.update(status=AttemptStatus.SUCCEEDED)

    was = Mailing.objects.get(pk=mailing.pk)
    Mailing.objects.filter(pk=mailing.pk).update(start_at=now + timedelta(hours=5))
    lifecycle.apply_edit(mailing, changed=["start_at"], before=was, now=now + timedelta(hours=1))

    missed = mailing.attempts.get(status=AttemptStatus.MISSED)
    assert missed.occurrence == now
    assert missed.hindered_by == Hindrance.CHANGED


def test_occurrences_passed_while_paused_leave_no_rows(now: datetime) -> None:
    """Rule 6 of the calendar."""
    mailing = MailingFactory(clients=1, start_at=now - 9 * DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - 9 * DAY)
    lifecycle.run_due(mailing.pk, now - 9 * DAY)
    Attempt.objects.update(status=AttemptStatus.SUCCEEDED)
    lifecycle.pause(mailing, now=now - 8.5 * DAY)

    lifecycle.resume(mailing, now=now - timedelta(hours=1))
    lifecycle.run_due(mailing.pk, now - timedelta(hours=1))

    assert mailing.attempts.count() == 1
    mailing.refresh_from_db()
    assert mailing.next_run_at == now


def test_a_first_run_that_a_pause_held_back_stands_as_missed_when_a_later_one_has_come(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - DAY)
    lifecycle.pause(mailing, now=now + HOUR)
    assert not mailing.attempts.exists()

    lifecycle.resume(mailing, now=now + 3 * DAY + HOUR)
    lifecycle.run_due(mailing.pk, now + 3 * DAY + HOUR)

    missed = mailing.attempts.get(status=AttemptStatus.MISSED)
    assert (missed.occurrence, missed.hindered_by) == (now, Hindrance.PAUSED)
    assert mailing.attempts.get(status=AttemptStatus.RUNNING).occurrence == now + 3 * DAY


def test_a_first_run_that_a_pause_held_back_stands_as_missed_when_the_mailing_is_finished(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now)
    lifecycle.launch(mailing, now=now - DAY)
    lifecycle.pause(mailing, now=now + HOUR)

    finished = lifecycle.finish(mailing, now=now + DAY)

    assert finished.status == MailingStatus.FINISHED
    assert mailing.attempts.get().occurrence == now


def test_a_first_run_whose_start_is_moved_away_stands_as_missed(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now)
    lifecycle.launch(mailing, now=now - DAY)
    was = Mailing.objects.get(pk=mailing.pk)
    Mailing.objects.filter(pk=mailing.pk).update(start_at=now + DAY)

    lifecycle.apply_edit(mailing, changed=["start_at"], before=was, now=now + HOUR)

    missed = mailing.attempts.get()
    assert (missed.occurrence, missed.hindered_by) == (now, Hindrance.CHANGED)


def test_a_mailing_that_loses_its_last_recipient_keeps_account_of_what_was_due(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - DAY)
    lifecycle.run_due(mailing.pk, now - DAY)
    Attempt.objects.update(status=AttemptStatus.SUCCEEDED)
    mailing.clients.clear()

    assert lifecycle.apply_edit(mailing, changed=["name"], now=now + HOUR).is_paused
    assert mailing.attempts.get(status=AttemptStatus.MISSED).occurrence == now


def test_what_send_now_left_behind_says_that_only_the_latest_was_made_up_for(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - 3 * DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - 3 * DAY)
    lifecycle.run_due(mailing.pk, now - 3 * DAY)
    Attempt.objects.update(status=AttemptStatus.SUCCEEDED, started_at=now - 3 * DAY)

    assert lifecycle.send_now(mailing, now=now + HOUR).occurrence == now
    skipped = mailing.attempts.filter(status=AttemptStatus.MISSED)
    assert {row.hindered_by for row in skipped} == {Hindrance.ONLY_LATEST}
