"""*When*: the occurrences of a mailing, always counted from its start (rule 1 of the calendar).

occurrence(n) = the start's wall-clock time in the zone + n periods, never a period after the last run:
31 Jan → 28 Feb → 31 Mar. Pure: the zone and the moment are arguments; all moments are aware and come back in UTC.

- A wall-clock time that daylight saving skips happens at the next valid minute, one that exists twice
  happens the first time.
- Occurrences grow strictly. Samoa skipped the whole of 30 December 2011: a daily mailing at midnight has two
  occurrences at the start of the 31st; the second stands a minute later, so that each keeps a moment of its own.
- Everything is arithmetic: the number is estimated and corrected by a step or two, however far the moment lies.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mailing.choices import Periodicity

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
DAYS = {Periodicity.DAILY: timedelta(days=1), Periodicity.WEEKLY: timedelta(days=7)}


def occurrence(start: datetime, periodicity: str, n: int, zone: ZoneInfo) -> datetime | None:
    """The nth occurrence (0 is the start itself). None: there is no such one, or it lies beyond the year 9999."""
    if n < 0 or (n > 0 and periodicity == Periodicity.ONCE):
        return None
    if n == 0:
        return start.astimezone(UTC)
    wall = start.astimezone(zone).replace(tzinfo=None)
    try:
        moment = resolved(_add(wall, periodicity, n), zone)
        before = resolved(_add(wall, periodicity, n - 1), zone)
    except (OverflowError, ValueError):
        return None
    return moment if moment > before else before + MINUTE


def next_after(
    start: datetime, periodicity: str, moment: datetime, zone: ZoneInfo, *, end: datetime | None = None
) -> datetime | None:
    """The first occurrence strictly after the moment and not after the end."""
    found = occurrence(start, periodicity, _number_at(start, periodicity, moment, zone) + 1, zone)
    return None if found is None or (end is not None and found > end) else found


def latest_due(
    start: datetime, periodicity: str, moment: datetime, zone: ZoneInfo, *, end: datetime | None = None
) -> datetime | None:
    """The last occurrence at or before both the moment and the end."""
    return occurrence(start, periodicity, _number_at(start, periodicity, _earlier(moment, end), zone), zone)


def between(
    start: datetime,
    periodicity: str,
    after: datetime,
    until: datetime,
    zone: ZoneInfo,
    *,
    end: datetime | None = None,
) -> Iterator[datetime]:
    """The occurrences with after < occurrence ≤ until (and ≤ end), in order, made one by one."""
    until = _earlier(until, end)
    n = _number_at(start, periodicity, after, zone) + 1
    while (found := occurrence(start, periodicity, n, zone)) is not None and found <= until:
        yield found
        n += 1


def remaining(
    start: datetime, periodicity: str, moment: datetime, zone: ZoneInfo, *, end: datetime | None
) -> int | None:
    """How many occurrences lie after the moment, up to the end. None: endlessly many."""
    done = _number_at(start, periodicity, moment, zone)
    if periodicity == Periodicity.ONCE:
        return int(done < 0 and (end is None or start <= end))
    if end is None:
        return None
    return max(0, _number_at(start, periodicity, end, zone) - done)


def _earlier(moment: datetime, end: datetime | None) -> datetime:
    return moment if end is None else min(moment, end)


def _number_at(start: datetime, periodicity: str, moment: datetime, zone: ZoneInfo) -> int:
    """The number of the last occurrence at or before the moment; -1 before the start."""
    if moment < start:
        return -1
    if periodicity == Periodicity.ONCE:
        return 0
    n = _estimate(start.astimezone(zone), moment.astimezone(zone), periodicity)
    while (found := occurrence(start, periodicity, n, zone)) is None or found > moment:
        n -= 1
    while (found := occurrence(start, periodicity, n + 1, zone)) is not None and found <= moment:
        n += 1
    return n


def _estimate(start: datetime, moment: datetime, periodicity: str) -> int:
    """Right within one or two: daylight saving and month ends move an occurrence by a day at the most."""
    if periodicity == Periodicity.MONTHLY:
        return max(0, (moment.year - start.year) * 12 + moment.month - start.month)
    elapsed = moment.replace(tzinfo=None) - start.replace(tzinfo=None)
    return max(0, elapsed // DAYS[Periodicity(periodicity)])


def _add(wall: datetime, periodicity: str, n: int) -> datetime:
    """The wall-clock time n periods later; a day that the month lacks becomes its last."""
    if periodicity != Periodicity.MONTHLY:
        return wall + n * DAYS[Periodicity(periodicity)] if n else wall
    years, month = divmod(wall.month - 1 + n, 12)
    year = wall.year + years
    return wall.replace(year=year, month=month + 1, day=min(wall.day, monthrange(year, month + 1)[1]))


def resolved(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the zone's clocks show this time for the first time, or jump over it."""
    wall = wall.replace(fold=0)
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    return _end_of_gap(wall, zone)


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first whole minute after the clocks jumped over `wall`.

    PEP 495: in a gap, fold=1 reads the wall time with the later offset (a moment before the jump) and fold=0
    with the earlier one (a moment after it). The jump lies between; it is found by halving.
    """
    before = wall.replace(microsecond=0, fold=1, tzinfo=zone).astimezone(UTC)
    after = wall.replace(microsecond=0, fold=0, tzinfo=zone).astimezone(UTC)
    offset_before = before.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + ((after - before) // SECOND // 2) * SECOND
        if middle.astimezone(zone).utcoffset() == offset_before:
            before = middle
        else:
            after = middle
    local_seconds = after.astimezone(zone).second  # only before standard time were jumps not on a minute
    return after + timedelta(seconds=-local_seconds % 60)
