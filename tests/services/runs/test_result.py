"""Pause, finish, end, the next run: how a run stops before everybody has the letter."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext

from mailing.choices import AttemptStatus, DeliveryReason, MailingStatus, WaitsFor
from mailing.delivery.guards import lease
from mailing.models import Attempt, attempt_notes
from mailing.services import runs
from mailing.services.runs import SliceState
from tests.services.runs.working import ALWAYS, counts, misbehave, run, set_mailing, start
from tests.smtp.script import Fault
from tests.smtp.server import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]


def test_a_paused_run_sends_nothing_and_resumes_as_the_same_attempt(server: Server) -> None:
    """Rule 9 of a run."""
    attempt = start(3)
    set_mailing(attempt, is_paused=True)
    assert run(attempt).state is SliceState.PAUSED
    assert attempt.waits_for == WaitsFor.PAUSED
    assert server.accepted == []
    set_mailing(attempt, is_paused=False)
    assert run(attempt).state is SliceState.FINISHED
    assert attempt.status == AttemptStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"end_at": timezone.now()}, "ended"), ({"status": MailingStatus.FINISHED}, "finished")],
)
def test_the_end_skips_the_rest_with_its_reason(server: Server, change: dict[str, Any], reason: str) -> None:
    """Rule 8 of the calendar."""
    attempt = start(3, start_at=timezone.now() - timedelta(hours=1))
    set_mailing(attempt, **change)
    assert run(attempt).state is SliceState.FINISHED
    assert set(attempt.deliveries.values_list("status", "reason")) == {("skipped", reason)}
    assert attempt.status == AttemptStatus.FAILED
    assert attempt.note_text == gettext(attempt_notes.CUT_SHORT[reason])
    assert server.accepted == []


def test_a_run_is_stopped_in_its_middle(server: Server, settings: LazySettings) -> None:
    """Pause within a second and the letters in flight; nothing stays on its way. Rule 9 of a run."""
    settings.SMTP_CONNECTIONS = 1
    server.delay = 0.05
    misbehave(server, Fault("dot", "delay", times=ALWAYS))
    attempt = start(200)

    def pause() -> None:
        set_mailing(attempt, is_paused=True)
        connection.close()

    staff = threading.Timer(0.5, pause)
    staff.start()
    result = run(attempt)
    staff.join()
    assert result.state is SliceState.PAUSED
    assert 0 < attempt.sent < 200
    assert set(attempt.deliveries.values_list("status", flat=True)) == {"sent", "queued"}
    assert attempt.sent == len(server.accepted)


def test_staff_who_finish_a_mailing_cut_its_waiting_run_short() -> None:
    """Rule 9 of a run."""
    attempt = start(3)
    runs.cut_short(attempt.mailing)
    attempt.refresh_from_db()
    assert attempt.status == AttemptStatus.FAILED
    assert counts(attempt) == (0, 0, 0, 3, 0)
    assert [group["reason"] for group in attempt.reasons] == ["finished"]


def test_a_run_somebody_works_on_is_told_to_end_and_closed_by_who_works_on_it(server: Server) -> None:
    attempt = start(3)
    assert lease.take(attempt, lease.new_owner(), timezone.now()) == 0
    assert runs.is_worked_on(attempt)
    assert not runs.close(attempt, reason=DeliveryReason.FINISHED)
    Attempt.objects.filter(pk=attempt.pk).update(lease_owner="", lease_until=None)
    run(attempt)
    assert counts(attempt) == (0, 0, 0, 3, 0)


def test_a_retry_goes_on_after_the_end(server: Server) -> None:
    """Rule 8 of the calendar."""
    attempt = start(3, start_at=timezone.now() - timedelta(hours=1))
    set_mailing(attempt, end_at=timezone.now())
    run(attempt)
    again = runs.start_retry(attempt, by=None)
    run(again)
    assert again.status == AttemptStatus.SUCCEEDED
    assert counts(again) == (3, 0, 0, 0, 0)


def test_the_next_run_closes_one_that_only_waits() -> None:
    attempt = start(3)
    run(attempt)
    assert runs.close(attempt, reason=DeliveryReason.NEXT_RUN)
    attempt.refresh_from_db()
    assert attempt.status == AttemptStatus.FAILED
    assert set(attempt.deliveries.values_list("status", "reason")) == {("failed", "next_run")}
