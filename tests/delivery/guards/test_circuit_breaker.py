"""The breaker: one row shared by all workers; pauses that grow, and one probe after each."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from mailing.delivery.guards import circuit_breaker
from mailing.models import MailService

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture(autouse=True)
def _pauses(settings: LazySettings) -> None:
    settings.MAILING_BREAKER_THRESHOLD = 3
    settings.MAILING_BREAKER_PAUSES = [60, 120, 240]


def fail(now: datetime = NOW, *, at_once: bool = False, probing: bool = False) -> datetime | None:
    return circuit_breaker.failed("421 try later", now, at_once=at_once, probing=probing)


def pause(until: datetime | None, now: datetime = NOW) -> float:
    assert until is not None
    return (until - now).total_seconds()


def test_it_opens_at_the_third_failure_in_a_row() -> None:
    """Rule 6 of a run."""
    assert fail() is None
    assert fail() is None
    assert 60 <= pause(fail()) <= 66
    until = circuit_breaker.admit(NOW).until
    assert until is not None


def test_a_letter_that_was_answered_begins_the_count_anew() -> None:
    fail()
    fail()
    circuit_breaker.succeeded()
    assert fail() is None
    assert circuit_breaker.admit(NOW) == circuit_breaker.Admission()


def test_trouble_that_needs_somebody_opens_it_at_once() -> None:
    """Rule 6 of a run."""
    assert 60 <= pause(fail(at_once=True)) <= 66


def test_after_a_pause_one_probes_and_the_others_wait() -> None:
    """Rule 6 of a run."""
    fail(at_once=True)
    later = NOW + timedelta(seconds=70)
    assert circuit_breaker.admit(later) == circuit_breaker.Admission(probe=True)
    assert pause(circuit_breaker.admit(later).until, later) >= 60


def test_a_failed_probe_makes_the_next_pause_longer_up_to_the_longest() -> None:
    fail(at_once=True)
    lengths = []
    for n in range(1, 4):
        later = NOW + timedelta(hours=n)
        circuit_breaker.admit(later)
        lengths.append(round(pause(fail(later, probing=True), later) / 60))
    assert lengths == [2, 4, 4]


def test_a_good_probe_closes_it() -> None:
    fail(at_once=True)
    circuit_breaker.admit(NOW + timedelta(hours=1))
    circuit_breaker.succeeded()
    assert circuit_breaker.admit(NOW + timedelta(hours=1)) == circuit_breaker.Admission()


def test_workers_who_fail_together_do_not_make_the_pause_longer() -> None:
    until = fail(at_once=True)
    assert fail() == until
    assert fail(at_once=True) == until


def test_what_the_server_said_is_kept() -> None:
    fail()
    assert MailService.load().response == "421 try later"


def test_a_pause_made_by_a_clock_that_ran_two_days_ahead_is_over() -> None:
    fail(NOW + timedelta(days=2), at_once=True)

    assert circuit_breaker.admit(NOW) == circuit_breaker.Admission(probe=True)
    assert pause(circuit_breaker.admit(NOW).until) >= 60


def test_who_asks_need_not_wait_for_the_end_of_a_pause() -> None:
    fail(at_once=True)

    circuit_breaker.probe_now(NOW)

    assert circuit_breaker.admit(NOW) == circuit_breaker.Admission(probe=True)
    assert circuit_breaker.admit(NOW).until is not None
