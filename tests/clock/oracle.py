"""An independent calendar: walked day by day, and minute by minute where the clocks change.

Knows nothing of `mailing.recurrence`; slow and plain on purpose.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


def occurrences(
    start: datetime, periodicity: str, end: datetime | None, until: datetime, zone: str
) -> list[datetime]:
    """All occurrences up to `until` (and the end)."""
    last = until if end is None else min(until, end)
    if periodicity == "once":
        return [start] if start <= last else []
    found = [moment for moment in _walk(start, periodicity, last, zone) if start <= moment <= last]
    return [start, *found[1:]] if found else []


def _walk(start: datetime, periodicity: str, last: datetime, zone: str) -> Iterator[datetime]:
    local = start.astimezone(ZoneInfo(zone))
    first, day = local.date(), local.date()
    while day <= last.date() + timedelta(days=2):
        if _belongs(first, day, periodicity):
            yield clock_shows(datetime.combine(day, local.time()), zone)
        day += timedelta(days=1)


def _belongs(first: date, day: date, periodicity: str) -> bool:
    if periodicity == "daily":
        return True
    if periodicity == "weekly":
        return day.weekday() == first.weekday()
    return day.day == min(first.day, monthrange(day.year, day.month)[1])


@lru_cache(maxsize=100_000)
def clock_shows(wall: datetime, zone: str) -> datetime:
    """The first minute at which the clocks on the wall show this time or, if they never do, have jumped over it."""
    info = ZoneInfo(zone)
    around = [wall.replace(tzinfo=UTC) + timedelta(hours=hours) for hours in (-36, 36)]
    offsets = {moment.astimezone(info).utcoffset() for moment in around}
    if len(offsets) == 1:  # no change of the clocks near: plain subtraction
        return wall.replace(tzinfo=UTC) - offsets.pop()  # type: ignore[operator]
    moment = around[0]
    while moment.astimezone(info).replace(tzinfo=None) < wall:
        moment += MINUTE
    return moment
