"""The life of a mailing, in the words of product.md."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from django_q.models import Schedule

from mailing.choices import AttemptStatus, Audience, MailingStatus, Periodicity, Trigger
from mailing.errors import AlreadyRunning, NotAllowed, NotStarted, Refused
from mailing.models import Attempt, Mailing, MailService
from mailing.services import lifecycle, missing
from tests.factories import ClientFactory, MailingFactory, UserFactory
from tests.queueing import drain

pytestmark = pytest.mark.django_db(transaction=True)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def manager(db: None) -> User:
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="send_mailing"))
    return user


def row_of(mailing: Mailing) -> Schedule | None:
    mailing.refresh_from_db()
    return mailing.schedule


def closed(attempt: Attempt, status: AttemptStatus = AttemptStatus.SUCCEEDED, **changes: object) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(status=status, finished_at=timezone.now(), **changes)


def test_a_start_in_the_past_runs_at_once_when_it_is_saved() -> None:
    mailing = lifecycle.launch(MailingFactory(clients=1))

    drain()

    attempt = mailing.attempts.get()
    assert attempt.occurrence == mailing.start_at
    assert attempt.trigger == Trigger.SCHEDULE


def test_a_start_in_the_future_waits_with_a_row_of_its_own(now: datetime) -> None:
    mailing = lifecycle.launch(MailingFactory(clients=1, start_at=now + DAY, periodicity=Periodicity.WEEKLY))

    drain()

    assert not mailing.attempts.exists()
    assert mailing.next_run_at == now + DAY
    row = row_of(mailing)
    assert row is not None
    assert (row.name, row.func, row.args) == (f"mailing:{mailing.pk}", "mailing.tasks.run_due", str(mailing.pk))
    assert (row.next_run, row.schedule_type, row.repeats) == (now + DAY, Schedule.WEEKLY, -1)


def test_a_draft_sends_nothing_and_has_no_row() -> None:
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
    mailing = lifecycle.launch(MailingFactory(clients=1))
    drain()
    mailing.refresh_from_db()
    if mailing.status != MailingStatus.FINISHED:  # its letters are still on their way
        closed(mailing.attempts.get())
        lifecycle.settle(mailing.pk)
        mailing.refresh_from_db()

    assert mailing.status == MailingStatus.FINISHED
    assert row_of(mailing) is None


def test_an_edit_to_an_earlier_hour_never_makes_the_past_due(now: datetime) -> None:
    noon = now
    mailing = MailingFactory(clients=1, start_at=noon - timedelta(hours=2), periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing)
    drain()
    Attempt.objects.update(status=AttemptStatus.SUCCEEDED)

    was = Mailing.objects.get(pk=mailing.pk)
    Mailing.objects.filter(pk=mailing.pk).update(start_at=noon - timedelta(hours=3))
    edited = lifecycle.edited(mailing, changed=["start_at"], was=was)
    drain()

    assert mailing.attempts.count() == 1
    assert edited.next_run_at == noon - timedelta(hours=3) + DAY


def test_what_fell_due_before_an_edit_and_was_not_sent_stands_as_missed(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - DAY)
    lifecycle.run_due(mailing.pk, now - DAY)
    Attempt.objects.update(status=AttemptStatus.SUCCEEDED)

    was = Mailing.objects.get(pk=mailing.pk)
    Mailing.objects.filter(pk=mailing.pk).update(start_at=now + timedelta(hours=5))
    lifecycle.edited(mailing, changed=["start_at"], was=was, now=now + timedelta(hours=1))

    missed = mailing.attempts.get(status=AttemptStatus.MISSED)
    assert missed.occurrence == now
    assert "changed" in missed.note


def test_a_change_of_the_name_leaves_the_calendar_alone(now: datetime) -> None:
    mailing = lifecycle.launch(MailingFactory(clients=1, start_at=now + DAY))
    since = mailing.active_since

    again = lifecycle.edited(mailing, changed=["name"])

    assert (again.active_since, again.next_run_at) == (since, mailing.next_run_at)


def test_a_finished_mailing_whose_end_is_moved_runs_again(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - 3 * DAY, end_at=now - DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing)
    Mailing.objects.filter(pk=mailing.pk).update(end_at=now + 30 * DAY)

    again = lifecycle.edited(mailing, changed=["end_at"])

    assert again.status == MailingStatus.CREATED
    assert row_of(again) is not None


def test_occurrences_passed_while_paused_leave_no_rows(now: datetime) -> None:
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


def test_a_mailing_paused_before_its_first_run_starts_when_it_is_resumed() -> None:
    mailing = lifecycle.launch(MailingFactory(clients=1))
    lifecycle.pause(mailing)
    assert "mailing.tasks.run_due" in drain()
    assert not mailing.attempts.exists()

    lifecycle.resume(mailing)
    drain()

    assert mailing.attempts.get().occurrence == mailing.start_at


def test_a_first_run_that_a_pause_held_back_stands_as_missed_when_a_later_one_has_come(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - DAY)
    lifecycle.pause(mailing, now=now + HOUR)
    assert not mailing.attempts.exists()

    lifecycle.resume(mailing, now=now + 3 * DAY + HOUR)
    lifecycle.run_due(mailing.pk, now + 3 * DAY + HOUR)

    missed = mailing.attempts.get(status=AttemptStatus.MISSED)
    assert (missed.occurrence, "paused" in missed.note) == (now, True)
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

    lifecycle.edited(mailing, changed=["start_at"], was=was, now=now + HOUR)

    missed = mailing.attempts.get()
    assert (missed.occurrence, "changed" in missed.note) == (now, True)


@pytest.mark.parametrize("start", [-DAY, DAY])
def test_a_paused_mailing_can_be_finished(now: datetime, start: timedelta) -> None:
    mailing = MailingFactory(clients=1, start_at=now + start, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing)
    lifecycle.pause(mailing)

    assert lifecycle.finish(mailing).status == MailingStatus.FINISHED


def test_a_mailing_that_loses_its_last_recipient_keeps_account_of_what_was_due(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - DAY)
    lifecycle.run_due(mailing.pk, now - DAY)
    Attempt.objects.update(status=AttemptStatus.SUCCEEDED)
    mailing.clients.clear()

    assert lifecycle.edited(mailing, changed=["name"], now=now + HOUR).is_paused
    assert mailing.attempts.get(status=AttemptStatus.MISSED).occurrence == now


def test_what_send_now_left_behind_says_that_only_the_latest_was_made_up_for(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - 3 * DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - 3 * DAY)
    lifecycle.run_due(mailing.pk, now - 3 * DAY)
    Attempt.objects.update(status=AttemptStatus.SUCCEEDED, started_at=now - 3 * DAY)

    assert lifecycle.send_now(mailing, now=now + HOUR).occurrence == now
    assert {row.note for row in mailing.attempts.filter(status=AttemptStatus.MISSED)} == {missing.SKIPPED.note}


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
    mailing = MailingFactory(clients=3, name="Новости")

    twin = lifecycle.copy(mailing, by=manager)

    assert twin.pk != mailing.pk
    assert twin.is_paused
    assert set(twin.clients.all()) == set(mailing.clients.all())
    assert twin.created_by == manager
    assert LogEntry.objects.filter(object_id=str(twin.pk), user=manager).exists()


def test_a_mailing_that_is_being_sent_is_not_deleted() -> None:
    mailing = MailingFactory(clients=1)
    attempt = Attempt.objects.create(mailing=mailing)

    with pytest.raises(Refused, match=f"attempt {attempt.pk}"):
        lifecycle.delete(mailing)


def test_deleting_takes_the_schedule_row_along(now: datetime) -> None:
    mailing = lifecycle.launch(MailingFactory(clients=1, start_at=now + DAY))

    lifecycle.delete(mailing)

    assert not Schedule.objects.exists()


# --- Send now -------------------------------------------------------------------------------------


def test_send_now_runs_what_is_due() -> None:
    mailing = MailingFactory(clients=1)

    assert lifecycle.send_now(mailing).occurrence == mailing.start_at


def test_send_now_without_anything_due_makes_an_extra_run_and_leaves_the_schedule_alone(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - timedelta(hours=2), periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing)
    drain()
    Attempt.objects.update(status=AttemptStatus.SUCCEEDED, started_at=now - timedelta(hours=2))
    mailing.refresh_from_db()

    attempt = lifecycle.send_now(mailing)

    assert attempt.occurrence is None
    planned = mailing.next_run_at
    mailing.refresh_from_db()
    assert mailing.next_run_at == planned


def test_pressing_twice_is_answered_with_the_number_of_the_run() -> None:
    mailing = MailingFactory(clients=1)
    first = lifecycle.send_now(mailing)

    with pytest.raises(AlreadyRunning, match=f"attempt {first.pk}"):
        lifecycle.send_now(mailing)
    closed(first)
    with pytest.raises(AlreadyRunning, match=f"Just sent: attempt {first.pk}"):
        lifecycle.send_now(mailing, seen_attempt=first.pk - 1)


def test_who_has_seen_the_last_attempt_may_send_again() -> None:
    mailing = MailingFactory(clients=1)
    first = lifecycle.send_now(mailing)
    closed(first)

    assert lifecycle.send_now(mailing, seen_attempt=first.pk).pk != first.pk


def test_a_run_nobody_is_working_on_is_taken_up() -> None:
    mailing = MailingFactory(clients=1)
    first = lifecycle.send_now(mailing)
    old = timezone.now() - timedelta(hours=1)
    Attempt.objects.filter(pk=first.pk).update(started_at=old, resume_at=timezone.now() + timedelta(minutes=5))

    assert lifecycle.send_now(mailing) == first
    first.refresh_from_db()
    assert first.resume_at is None


@pytest.mark.parametrize(("trigger", "tries_at_once"), [(Trigger.MANUAL, True), (Trigger.COMMAND, False)])
def test_a_person_who_presses_send_now_need_not_wait_for_the_pause_of_the_mail_server(
    trigger: Trigger, tries_at_once: bool
) -> None:
    mailing = MailingFactory(clients=1)
    first = lifecycle.send_now(mailing)
    later = timezone.now() + HOUR
    Attempt.objects.filter(pk=first.pk).update(started_at=timezone.now() - HOUR, resume_at=later)
    MailService.objects.update_or_create(pk=1, defaults={"failures": 5, "until": later})

    lifecycle.send_now(mailing, trigger=trigger)

    assert (MailService.load().until != later) is tries_at_once


def test_due_only_says_when_the_next_send_is(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - timedelta(hours=2), periodicity=Periodicity.DAILY)
    closed(lifecycle.send_now(mailing))

    with pytest.raises(NotStarted, match="next send"):
        lifecycle.send_now(mailing, trigger=Trigger.COMMAND, due_only=True, again=True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"is_paused": True}, "paused"),
        ({"start_at": DAY}, "starts only"),
        ({"end_at": timedelta(seconds=-30)}, "ended"),
    ],
)
def test_send_now_is_refused_outside_the_window_and_while_paused(change: dict[str, object], sentence: str) -> None:
    moments = {name: timezone.now() + value for name, value in change.items() if isinstance(value, timedelta)}
    mailing = MailingFactory(clients=1, **(change | moments))

    with pytest.raises(NotStarted, match=sentence):
        lifecycle.send_now(mailing)


@pytest.mark.parametrize("audience", Audience.values)
def test_nobody_to_send_to_is_a_refusal(audience: str) -> None:
    with pytest.raises(NotStarted, match="add recipients"):
        lifecycle.send_now(MailingFactory(audience=audience))


def test_everyone_means_every_client_there_is() -> None:
    ClientFactory.create_batch(2)

    assert lifecycle.send_now(MailingFactory(audience=Audience.EVERYONE)).pk


# --- Permissions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["pause", "resume", "finish", "send_now", "launch", "edited"])
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


# --- The plan -------------------------------------------------------------------------------------


def test_the_plan_says_that_a_run_starts_now_and_when_the_next_are(now: datetime) -> None:
    mailing = MailingFactory.build(start_at=now - timedelta(hours=1), periodicity=Periodicity.DAILY)

    plan = lifecycle.plan(mailing, now)

    assert plan.starts_now
    assert plan.remaining is None
    assert plan.dates == tuple(mailing.start_at + n * DAY for n in range(5))


def test_the_plan_counts_what_is_left_until_the_end(now: datetime) -> None:
    mailing = MailingFactory.build(start_at=now + DAY, end_at=now + 3 * DAY, periodicity=Periodicity.DAILY)

    plan = lifecycle.plan(mailing, now)

    assert (plan.starts_now, plan.remaining, len(plan.dates)) == (False, 3, 3)


def test_the_plan_of_a_mailing_without_a_send_left_says_that_it_will_be_finished(now: datetime) -> None:
    mailing = MailingFactory.build(start_at=now - 3 * DAY, end_at=now - DAY)

    assert lifecycle.plan(mailing, now).will_finish
