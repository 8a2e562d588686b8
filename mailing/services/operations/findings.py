"""What is not as it should be: looked for lazily, one kind after the other. Looking changes nothing.

Each finding knows its remedy (the `reconciler` applies it), so a later kind sees what an earlier remedy did.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from mailing import recurrence, scheduling
from mailing.choices import DeliveryReason, Trigger
from mailing.delivery.guards import circuit_breaker, rate
from mailing.models import Attempt, Mailing
from mailing.models.installation import CLOCKS_DIFFER
from mailing.services import runs
from mailing.services.access import site_guard
from mailing.services.mailings import lifecycle, occurrences, schedule_state

PLANNED = ("pk", "start_at", "periodicity", "end_at", "next_run_at")
VERIFIED_AT_ONCE = 1000
TAKEN_WITHIN = timedelta(seconds=5)

SENTENCES = {
    "broken_row": _("Schedule row %(number)s would stop the scheduler: %(detail)s"),
    "due": _("Mailing %(number)s is due."),
    "unplanned": _("Mailing %(number)s has no next send."),
    "clock": _("Mailing %(number)s was changed in the future: the clock of a machine is wrong."),
    "wrong_time": _("Mailing %(number)s has a wrong next send: %(detail)s"),
    "ended": _("Attempt %(number)s is open, but its mailing has ended."),
    "stalled": _("Attempt %(number)s is open, and nobody is working on it."),
    "postponed": _("Attempt %(number)s waits far too long: the clock of a machine was wrong."),
    "astray": _("The schedule row of mailing %(number)s is missing or wrong."),
    "disputed": _("Schedule row %(number)s belongs to no active mailing."),
}


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be. `number` is a mailing's, an attempt's or a row's."""

    kind: str
    number: int
    remedy: Callable[[], object]
    detail: str = ""

    def __str__(self) -> str:
        return gettext(SENTENCES[self.kind]) % {"number": self.number, "detail": self.detail}


def find(now: datetime, *, thoroughly: bool = False) -> Iterator[Finding]:
    """All that is not as it should be; the same for the tick and for `check_mailings`.

    A tick verifies up to 1000 planned times it has not seen before, `thoroughly` means all of them.
    """
    yield from broken_rows(now)
    yield from _open_attempts(now)
    yield from _undecided(now)
    yield from _wrong_times(now, all_of_them=thoroughly)
    yield from _astray_rows(now)


def broken_rows(now: datetime) -> Iterator[Finding]:
    """Rows at which django-q's scheduler would fail, whatever is wrong with their mailings."""
    for row, reason in scheduling.broken_rows(now):
        mailing_id, detail = scheduling.owner(row), f"{row.name}: {reason}"
        remedy: Callable[[], object] = partial(scheduling.park, row.pk, detail)
        if mailing_id is not None:
            remedy = partial(lifecycle.refresh, mailing_id, now)
        yield Finding("broken_row", row.pk, remedy, detail)


def _undecided(now: datetime) -> Iterator[Finding]:
    """Due, never seen, without a next send (over, or never planned), or changed by a clock that ran ahead."""
    ahead = Q(active_since__gt=now + schedule_state.CLOCK_TOLERANCE)
    due = Q(next_run_at__lte=now) | Q(active_since=None)
    running = Exists(Attempt.objects.running().filter(mailing=OuterRef("pk")))
    wanted = Mailing.objects.active().filter(due | Q(~running, next_run_at=None) | ahead)
    for pk, planned, since in wanted.order_by("next_run_at", "pk").values_list("pk", "next_run_at", "active_since"):
        kind = "due" if since is None or (planned and planned <= now) else "unplanned"
        if since is not None and since > now + schedule_state.CLOCK_TOLERANCE:
            kind = "clock"
        yield Finding(kind, pk, partial(lifecycle.run_due, pk, now))
    for pk in _over_while_paused(now).values_list("pk", flat=True):
        yield Finding("unplanned", pk, partial(lifecycle.refresh, pk, now))


def _over_while_paused(now: datetime) -> QuerySet[Mailing]:
    """The end passes for them, too; a draft that was never active is no run that ends."""
    paused = Mailing.objects.unfinished().filter(is_paused=True, end_at__lt=now).exclude(active_since=None)
    return paused.exclude(Exists(Attempt.objects.running().filter(mailing=OuterRef("pk"))))


