"""The columns of a mailing that only the clock writes, kept together with its Schedule row.

`status`, `active_since`, `next_run_at` (and `is_paused`, where the clock makes a draft of it): read again and
written inside the caller's transaction, nothing else of the row is touched.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from mailing import scheduling
from mailing.choices import Audience, MailingStatus
from mailing.errors import Refused
from mailing.models import Mailing
from mailing.services.mailings import occurrences
from mailing.services.mailings.occurrences import DueState

CLOCK_TOLERANCE = timedelta(minutes=1)  # machines may differ that much before we call a clock wrong

RECIPIENTS_WITHIN = timedelta(hours=1)  # a script saves the mailing first, then its recipients

GONE = _("The mailing does not exist any more.")


def refresh(mailing_id: int, now: datetime | None = None) -> Mailing | None:
    """Brings status, next send and Schedule row in line with the calendar; starts nothing."""
    with transaction.atomic():
        mailing = find_locked(mailing_id)
        if mailing is not None:
            save(mailing, now or timezone.now())
    return mailing


def find_locked(mailing_id: int) -> Mailing | None:
    """The mailing as it stands now, its row held until the caller's transaction ends; None: deleted."""
    return Mailing.objects.select_for_update().filter(pk=mailing_id).first()


def lock(mailing: Mailing) -> Mailing:
    """The same for a door that speaks to a person. Raises Refused: deleted."""
    current = find_locked(mailing.pk)
    if current is None:
        raise Refused(GONE)
    return current


def adopt(mailing: Mailing, now: datetime) -> None:
    """A row made by a script is treated as just saved, when it has its recipients; after an hour it is a draft."""
    if mailing.active_since is not None:
        if mailing.active_since > now + CLOCK_TOLERANCE:
            # Changed by a clock that ran ahead: what comes until then must not be held back.
            mailing.active_since = now
        return
    if has_recipients(mailing):
        mailing.active_since = now
    elif mailing.created_at < now - RECIPIENTS_WITHIN:
        mailing.is_paused = True


def has_recipients(mailing: Mailing) -> bool:
    return mailing.audience == Audience.EVERYONE or mailing.clients.exists()


def save(mailing: Mailing, now: datetime, *, finish: bool = False) -> DueState | None:
    """Writes the columns we own, then the Schedule row: last, because it holds up the scheduler.

    Returns where the mailing stands at that moment; None for one that was not active.
    """
    state = occurrences.due_state(mailing, now) if mailing.is_active else None
    if state is not None and state.ran:
        mailing.status = MailingStatus.RUNNING
    mailing.next_run_at = _next_run_at(state, mailing.active_since)
    ended = mailing.is_paused and mailing.active_since is not None and mailing.has_ended(now)
    over = finish or ended or (mailing.is_active and mailing.next_run_at is None)
    if over and not mailing.attempts.running().exists():
        mailing.status, mailing.next_run_at = MailingStatus.FINISHED, None
    Mailing.objects.filter(pk=mailing.pk).update(
        status=mailing.status,
        is_paused=mailing.is_paused,
        active_since=mailing.active_since,
        next_run_at=mailing.next_run_at,
        held_at=mailing.held_at,
    )
    scheduling.sync_row(mailing)
    return state


def _next_run_at(state: DueState | None, active_since: datetime | None) -> datetime | None:
    if state is None:
        return None
    if state.due is not None and active_since is not None:
        return max(state.due, active_since)
    return state.next_run_at


def wake(mailing: Mailing, now: datetime) -> None:
    """Lets workers look at once at what is due, and at the run that was stopped."""
    if not mailing.is_active:
        return
    if mailing.next_run_at is not None and mailing.next_run_at <= now:
        scheduling.enqueue_run(mailing.pk)
    for attempt_id in mailing.attempts.running().values_list("pk", flat=True):
        scheduling.enqueue_slice(attempt_id)
