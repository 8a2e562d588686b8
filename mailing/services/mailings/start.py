"""How a run begins: by the clock, by hand, as a retry. The one that comes second gets an answer, not a second run."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from mailing import scheduling, texts
from mailing.choices import AttemptStatus, Audience, DeliveryReason, MailingStatus, Trigger
from mailing.delivery.guards import circuit_breaker
from mailing.delivery.letters.prepare import Judged
from mailing.errors import AlreadyRunning, NotStarted, RefusalCode
from mailing.models import Attempt, Client, Mailing
from mailing.services import runs
from mailing.services.access import audit_log, permissions, site_guard
from mailing.services.mailings import missed, occurrences, schedule_state

JUST_SENT_WITHIN = timedelta(minutes=1)

PAUSED = _("The mailing is paused. Resume it first.")
NOT_BEGUN = _("The mailing starts only at %(start)s. Move its start, then send.")
ENDED = _("The mailing ended at %(end)s. Move its end, then send.")
NOTHING_DUE = _("Nothing is due. The next send: %(next)s.")
NOTHING_LEFT = _("Nothing is due, and no send is left.")
JUST_SENT = _("Just sent: attempt %(attempt)s.")


def run_due(mailing_id: int, now: datetime | None = None) -> Attempt | None:
    """Starts what is due and records what was missed; the run it started, if any.

    Called by schedule, tick and queue as often as they like: the calendar decides, and an occurrence runs once.
    """
    moment = now or timezone.now()
    asked = _ask_ahead(mailing_id, moment)
    with transaction.atomic():
        mailing = schedule_state.find_locked(mailing_id)
        if mailing is None:
            return None
        attempt = None
        if mailing.is_active:
            schedule_state.adopt(mailing, moment)
            if mailing.is_active and mailing.active_since is None:
                return None  # its recipients are still being added
            attempt = _start_due(mailing, moment, asked)
        schedule_state.save(mailing, moment)
    return attempt


def _ask_ahead(mailing_id: int, now: datetime) -> Judged | None:
    """What a child says of the letter of a run that is about to begin: nobody is to wait for a lock meanwhile."""
    due = Mailing.objects.active().filter(Q(next_run_at=None) | Q(next_run_at__lte=now), pk=mailing_id)
    mailing = due.select_related("message").first()
    if mailing is None or mailing.attempts.running().exists():
        return None
    return runs.letters.ahead(mailing.message)


def _start_due(mailing: Mailing, now: datetime, asked: Judged | None) -> Attempt | None:
    """Carries out what `missed.decide` says about the occurrence that is due, if one is."""
    if not mailing.is_active:
        return None
    state = occurrences.due_state(mailing, now)
    if state.due is None:
        return None
    decision = missed.decide(mailing, state.due, now)
    if decision.wait or not _make_way(decision.close_first):
        return None
    missed.record(mailing, state.pending[:-1], decision.earlier, now)
    if decision.reason is not None:
        missed.record(mailing, (state.due,), decision.reason, now)
        return None
    return _start_scheduled(mailing, state.due, asked)


def _make_way(previous: Attempt | None) -> bool:
    """Closes the run that only waits; False: somebody took it up in this very moment."""
    return previous is None or runs.close(previous, reason=DeliveryReason.NEXT_RUN)


def _start_scheduled(mailing: Mailing, occurrence: datetime, asked: Judged | None) -> Attempt | None:
    try:
        attempt = _begin(mailing, occurrence, Trigger.SCHEDULE, asked=asked)
    except AlreadyRunning:
        return None
    scheduling.enqueue_slice(attempt.pk)
    return attempt


def _begin(
    mailing: Mailing,
    occurrence: datetime | None,
    trigger: Trigger,
    by: User | None = None,
    asked: Judged | None = None,
) -> Attempt:
    """The first run of an installation says whose the data are, if no migrate has."""
    site_guard.remember()
    with transaction.atomic():
        return runs.start(mailing, occurrence=occurrence, trigger=trigger, by=by, asked=asked)


def retry(attempt: Attempt, by: User | None = None, unconfirmed: bool = False) -> Attempt:
    """A new attempt for those the letter did not reach; also after the end. Raises NotAllowed, NotStarted."""
    permissions.require_send(by)
    _require(site_guard.refusal())
    with transaction.atomic():
        mailing = schedule_state.lock(attempt.mailing)
        if mailing.is_paused:
            raise NotStarted(PAUSED, code=RefusalCode.PAUSED)
        again = runs.start_retry(attempt, by=by, unconfirmed=unconfirmed)
        scheduling.enqueue_slice(again.pk)
        audit_log.changed(mailing, by, _("Retry of attempt %(attempt)s."), attempt=attempt.pk)
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
    moment = now or timezone.now()
    asked = runs.letters.ahead(mailing.message)
    with transaction.atomic():
        current = schedule_state.lock(mailing)
        _require(refusal(current, moment))
        attempt = _unfinished(current, trigger, seen_attempt, moment)
        if attempt is None:
            # What is due runs once, however often it is asked for: there the answer is when the next time is.
            _require_not_just_sent(current, seen_attempt, again or due_only, moment)
            attempt = _start(current, trigger, by, moment, due_only=due_only, asked=asked)
        if trigger != Trigger.COMMAND:
            scheduling.enqueue_slice(attempt.pk)
        audit_log.changed(current, by, _("Sent: attempt %(attempt)s."), attempt=attempt.pk)
        schedule_state.save(current, moment)
    return attempt


def refusal(mailing: Mailing, now: datetime | None = None) -> NotStarted | None:
    """Why "send now" would be refused at this moment; None: it would not (a run may be going on)."""
    moment = now or timezone.now()
    if mailing.end_at is not None and mailing.has_ended(moment):
        return NotStarted(ENDED, code=RefusalCode.ENDED, end=audit_log.when(mailing.end_at))
    if mailing.is_paused:
        return NotStarted(PAUSED, code=RefusalCode.PAUSED)
    if moment < mailing.start_at:
        return NotStarted(NOT_BEGUN, code=RefusalCode.NOT_BEGUN, start=audit_log.when(mailing.start_at))
    if not _has_somebody(mailing):
        return NotStarted(texts.NOBODY, code=RefusalCode.NOBODY)
    return site_guard.refusal()


def hindrance(mailing: Mailing, unfinished: Attempt | None) -> NotStarted | None:
    """Why a press would set nothing going: it would be refused, or somebody works on the unfinished run already."""
    refused = refusal(mailing)
    if refused is None and unfinished is not None and runs.is_worked_on(unfinished):
        return AlreadyRunning(texts.ALREADY_BEGUN, attempt=unfinished)
    return refused


def _has_somebody(mailing: Mailing) -> bool:
    return schedule_state.has_recipients(mailing) and (
        mailing.audience != Audience.EVERYONE or Client.objects.exists()
    )


def _require(answer: NotStarted | None) -> None:
    if answer is not None:
        raise answer


def _unfinished(mailing: Mailing, trigger: Trigger, seen: int | None, now: datetime) -> Attempt | None:
    """The run that nobody is working on; AlreadyRunning when somebody is, or is just about to."""
    attempt = mailing.attempts.running().first()
    if attempt is None:
        return None
    if runs.is_worked_on(attempt):
        raise AlreadyRunning(texts.ALREADY_BEGUN, attempt=attempt)
    begun_by_a_press = attempt.lease_until is None and trigger == Trigger.MANUAL
    if begun_by_a_press and _is_fresh(attempt, now) and not _was_seen(attempt, seen):
        raise AlreadyRunning(texts.ALREADY_BEGUN, attempt=attempt)
    Attempt.objects.without_lease(now).filter(pk=attempt.pk).update(resume_at=None)
    if trigger == Trigger.MANUAL:
        # Somebody may have mended the settings; a script would only knock at a closed door.
        circuit_breaker.probe_now(now)
    return attempt


def _require_not_just_sent(mailing: Mailing, seen: int | None, again: bool, now: datetime) -> None:
    latest = mailing.attempts.exclude(status=AttemptStatus.MISSED).order_by("-started_at", "-pk").first()
    if latest is not None and _is_fresh(latest, now) and not again and not _was_seen(latest, seen):
        raise AlreadyRunning(JUST_SENT, attempt=latest)


def _is_fresh(attempt: Attempt, now: datetime) -> bool:
    return abs(now - attempt.started_at) < JUST_SENT_WITHIN


def _was_seen(attempt: Attempt, seen: int | None) -> bool:
    return seen is not None and attempt.pk <= seen


def _start(
    mailing: Mailing, trigger: Trigger, by: User | None, now: datetime, *, due_only: bool, asked: Judged | None
) -> Attempt:
    """Runs what is due, or makes an extra run that leaves the schedule alone."""
    schedule_state.adopt(mailing, now)
    state = occurrences.due_state(mailing, now)
    due = state.due
    if due is not None and occurrences.too_late(mailing, due, now):
        due = None
    if due is None and due_only:
        raise _nothing_due(state.coming)
    skipped = state.pending[:-1] if due else state.pending
    missed.record(mailing, skipped, missed.SKIPPED if due else missed.DOWN, now)
    attempt = _begin(mailing, due, trigger, by, asked)
    mailing.status = MailingStatus.RUNNING  # a finished one runs once more; it is finished again afterwards
    return attempt


def _nothing_due(coming: datetime | None) -> NotStarted:
    return NotStarted(NOTHING_DUE, next=audit_log.when(coming)) if coming else NotStarted(NOTHING_LEFT)
