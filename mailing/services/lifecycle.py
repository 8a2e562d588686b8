"""The life of a mailing: the only writer of `status`, `active_since`, `next_run_at` and the Schedule row.

Each function re-reads its mailing inside one transaction, decides, and updates only these columns (and
`is_paused`, `end_at` where that is its job). `by=None` is the system or the command line.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from mailing import scheduling
from mailing.choices import AttemptStatus, Audience, MailingStatus, Trigger
from mailing.errors import AlreadyRunning, NotStarted, Refused
from mailing.models import Attempt, Client, Mailing
from mailing.services import calendar, copying, gate, journal, missing, permissions, sending
from mailing.services.calendar import Plan, plan

__all__ = [
    "Plan",
    "copy",
    "delete",
    "edited",
    "finish",
    "launch",
    "pause",
    "plan",
    "resume",
    "retry",
    "run_due",
    "send_now",
    "settle",
]

SCHEDULE_FIELDS = frozenset({"start_at", "end_at", "periodicity", "is_paused"})
JUST_SENT_WITHIN = timedelta(minutes=1)

PAUSED = _("The mailing is paused. Resume it first.")
FINISHED = _("The mailing is finished. Move its end, then send.")
NOT_BEGUN = _("The mailing starts only at %(start)s. Move its start, then send.")
ENDED = _("The mailing ended at %(end)s. Move its end, then send.")
NOBODY = _("Nobody to send to: add recipients.")
NOTHING_DUE = _("Nothing is due. The next send: %(next)s.")
NOTHING_LEFT = _("Nothing is due, and no send is left.")
ALREADY_SENDING = _("Already being sent: attempt %(attempt)s.")
JUST_SENT = _("Just sent: attempt %(attempt)s.")
BEING_SENT = _("The mailing is being sent (attempt %(attempt)s). Finish it first, then delete it.")
GONE = _("The mailing does not exist any more.")


# --- Staff ------------------------------------------------------------------------------------------


def launch(mailing: Mailing, by: User | None = None, *, now: datetime | None = None) -> Mailing:
    """A new mailing with its recipients is saved: from now on it sends by itself, unless it is a draft.

    A mailing to selected clients with nobody in it becomes a draft; look at `is_paused` of what comes back.
    Raises NotAllowed.
    """
    return _activated(mailing, by, now or timezone.now())


def edited(
    mailing: Mailing,
    by: User | None = None,
    changed: Collection[str] = (),
    *,
    was: Mailing | None = None,
    now: datetime | None = None,
) -> Mailing:
    """The saved mailing was changed. What fell due before the change and was not sent is recorded as missed.

    `changed` are field names; `was` is the mailing as it stood before (without it only the one planned time
    in `next_run_at` is known). A change never makes the past due. Raises NotAllowed.
    """
    moment = now or timezone.now()
    if SCHEDULE_FIELDS.isdisjoint(changed):
        return _touched(mailing, by, moment)
    with transaction.atomic():
        current = _locked(mailing)
        missing.write_off(current, was, moment, missing.CHANGED)
        return _activated(current, by, moment)


def pause(mailing: Mailing, by: User | None = None, *, now: datetime | None = None) -> Mailing:
    """Sends nothing until it is resumed; a run stops within the letters in flight. Raises NotAllowed."""
    permissions.require_send(by)
    moment = now or timezone.now()
    with transaction.atomic():
        current = _locked(mailing)
        if not current.is_paused:
            missing.write_off(current, current, moment, missing.PAUSED)
            current.is_paused = True
            _write(current, moment)
            journal.changed(current, by, _("Paused."))
    return current


def resume(mailing: Mailing, by: User | None = None, *, now: datetime | None = None) -> Mailing:
    """Sends again: the run that was stopped goes on, later occurrences are due. Raises NotAllowed, Refused."""
    permissions.require_send(by)
    moment = now or timezone.now()
    with transaction.atomic():
        current = _locked(mailing)
        if not _has_recipients(current):
            raise Refused(NOBODY)
        if current.is_paused:
            current.is_paused = False
            current.active_since = moment
            _write(current, moment)
            _wake(current)
            journal.changed(current, by, _("Resumed."))
    return current


def finish(mailing: Mailing, by: User | None = None, *, now: datetime | None = None) -> Mailing:
    """The end is now: nothing more is sent, a run is cut short. Raises NotAllowed."""
    permissions.require_send(by)
    moment = now or timezone.now()
    with transaction.atomic():
        current = _locked(mailing)
        if current.status != MailingStatus.FINISHED:
            missing.write_off(current, current, moment, missing.FINISHED)
            current.end_at = max(moment, current.start_at)
            Mailing.objects.filter(pk=current.pk).update(end_at=current.end_at)
            sending.cut_short(current)
            _write(current, moment, finish=True)
            journal.changed(current, by, _("Finished."))
    return current


def copy(mailing: Mailing, by: User | None = None) -> Mailing:
    """A draft with the same content and recipients; it sends nothing until somebody resumes it."""
    with transaction.atomic():
        twin = copying.copy(mailing, by)
        journal.added(twin, by)
    return twin


def delete(mailing: Mailing, by: User | None = None) -> None:
    """Deletes the mailing with its history. Refused while it is being sent. Raises NotAllowed, Refused."""
    with transaction.atomic():
        current = _locked(mailing)
        if current.is_active:
            permissions.require_send(by)
        running = current.attempts.running().first()
        if running is not None:
            raise Refused(BEING_SENT, attempt=running.pk)
        scheduling.drop_row(current)
        current.delete()


def retry(attempt: Attempt, by: User | None = None, unconfirmed: bool = False) -> Attempt:
    """A new attempt for those the letter did not reach; also after the end. Raises NotAllowed, NotStarted."""
    permissions.require_send(by)
    _require_open_gate()
    with transaction.atomic():
        mailing = _locked(attempt.mailing)
        if mailing.is_paused:
            raise NotStarted(PAUSED)
        again = sending.start_retry(attempt, by=by, unconfirmed=unconfirmed)
        scheduling.enqueue_slice(again.pk)
        journal.changed(mailing, by, _("Retry of attempt %(attempt)s."), attempt=attempt.pk)
    return again


def send_now(
    mailing: Mailing,
    *,
    by: User | None = None,
    seen_attempt: int | None = None,
    trigger: Trigger = Trigger.MANUAL,
    again: bool = False,
    due_only: bool = False,
    now: datetime | None = None,
) -> Attempt:
    """Rule 7 of the calendar: take up the unfinished run, else run what is due, else make an extra run.

    Pressing twice never sends twice, unless the person saw the last attempt (`seen_attempt`, its number) or
    says `again`. With trigger COMMAND the caller sends the letters itself, otherwise a worker is woken.
    Raises NotAllowed, NotStarted, AlreadyRunning (which names the attempt).
    """
    permissions.require_send(by)
    _require_open_gate()
    moment = now or timezone.now()
    with transaction.atomic():
        current = _locked(mailing)
        _require_open_window(current, moment)
        attempt = _unfinished(current, trigger, seen_attempt, moment)
        if attempt is None:
            _require_not_just_sent(current, seen_attempt, again, moment)
            attempt = _start(current, trigger, by, due_only, moment)
        if trigger != Trigger.COMMAND:
            scheduling.enqueue_slice(attempt.pk)
        journal.changed(current, by, _("Sent: attempt %(attempt)s."), attempt=attempt.pk)
        _write(current, moment)
    return attempt


# --- The clock --------------------------------------------------------------------------------------


def run_due(mailing_id: int, now: datetime | None = None) -> Attempt | None:
    """Starts what is due and records what was missed; the run it started, if any.

    Called by schedule, tick and queue as often as they like: the calendar decides, and an occurrence runs once.
    """
    moment = now or timezone.now()
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update().filter(pk=mailing_id).first()
        if mailing is None:
            return None
        attempt = None
        if mailing.is_active:
            _adopt(mailing, moment)
            attempt = _decide(mailing, moment)
        _write(mailing, moment)
    return attempt


def settle(mailing_id: int, now: datetime | None = None) -> Mailing | None:
    """Brings status, next send and Schedule row in line with the calendar; starts nothing."""
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update().filter(pk=mailing_id).first()
        if mailing is not None:
            _write(mailing, now or timezone.now())
    return mailing


def _decide(mailing: Mailing, now: datetime) -> Attempt | None:
    if not mailing.is_active:
        return None
    standing = calendar.standing(mailing, now)
    if standing.due is None:
        return None
    reason = missing.why(mailing, standing.due, now)
    if reason is missing.LATER:
        return None
    missing.record(mailing, standing.pending[:-1], missing.earlier(reason), now)
    if reason is not None:
        missing.record(mailing, (standing.due,), reason, now)
        return None
    try:
        with transaction.atomic():
            attempt = sending.start(mailing, occurrence=standing.due, trigger=Trigger.SCHEDULE)
    except AlreadyRunning:
        return None
    scheduling.enqueue_slice(attempt.pk)
    return attempt


# --- Steps ------------------------------------------------------------------------------------------


def _locked(mailing: Mailing) -> Mailing:
    current = Mailing.objects.select_for_update().filter(pk=mailing.pk).first()
    if current is None:
        raise Refused(GONE)
    return current


def _activated(mailing: Mailing, by: User | None, now: datetime) -> Mailing:
    """The schedule of the mailing is new: `active_since` is now, and what is due by rule 2 starts at once."""
    with transaction.atomic():
        current = _locked(mailing)
        current.status = _status_after_change(current)
        if not current.is_paused and not _has_recipients(current):
            current.is_paused = True
        if not current.is_paused:
            permissions.require_send(by)
            current.active_since = now
        _write(current, now)
        _wake(current)
    return current


def _touched(mailing: Mailing, by: User | None, now: datetime) -> Mailing:
    """Something but the schedule changed."""
    with transaction.atomic():
        current = _locked(mailing)
        if current.is_active:
            permissions.require_send(by)
            current.is_paused = not _has_recipients(current)
        _write(current, now)
    return current


def _status_after_change(mailing: Mailing) -> MailingStatus:
    return MailingStatus.RUNNING if calendar.has_run(mailing) else MailingStatus.CREATED


def _adopt(mailing: Mailing, now: datetime) -> None:
    """A row made by a script is treated as just saved."""
    if mailing.active_since is not None:
        return
    if _has_recipients(mailing):
        mailing.active_since = now
    else:
        mailing.is_paused = True


def _has_recipients(mailing: Mailing) -> bool:
    return mailing.audience == Audience.EVERYONE or mailing.clients.exists()


def _write(mailing: Mailing, now: datetime, *, finish: bool = False) -> None:
    """Writes the columns we own, then the Schedule row: last, because it holds up the scheduler."""
    mailing.next_run_at = None
    if mailing.is_active:
        standing = calendar.standing(mailing, now)
        mailing.next_run_at = standing.next_run_at
        if standing.due is not None and mailing.active_since is not None:
            mailing.next_run_at = max(standing.due, mailing.active_since)
        over = finish or mailing.next_run_at is None
        if over and not mailing.attempts.running().exists():
            mailing.status, mailing.next_run_at = MailingStatus.FINISHED, None
    Mailing.objects.filter(pk=mailing.pk).update(
        status=mailing.status,
        is_paused=mailing.is_paused,
        active_since=mailing.active_since,
        next_run_at=mailing.next_run_at,
    )
    scheduling.sync_row(mailing)


def _wake(mailing: Mailing) -> None:
    """Lets workers look at once at what is due, and at the run that was stopped."""
    if not mailing.is_active:
        return
    scheduling.enqueue_run(mailing.pk)
    for attempt_id in mailing.attempts.running().values_list("pk", flat=True):
        scheduling.enqueue_slice(attempt_id)


def _require_open_gate() -> None:
    refusal = gate.refusal()
    if refusal is not None:
        raise refusal


def _require_open_window(mailing: Mailing, now: datetime) -> None:
    if mailing.is_paused:
        raise NotStarted(PAUSED)
    if now < mailing.start_at:
        raise NotStarted(NOT_BEGUN, start=journal.when(mailing.start_at))
    if mailing.end_at is not None and now > mailing.end_at:
        raise NotStarted(ENDED, end=journal.when(mailing.end_at))


def _unfinished(mailing: Mailing, trigger: Trigger, seen: int | None, now: datetime) -> Attempt | None:
    """The run that nobody is working on; AlreadyRunning when somebody is, or is just about to."""
    attempt = mailing.attempts.running().first()
    if attempt is None:
        return None
    if sending.is_worked_on(attempt):
        raise AlreadyRunning(ALREADY_SENDING, attempt=attempt)
    begun_by_a_press = attempt.lease_until is None and trigger == Trigger.MANUAL
    if begun_by_a_press and _is_fresh(attempt, now) and not _was_seen(attempt, seen):
        raise AlreadyRunning(ALREADY_SENDING, attempt=attempt)
    Attempt.objects.without_lease(now).filter(pk=attempt.pk).update(resume_at=None)
    return attempt


def _require_not_just_sent(mailing: Mailing, seen: int | None, again: bool, now: datetime) -> None:
    latest = mailing.attempts.exclude(status=AttemptStatus.MISSED).order_by("-started_at", "-pk").first()
    if latest is not None and _is_fresh(latest, now) and not again and not _was_seen(latest, seen):
        raise AlreadyRunning(JUST_SENT, attempt=latest)


def _is_fresh(attempt: Attempt, now: datetime) -> bool:
    return abs(now - attempt.started_at) < JUST_SENT_WITHIN


def _was_seen(attempt: Attempt, seen: int | None) -> bool:
    return seen is not None and attempt.pk <= seen


def _start(mailing: Mailing, trigger: Trigger, by: User | None, due_only: bool, now: datetime) -> Attempt:
    """Runs what is due, or makes an extra run that leaves the schedule alone."""
    if mailing.audience == Audience.EVERYONE and not Client.objects.exists() or not _has_recipients(mailing):
        raise NotStarted(NOBODY)
    _adopt(mailing, now)
    standing = calendar.standing(mailing, now)
    due = standing.due
    if due is not None and calendar.too_late(mailing, due, now):
        due = None
    if due is None and due_only:
        raise _nothing_due(standing.coming)
    skipped = standing.pending[:-1] if due else standing.pending
    missing.record(mailing, skipped, missing.DOWN, now)
    with transaction.atomic():
        return sending.start(mailing, occurrence=due, trigger=trigger, by=by)


def _nothing_due(coming: datetime | None) -> NotStarted:
    return NotStarted(NOTHING_DUE, next=journal.when(coming)) if coming else NotStarted(NOTHING_LEFT)
