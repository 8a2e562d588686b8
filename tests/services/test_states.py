"""One vocabulary of states: nothing claims to be going on that is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from mailing.choices import AttemptStatus, MailingStatus, State, Step, WaitsFor
from mailing.delivery.guards import lease
from mailing.models import Attempt, Heartbeat, Mailing
from mailing.services import states
from mailing.services.states import Signs, Told
from tests.factories import AttemptFactory, ClientFactory, MailingFactory

pytestmark = pytest.mark.django_db

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def workers(now: datetime) -> Heartbeat:
    return Heartbeat.objects.create(host="here", pid=1, workers=2, seen=now, worker_seen=now)


def run(now: datetime, **values: Any) -> Attempt:
    """A run of ten letters, four decided, that began five minutes ago."""
    given = {"audience": 10, "sent": 4, "started_at": now - 5 * MINUTE, "slice_at": now - 5 * MINUTE}
    return AttemptFactory(mailing=mailing(), **given | values)


def mailing(**values: Any) -> Mailing:
    given = {"status": MailingStatus.RUNNING, "start_at": timezone.now() - timedelta(days=9)}
    return MailingFactory.create(clients=[ClientFactory()], **given | values)


def worked_on(now: datetime, **values: Any) -> Attempt:
    return run(now, lease_owner=lease.new_owner(), lease_until=now + MINUTE, **values)


def told(attempt: Attempt, now: datetime) -> Told:
    return states.of_run(attempt, Signs(now))


# --- A run that is not over --------------------------------------------------------------------------


def test_letters_that_are_decided_are_being_sent_with_the_time_left(now: datetime) -> None:
    """By the command line, with no cluster beside it."""
    found = told(worked_on(now, decided_at=now - 5 * SECOND), now)
    assert (found.state, found.step) == (State.SENDING, Step.PAUSE)
    assert found.left == "about 8 min left"


def test_the_clock_of_another_machine_may_be_ahead_by_a_little_and_not_by_days(
    now: datetime, workers: Heartbeat
) -> None:
    assert told(worked_on(now, decided_at=now + 5 * SECOND), now).state is State.SENDING
    assert told(worked_on(now, decided_at=now + timedelta(days=1)), now).state is State.STALLED


def test_nothing_decided_for_half_a_minute_stands_still_and_has_no_time_left(
    now: datetime, workers: Heartbeat
) -> None:
    since = now - 31 * SECOND
    found = told(worked_on(now, decided_at=since), now)
    assert (found.state, found.since, found.left, found.until) == (State.STALLED, since, "", None)
    assert found.words.startswith("stands still since")
    assert "decided about no letter since then" in found.why


def test_a_run_just_taken_up_is_being_sent_before_its_first_letter(now: datetime, workers: Heartbeat) -> None:
    assert told(worked_on(now, slice_at=now - 2 * SECOND), now).state is State.SENDING


def test_without_a_cluster_it_stands_still_whatever_it_waits_for(now: datetime) -> None:
    waits = {"waits_for": WaitsFor.NO_ANSWER, "resume_at": now + HOUR, "note_params": {"at": str(now + HOUR)}}
    for values in ({}, waits, {"decided_at": now - SECOND}):
        found = told(run(now, **values), now)
        assert (found.state, found.step, found.left) == (State.STALLED, Step.OPERATE, "")
        assert found.until is None
        assert "qcluster" in found.why


def test_workers_that_do_not_answer_are_none(now: datetime, workers: Heartbeat) -> None:
    Heartbeat.objects.update(worker_seen=now - HOUR)
    assert "restart" in told(run(now), now).why


def test_a_dead_worker_of_this_machine_is_seen_at_once(now: datetime) -> None:
    """Its lease has not run out yet."""
    machine, _pid, _started, _random = lease.new_owner().split(":")
    dead = run(now, lease_owner=f"{machine}:1:0:x", lease_until=now + MINUTE, decided_at=now - SECOND)
    assert told(dead, now).state is State.STALLED


def test_what_waits_says_until_when_and_why(now: datetime, workers: Heartbeat) -> None:
    until = now + 10 * MINUTE
    params = {"at": until.isoformat()}
    found = told(run(now, waits_for=WaitsFor.DEFERRED, resume_at=until, note_params=params), now)
    assert (found.state, found.until, found.step) == (State.WAITING, until, Step.GO_ON)
    assert found.words.startswith("waits until")
    assert "come back later" in found.why


def test_a_run_nobody_took_up_yet_waits_its_turn_and_then_says_that_it_stands(
    now: datetime, workers: Heartbeat
) -> None:
    assert told(run(now, slice_at=None, started_at=now - 3 * SECOND), now).state is State.QUEUED
    late = told(run(now, slice_at=None, started_at=now - MINUTE), now)
    assert (late.state, late.step) == (State.STALLED, Step.GO_ON)


def test_between_two_slices_it_is_being_sent(now: datetime, workers: Heartbeat) -> None:
    assert told(run(now, decided_at=now - 4 * SECOND), now).state is State.SENDING


def test_a_pause_is_a_pause_also_without_workers_and_a_resumed_run_is_not_called_silent(
    now: datetime, workers: Heartbeat
) -> None:
    attempt = run(now, decided_at=now - HOUR)
    attempt.mailing.is_paused = True
    assert (told(attempt, now).state, told(attempt, now).step) == (State.PAUSED, Step.RESUME)
    attempt.mailing.is_paused, attempt.mailing.active_since = False, now - SECOND
    assert told(attempt, now).state is State.QUEUED


def test_sending_switched_off_is_told_in_the_words_of_the_gate(
    now: datetime, workers: Heartbeat, settings: LazySettings
) -> None:
    settings.MAILING_SENDING_ENABLED = False
    found = told(run(now), now)
    assert found.state is State.STALLED
    assert "MAILING_SENDING_ENABLED" in found.why


# --- A run that is over ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "numbers", "words", "tone"),
    [
        ("succeeded", {"sent": 10}, "succeeded", "green"),
        ("partly", {"sent": 9, "failed": 1}, "partly: 1 refused", "amber"),
        ("partly", {"sent": 8, "unconfirmed": 2}, "partly: 2 unconfirmed", "amber"),
        ("partly", {"sent": 7, "failed": 1, "unconfirmed": 2}, "partly: 3 errors", "amber"),
        ("failed", {"failed": 10}, "failed", "red"),
        ("missed", {"audience": 0}, "missed", "amber"),
    ],
)
def test_an_end_is_told_with_its_number(status: str, numbers: dict[str, int], words: str, tone: str) -> None:
    found = states.of_run(AttemptFactory(status=status, **{"audience": 10} | numbers))
    assert (found.words, found.tone) == (words, tone)
    assert (found.step is Step.RETRY) == (status in {"partly", "failed"})


# --- Mailings ----------------------------------------------------------------------------------------


def test_a_mailing_is_named_like_its_run_that_is_not_over_even_behind_a_newer_missed_one(now: datetime) -> None:
    attempt = worked_on(now, decided_at=now)
    missed = AttemptFactory(mailing=attempt.mailing, status=AttemptStatus.MISSED, started_at=now)
    assert states.of_mailing(attempt.mailing, [attempt, missed], Signs(now)).state is State.SENDING


@pytest.mark.parametrize(
    ("values", "ran", "state", "step"),
    [
        ({"status": MailingStatus.CREATED, "is_paused": True}, False, State.DRAFT, Step.RESUME),
        ({"status": MailingStatus.CREATED, "is_paused": True}, True, State.PAUSED, Step.RESUME),
        ({"is_paused": True}, False, State.PAUSED, Step.RESUME),
        ({"status": MailingStatus.FINISHED, "is_paused": True}, True, State.FINISHED, Step.COPY),
        ({}, True, State.RUNNING, Step.SEND),
        ({"status": MailingStatus.CREATED, "start_at": timezone.now() + HOUR}, False, State.CREATED, None),
    ],
)
def test_a_mailing_without_a_run_that_goes_on(
    values: dict[str, Any], ran: bool, state: State, step: Step | None
) -> None:
    row = mailing(**values)
    runs = [AttemptFactory(mailing=row, status=AttemptStatus.SUCCEEDED, sent=1, audience=1)] if ran else []
    found = states.of_mailing(row, runs)
    assert (found.state, found.step) == (state, step)


def test_a_mailing_whose_time_passed_is_overdue_and_says_who_can_help(now: datetime) -> None:
    late = mailing(next_run_at=now - HOUR)
    alone = states.of_mailing(late, (), Signs(now))
    assert (alone.state, alone.step, alone.since) == (State.OVERDUE, Step.OPERATE, late.next_run_at)
    assert "qcluster" in alone.why
    Heartbeat.objects.create(host="here", pid=1, seen=now, worker_seen=now)
    assert states.of_mailing(late, (), Signs(now)).step is Step.SEND


def test_no_word_is_used_for_two_states() -> None:
    words = [str(state.label) for state in State]
    assert len(set(words)) == len(words)


def test_a_page_of_runs_costs_two_queries(now: datetime, django_assert_num_queries: Any) -> None:
    attempts = [run(now) for _ in range(20)]
    signs = Signs(now)
    with django_assert_num_queries(2):
        for attempt in attempts:
            states.of_run(attempt, signs)
