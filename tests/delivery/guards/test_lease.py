"""The lease: one process per attempt, and a dead one of this machine need not be waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from mailing.choices import DeliveryStatus
from mailing.delivery.guards import lease
from mailing.errors import LeaseLost
from mailing.models import Attempt
from tests.chaos.books import balance
from tests.factories import AttemptFactory, DeliveryFactory

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def held_by(owner: str, **values: object) -> Attempt:
    values = {"lease_until": NOW + timedelta(minutes=2)} | values
    return AttemptFactory.create(lease_owner=owner, audience=3, **values)


def with_letters_on_their_way(attempt: Attempt) -> Attempt:
    DeliveryFactory.create_batch(2, attempt=attempt, status=DeliveryStatus.SENDING)
    DeliveryFactory.create(attempt=attempt)
    return attempt


def test_a_free_attempt_is_taken_by_the_first_who_asks() -> None:
    attempt = AttemptFactory.create()
    rival = Attempt.objects.get(pk=attempt.pk)
    assert lease.take(attempt, "one", NOW) == 0
    assert lease.take(rival, "two", NOW) is None
    assert Attempt.objects.get(pk=attempt.pk).lease_owner == "one"


def test_a_live_lease_is_respected() -> None:
    attempt = held_by(lease.new_owner())
    assert lease.is_live(attempt, NOW)
    assert lease.take(attempt, "two", NOW) is None


def test_a_lease_of_another_machine_is_respected_until_it_runs_out() -> None:
    attempt = with_letters_on_their_way(held_by("elsewhere.1:1:1:abc"))
    assert lease.take(attempt, "two", NOW) is None
    assert lease.take(attempt, "two", NOW + timedelta(minutes=3)) == 2


def test_a_dead_process_of_this_machine_is_not_waited_for() -> None:
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    machine, _, started, mark = lease.new_owner().split(":")
    dead = f"{machine}:{int(process.stdout)}:{started}:{mark}"
    assert lease.take(held_by(dead), "two", NOW) == 0


def test_a_process_number_that_has_a_new_bearer_is_a_dead_process() -> None:
    machine, pid, started, mark = lease.new_owner().split(":")
    assert pid == str(os.getpid())
    attempt = held_by(f"{machine}:{pid}:{int(started) - 1}:{mark}")
    assert not lease.is_live(attempt, NOW)


def test_what_a_dead_process_left_on_its_way_becomes_unconfirmed() -> None:
    """Rule 8 of a run."""
    attempt = with_letters_on_their_way(held_by("elsewhere", lease_until=NOW - timedelta(seconds=1)))
    assert lease.take(attempt, "two", NOW) == 2
    rows = attempt.deliveries.order_by("pk").values_list("status", "reason", "tries")
    assert list(rows) == [("unconfirmed", "worker_died", 1)] * 2 + [("queued", "", 0)]
    balance(attempt)


def bury(attempt: Attempt, owner: str) -> int | None:
    """Somebody takes the lease over from a dead owner; the deaths that are counted then."""
    Attempt.objects.filter(pk=attempt.pk).update(lease_owner="elsewhere", lease_until=NOW - timedelta(seconds=1))
    taken = Attempt.objects.get(pk=attempt.pk)
    assert lease.take(taken, owner, NOW) is not None
    return Attempt.objects.get(pk=attempt.pk).deaths


def test_deaths_are_counted_until_a_letter_is_decided_between_two_of_them() -> None:
    """Rule 8 of a run."""
    attempt = with_letters_on_their_way(held_by("elsewhere"))
    assert [bury(attempt, owner) for owner in ("one", "two", "three")] == [1, 2, 3]
    attempt.deliveries.filter(status=DeliveryStatus.QUEUED).update(status=DeliveryStatus.SENT, tries=1)
    Attempt.objects.filter(pk=attempt.pk).update(sent=1)
    assert [bury(attempt, owner) for owner in ("four", "five")] == [1, 2]


def test_a_letter_that_was_deferred_was_decided_for_now() -> None:
    attempt = held_by("elsewhere")
    with_letters_on_their_way(attempt)
    assert bury(attempt, "one") == 1
    attempt.deliveries.filter(status=DeliveryStatus.QUEUED).update(status=DeliveryStatus.DEFERRED, tries=1)
    assert bury(attempt, "two") == 1


def test_who_let_its_lease_run_out_and_lives_did_not_die() -> None:
    attempt = with_letters_on_their_way(held_by(lease.new_owner(), lease_until=NOW - timedelta(seconds=1)))
    assert lease.take(attempt, "two", NOW) == 2
    assert attempt.deaths == 0


def test_who_gave_the_lease_back_did_not_die() -> None:
    attempt = AttemptFactory.create()
    for owner in ("one", "two", "three"):
        assert lease.take(attempt, owner, NOW) == 0
        Attempt.objects.filter(pk=attempt.pk).update(lease_owner="", lease_until=None)
        attempt.refresh_from_db()
    assert attempt.deaths is None


def test_the_heartbeat_of_a_lost_lease_says_so() -> None:
    attempt = AttemptFactory.create()
    lease.take(attempt, "one", NOW)
    lease.renew(attempt.pk, "one", NOW)
    with pytest.raises(LeaseLost):
        lease.renew(attempt.pk, "two", NOW)


def test_a_finished_attempt_cannot_be_taken() -> None:
    attempt = AttemptFactory.create(status="failed")
    assert lease.take(attempt, "one", NOW) is None
