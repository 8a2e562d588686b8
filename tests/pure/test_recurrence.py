"""Occurrences: a readable table, and properties against an oracle that walks over the calendar day by day."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mailing import recurrence
from mailing.choices import Periodicity

MOSCOW, BERLIN, NEW_YORK = ZoneInfo("Europe/Moscow"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
LORD_HOWE, APIA = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")
ZONES = [MOSCOW, BERLIN, NEW_YORK, LORD_HOWE, APIA, ZoneInfo("Asia/Kathmandu"), ZoneInfo("UTC")]

# zone, periodicity, start (wall clock), how many periods later, wall clock there
TABLE = [
    # nothing special
    (MOSCOW, "daily", "2026-03-01 10:00", 0, "2026-03-01 10:00"),
    (MOSCOW, "daily", "2026-03-01 10:00", 40, "2026-04-10 10:00"),
    (MOSCOW, "weekly", "2026-12-28 10:00", 1, "2027-01-04 10:00"),
    (MOSCOW, "monthly", "2026-11-15 10:00", 2, "2027-01-15 10:00"),
    # month ends: the last day where the day is missing, and back to the day where it is not
    (MOSCOW, "monthly", "2026-01-31 10:00", 1, "2026-02-28 10:00"),
    (MOSCOW, "monthly", "2026-01-31 10:00", 2, "2026-03-31 10:00"),
    (MOSCOW, "monthly", "2026-01-31 10:00", 3, "2026-04-30 10:00"),
    (MOSCOW, "monthly", "2026-01-30 10:00", 25, "2028-02-29 10:00"),
    (MOSCOW, "monthly", "2024-02-29 10:00", 12, "2025-02-28 10:00"),
    (MOSCOW, "monthly", "2024-02-29 10:00", 48, "2028-02-29 10:00"),
    (MOSCOW, "monthly", "2026-12-31 23:59", 2, "2027-02-28 23:59"),
    # the wall clock is kept over daylight saving
    (BERLIN, "daily", "2026-03-28 10:00", 1, "2026-03-29 10:00"),
    (BERLIN, "weekly", "2026-10-20 10:00", 1, "2026-10-27 10:00"),
    (NEW_YORK, "monthly", "2026-02-08 10:00", 1, "2026-03-08 10:00"),
    # Moscow changed its offset twice without coming back
    (MOSCOW, "daily", "2011-03-26 12:00", 1, "2011-03-27 12:00"),
    (MOSCOW, "daily", "2014-10-25 12:00", 1, "2014-10-26 12:00"),
    # a time that does not exist: the next valid minute
    (BERLIN, "daily", "2026-03-28 02:30", 1, "2026-03-29 03:00"),
    (BERLIN, "daily", "2026-03-28 02:00", 1, "2026-03-29 03:00"),
    (BERLIN, "daily", "2026-03-28 02:30", 2, "2026-03-30 02:30"),
    (NEW_YORK, "daily", "2026-03-07 02:59", 1, "2026-03-08 03:00"),
    (LORD_HOWE, "daily", "2026-10-03 02:10", 1, "2026-10-04 02:30"),
    (MOSCOW, "weekly", "2011-03-20 02:15", 1, "2011-03-27 03:00"),
    # Samoa had no 30 December 2011 at all
    (APIA, "daily", "2011-12-29 10:00", 1, "2011-12-31 00:00"),
    (APIA, "daily", "2011-12-29 10:00", 2, "2011-12-31 10:00"),
    (APIA, "daily", "2011-12-29 00:00", 1, "2011-12-31 00:00"),
    (APIA, "daily", "2011-12-29 00:00", 2, "2011-12-31 00:01"),
    (APIA, "daily", "2011-12-29 00:00", 3, "2012-01-01 00:00"),
]


def at(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(("zone", "periodicity", "start", "n", "expected"), TABLE)
def test_an_occurrence_keeps_the_wall_clock_of_the_start(
    zone: ZoneInfo, periodicity: str, start: str, n: int, expected: str
) -> None:
    """Rule 1 of the calendar."""
    found = recurrence.occurrence(at(start, zone), periodicity, n, zone)
    assert found is not None
    assert found.astimezone(zone).strftime("%Y-%m-%d %H:%M") == expected


@pytest.mark.parametrize(
    ("zone", "day", "wall", "offset"),
    [
        (BERLIN, "2026-10-24", "02:30", 2),
        (NEW_YORK, "2026-10-31", "01:30", -4),
        (LORD_HOWE, "2026-04-04", "01:45", 11),
    ],
)
def test_a_time_that_exists_twice_happens_the_first_time(zone: ZoneInfo, day: str, wall: str, offset: int) -> None:
    """Rule 1 of the calendar."""
    found = recurrence.occurrence(at(f"{day} {wall}", zone), "daily", 1, zone)
    assert found is not None
    local = found.astimezone(zone)
    assert (local.strftime("%H:%M"), local.utcoffset()) == (wall, timedelta(hours=offset))
    after = recurrence.next_after(at(f"{day} {wall}", zone), "daily", found, zone)
    assert after is not None
    assert after.astimezone(zone).date() == local.date() + timedelta(days=1)


def test_a_start_in_the_second_of_two_equal_hours_stays_where_it_is() -> None:
    start = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN).astimezone(UTC)
    assert recurrence.occurrence(start, "daily", 0, BERLIN) == start
    assert recurrence.latest_due(start, "daily", start, BERLIN) == start
    assert recurrence.latest_due(start, "daily", start - timedelta(minutes=1), BERLIN) is None


def test_once_happens_once() -> None:
    start = at("2026-03-01 10:00", MOSCOW)
    later = start + timedelta(days=400)
    assert recurrence.occurrence(start, "once", 1, MOSCOW) is None
    assert recurrence.next_after(start, "once", start - timedelta(seconds=1), MOSCOW) == start
    assert recurrence.next_after(start, "once", start, MOSCOW) is None
    assert recurrence.latest_due(start, "once", later, MOSCOW) == start
    assert recurrence.remaining(start, "once", start - timedelta(days=1), MOSCOW, end=None) == 1
    assert recurrence.remaining(start, "once", start, MOSCOW, end=None) == 0
    assert list(recurrence.between(start, "once", start - timedelta(days=1), later, MOSCOW)) == [start]


def test_the_end_itself_still_counts() -> None:
    start, end = at("2026-03-01 10:00", MOSCOW), at("2026-03-08 10:00", MOSCOW)
    assert recurrence.next_after(start, "weekly", start, MOSCOW, end=end) == end
    assert recurrence.next_after(start, "weekly", start, MOSCOW, end=end - timedelta(seconds=1)) is None
    assert recurrence.latest_due(start, "weekly", end + timedelta(days=30), MOSCOW, end=end) == end
    assert recurrence.remaining(start, "weekly", start, MOSCOW, end=end) == 1
    assert recurrence.remaining(start, "weekly", start - timedelta(days=9), MOSCOW, end=end) == 2


def test_an_end_before_the_start_leaves_nothing() -> None:
    start = at("2026-03-01 10:00", MOSCOW)
    end = start - timedelta(days=1)
    assert recurrence.next_after(start, "daily", end - timedelta(days=1), MOSCOW, end=end) is None
    assert recurrence.latest_due(start, "daily", start + timedelta(days=9), MOSCOW, end=end) is None
    assert recurrence.remaining(start, "daily", end, MOSCOW, end=end) == 0
    assert recurrence.remaining(start, "once", end, MOSCOW, end=end) == 0


def test_without_an_end_there_are_endlessly_many() -> None:
    start = at("2026-03-01 10:00", MOSCOW)
    assert recurrence.remaining(start, "monthly", start, MOSCOW, end=None) is None


def test_the_calendar_ends_with_the_year_9999() -> None:
    start = at("9999-12-30 10:00", MOSCOW)
    assert recurrence.occurrence(start, "daily", 1, MOSCOW) is not None
    assert recurrence.occurrence(start, "daily", 2, MOSCOW) is None
    assert recurrence.occurrence(start, "monthly", 1, MOSCOW) is None
    assert recurrence.occurrence(start, "daily", 10**12, MOSCOW) is None
    assert len(list(recurrence.between(start, "daily", start, at("9999-12-31 23:00", MOSCOW), MOSCOW))) == 1


def test_centuries_ahead_cost_no_more_than_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0
    real = recurrence.occurrence

    def counting(*args: object) -> datetime | None:
        nonlocal counted
        counted += 1
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(recurrence, "occurrence", counting)
    start, moment = at("1990-01-31 02:30", BERLIN), at("2890-06-15 12:00", BERLIN)
    for periodicity in ("daily", "weekly", "monthly"):
        recurrence.next_after(start, periodicity, moment, BERLIN)
    assert counted <= 15


# --- against the oracle ---------------------------------------------------------------------------------


def walk(start: datetime, periodicity: str, zone: ZoneInfo, until: datetime) -> Iterator[datetime]:
    """The rule in slow motion: one calendar day after the other; a gap is crossed minute by minute."""
    yield start
    wall = start.astimezone(zone).replace(tzinfo=None)
    last, day = start, wall.date()
    while periodicity != Periodicity.ONCE and last <= until:
        day += timedelta(days=1)
        if not _falls_on(day, wall.date(), periodicity):
            continue
        last = max(_first_valid(datetime.combine(day, wall.time()), zone), last + timedelta(minutes=1))
        yield last


def _falls_on(day: date, first: date, periodicity: str) -> bool:
    if periodicity == Periodicity.MONTHLY:
        return day.day == min(first.day, monthrange(day.year, day.month)[1])
    return periodicity == Periodicity.DAILY or day.weekday() == first.weekday()


def _first_valid(wall: datetime, zone: ZoneInfo) -> datetime:
    while True:
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall = wall.replace(second=0, microsecond=0) + timedelta(minutes=1)


starts = st.datetimes(datetime(2010, 1, 1), datetime(2032, 1, 1))
# The hours and days at which something happens, more often than chance would have it.
odd_times = st.builds(
    lambda day, hour, minute: datetime.combine(day, datetime.min.time()).replace(hour=hour, minute=minute),
    st.sampled_from(
        [
            date(2011, 12, 28),
            date(2011, 3, 20),
            date(2014, 10, 20),
            date(2024, 1, 31),
            date(2024, 2, 29),
            date(2025, 3, 25),
            date(2025, 10, 20),
            date(2026, 3, 1),
            date(2026, 10, 30),
        ]
    ),
    st.sampled_from([0, 1, 2, 3, 12, 23]),
    st.sampled_from([0, 15, 30, 59]),
)
cases = {
    "zone": st.sampled_from(ZONES),
    "wall": st.one_of(starts, odd_times),
    "periodicity": st.sampled_from(Periodicity.values),
    "days": st.integers(-10, 800),
    "seconds": st.integers(0, 86_400),
}


def _start(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


@settings(max_examples=300, deadline=None)
@given(**cases)
@example(zone=APIA, wall=datetime(2011, 12, 28), periodicity="daily", days=5, seconds=0)
def test_every_question_is_answered_as_a_walk_over_the_calendar_answers_it(
    zone: ZoneInfo, wall: datetime, periodicity: str, days: int, seconds: int
) -> None:
    """Rule 1 of the calendar."""
    start = _start(wall, zone)
    moment = start + timedelta(days=days, seconds=seconds)
    walked = list(walk(start, periodicity, zone, moment + timedelta(days=70)))
    before = [o for o in walked if o <= moment]
    after = [o for o in walked if o > moment]
    assert recurrence.latest_due(start, periodicity, moment, zone) == (before[-1] if before else None)
    assert recurrence.next_after(start, periodicity, moment, zone) == (after[0] if after else None)
    end = moment + timedelta(days=60)
    upcoming = [o for o in after if o <= end]
    assert list(recurrence.between(start, periodicity, moment, end, zone)) == upcoming
    assert recurrence.remaining(start, periodicity, moment, zone, end=end) == len(upcoming)


@settings(max_examples=300, deadline=None)
@given(zone=cases["zone"], wall=cases["wall"], periodicity=cases["periodicity"], n=st.integers(0, 5000))
def test_occurrences_grow_strictly(zone: ZoneInfo, wall: datetime, periodicity: str, n: int) -> None:
    start = _start(wall, zone)
    first, second = (recurrence.occurrence(start, periodicity, number, zone) for number in (n, n + 1))
    assume(first is not None and second is not None)
    assert first is not None
    assert second is not None
    assert first < second
    assert first.tzinfo is UTC


@settings(max_examples=200, deadline=None)
@given(zone=cases["zone"], wall=cases["wall"], periodicity=cases["periodicity"], n=st.integers(0, 2000))
def test_the_questions_agree_with_each_other(zone: ZoneInfo, wall: datetime, periodicity: str, n: int) -> None:
    start = _start(wall, zone)
    found = recurrence.occurrence(start, periodicity, n, zone)
    assume(found is not None)
    assert found is not None
    assert recurrence.latest_due(start, periodicity, found, zone) == found
    assert recurrence.next_after(start, periodicity, found - timedelta(microseconds=1), zone) == found
    assert recurrence.remaining(start, periodicity, start - timedelta(days=1), zone, end=found) == n + 1
