"""The life of a mailing: what staff and the clock do to it, from its first save to its deletion.

Each function re-reads its mailing inside one transaction, decides, and updates only the columns that are the clock's
(`schedule_state.save`), and `is_paused`, `end_at` where that is its job. `by=None` is the system or the command line.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from mailing import scheduling, texts
from mailing.choices import MailingStatus
from mailing.errors import Refused
from mailing.formatting import num
from mailing.models import Attempt, Delivery, Mailing
from mailing.services import runs, states
from mailing.services.access import audit_log, permissions
from mailing.services.mailings import copies, missed, occurrences, schedule_state
from mailing.services.mailings.schedule_state import refresh
from mailing.services.mailings.start import hindrance, refusal, retry, run_due, send_now
from mailing.services.reports import run_totals

__all__ = [
    "apply_edit",
    "copy",
    "delete",
    "finish",
    "hindrance",
    "launch",
    "not_over",
    "pause",
    "refresh",
    "refusal",
    "resume",
    "retry",
    "run_due",
    "send_now",
]

SCHEDULE_FIELDS = frozenset({"start_at", "end_at", "periodicity", "is_paused"})

NOT_OVER = _("a run is not over (attempt %(attempt)s: %(state)s, %(done)s of %(all)s).")
CANNOT_DELETE = _("The mailing cannot be deleted yet: %(why)s Finish it first, then delete it.")


def launch(mailing: Mailing, by: User | None = None, *, now: datetime | None = None) -> Mailing:
    """A new mailing with its recipients is saved: from now on it sends by itself, unless it is a draft.

    A mailing to selected clients with nobody in it becomes a draft; look at `is_paused` of what comes back.
    Raises NotAllowed.
    """
    return _activated(mailing, by, now or timezone.now())


def apply_edit(
    mailing: Mailing,
    by: User | None = None,
    changed: Collection[str] = (),
    *,
    before: Mailing | None = None,
    now: datetime | None = None,
) -> Mailing:
    """The saved mailing was changed. What fell due before the change and was not sent is recorded as missed.

    `changed` are field names; `before` is the mailing as it stood before (without it only the one planned time
    in `next_run_at` is known). A change never makes the past due (rule 5 of the calendar). Raises NotAllowed.
    """
    moment = now or timezone.now()
    if SCHEDULE_FIELDS.isdisjoint(changed):
        return _touched(mailing, by, moment)
    with transaction.atomic():
        current = schedule_state.lock(mailing)
        if before is not None and before.is_active:
            permissions.require_send(by)
        reason = missed.PAUSED if current.held_at else missed.CHANGED
        missed.record_before_change(current, before, moment, reason)
        return _activated(current, by, moment, reason)


def replan(mailing_id: int, now: datetime) -> None:
    """Somebody changed the schedule behind our back (a script, TIME_ZONE): that makes the past due as little."""
    with transaction.atomic():
        current = schedule_state.find_locked(mailing_id)
        if current is None or current.next_run_at is None or current.next_run_at <= now:
            return  # it fell due meanwhile, and somebody decides
        if current.is_active and current.next_run_at != occurrences.coming(current, now):
            current.active_since = now
            schedule_state.save(current, now)
            schedule_state.wake(current, now)


def pause(mailing: Mailing, by: User | None = None, *, now: datetime | None = None) -> Mailing:
    """Sends nothing until it is resumed; a run stops within the letters in flight. Raises NotAllowed."""
    permissions.require_send(by)
    moment = now or timezone.now()
    with transaction.atomic():
        current = schedule_state.lock(mailing)
        if not current.is_paused:
            missed.record_before_change(current, current, moment, missed.PAUSED)
            current.is_paused = True
            schedule_state.save(current, moment)
            audit_log.changed(current, by, _("Paused."))
    return current


def resume(mailing: Mailing, by: User | None = None, *, now: datetime | None = None) -> Mailing:
    """Sends again: the run that was stopped goes on, later occurrences are due. Raises NotAllowed, Refused."""
    permissions.require_send(by)
    moment = now or timezone.now()
    with transaction.atomic():
        current = schedule_state.lock(mailing)
        if not schedule_state.has_recipients(current):
            raise Refused(texts.NOBODY)
        if current.is_paused:
            current.is_paused = False
            current.active_since = moment
            state = schedule_state.save(current, moment)
            missed.release_held(current, state, missed.PAUSED, moment)
            schedule_state.wake(current, moment)
            audit_log.changed(current, by, _("Resumed."))
    return current


def finish(mailing: Mailing, by: User | None = None, *, now: datetime | None = None) -> Mailing:
    """The end is now: nothing more is sent, a run is cut short. Raises NotAllowed."""
    permissions.require_send(by)
    moment = now or timezone.now()
    with transaction.atomic():
        current = schedule_state.lock(mailing)
        if current.status != MailingStatus.FINISHED:
            missed.record_before_change(current, current, moment, missed.FINISHED)
            current.end_at = max(moment, current.start_at)
            Mailing.objects.filter(pk=current.pk).update(end_at=current.end_at)
            runs.cut_short(current)
            state = schedule_state.save(current, moment, finish=True)
            missed.release_held(current, state, missed.FINISHED, moment)
            audit_log.changed(current, by, _("Finished."))
    return current


def copy(mailing: Mailing, by: User | None = None) -> Mailing:
    """A draft with the same content and recipients; it sends nothing until somebody resumes it."""
    with transaction.atomic():
        twin = copies.copy(mailing, by)
        audit_log.added(twin, by)
    return twin


def delete(mailing: Mailing, by: User | None = None) -> None:
    """Deletes the mailing with its history. Refused while it is being sent. Raises NotAllowed, Refused."""
    with transaction.atomic():
        current = schedule_state.lock(mailing)
        if current.is_active:
            permissions.require_send(by)
        running = current.attempts.running().first()
        if running is not None:
            raise Refused(CANNOT_DELETE, why=not_over(running))
        scheduling.drop_row(current)
        run_totals.keep(current.attempts.all())
        _forget_deliveries(current)
        current.delete()


def not_over(attempt: Attempt) -> str:
    """Why its mailing stays: the run in numbers and in the word of its state."""
    done = {"done": num(attempt.sent), "all": num(attempt.audience)}
    return gettext(NOT_OVER) % {"attempt": attempt.pk, "state": states.of_run(attempt).words, **done}


def _forget_deliveries(mailing: Mailing) -> None:
    """One statement: Django's own collector would load every row (a mailing may have a million)."""
    deliveries = Delivery.objects.filter(attempt__in=mailing.attempts.values("pk"))
    deliveries._raw_delete(deliveries.db)


def _activated(mailing: Mailing, by: User | None, now: datetime, why: missed.Reason = missed.CHANGED) -> Mailing:
    """The schedule is new: `active_since` is now, and what is due starts at once (rule 2 of the calendar)."""
    with transaction.atomic():
        current = schedule_state.lock(mailing)
        current.status = _status_after_change(current)
        if not current.is_paused and not schedule_state.has_recipients(current):
            current.is_paused = True
        if not current.is_paused:
            permissions.require_send(by)
            current.active_since = now
        current.held_at = mailing.held_at
        state = schedule_state.save(current, now)
        missed.release_held(current, state, why, now)
        schedule_state.wake(current, now)
    return current


def _touched(mailing: Mailing, by: User | None, now: datetime) -> Mailing:
    """Something but the schedule changed."""
    with transaction.atomic():
        current = schedule_state.lock(mailing)
        if current.is_active:
            permissions.require_send(by)
            if not schedule_state.has_recipients(current):
                missed.record_before_change(current, current, now, missed.PAUSED)
                current.is_paused = True
        schedule_state.save(current, now)
    return current


def _status_after_change(mailing: Mailing) -> MailingStatus:
    return MailingStatus.RUNNING if occurrences.has_run(mailing) else MailingStatus.CREATED
