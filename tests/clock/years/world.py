"""Two years in a minute: every occurrence ran once or stands as missed with its reason, and nothing ran twice.

Time is injected. The world goes from one interesting moment to the next: outages, edits, pauses, clocks that jump.
What must come out is kept by a bookkeeper of our own with the plain calendar of `oracle`.
"""

from __future__ import annotations

import gc
import os
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import LazySettings
from django.db.models import Q

from mailing.choices import AttemptStatus, Periodicity
from mailing.models import Attempt, Mailing
from mailing.services.mailings import lifecycle
from mailing.services.operations import reconciler
from tests.clock import oracle
from tests.clock.carrying import carry
from tests.delivery.transports.in_memory import MemoryTransport
from tests.factories import ClientFactory, MailingFactory

BEGIN = datetime(2027, 1, 1, tzinfo=UTC)
END = datetime(2029, 1, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
RAN, MISSED = "ran", "missed"

# Local wall times: month ends, and both gaps and overlaps of daylight saving in Berlin and New York.
STARTS = {
    Periodicity.ONCE: ["2027-03-28 02:30", "2028-02-29 10:00"],
    Periodicity.DAILY: ["2027-01-31 02:30"],
    Periodicity.WEEKLY: ["2027-03-14 02:30", "2027-10-31 02:30"],
    Periodicity.MONTHLY: ["2027-01-29 10:00", "2027-01-30 02:30", "2027-01-31 00:30"],
}


@dataclass
class Book:
    """What one mailing is expected to have done."""

    mailing: Mailing
    zone: str
    since: datetime
    outcomes: dict[datetime, str] = field(default_factory=dict)
    paused: bool = False
    over: bool = False
    held: datetime | None = None  # due and not sent when staff paused or changed it, before its first run
    calendar: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.read()

    def read(self) -> None:
        mailing = self.mailing
        self.calendar = oracle.occurrences(
            mailing.start_at, mailing.periodicity, mailing.end_at, END + 4 * DAY, self.zone
        )

    @property
    def ran(self) -> bool:
        return RAN in self.outcomes.values()

    def pending(self, now: datetime) -> list[datetime]:
        passed = self.calendar[: bisect_right(self.calendar, now)]
        due = [moment for moment in passed[bisect_right(passed, self.since) :] if moment not in self.outcomes]
        decided = any(moment > self.since for moment in self.outcomes if moment <= now)
        if due or self.ran or decided or self.ended(now):
            return due
        return passed[-1:] if passed and passed[-1] not in self.outcomes else []

    def ended(self, now: datetime) -> bool:
        return self.mailing.end_at is not None and now > self.mailing.end_at

    def look(self, now: datetime) -> None:
        """A tick."""
        if self.paused or self.over:
            return
        self.since = min(self.since, now)  # a change made by a clock that ran ahead
        if due := self.pending(now):
            for moment in due[:-1]:
                self.outcomes[moment] = MISSED
            late = now - max(due[-1], self.since) >= DAY
            self.outcomes[due[-1]] = MISSED if late or self.ended(now) else RAN
        self.over = not self.ahead(now)

    def ahead(self, now: datetime) -> list[datetime]:
        """The next occurrence, if there is one."""
        at = bisect_right(self.calendar, now)
        return self.calendar[at : at + 1]

    def let_go(self, now: datetime) -> None:
        """It is active again: what was held back is due now, or it was missed."""
        due = self.pending(now)
        if self.held is not None and self.held not in due[-1:]:
            self.outcomes[self.held] = MISSED
        self.held = None
        self.over = not due and not self.ahead(now)

    def write_off(self, now: datetime) -> None:
        """Staff change the mailing: what was due and not looked at is missed; a first run is still to come."""
        if self.paused or self.over:
            return
        due = self.pending(now)
        if due and not self.ran:
            self.held = due.pop()
        for moment in due:
            self.outcomes[moment] = MISSED


@dataclass
class World:
    """The clock, the weather, and staff who do things."""

    zone: str
    chance: random.Random
    books: list[Book]
    happened: Counter[str] = field(default_factory=Counter)
    jump: timedelta = timedelta(0)
    rings: int = 0  # left until the next tick

    def live(self) -> None:
        true, down_until, jump_until = BEGIN, BEGIN, BEGIN
        while true < END:
            true += self.step(true)
            if true >= jump_until and self.jump:
                self.jump, self.rings = timedelta(0), 0
            if not self.jump and self.chance.random() < 0.02:
                self.jump = self.chance.choice([-HOUR, HOUR, 2 * DAY])
                jump_until = true + timedelta(hours=self.chance.uniform(1, 30))
                self.happened["jump"] += 1
                self.rings = 0
            now = true + self.jump
            if self.chance.random() < 0.25:
                self.staff(now)
            if true >= down_until and self.chance.random() < 0.04:
                down_until = true + timedelta(hours=self.chance.uniform(0.1, 72))
                self.happened["outage"] += 1
            if true >= down_until:
                self.ring(now) if self.rings else self.tick(now)
                carry(now, real=5)

    def step(self, true: datetime) -> timedelta:
        """To a moment after the next occurrence, or some hours on."""
        ahead = [moment for book in self.books for moment in book.ahead(true)]
        coming = min(ahead, default=END) - true + timedelta(seconds=self.chance.uniform(0, 70))
        return min(coming, timedelta(hours=self.chance.uniform(12, 60)))

    def tick(self, now: datetime) -> None:
        self.happened["tick"] += 1
        report = reconciler.tick(now, purge=False)
        assert not report.troubled
        self.rings = 2
        for book in self.books:
            book.look(now)

    def ring(self, now: datetime) -> None:
        """The alarm clock between two ticks: only for those whose time it is."""
        self.happened["ring"] += 1
        self.rings -= 1
        rings = Q(next_run_at__lte=now) | Q(active_since=None)
        due = set(Mailing.objects.active().filter(rings).values_list("pk", flat=True))
        for pk in sorted(due):
            lifecycle.run_due(pk, now)
        for book in self.books:
            if book.mailing.pk in due:
                book.look(now)
            else:
                assert book.paused or book.over or not book.pending(now)

    def staff(self, now: datetime) -> None:
        book = self.chance.choice(self.books)
        book.mailing.refresh_from_db()
        act = self.chance.choice([self.pause, self.resume, self.resume, self.edit, self.rename])
        act(book, now)

    def pause(self, book: Book, now: datetime) -> None:
        if book.over:
            return
        book.write_off(now)
        lifecycle.pause(book.mailing, now=now)
        book.paused = True
        self.happened["pause"] += 1

    def resume(self, book: Book, now: datetime) -> None:
        if not book.paused:
            return
        lifecycle.resume(book.mailing, now=now)
        book.paused, book.since = False, now
        self.happened["resume"] += 1
        book.let_go(now)

    def edit(self, book: Book, now: datetime) -> None:
        was = Mailing.objects.get(pk=book.mailing.pk)
        book.write_off(now)
        mailing = book.mailing
        mailing.start_at += self.chance.choice([-HOUR, HOUR, 3 * HOUR, DAY])
        mailing.periodicity = self.chance.choice([mailing.periodicity, *Periodicity.values])
        days = self.chance.uniform(30, 900)
        mailing.end_at = self.chance.choice([None, max(mailing.start_at, now + timedelta(days=days))])
        changes = {name: getattr(mailing, name) for name in ("start_at", "periodicity", "end_at")}
        Mailing.objects.filter(pk=mailing.pk).update(**changes)
        lifecycle.apply_edit(mailing, changed=list(changes), before=was, now=now)
        book.read()
        book.over = False
        if not book.paused:
            book.since = now
            book.let_go(now)
        self.happened["edit"] += 1

    def rename(self, book: Book, now: datetime) -> None:
        lifecycle.apply_edit(book.mailing, changed=["name"], now=now)


def rows_of(mailing: Mailing) -> dict[datetime, str]:
    found = {}
    for attempt in mailing.attempts.all():
        assert attempt.status != AttemptStatus.RUNNING
        assert attempt.occurrence is not None
        missed = attempt.status == AttemptStatus.MISSED
        assert not missed or attempt.note_text
        found[attempt.occurrence] = MISSED if missed else RAN
    return found


@contextmanager
def rarely_collecting_garbage() -> Iterator[None]:
    """40 000 queries leave cycles behind; looking for them took a seventh of the time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def mailings_of(zone: str, client: Any) -> Iterator[Mailing]:
    for periodicity, starts in STARTS.items():
        for text in starts:
            wall = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
            yield MailingFactory(periodicity=periodicity, start_at=wall, clients=[client])


def two_years(zone: str, settings: LazySettings, carrier: MemoryTransport) -> None:
    """A world of its own for each zone, and each in a file of its own, so that the workers share them."""
    settings.TIME_ZONE = zone
    settings.ADMINS = []  # who hears of it is another story (`test_telling`)
    chance = random.Random(zone + os.environ.get("SEED", ""))
    books = [
        Book(lifecycle.launch(mailing, now=BEGIN), zone, BEGIN) for mailing in mailings_of(zone, ClientFactory())
    ]
    world = World(zone, chance, books)

    with rarely_collecting_garbage():
        world.live()

    for book in books:
        assert rows_of(book.mailing) == book.outcomes, (book.mailing.pk, book.mailing.periodicity)
    assert min(world.happened[name] for name in ("jump", "outage", "edit", "pause", "resume")) > 5
    ran = Attempt.objects.exclude(status=AttemptStatus.MISSED).values_list("pk", flat=True)
    assert len(ran) > 100
    assert len(carrier.accepted) == len([pk for pk in ran if pk % 5 == 0])  # one client, one letter each
