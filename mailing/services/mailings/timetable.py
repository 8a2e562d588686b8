"""Days with everything that was sent on them and will be: for the calendar. Reads, never writes.

What comes is counted for all mailings at once, by the dates their starts lead to; the exact moment, which
`recurrence` knows, is asked for only of what is shown. On a day whose evening the clocks jump over, an occurrence
falls on the next day: there each is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import DateTimeField, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from mailing import recurrence
from mailing.choices import Periodicity
from mailing.models import Attempt, Mailing
from mailing.services.mailings import occurrences
from mailing.services.reports import periods

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Entry:
    """One send: an attempt where there is one, else planned; `is_due`: its time has come, and no run has begun."""

    moment: datetime
    mailing_id: int
    name: str
    attempt: Attempt | None = None
    is_due: bool = False


@dataclass
class Day:
    """`number` of sends; `entries`: the first of them, by time."""

    date: date
    number: int = 0
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Planned:
    """A mailing that sends by itself: its wall-clock time, and between which local dates it has occurrences."""

    pk: int
    name: str
    start_at: datetime
    periodicity: str
    wall: datetime
    first: date
    last: date

    def runs_on(self, day: date) -> bool:
        """Whether an occurrence has this date on the clock, before daylight saving moves it."""
        if not self.first <= day <= self.last:
            return False
        since = self.wall.date()
        if self.periodicity == Periodicity.DAILY:
            return True
        if self.periodicity == Periodicity.WEEKLY:
            return not (day - since).days % 7
        if self.periodicity == Periodicity.MONTHLY:
            return day.day == since.day or (day.day < since.day and (day + DAY).day == 1)
        return day == since

    def moment(self, day: date, zone: ZoneInfo) -> datetime:
        """The occurrence of a date it runs on."""
        since = self.wall.date()
        n = (day - since).days
        if self.periodicity == Periodicity.WEEKLY:
            n //= 7
        elif self.periodicity == Periodicity.MONTHLY:
            n = (day.year - since.year) * 12 + day.month - since.month
        found = recurrence.occurrence(self.start_at, self.periodicity, n, zone)
        assert found is not None
        return found


def timetable(dates: Sequence[date], now: datetime, *, shown: int, with_runs: bool = True) -> list[Day]:
    """These days in a row, with at most `shown` entries each; in a constant number of queries.

    `with_runs=False` leaves out the attempts: for somebody who may not look at them.
    """
    found = {day: Day(day) for day in dates}
    edges = periods.bounds([*dates, dates[-1] + DAY])
    if with_runs:
        _add_runs(found, edges, shown)
    if edges[-1] > now:
        _add_plans(found, edges[-1], now, shown)
    for entry in _due(edges, now):
        day = found[timezone.localdate(entry.moment)]
        day.number += 1
        day.entries = sorted([*day.entries, entry], key=lambda entry: entry.moment)[:shown]
    return list(found.values())


# --- What was sent ----------------------------------------------------------------------------------


def _add_runs(found: Mapping[date, Day], edges: Sequence[datetime], shown: int) -> None:
    days, numbers = list(found.values()), periods.counts(edges)
    for bucket, number in numbers.items():
        days[bucket].number = number
    if not numbers:
        return
    first, *others = (_earliest(edges[bucket], edges[bucket + 1], shown) for bucket in numbers)
    ids = [pk for pk, _began in first.union(*others, all=True)] if others else [pk for pk, _began in first]
    rows = Attempt.objects.with_mailing().filter(pk__in=ids).defer("subject", "response")
    for attempt in rows.order_by("started_at", "pk"):
        day = found[timezone.localdate(attempt.started_at)]
        if len(day.entries) < shown:
            day.entries.append(Entry(attempt.started_at, attempt.mailing_id, str(attempt.mailing), attempt))


def _earliest(since: datetime, until: datetime, number: int) -> QuerySet[Attempt, tuple[int, datetime]]:
    """The first attempts of a day, and those that began at the very same moment as the last of them.

    A range that ends at a moment, not a slice: SQLite joins no slices. And a range for each day, not one condition
    of them all, with which it reads all attempts.
    """
    in_order = Attempt.objects.filter(started_at__gte=since, started_at__lt=until).order_by("started_at")
    latest = Subquery(in_order.values("started_at")[number - 1 : number])
    end = Value(until - timedelta.resolution, output_field=DateTimeField())
    within = Attempt.objects.order_by().filter(started_at__gte=since, started_at__lte=Coalesce(latest, end))
    return within.values_list("pk", "started_at")


# --- What comes -------------------------------------------------------------------------------------


def _add_plans(found: Mapping[date, Day], until: datetime, now: datetime, shown: int) -> None:
    zone = occurrences.zone()
    planned = sorted(_planned(until, now, zone), key=lambda mailing: (mailing.wall.time(), mailing.pk))
    decided = _decided(now, until)
    for day in _with_the_eve(found, now):
        if _ends_in_a_gap(day, zone):
            _add_moved(found, [mailing for mailing in planned if mailing.runs_on(day)], day, zone, shown)
        elif day in found:
            running = [m for m in planned if m.runs_on(day) and (m.pk, day) not in decided]
            _add(found[day], running, day, zone, shown)


def _with_the_eve(found: Mapping[date, Day], now: datetime) -> Iterator[date]:
    """The days from today on, and the one before the first: its evening may fall on the first."""
    dates, today = list(found), timezone.localdate(now)
    return (day for day in [dates[0] - DAY, *dates] if day >= today - DAY)


def _add(day: Day, running: Sequence[Planned], date_: date, zone: ZoneInfo, shown: int) -> None:
    day.number += len(running)
    for mailing in running[: max(0, shown - len(day.entries))]:
        day.entries.append(Entry(mailing.moment(date_, zone), mailing.pk, mailing.name))


def _add_moved(
    found: Mapping[date, Day], running: Sequence[Planned], date_: date, zone: ZoneInfo, shown: int
) -> None:
    for mailing in running:
        moment = mailing.moment(date_, zone)
        day = found.get(timezone.localdate(moment, zone))
        if day is not None:
            day.number += 1
            if len(day.entries) < shown:
                day.entries.append(Entry(moment, mailing.pk, mailing.name))


def _ends_in_a_gap(day: date, zone: ZoneInfo) -> bool:
    """Whether the clocks jump over the last minute of this date, or over the whole of it."""
    evening = datetime.combine(day, time(23, 59), tzinfo=zone)
    return evening.astimezone(UTC).astimezone(zone).date() != day


def _planned(until: datetime, now: datetime, zone: ZoneInfo) -> Iterator[Planned]:
    """Active mailings with an occurrence after now and before `until`, as far as their dates tell."""
    rows = (
        Mailing.objects.active()
        .order_by()
        .filter(Q(end_at=None) | Q(end_at__gt=now), start_at__lt=until)
        .exclude(periodicity=Periodicity.ONCE, start_at__lte=now)
        .values_list("pk", "name", "message__subject", "start_at", "end_at", "periodicity")
    )
    today, tonight = timezone.localtime(now, zone), timezone.localtime(until, zone).date()
    for pk, name, subject, start_at, end_at, periodicity in rows:
        wall = start_at.astimezone(zone).replace(tzinfo=None)
        first = today.date() if _at(today.date(), wall, zone) > now else today.date() + DAY
        last = tonight
        if end_at is not None:
            last = end_at.astimezone(zone).date()
            last = last if _at(last, wall, zone) <= end_at else last - DAY
        yield Planned(pk, name or subject, start_at, periodicity, wall, max(first, wall.date()), min(last, tonight))


def _at(day: date, wall: datetime, zone: ZoneInfo) -> datetime:
    """When it is this time of the day on that date."""
    return recurrence.resolved(datetime.combine(day, wall.time()), zone)


def _decided(now: datetime, until: datetime) -> set[tuple[int, date]]:
    """Planned times of the future that have an attempt already: somebody's clock ran ahead."""
    rows = Attempt.objects.order_by().filter(occurrence__gt=now, occurrence__lt=until)
    return {(pk, timezone.localdate(moment)) for pk, moment in rows.values_list("mailing", "occurrence")}


def _due(edges: Sequence[datetime], now: datetime) -> Iterator[Entry]:
    """What should have begun by now, and has not."""
    late = Mailing.objects.active().filter(next_run_at__lte=now, next_run_at__gte=edges[0], next_run_at__lt=edges[-1])
    late = late.exclude(pk__in=Attempt.objects.running().values("mailing"))
    for pk, name, subject, moment in late.values_list("pk", "name", "message__subject", "next_run_at"):
        if moment is not None:
            yield Entry(moment, pk, name or subject, is_due=True)