class _Verified:
    """Planned times found right before: while row and zone are the same they stay right until they are due.

    10 000 recurrences cost a second, 10 000 look-ups ten milliseconds.
    """

    rows: ClassVar[set[tuple[object, ...]]] = set()
    at: ClassVar[tuple[str, datetime] | None] = None

    @classmethod
    def known(cls, zone: str, now: datetime) -> set[tuple[object, ...]]:
        """Empty after a change of the zone, and when the clock was put back."""
        if cls.at is None or cls.at[0] != zone or cls.at[1] > now or len(cls.rows) > 1_000_000:
            cls.rows = set()
        cls.at = (zone, now)
        return cls.rows


def _wrong_times(now: datetime, *, all_of_them: bool) -> Iterator[Finding]:
    """Active mailings whose next send is not what the calendar says: a script changed it, or TIME_ZONE did."""
    zone = occurrences.zone()
    known = _Verified.known(zone.key, now)
    planned = Mailing.objects.active().filter(next_run_at__gt=now)
    rows = [row for row in planned.values_list(*PLANNED) if row not in known]
    if len(rows) > VERIFIED_AT_ONCE and not all_of_them:
        rows = random.sample(rows, VERIFIED_AT_ONCE)
    for row in rows:
        pk, start, periodicity, end, at = row
        try:
            right = recurrence.next_after(start, periodicity, now, zone, end=end)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # nonsense, written past all checks
            yield Finding("wrong_time", pk, partial(lifecycle.refresh, pk, now), str(error))
            continue
        if right == at:
            known.add(row)
        else:
            yield Finding("wrong_time", pk, partial(lifecycle.replan, pk, now), f"{at} ≠ {right}")


def _open_attempts(now: datetime) -> Iterator[Finding]:
    """Nobody works on them: after the end they are closed, otherwise a worker is woken when it is time."""
    open_ = Attempt.objects.running().select_related("mailing")
    shut, longest = site_guard.closed(), now + _longest_wait()
    for attempt in open_.without_letters().defer("response"):
        if runs.is_worked_on(attempt) or _has_just_begun(attempt, now):
            continue
        if attempt.trigger != Trigger.RETRY and attempt.mailing.why_over(now):
            yield Finding("ended", attempt.pk, partial(_close, attempt, now))
        elif shut or attempt.mailing.is_paused:
            continue
        elif attempt.resume_at is None or attempt.resume_at <= now:
            yield Finding("stalled", attempt.pk, partial(scheduling.enqueue_slice, attempt.pk))
        elif attempt.resume_at > longest:
            yield Finding("postponed", attempt.pk, partial(_hasten, attempt, now))


def _has_just_begun(attempt: Attempt, now: datetime) -> bool:
    """Whoever started it is about to take it: a worker must not snatch it from `run_mailing`."""
    untouched = attempt.lease_until is None and attempt.resume_at is None
    return untouched and abs(now - attempt.started_at) < TAKEN_WITHIN


def _longest_wait() -> timedelta:
    """No run waits longer for deferred letters, the service or the rate (and clocks may differ a little)."""
    between = rate.interval(settings.MAILING_RATE_LIMIT) or timedelta(0)
    retry = timedelta(seconds=max(settings.MAILING_RETRY_DELAYS, default=0))
    return max(retry, circuit_breaker.longest_pause(), between) + CLOCKS_DIFFER


def _hasten(attempt: Attempt, now: datetime) -> None:
    """A clock that ran ahead put the run off for days."""
    attempt.deliveries.filter(retry_at__gt=now + _longest_wait()).update(retry_at=now)
    Attempt.objects.without_lease(now).filter(pk=attempt.pk).update(resume_at=None)
    scheduling.enqueue_slice(attempt.pk)


def _close(attempt: Attempt, now: datetime) -> None:
    runs.close(attempt, reason=DeliveryReason.ENDED)
    lifecycle.refresh(attempt.mailing_id, now)


def _astray_rows(now: datetime) -> Iterator[Finding]:
    for pk in scheduling.rows_out_of_sync().values_list("pk", flat=True):
        yield Finding("astray", pk, partial(lifecycle.refresh, pk, now))
    for row in scheduling.orphan_rows():
        yield Finding("disputed", row.pk, partial(scheduling.remove, row))
