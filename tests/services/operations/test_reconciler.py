"""The tick finds what is not as it should be and puts it right; the command shows the same to a person."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule

from mailing.choices import AttemptStatus, Periodicity
from mailing.delivery.guards import lease
from mailing.models import Attempt, Mailing
from mailing.services import runs
from mailing.services.mailings import lifecycle
from mailing.services.operations import reconciler
from tests.clock.carrying import carry
from tests.factories import AttemptFactory, DeliveryFactory, MailingFactory
from tests.queueing import drain

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("carrier")]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
IDLE_QUERIES = 12


@pytest.fixture
def mailing(now: datetime) -> Mailing:
    """Active; its next send is tomorrow."""
    mailing = lifecycle.launch(MailingFactory(clients=1, start_at=now + DAY, periodicity=Periodicity.DAILY))
    mailing.refresh_from_db()
    return mailing


def test_with_nothing_due_a_tick_is_a_handful_of_queries_for_any_number(mailing: Mailing, now: datetime) -> None:
    def queries() -> int:
        reconciler.tick(now, purge=False)
        with CaptureQueriesContext(connection) as captured:
            assert str(reconciler.tick(now, purge=False)) == "nothing to do"
        return len(captured)

    one = queries()
    for _ in range(20):
        lifecycle.launch(MailingFactory(clients=1, start_at=now + DAY))

    assert queries() == one <= IDLE_QUERIES


@pytest.mark.parametrize(
    "damage",
    [
        {"next_run": timezone.now() + timedelta(days=9)},
        {"next_run": None},
        {"func": "os.getcwd"},
        {"args": "foo("},
        {"args": "999"},
        {"kwargs": "1, 2"},
        {"cluster": "elsewhere"},
        {"repeats": 0},
        {"schedule_type": "C", "cron": "nonsense"},
        {"hook": "os.getcwd"},
    ],
)
def test_a_wrong_schedule_row_is_put_right(mailing: Mailing, now: datetime, damage: dict[str, object]) -> None:
    """Rule 3 of the calendar."""
    right = Schedule.objects.filter(pk=mailing.schedule_id).values().get()
    Schedule.objects.filter(pk=mailing.schedule_id).update(**damage)

    reconciler.tick(now)

    assert Schedule.objects.values().get() == right


def test_a_missing_schedule_row_is_made_again(mailing: Mailing, now: datetime) -> None:
    """Rule 3 of the calendar."""
    Schedule.objects.all().delete()

    reconciler.tick(now)

    mailing.refresh_from_db()
    assert mailing.schedule is not None
    assert mailing.schedule.next_run == mailing.next_run_at


def test_a_second_row_of_the_same_mailing_is_removed(mailing: Mailing, now: datetime) -> None:
    twin = Schedule.objects.create(name=f"mailing:{mailing.pk}", func="mailing.tasks.run_due", args=str(mailing.pk))

    reconciler.tick(now)

    assert not Schedule.objects.filter(pk=twin.pk).exists()
    assert Schedule.objects.count() == 1


def test_the_row_of_a_mailing_that_is_gone_is_removed(mailing: Mailing, now: datetime) -> None:
    mailing.delete()

    reconciler.tick(now)

    assert not Schedule.objects.exists()


def test_foreign_rows_are_left_alone_unless_they_would_stop_the_scheduler(now: datetime) -> None:
    """Rule 3 of the calendar."""
    good = Schedule.objects.create(func="os.getcwd", next_run=now - HOUR)
    broken = [
        Schedule(func="os.getcwd", next_run=now - HOUR, **damage)
        for damage in (
            {"args": "foo("},
            {"kwargs": "1, 2"},
            {"kwargs": "{'q_options': 3}"},
            {"kwargs": "{'func': 3}"},
            {"schedule_type": "C", "cron": "nonsense"},
            {"schedule_type": "?"},
        )
    ]
    Schedule.objects.bulk_create(broken)  # save() would stumble over a bad cron expression itself

    reconciler.park_broken(now)

    assert Schedule.objects.get(pk=good.pk).next_run == now - HOUR
    for row in broken:
        row.refresh_from_db()
        assert row.next_run is None


def test_a_start_moved_by_a_script_is_noticed(mailing: Mailing, now: datetime) -> None:
    reconciler.tick(now)
    Mailing.objects.filter(pk=mailing.pk).update(start_at=now + HOUR)

    report = reconciler.tick(now)

    mailing.refresh_from_db()
    assert report.findings["wrong_time"] == 1
    assert mailing.next_run_at == now + HOUR


def test_a_run_that_stalled_gets_a_worker(now: datetime) -> None:
    """Rule 3 of the calendar."""
    attempt = AttemptFactory(lease_owner="elsewhere:1:1:1", lease_until=now - HOUR)

    reconciler.tick(now)

    assert [row.args()[0] for row in OrmQ.objects.all()] == [attempt.pk]


def test_a_run_that_waits_is_woken_when_it_is_time(now: datetime) -> None:
    attempt = AttemptFactory(resume_at=now + HOUR)

    reconciler.tick(now)
    assert not OrmQ.objects.exists()
    reconciler.tick(now + HOUR)

    assert [row.args()[0] for row in OrmQ.objects.all()] == [attempt.pk]


def test_a_run_of_a_paused_mailing_is_left_alone(now: datetime) -> None:
    AttemptFactory(mailing__is_paused=True)

    reconciler.tick(now)

    assert not OrmQ.objects.exists()


def test_a_waiting_run_is_closed_when_its_mailing_has_ended(now: datetime) -> None:
    """Rule 8 of the calendar."""
    mailing = MailingFactory(clients=1, start_at=now - DAY, end_at=now - HOUR, active_since=now - DAY)
    attempt = lifecycle_attempt(mailing, now)

    reconciler.tick(now)

    attempt.refresh_from_db()
    mailing.refresh_from_db()
    assert attempt.status == AttemptStatus.FAILED
    assert mailing.status == "finished"


def lifecycle_attempt(mailing: Mailing, now: datetime) -> Attempt:
    return Attempt.objects.create(mailing=mailing, occurrence=mailing.start_at, resume_at=now + HOUR)


def test_the_run_of_a_paused_mailing_ends_with_its_mailing(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - DAY, end_at=now - HOUR, active_since=now - DAY, is_paused=True)
    attempt = Attempt.objects.create(mailing=mailing, occurrence=mailing.start_at, started_at=now - DAY)

    reconciler.tick(now)

    attempt.refresh_from_db()
    mailing.refresh_from_db()
    assert (attempt.status, mailing.status) == (AttemptStatus.FAILED, "finished")


def test_a_paused_mailing_is_finished_when_its_end_has_passed_and_a_draft_is_not(now: datetime) -> None:
    paused, draft = (
        MailingFactory(clients=1, start_at=now - DAY, end_at=now - HOUR, is_paused=True, active_since=since)
        for since in (now - DAY, None)
    )

    reconciler.tick(now)

    assert [Mailing.objects.get(pk=one.pk).status for one in (paused, draft)] == ["finished", "created"]
    assert str(reconciler.tick(now)) == "nothing to do"


def test_more_runs_than_workers_do_not_fill_the_queue(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = [lifecycle.send_now(MailingFactory(clients=2)) for _ in range(3)]
    Attempt.objects.update(started_at=now - HOUR)
    open_ = partial(runs.SliceResult, runs.SliceState.OPEN)

    def one_slice(attempt_id: int, **_: object) -> runs.SliceResult:
        """Works for a moment and is not through."""
        attempt = Attempt.objects.get(pk=attempt_id)
        assert lease.take(attempt, "elsewhere:1:1:1", timezone.now()) == 0
        Attempt.objects.filter(pk=attempt_id).update(lease_owner="", lease_until=None)
        return open_(attempt_id, attempt.mailing_id)

    monkeypatch.setattr(runs, "run_slice", one_slice)
    for _ in range(15):
        reconciler.tick(timezone.now())
        work_off(4)

    assert OrmQ.objects.count() <= 4 * len(attempts)
    work_off(20)
    assert OrmQ.objects.count() == len(attempts)


def work_off(tasks: int) -> None:
    with suppress(AssertionError):  # of `drain`: the queue does not end, each run asks for its next slice
        drain(limit=tasks)


def test_a_wait_made_by_a_clock_that_ran_ahead_is_cut_short(now: datetime) -> None:
    attempt = AttemptFactory(resume_at=now + 2 * DAY, audience=1)
    delivery = DeliveryFactory(attempt=attempt, status="deferred", tries=1, retry_at=now + 2 * DAY)

    report = reconciler.tick(now)

    attempt.refresh_from_db()
    delivery.refresh_from_db()
    assert report.findings["postponed"] == 1
    assert attempt.resume_at is None
    assert delivery.retry_at == now
    assert OrmQ.objects.count() == 1


def test_a_start_moved_into_the_past_by_a_script_makes_nothing_due(now: datetime) -> None:
    """Rule 5 of the calendar."""
    mailing = MailingFactory(clients=1, start_at=now - 20 * DAY - HOUR, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - 20 * DAY - HOUR)
    lifecycle.run_due(mailing.pk, now - 20 * DAY - HOUR)
    carry(now)
    lifecycle.run_due(mailing.pk, now - HOUR)
    carry(now)
    rows = mailing.attempts.count()
    Mailing.objects.filter(pk=mailing.pk).update(start_at=now - 20 * DAY - 2 * HOUR)

    reconciler.tick(now)
    reconciler.tick(now)

    mailing.refresh_from_db()
    assert mailing.attempts.count() == rows
    assert mailing.next_run_at == now + 22 * HOUR


def test_a_broken_row_of_a_mailing_nothing_can_be_done_about_is_parked(now: datetime) -> None:
    row = Schedule.objects.create(func="mailing.tasks.run_due", args="foo(", next_run=now - HOUR)
    MailingFactory(clients=1, periodicity="hourly", schedule=row, active_since=now)

    reconciler.park_broken(now)

    row.refresh_from_db()
    assert row.next_run is None


def test_one_poisoned_mailing_does_not_stop_the_others(now: datetime) -> None:
    poisoned = MailingFactory(clients=1, periodicity="hourly")
    good = MailingFactory(clients=1)

    report = reconciler.tick(now)

    assert report.started == 1
    assert good.attempts.count() == 1
    assert len(report.troubled) == 1
    assert not poisoned.attempts.exists()


def test_a_change_made_by_a_clock_that_ran_ahead_holds_nothing_back(now: datetime) -> None:
    mailing = MailingFactory(clients=1, start_at=now - DAY, periodicity=Periodicity.DAILY)
    lifecycle.launch(mailing, now=now - DAY)
    lifecycle.run_due(mailing.pk, now - DAY)
    carry(now)
    Mailing.objects.filter(pk=mailing.pk).update(active_since=now + 30 * DAY)

    reconciler.tick(now - HOUR)

    assert lifecycle.run_due(mailing.pk, now) is not None


def test_old_failures_of_the_queue_are_purged(now: datetime) -> None:
    for days in (29, 31):
        moment = now - days * DAY
        Failure.objects.create(id=str(days), name=str(days), func="x", started=moment, stopped=moment, success=False)

    reconciler.tick(now)

    assert [failure.pk for failure in Failure.objects.all()] == ["29"]


def test_the_command_shows_what_is_wrong_and_puts_it_right_when_asked(mailing: Mailing) -> None:
    Schedule.objects.all().delete()
    shown = io.StringIO()

    with pytest.raises(SystemExit):
        call_command("check_mailings", stdout=shown)
    assert f"mailing {mailing.pk} is missing or wrong" in shown.getvalue()
    assert not Schedule.objects.exists()

    poisoned = MailingFactory(clients=1, periodicity="hourly")
    with pytest.raises(SystemExit):  # but the others are mended
        call_command("check_mailings", "--fix", stdout=shown)
    assert Schedule.objects.count() == 1

    poisoned.delete()
    call_command("check_mailings", "--fix", stdout=shown)
