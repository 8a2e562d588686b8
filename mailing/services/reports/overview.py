"""The first page: how letters went in the last 30 days, what is going on, what comes next, what needs somebody.

Every number comes from the counters of attempts, never from deliveries, and the number of queries does not
depend on the data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from django.db.models import DateTimeField, OuterRef, Q, Subquery
from django.utils import timezone

from mailing.choices import AttemptStatus, Audience, MailingStatus, State
from mailing.models import Attempt, Client, Mailing, Message
from mailing.models.mailings import MailingQuerySet
from mailing.services import states
from mailing.services.reports import periods, statistics
from mailing.services.reports.statistics import Letters
from mailing.services.states import Signs, Told

DAYS = 30
SOON = timedelta(days=7)
LONG_PAUSE = timedelta(days=7)
RUNNING_SHOWN, UPCOMING_SHOWN, ATTENTION_SHOWN = 5, 8, 8


@dataclass(frozen=True)
class Day:
    """Letters of the attempts that began on this local day."""

    date: date
    sent: int = 0
    failed: int = 0
    unconfirmed: int = 0

    @property
    def errors(self) -> int:
        return self.failed + self.unconfirmed

    @property
    def letters(self) -> int:
        return self.sent + self.errors


@dataclass(frozen=True)
class Sums:
    sent: int = 0
    failed: int = 0  # refused and unconfirmed

    @property
    def error_share(self) -> float | None:
        whole = self.sent + self.failed
        return self.failed / whole if whole else None


class Need(Enum):
    """Why a mailing needs somebody, the most urgent first."""

    STALLED = "stalled"  # its run should go on, and does not
    OVERDUE = "overdue"  # its time passed, and nothing is being sent
    FAILED = "failed"  # the last run failed
    MISSED = "missed"  # the last occurrence did not run
    NO_RECIPIENTS = "no_recipients"
    FORGOTTEN = "forgotten"  # paused for over a week


@dataclass(frozen=True)
class Attention:
    need: Need
    mailing: Mailing
    told: Told | None = None  # of its run that stands still


@dataclass(frozen=True)
class Upcoming:
    mailing: Mailing
    recipients: int


@dataclass(frozen=True)
class FirstSteps:
    """What a new installation has already. `message`: the newest."""

    clients: bool
    message: int | None
    mailings: bool


@dataclass(frozen=True)
class Overview:
    days: list[Day]
    now: Sums
    before: Sums
    clients: int
    receiving: int
    running_number: int
    running_states: dict[State, int]  # how many of them stand how
    running: list[tuple[Attempt, Told]]  # the newest
    upcoming: list[Upcoming]
    attention: list[Attention]
    attention_more: int = 0
    first_steps: FirstSteps | None = None


def overview(now: datetime | None = None) -> Overview:
    """All of the first page, in a constant number of queries."""
    moment = now or timezone.now()
    days = daily(moment)
    signs = Signs(moment)
    running = states.open_runs(signs)
    needs = attention(moment, running)
    return Overview(
        days=days[DAYS:],
        now=_sums(days[DAYS:]),
        before=_sums(days[:DAYS]),
        clients=Client.objects.count(),
        receiving=statistics.receiving(),
        running_number=len(running),
        running_states=Counter(told.state for _attempt, told in running),
        running=running[:RUNNING_SHOWN],
        upcoming=upcoming(moment),
        attention=needs[:ATTENTION_SHOWN],
        attention_more=max(0, len(needs) - ATTENTION_SHOWN),
        first_steps=first_steps(),
    )


def daily(now: datetime) -> list[Day]:
    """Twice 30 local days up to today, the days without letters included."""
    today = timezone.localdate(now)
    dates = periods.days(today - timedelta(days=2 * DAYS - 1), today)
    edges = periods.bounds([*dates, today + timedelta(days=1)])
    found = statistics.letters_between(Attempt.objects.all(), edges)
    letters = [found.get(number, Letters()) for number in range(len(dates))]
    return [Day(day, of.sent, of.failed, of.unconfirmed) for day, of in zip(dates, letters, strict=True)]


def _sums(days: Iterable[Day]) -> Sums:
    listed = list(days)
    return Sums(sum(day.sent for day in listed), sum(day.errors for day in listed))


def upcoming(now: datetime) -> list[Upcoming]:
    """The next sends of the coming seven days with the number of their recipients."""
    soon = Mailing.objects.active().filter(next_run_at__gt=now, next_run_at__lte=now + SOON)
    listed = list(soon.with_subject().order_by("next_run_at", "pk")[:UPCOMING_SHOWN])
    chosen = dict(statistics.chosen_counts(mailing.pk for mailing in listed))
    everyone = statistics.receiving() if any(m.audience == Audience.EVERYONE for m in listed) else 0
    return [Upcoming(m, everyone if m.audience == Audience.EVERYONE else chosen.get(m.pk, 0)) for m in listed]


def attention(now: datetime, running: Iterable[tuple[Attempt, Told]] = ()) -> list[Attention]:
    """Mailings that need somebody; each once, for its most urgent reason."""
    stalled = [(attempt.mailing, told) for attempt, told in running if told.state is State.STALLED]
    found = {mailing.pk: Attention(Need.STALLED, mailing, told) for mailing, told in stalled}
    for need, mailings in _needy(now):
        for mailing in mailings.with_subject().order_by("-updated_at")[: 2 * ATTENTION_SHOWN]:
            found.setdefault(mailing.pk, Attention(need, mailing))
    return list(found.values())


def _needy(now: datetime) -> list[tuple[Need, MailingQuerySet]]:
    mailings = Mailing.objects
    closed = Attempt.objects.filter(mailing=OuterRef("pk")).exclude(status=AttemptStatus.RUNNING)
    newest = closed.order_by("-started_at", "-pk")
    recent = mailings.annotate(
        result=Subquery(newest.values("status")[:1]),
        result_at=Subquery(newest.values("started_at")[:1], output_field=DateTimeField()),
    ).filter(Q(status__in=(MailingStatus.CREATED, MailingStatus.RUNNING)) | Q(result_at__gte=now - SOON))
    forgotten = mailings.unfinished().filter(is_paused=True, updated_at__lt=now - LONG_PAUSE)
    return [
        (Need.OVERDUE, mailings.overdue(now)),
        (Need.FAILED, recent.filter(result=AttemptStatus.FAILED)),
        (Need.MISSED, recent.filter(result=AttemptStatus.MISSED)),
        (Need.NO_RECIPIENTS, mailings.without_recipients().filter(is_paused=False)),
        (Need.FORGOTTEN, forgotten),
    ]


def first_steps() -> FirstSteps | None:
    """How far somebody is who begins; None once the first letter of a mailing was sent."""
    if Attempt.objects.filter(sent__gt=0).exists():
        return None
    return FirstSteps(
        clients=Client.objects.exists(),
        message=Message.objects.order_by("-pk").values_list("pk", flat=True).first(),
        mailings=Mailing.objects.exists(),
    )
