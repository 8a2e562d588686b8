"""Send now: the unfinished run, else what is due, else an extra run; and whom it refuses."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from mailing.choices import AttemptStatus, Audience, Periodicity, Trigger
from mailing.errors import AlreadyRunning, NotStarted
from mailing.models import Attempt, MailService
from mailing.services.mailings import lifecycle
from tests.factories import ClientFactory, MailingFactory
from tests.queueing import drain

pytestmark = pytest.mark.django_db(transaction=True)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def closed(attempt: Attempt, status: AttemptStatus = AttemptStatus.SUCCEEDED, **changes: object) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(status=status, finished_at=timezone.now(), **changes)


def test_send_now_runs_what_is_due() -> None:
    """Rule 7 of the calendar."""
    mailing = MailingFactory(clients=1)

    assert lifecycle.send_now(mailing).occurrence == mailing.start_at


def test_send_now_without_anything_due_makes_an_extra_run_and_leaves_the_schedule_alone(now: datetime) -> None:
    """Rule 7 of the calendar."""
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
    """Rule 7 of the calendar."""
    mailing = MailingFactory(clients=1)
    first = lifecycle.send_now(mailing)

    with pytest.raises(AlreadyRunning, match=f"attempt {first.pk}"):
        lifecycle.send_now(mailing)
    closed(first)
    with pytest.raises(AlreadyRunning, match=f"Just sent: attempt {first.pk}"):
        lifecycle.send_now(mailing, seen_attempt=first.pk - 1)


def test_who_has_seen_the_last_attempt_may_send_again() -> None:
    """Rule 7 of the calendar."""
    mailing = MailingFactory(clients=1)
    first = lifecycle.send_now(mailing)
    closed(first)

    assert lifecycle.send_now(mailing, seen_attempt=first.pk).pk != first.pk


def test_a_run_nobody_is_working_on_is_taken_up() -> None:
    """Rule 7 of the calendar."""
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
    """Rule 7 of the calendar."""
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
    """Rule 8 of the calendar."""
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
