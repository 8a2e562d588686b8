"""The life of a mailing: saved, changed, paused, finished, copied, deleted."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone
from django_q.models import Schedule

from mailing.choices import AttemptStatus, MailingStatus, Periodicity, Trigger
from mailing.errors import NotAllowed, Refused
from mailing.models import Attempt, Mailing
from mailing.services.mailings import lifecycle
from tests.factories import MailingFactory, UserFactory
from tests.queueing import drain

pytestmark = pytest.mark.django_db(transaction=True)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def row_of(mailing: Mailing) -> Schedule | None:
    mailing.refresh_from_db()
    return mailing.schedule


def test_a_start_in_the_past_runs_at_once_when_it_is_saved() -> None:
    """Rule 2 of the calendar."""
    mailing = lifecycle.launch(MailingFactory(clients=1))

    drain()

    attempt = mailing.attempts.get()
    assert attempt.occurrence == mailing.start_at
    assert attempt.trigger == Trigger.SCHEDULE


def test_a_start_in_the_future_waits_with_a_row_of_its_own(now: datetime) -> None:
    """Rules 2 and 3 of the calendar."""
    mailing = lifecycle.launch(MailingFactory(clients=1, start_at=now + DAY, periodicity=Periodicity.WEEKLY))

    drain()

    assert not mailing.attempts.exists()
    assert mailing.next_run_at == now + DAY
    row = row_of(mailing)
    assert row is not None
    assert (row.name, row.func, row.args) == (f"mailing:{mailing.pk}", "mailing.tasks.run_due", str(mailing.pk))
    assert (row.next_run, row.schedule_type, row.repeats) == (now + DAY, Schedule.WEEKLY, -1)


def test_a_mailing_that_runs_once_has_a_row_that_django_q_does_not_delete(now: datetime) -> None:
    """Rule 3 of the calendar."""
    row = row_of(lifecycle.launch(MailingFactory(clients=1, start_at=now + DAY)))

    assert row is not None
    assert row.schedule_type == Schedule.DAILY


def test_a_draft_sends_nothing_and_has_no_row() -> None:
    """Rule 2 of the calendar."""
    mailing = lifecycle.launch(MailingFactory(clients=1, is_paused=True))

    assert drain() == []
    assert row_of(mailing) is None
    assert mailing.next_run_at is None


def test_a_mailing_to_selected_clients_with_nobody_in_it_becomes_a_draft() -> None:
    assert lifecycle.launch(MailingFactory()).is_paused


def test_a_mailing_without_any_send_left_is_finished_when_it_is_saved(now: datetime) -> None:
    old = MailingFactory(clients=1, start_at=now - 3 * DAY, end_at=now - DAY, periodicity=Periodicity.DAILY)

    assert lifecycle.launch(old).status == MailingStatus.FINISHED


def test_a_mailing_that_runs_once_is_finished_after_its_run() -> None:
    """Rule 8 of the calendar."""
    mailing = lifecycle.launch(MailingFactory(clients=1))
    drain()
    mailing.refresh_from_db()
    if mailing.status != MailingStatus.FINISHED:  # its letters are still on their way
        Attempt.objects.update(status=AttemptStatus.SUCCEEDED, finished_at=timezone.now())
        lifecycle.refresh(mailing.pk)
        mailing.refresh_from_db()

    assert mailing.status == MailingStatus.FINISHED
    assert row_of(mailing) is None


def test_an_edit_to_an_earlier_hour_never_makes_the_past_due(now: datetime) -> None:
    """Rule 5 of the calendar."""
    noon = now
    mailing = MailingFactory(clients=1, start_at=noon - timedelta(hours=2), periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing)
    drain()
    Attempt.objects.update(status=AttemptStatus.SUCCEEDED)

    was = Mailing.objects.get(pk=mailing.pk)
    Mailing.objects.filter(pk=mailing.pk).update(start_at=noon - timedelta(hours=3))
    edited = lifecycle.apply_edit(mailing, changed=["start_at"], before=was)
    drain()

    assert mailing.attempts.count() == 1
    assert edited.next_run_at == noon - timedelta(hours=3) + DAY


def test_a_change_of_the_name_leaves_the_calendar_alone(now: datetime) -> None:
    mailing = lifecycle.launch(MailingFactory(clients=1, start_at=now + DAY))
    since = mailing.active_since

    again = lifecycle.apply_edit(mailing, changed=["name"])

    assert (again.active_since, again.next_run_at) == (since, mailing.next_run_at)


def test_a_finished_mailing_whose_end_is_moved_runs_again(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - 3 * DAY, end_at=now - DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing)
    Mailing.objects.filter(pk=mailing.pk).update(end_at=now + 30 * DAY)

    again = lifecycle.apply_edit(mailing, changed=["end_at"])

    assert again.status == MailingStatus.CREATED
    assert row_of(again) is not None


def test_a_mailing_paused_before_its_first_run_starts_when_it_is_resumed() -> None:
    """Rule 5 of the calendar."""
    mailing = lifecycle.launch(MailingFactory(clients=1))
    lifecycle.pause(mailing)
    assert "mailing.tasks.run_due" in drain()
    assert not mailing.attempts.exists()

    lifecycle.resume(mailing)
    drain()

    assert mailing.attempts.get().occurrence == mailing.start_at


@pytest.mark.parametrize("start", [-DAY, DAY])
def test_a_paused_mailing_can_be_finished(now: datetime, start: timedelta) -> None:
    mailing = MailingFactory(clients=1, start_at=now + start, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing)
    lifecycle.pause(mailing)

    assert lifecycle.finish(mailing).status == MailingStatus.FINISHED


def test_finish_means_that_the_end_is_now(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing)
    drain()
    Attempt.objects.update(status=AttemptStatus.SUCCEEDED)

    finished = lifecycle.finish(mailing)

    assert finished.status == MailingStatus.FINISHED
    assert finished.end_at is not None
    assert finished.end_at <= timezone.now()
    assert row_of(finished) is None


def test_a_mailing_that_has_not_begun_can_be_finished(now: datetime) -> None:
    mailing = lifecycle.launch(MailingFactory(clients=1, start_at=now + DAY))

    assert lifecycle.finish(mailing).status == MailingStatus.FINISHED


def test_a_copy_is_a_draft_with_the_same_recipients(manager: User) -> None:
    """Rule 2 of the calendar."""
    mailing = MailingFactory(clients=3, name="Новости")

    twin = lifecycle.copy(mailing, by=manager)

    assert twin.pk != mailing.pk
    assert twin.is_paused
    assert set(twin.clients.all()) == set(mailing.clients.all())
    assert twin.created_by == manager
    assert LogEntry.objects.filter(object_id=str(twin.pk), user=manager).exists()


def test_a_mailing_that_is_being_sent_is_not_deleted() -> None:
    """Rule 9 of a run."""
    mailing = MailingFactory(clients=1)
    attempt = Attempt.objects.create(mailing=mailing)

    with pytest.raises(Refused, match=f"attempt {attempt.pk}"):
        lifecycle.delete(mailing)


def test_deleting_takes_the_schedule_row_along(now: datetime) -> None:
    mailing = lifecycle.launch(MailingFactory(clients=1, start_at=now + DAY))

    lifecycle.delete(mailing)

    assert not Schedule.objects.exists()


# --- Permissions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["pause", "resume", "finish", "send_now", "launch", "apply_edit"])
def test_without_the_right_to_send_nothing_that_reaches_clients_is_touched(service: str) -> None:
    mailing = MailingFactory(clients=1)
    lifecycle.launch(mailing)
    before = Mailing.objects.filter(pk=mailing.pk).values().get()

    with pytest.raises(NotAllowed):
        getattr(lifecycle, service)(mailing, by=UserFactory())

    assert Mailing.objects.filter(pk=mailing.pk).values().get() == before


def test_an_editor_may_launch_a_draft() -> None:
    assert lifecycle.launch(MailingFactory(clients=1, is_paused=True), by=UserFactory()).is_paused


def test_what_a_person_does_leaves_a_log_entry(manager: User) -> None:
    mailing = MailingFactory(clients=1)
    lifecycle.launch(mailing, by=manager)
    lifecycle.pause(mailing, by=manager)
    lifecycle.resume(mailing, by=manager)
    lifecycle.finish(mailing, by=manager)

    sentences = LogEntry.objects.filter(object_id=str(mailing.pk)).order_by("pk")
    assert [entry.change_message for entry in sentences] == ["Paused.", "Resumed.", "Finished."]
