"""What the calendar says about one mailing: what is due, what was missed, what comes next. Reads, never writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Max

from mailing import recurrence
from mailing.choices import AttemptStatus, Periodicity
from mailing.models import Mailing

# A clock that ran ahead has left decided occurrences behind in its future. This far back we ask for each
# occurrence whether it has a row, instead of trusting the latest one.
LOOK_BACK = timedelta(days=10)


@dataclass(frozen=True)
class DueState:
    """Where a mailing stands at a moment.

    `pending`: occurrences at or before the moment, neither run nor recorded, oldest first; only the last of
    them can still run. `coming`: the first occurrence after the moment.
    """

    pending: tuple[datetime, ...]
    coming: datetime | None
    ran: bool

    @property
    def due(self) -> datetime | None:
        return self.pending[-1] if self.pending else None

    @property
    def next_run_at(self) -> datetime | None:
        return self.due or self.coming


@dataclass(frozen=True)
class Plan:
    """What will happen to a mailing as it is now: for the sentence on the form and the next dates."""

    starts_now: bool
    is_draft: bool
    next_run_at: datetime | None
    dates: tuple[datetime, ...]  # at most five, the run that starts now among them
    remaining: int | None  # how many runs are still to come; None: without end
    will_finish: bool  # no run is left: saving finishes the mailing


def zone() -> ZoneInfo:
    return ZoneInfo(settings.TIME_ZONE)


def coming(mailing: Mailing, moment: datetime) -> datetime | None:
    """The first occurrence after the moment."""
    return recurrence.next_after(mailing.start_at, mailing.periodicity, moment, zone(), end=mailing.end_at)


def due_state(mailing: Mailing, now: datetime) -> DueState:
    """Rules 2, 5 and 6 of the calendar, as far as they say what is due."""
    ran = has_run(mailing)
    return DueState(_pending(mailing, now, ran=ran), coming(mailing, now), ran)


def has_run(mailing: Mailing) -> bool:
    """Whether there was any run (missed ones are none)."""
    return not mailing._state.adding and mailing.attempts.exclude(status=AttemptStatus.MISSED).exists()


def _pending(mailing: Mailing, now: datetime, *, ran: bool) -> tuple[datetime, ...]:
    since = mailing.active_since or now  # never seen: as if it had just been saved
    decided = _latest_decided(mailing, now)
    floor = max(since, decided - LOOK_BACK) if decided else since
    known = _decided_after(mailing, floor)
    found = tuple(moment for moment in _between(mailing, floor, now) if moment not in known)
    if found or ran or mailing.has_ended(now) or (decided and decided > since):
        return found
    # The exception in rule 5 of the calendar: the first run of a mailing starts late rather than never.
    latest = recurrence.latest_due(mailing.start_at, mailing.periodicity, now, zone(), end=mailing.end_at)
    if latest is None or (decided and mailing.attempts.filter(occurrence=latest).exists()):
        return ()
    return (latest,)


def _between(mailing: Mailing, after: datetime, until: datetime) -> Iterator[datetime]:
    return recurrence.between(mailing.start_at, mailing.periodicity, after, until, zone(), end=mailing.end_at)


def _latest_decided(mailing: Mailing, now: datetime) -> datetime | None:
    if mailing._state.adding:
        return None
    latest: datetime | None = mailing.attempts.filter(occurrence__lte=now).aggregate(at=Max("occurrence"))["at"]
    return latest


def _decided_after(mailing: Mailing, moment: datetime) -> set[datetime | None]:
    if mailing._state.adding:
        return set()
    return set(mailing.attempts.filter(occurrence__gt=moment).values_list("occurrence", flat=True))


def too_late(mailing: Mailing, due: datetime, now: datetime) -> bool:
    """Rule 6 of the calendar: late counts from the later of the occurrence and the activation."""
    return now - max(due, mailing.active_since or now) >= timedelta(seconds=settings.MAILING_MAX_LATENESS)


def plan(mailing: Mailing, now: datetime) -> Plan:
    """What saving this mailing (also one not saved yet) makes happen: as if it were activated now."""
    runs_now = None if mailing.has_ended(now) else _due_on_activation(mailing, now)
    later = _later(mailing, now)
    dates = ((runs_now,) if runs_now else ()) + tuple(islice(later, 5 - bool(runs_now)))
    left = recurrence.remaining(mailing.start_at, mailing.periodicity, now, zone(), end=mailing.end_at)
    if mailing.periodicity == Periodicity.ONCE:
        left = int(coming(mailing, now) is not None)
    return Plan(
        starts_now=runs_now is not None and not mailing.is_paused,
        is_draft=mailing.is_paused,
        next_run_at=dates[0] if dates else None,
        dates=dates,
        remaining=None if left is None else left + bool(runs_now),
        will_finish=not dates and not mailing.is_paused,
    )


def ahead(mailing: Mailing, now: datetime, at_most: int) -> list[datetime]:
    """The sends that will happen if nobody does anything, one that is due and has not begun among them.

    None of a mailing that is paused or over: its dates are no promise.
    """
    if not mailing.is_active:
        return []
    first = mailing.next_run_at or due_state(mailing, now).next_run_at  # a row made by a script has none yet
    return [first, *islice(_later(mailing, max(now, first)), at_most - 1)] if first else []


def _due_on_activation(mailing: Mailing, now: datetime) -> datetime | None:
    if has_run(mailing):
        return None
    latest = recurrence.latest_due(mailing.start_at, mailing.periodicity, now, zone(), end=mailing.end_at)
    if latest is not None and not mailing._state.adding and mailing.attempts.filter(occurrence=latest).exists():
        return None
    return latest


def _later(mailing: Mailing, moment: datetime) -> Iterator[datetime]:
    occurrence = coming(mailing, moment)
    while occurrence is not None:
        yield occurrence
        occurrence = coming(mailing, occurrence)
