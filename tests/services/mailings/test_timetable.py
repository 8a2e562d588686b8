"""The days of the calendar: what comes is exactly what `recurrence` says, also where clocks jump."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing import recurrence
from mailing.choices import AttemptStatus, MailingStatus, Periodicity
from mailing.models import Attempt, Mailing, Message
from mailing.services.mailings.timetable import timetable
from mailing.services.reports import periods
from tests.factories import AttemptFactory, MailingFactory, MessageFactory

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def active(message: Message, **fields: Any) -> Mailing:
    return Mailing(message=message, status=MailingStatus.RUNNING, active_since=fields["start_at"], **fields)


def random_mailings(number: int, around: datetime, seed: int) -> list[Mailing]:
    """Starts from four months before to two weeks after, many of them in the small hours; some with an end."""
    dice, message, made = random.Random(seed), MessageFactory(), []
    for _ in range(number):
        minutes = dice.choice((dice.randrange(24 * 60), dice.randrange(4 * 60)))
        start = (around - dice.randrange(-14, 120) * DAY).replace(hour=0, minute=0) + timedelta(minutes=minutes)
        end = start + timedelta(minutes=dice.randrange(200 * 24 * 60)) if dice.random() < 0.4 else None
        made.append(active(message, start_at=start, end_at=end, periodicity=dice.choice(Periodicity.values)))
    return Mailing.objects.bulk_create(made)


def by_recurrence(mailings: list[Mailing], now: datetime, until: datetime, zone: ZoneInfo) -> Counter[date]:
    """Each mailing by itself, occurrence by occurrence."""
    return Counter(
        moment.astimezone(zone).date()
        for mailing in mailings
        for moment in recurrence.between(
            mailing.start_at, mailing.periodicity, now, until - timedelta.resolution, zone, end=mailing.end_at
        )
    )


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Europe/Moscow", date(2026, 11, 2)),
        ("Europe/Berlin", date(2026, 3, 23)),  # an hour is skipped on the 29th
        ("Europe/Berlin", date(2026, 10, 19)),  # an hour comes twice on the 25th
        ("America/Sao_Paulo", date(2018, 10, 29)),  # midnight is skipped on 4 November
        ("America/Sao_Paulo", date(2018, 2, 12)),  # the last hour of the 17th comes twice
        ("Pacific/Apia", date(2011, 12, 26)),  # the 30th is skipped as a whole
        ("Australia/Lord_Howe", date(2026, 10, 1)),  # half an hour
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_comes_is_what_recurrence_says(name: str, first: date, seed: int) -> None:
    zone = ZoneInfo(name)
    with override_settings(TIME_ZONE=name), timezone.override(zone):
        now = datetime(first.year, first.month, first.day, 1, 17, tzinfo=zone).astimezone(UTC)
        mailings = random_mailings(150, now, seed)
        days = periods.days(first, first + 20 * DAY)
        shown = timetable(days, now, shown=1000)
        wanted = by_recurrence(mailings, now, periods.midnight(days[-1] + DAY), zone)
        assert {day.date: day.number for day in shown if day.number} == wanted
        for day in shown:
            assert len(day.entries) == day.number
            assert all(entry.moment.astimezone(zone).date() == day.date for entry in day.entries)


@pytest.mark.parametrize("first", [date(2026, 3, 23), date(2026, 10, 19)])
def test_the_moments_are_those_of_recurrence(first: date) -> None:
    zone = ZoneInfo("Europe/Berlin")
    with override_settings(TIME_ZONE="Europe/Berlin"), timezone.override(zone):
        now = periods.midnight(first) - DAY
        mailings = {mailing.pk: mailing for mailing in random_mailings(60, now, 3)}
        for day in timetable(periods.days(first, first + 13 * DAY), now, shown=1000):
            for entry in day.entries:
                mailing = mailings[entry.mailing_id]
                before = entry.moment - timedelta.resolution
                found = recurrence.next_after(mailing.start_at, mailing.periodicity, before, zone)
                assert found == entry.moment


def test_paused_finished_and_ended_mailings_send_nothing() -> None:
    start = timezone.now() + timedelta(hours=1)
    MailingFactory(clients=0, start_at=start, is_paused=True)
    MailingFactory(clients=0, start_at=start, status=MailingStatus.FINISHED)
    MailingFactory(clients=0, start_at=start - 9 * DAY, end_at=start - DAY, periodicity=Periodicity.DAILY)
    today = timezone.localdate()
    assert [day.number for day in timetable([today, today + DAY], timezone.now(), shown=9)] == [0, 0]


def test_runs_stand_on_their_day_and_missed_ones_too() -> None:
    now = timezone.now()
    ran = AttemptFactory(started_at=now - 2 * DAY, status=AttemptStatus.SUCCEEDED, audience=5, sent=5)
    missed = AttemptFactory(started_at=now - DAY, occurrence=now - DAY, status=AttemptStatus.MISSED)
    Mailing.objects.update(is_paused=True)
    today = timezone.localdate()
    days = timetable(periods.days(today - 3 * DAY, today), now, shown=3)
    assert [[entry.attempt for entry in day.entries] for day in days] == [[], [ran], [missed], []]
    without = timetable(periods.days(today - 3 * DAY, today), now, shown=3, with_runs=False)
    assert [day.number for day in without] == [0, 0, 0, 0]


def test_what_should_have_begun_is_there_once_and_marked() -> None:
    moment = timezone.now() - timedelta(minutes=20)
    start = {"start_at": moment - 7 * DAY, "periodicity": Periodicity.WEEKLY, "next_run_at": moment}
    late = MailingFactory(clients=0, status=MailingStatus.RUNNING, **start)
    running = MailingFactory(clients=0, status=MailingStatus.RUNNING, **start)
    attempt = AttemptFactory(mailing=running, occurrence=moment)
    day = timezone.localdate(moment)
    days = periods.days(day, day + 6 * DAY)
    entries = [entry for day in timetable(days, timezone.now(), shown=9) for entry in day.entries]
    assert {(entry.mailing_id, entry.is_due, entry.attempt) for entry in entries} == {
        (late.pk, True, None),
        (running.pk, False, attempt),
    }


def test_an_occurrence_of_the_future_that_was_decided_does_not_come_again() -> None:
    start = timezone.now() + 2 * DAY
    mailing = MailingFactory(clients=0, start_at=start, periodicity=Periodicity.DAILY)
    AttemptFactory(mailing=mailing, occurrence=start, started_at=start, status=AttemptStatus.SUCCEEDED)
    day = timezone.localdate(start)
    first, second = timetable([day, day + DAY], timezone.now(), shown=9)
    assert [entry.attempt is not None for entry in first.entries] == [True]
    assert [entry.attempt is not None for entry in second.entries] == [False]


def test_a_crowded_month_takes_a_few_queries_and_shows_the_first_of_each_day() -> None:
    now, message = timezone.now(), MessageFactory()
    start = now - 20 * DAY + timedelta(minutes=5)
    mailings = [active(message, start_at=start, periodicity=Periodicity.DAILY, name=f"{n}") for n in range(30)]
    Mailing.objects.bulk_create(mailings)
    Attempt.objects.bulk_create(
        Attempt(mailing=mailing, started_at=now - n * DAY, status=AttemptStatus.SUCCEEDED)
        for mailing in mailings
        for n in range(1, 20)
    )
    today, zone = timezone.localdate(), ZoneInfo(timezone.get_current_timezone_name())
    with CaptureQueriesContext(connection) as asked:
        days = timetable(periods.days(today - 20 * DAY, today + 20 * DAY), now, shown=3)
    assert len(asked) == 6
    assert not any("html_body" in query["sql"] for query in asked)
    assert {len(day.entries) for day in days} <= {0, 3}
    assert (
        sum(day.number for day in days)
        == 30 * 19 + by_recurrence(mailings, now, periods.midnight(today + 21 * DAY), zone).total()
    )
