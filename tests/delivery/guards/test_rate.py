"""The rate limit: blocks of send times, reserved in the database, ours alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import timezone

from mailing.delivery.guards.rate import Rate, interval
from mailing.models import MailService


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("14/s", 1 / 14),
        ("600/m", 0.1),
        ("5000/h", 0.72),
        ("2000/d", 43.2),
        (" 10 / S ", 0.1),
        ("", None),
        ("off", None),
    ],
)
def test_a_limit_is_read_as_people_write_it(text: str, seconds: float | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert interval(text) == expected


@pytest.mark.parametrize("text", ["14", "14/w", "0/s", "-3/s", "1.5/s", "fast"])
def test_nonsense_is_refused_with_advice(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="14/s"):
        interval(text)


@pytest.mark.django_db
class TestReserving:
    now = timezone.now()

    def test_send_times_follow_each_other_at_the_rate(self) -> None:
        rate = Rate(timedelta(seconds=0.1))
        times = rate.reserve(3, self.now) + rate.reserve(2, self.now)
        assert times == [self.now + n * timedelta(seconds=0.1) for n in range(5)]

    def test_nothing_is_reserved_more_than_a_second_ahead(self) -> None:
        """Rule 2 of a run."""
        rate = Rate(timedelta(seconds=0.1))
        times = [time for _ in range(10) for time in rate.reserve(100, self.now)]
        assert max(times) <= self.now + timedelta(seconds=1)
        assert rate.free_at is not None
        assert rate.free_at > self.now

    def test_time_that_nobody_used_is_not_made_up_for(self) -> None:
        MailService.objects.update_or_create(pk=1, defaults={"next_send_at": self.now - timedelta(hours=1)})
        assert Rate(timedelta(seconds=10)).reserve(5, self.now) == [self.now]

    def test_what_a_clock_two_days_ahead_reserved_holds_nobody_back(self) -> None:
        MailService.objects.update_or_create(pk=1, defaults={"next_send_at": self.now + timedelta(days=2)})
        assert Rate(timedelta(seconds=10)).reserve(1, self.now) == [self.now]

    def test_a_slow_rate_says_when_it_is_free_again(self) -> None:
        rate = Rate(timedelta(seconds=43.2))
        assert rate.reserve(5, self.now) == [self.now]
        assert rate.reserve(5, self.now) == []
        assert rate.free_at == self.now + timedelta(seconds=42.2)


@pytest.mark.django_db(transaction=True)
def test_no_send_time_is_given_twice_to_workers_who_ask_at_once() -> None:
    now = timezone.now()

    def ask(worker: int) -> list[datetime]:
        try:
            rate = Rate(timedelta(milliseconds=10))
            return [time for _ in range(5) for time in rate.reserve(3, now)]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        times = [time for asked in workers.map(ask, range(4)) for time in asked]
    assert len(times) == len(set(times)) == 4 * 5 * 3
