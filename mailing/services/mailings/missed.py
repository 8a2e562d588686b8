"""Occurrences that did not run: why, and the rows that say so. None is silent (rule 6 of the calendar)."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

from mailing.choices import AttemptStatus, DeliveryStatus, Hindrance, MailingStatus, Trigger
from mailing.models import Attempt, Mailing
from mailing.services import runs
from mailing.services.access import site_guard
from mailing.services.mailings import occurrences
from mailing.services.mailings.occurrences import DueState

KEPT_IN_A_ROW = 100  # older ones are summed up in one row


@dataclass(frozen=True)
class Reason:
    """Why an occurrence did not run, and what the sentence about it names."""

    hindrance: Hindrance
    params: dict[str, Any] = field(default_factory=dict)


DOWN = Reason(Hindrance.NOTHING_RUNNING)
SKIPPED = Reason(Hindrance.ONLY_LATEST)
PASSED = Reason(Hindrance.ENDED)
DISABLED = Reason(Hindrance.DISABLED)
CHANGED = Reason(Hindrance.CHANGED)
PAUSED = Reason(Hindrance.PAUSED)
FINISHED = Reason(Hindrance.FINISHED)


@dataclass(frozen=True)
class Decision:
    """What becomes of the due occurrence: it runs, stands as missed for a reason, or waits for the next look."""

    reason: Reason | None = None
    wait: bool = False  # somebody is about to let go of the previous run
    close_first: Attempt | None = None  # the previous run, which only waits itself: it makes way

    @property
    def earlier(self) -> Reason:
        """Why the occurrences before the due one stand as missed."""
        return self.reason or SKIPPED


def decide(mailing: Mailing, due: datetime, now: datetime) -> Decision:
    """What is to be done about the due occurrence. Writes nothing: whoever asked carries it out."""
    if site_guard.closed():
        return Decision(_closed_gate())
    if mailing.has_ended(now):
        return Decision(PASSED)
    if occurrences.too_late(mailing, due, now):
        return Decision(DOWN)
    previous = mailing.attempts.running().first()
    return Decision() if previous is None else _overlap(previous)


def _closed_gate() -> Reason:
    if not settings.MAILING_SENDING_ENABLED:
        return DISABLED
    return Reason(Hindrance.COPY, {"site": site_guard.remembered()})


def _overlap(previous: Attempt) -> Decision:
    """Rule 6 of the calendar, overlap: a run that hands over letters goes on, one that only waits is closed.

    Handing over: fresh letters, and somebody at work or about to be (between two slices).
    Waiting: for deferred letters or the service (`resume_at`), or left behind by a dead worker. While a worker
    holds the lease only for deferred letters, the decision waits for the few seconds that takes.
    """
    worked_on = runs.is_worked_on(previous)
    between_slices = previous.lease_until is None and previous.resume_at is None
    if (worked_on or between_slices) and _has_fresh(previous):
        return Decision(Reason(Hindrance.OVERLAP, {"attempt": previous.pk}))
    return Decision(wait=True) if worked_on else Decision(close_first=previous)


def _has_fresh(attempt: Attempt) -> bool:
    return attempt.deliveries.filter(status=DeliveryStatus.QUEUED, tries=0).exists()


def record_before_change(mailing: Mailing, before: Mailing | None, now: datetime, reason: Reason) -> None:
    """Records what fell due before a change, a pause or the end, and had not been looked at yet.

    The latest occurrence of a mailing that never ran is held: it runs when the mailing is activated again, unless
    a later one has come by then (`release_held` tells).
    """
    if mailing.next_run_at is None or mailing.next_run_at > now:
        return
    ran = occurrences.has_run(mailing)
    pending: Sequence[datetime] = (mailing.next_run_at,) if ran else ()
    if before is not None:
        before = copy(before)
        before.active_since = mailing.active_since
        pending = occurrences.due_state(before, now).pending
    if pending and not ran:
        pending, mailing.held_at = pending[:-1], pending[-1]
    record(mailing, pending, reason, now)


def release_held(mailing: Mailing, state: DueState | None, reason: Reason, now: datetime) -> None:
    """The mailing is active again, or over: what was held is due now, or it stands as missed.

    `state` is where the mailing stands now, as `schedule_state.save` has found.
    """
    held = mailing.held_at
    if held is None or (mailing.is_paused and mailing.status != MailingStatus.FINISHED):
        return
    mailing.held_at = None
    Mailing.objects.filter(pk=mailing.pk).update(held_at=None)
    due = state.due if state is not None and mailing.is_active else None
    if held != due:
        record(mailing, (held,), reason, now)


def record(mailing: Mailing, moments: Sequence[datetime], reason: Reason, now: datetime) -> None:
    """One row per missed occurrence; who was faster, another row of the same occurrence, wins."""
    if not moments:
        return
    older, recent = moments[:-KEPT_IN_A_ROW], moments[-KEPT_IN_A_ROW:]
    rows = [_row(mailing, moment, reason, now) for moment in recent]
    if older:
        summary = _row(mailing, older[-1], reason, now)
        summary.stands_for, summary.first_occurrence = len(older), older[0]
        rows.insert(0, summary)
    Attempt.objects.bulk_create(rows, ignore_conflicts=True)
    _sum_up(mailing, now)


def _row(mailing: Mailing, occurrence: datetime, reason: Reason, now: datetime) -> Attempt:
    """Stands in the list at its planned time."""
    return Attempt(
        mailing=mailing,
        occurrence=occurrence,
        trigger=Trigger.SCHEDULE,
        status=AttemptStatus.MISSED,
        subject=mailing.message.subject,
        hindered_by=reason.hindrance,
        note_params=reason.params,
        started_at=occurrence,
        finished_at=now,
    )


def _sum_up(mailing: Mailing, now: datetime) -> None:
    """After 100 missed in a row one row stands for all older ones of that row."""
    row = mailing.attempts.exclude(occurrence=None)
    ran = row.exclude(status=AttemptStatus.MISSED).order_by("-occurrence").first()
    missed = row.filter(status=AttemptStatus.MISSED)
    if ran is not None:
        missed = missed.filter(occurrence__gt=ran.occurrence)
    older = list(missed.order_by("-occurrence")[KEPT_IN_A_ROW:])
    if len(older) < 2:
        return
    newest, oldest = older[0], older[-1]
    Attempt.objects.filter(pk__in=[attempt.pk for attempt in older[1:]]).delete()
    Attempt.objects.filter(pk=newest.pk).update(
        stands_for=sum(attempt.stands_for for attempt in older),
        first_occurrence=oldest.first_occurrence or oldest.occurrence,
    )
