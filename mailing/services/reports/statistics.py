"""All numbers that staff see, each page in a constant number of queries.

Numbers of a list follow its filter: they are computed from the list's own queryset.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.db.models import (
    Aggregate,
    Avg,
    Count,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Window,
)
from django.db.models.functions import Coalesce, RowNumber

from mailing.choices import HARMLESS_SKIPS, AttemptStatus, Audience, DeliveryStatus, Trigger
from mailing.models import Attempt, Client, Delivery, Mailing, Message, Suppression
from mailing.services.reports import periods
from mailing.services.reports.lengths import Length

TREND_RUNS = 10


def receiving() -> int:
    """How many clients receive mail. Two index counts: NOT EXISTS over 1 000 000 clients takes a second."""
    return Client.objects.count() - stopped()


def _suppressed() -> QuerySet[Client]:
    """Clients on the stop list. From its side: SQLite looks at each of 500 000 recipients for `client__email__in`."""
    return Client.objects.order_by().filter(email__in=Suppression.objects.values("email"))


def stopped() -> int:
    """How many clients are on the stop list."""
    return _suppressed().count()


def recipients(mailing: Mailing) -> int:
    """How many letters a run of the mailing would send if it started now."""
    if mailing.audience == Audience.EVERYONE:
        return receiving()
    chosen = Mailing.clients.through.objects.filter(mailing=mailing.pk)
    return chosen.count() - chosen.filter(client__in=_suppressed()).count()


@dataclass
class MailingNumbers:
    """What the list of mailings shows about one mailing."""

    recipients: int = 0
    last: Attempt | None = None  # the newest one, running or not
    open: Attempt | None = None  # the one that is not over; a missed one may be newer
    results: list[str] = field(default_factory=list)  # statuses of the latest closed runs, oldest first
    accepted: int = 0  # letters of these runs
    handed_over: int = 0

    @property
    def succeeded(self) -> int:
        return self.results.count(AttemptStatus.SUCCEEDED)

    @property
    def runs(self) -> list[Attempt]:
        return [attempt for attempt in (self.open, self.last) if attempt]


def numbers_of(mailings: Sequence[Mailing]) -> dict[int, MailingNumbers]:
    """The numbers of these mailings (one page of the list) in at most five queries."""
    found = {mailing.pk: MailingNumbers() for mailing in mailings}
    for mailing_id, number in chosen_counts(found).items():
        found[mailing_id].recipients = number
    everyone = [mailing.pk for mailing in mailings if mailing.audience == Audience.EVERYONE]
    if everyone:
        number = receiving()
        for pk in everyone:
            found[pk].recipients = number
    for attempt in latest_attempts(found):
        _add_run(found[attempt.mailing_id], attempt)
    return found


def chosen_counts(mailing_ids: Iterable[int]) -> dict[int, int]:
    """Clients selected for each of the mailings who receive mail: all in the link table, less the suppressed."""
    links = Mailing.clients.through.objects.filter(mailing__in=list(mailing_ids)).order_by()
    suppressed = links.filter(client__in=_suppressed())
    less = dict(suppressed.values_list("mailing").annotate(number=Count("pk")))
    return {pk: number - less.get(pk, 0) for pk, number in links.values_list("mailing").annotate(number=Count("pk"))}


def latest_attempts(mailing_ids: Iterable[int], number: int = TREND_RUNS + 1) -> Iterable[Attempt]:
    """The newest attempts of each of these mailings, newest first, without their bodies.

    They are chosen in the index alone: a window over whole rows reads every body of years.
    """
    place = Window(RowNumber(), partition_by="mailing", order_by=(F("started_at").desc(), F("pk").desc()))
    of_these = Attempt.objects.filter(mailing__in=list(mailing_ids)).order_by()
    newest = of_these.annotate(place=place).filter(place__lte=number).values("pk")
    found = Attempt.objects.filter(pk__in=newest).without_letters().defer("subject")
    return found.order_by("mailing", "-started_at", "-pk")


def _add_run(row: MailingNumbers, attempt: Attempt) -> None:
    row.last = row.last or attempt
    if attempt.status == AttemptStatus.RUNNING:
        row.open = attempt
    counts = attempt.status != AttemptStatus.RUNNING and attempt.trigger != Trigger.RETRY
    if counts and len(row.results) < TREND_RUNS:
        row.results.insert(0, attempt.status)
        row.accepted += attempt.sent
        row.handed_over += attempt.sent + attempt.failed + attempt.unconfirmed


@dataclass(frozen=True)
class Totals:
    """Sums over a set of attempts."""

    attempts: int = 0
    succeeded: int = 0
    partly: int = 0
    broken: int = 0  # runs that failed: `failed` are letters
    missed: int = 0
    closed: int = 0  # neither running nor missed: the runs that have a result
    audience: int = 0
    sent: int = 0
    failed: int = 0
    unconfirmed: int = 0
    skipped: int = 0
    duration: timedelta | None = None  # mean of the finished ones

    @property
    def error_share(self) -> float | None:
        """Refused and unconfirmed, of all letters handed over; None when there were none."""
        handed_over = self.sent + self.failed + self.unconfirmed
        return (self.failed + self.unconfirmed) / handed_over if handed_over else None

    @property
    def success_share(self) -> float | None:
        return self.succeeded / self.closed if self.closed else None

    @property
    def accepted_share(self) -> float | None:
        """Accepted, of all letters handed over."""
        share = self.error_share
        return None if share is None else 1 - share


def length(attempt: Attempt) -> timedelta | None:
    """How long a run took; None while it goes on, and for one that never ran."""
    if attempt.finished_at is None or attempt.status == AttemptStatus.MISSED:
        return None
    return attempt.finished_at - attempt.started_at


DURATION = Length("finished_at", "started_at")
RAN = ~Q(status__in=(AttemptStatus.RUNNING, AttemptStatus.MISSED))
COUNTERS = ("audience", "sent", "failed", "unconfirmed", "skipped")


def totals(attempts: QuerySet[Attempt]) -> Totals:
    """One aggregate query over the attempts, whatever they were filtered by."""
    return Totals(**attempts.order_by().aggregate(**_numbers(), duration=Avg(DURATION, filter=RAN)))


def accepted(mailing: Mailing) -> tuple[int, int]:
    """(letters, runs with a result): from the index alone, however many attempts there are."""
    closed = Q(status__in=(AttemptStatus.SUCCEEDED, AttemptStatus.PARTLY, AttemptStatus.FAILED))
    found = mailing.attempts.order_by().aggregate(sent=Sum("sent", default=0), closed=Count("status", filter=closed))
    return found["sent"], found["closed"]


def numbers(attempts: QuerySet[Attempt]) -> Totals:
    """The same without the mean duration, which SQLite has to ask Python for, row by row."""
    return Totals(**attempts.order_by().aggregate(**_numbers()))


def _numbers() -> dict[str, Aggregate]:
    return {
        "attempts": Count("pk"),
        "succeeded": Count("pk", filter=Q(status=AttemptStatus.SUCCEEDED)),
        "partly": Count("pk", filter=Q(status=AttemptStatus.PARTLY)),
        "broken": Count("pk", filter=Q(status=AttemptStatus.FAILED)),
        "missed": Count("pk", filter=Q(status=AttemptStatus.MISSED)),
        "closed": Count("pk", filter=RAN),
        **{name: Sum(name, default=0) for name in COUNTERS},
    }


@dataclass(frozen=True)
class ReportRow:
    """One mailing in the report by mailing."""

    mailing_id: int
    name: str
    totals: Totals
    last_at: datetime


def by_mailing(attempts: QuerySet[Attempt]) -> list[ReportRow]:
    """The attempts summed up by mailing, the busiest first; two queries, the sums from an index without letters."""
    found: Any = attempts.order_by().values("mailing").annotate(last_at=Max("started_at"), **_numbers())
    rows = [(row.pop("mailing"), row.pop("last_at"), Totals(**row)) for row in found]
    names = _names(pk for pk, _last, _sums in rows)
    listed = [ReportRow(pk, names.get(pk, ""), sums, last) for pk, last, sums in rows]
    return sorted(listed, key=lambda row: (-row.totals.sent, row.mailing_id))


def _names(mailing_ids: Iterable[int]) -> dict[int, str]:
    found = Mailing.objects.order_by().filter(pk__in=list(mailing_ids))
    return {pk: name or subject for pk, name, subject in found.values_list("pk", "name", "message__subject")}


def added(rows: Iterable[Totals]) -> Totals:
    """All of them together; the mean duration stays behind."""
    listed = list(rows)
    names = ("attempts", "succeeded", "partly", "broken", "missed", "closed", *COUNTERS)
    return Totals(**{name: sum(getattr(row, name) for row in listed) for name in names})


@dataclass(frozen=True)
class Letters:
    """What became of the letters of a stretch of days."""

    sent: int = 0
    unconfirmed: int = 0
    failed: int = 0


def letters_between(attempts: QuerySet[Attempt], edges: Sequence[datetime]) -> dict[int, Letters]:
    """By the number of the stretch between two edges in which an attempt began; one query."""
    rows: Any = periods.by_bucket(attempts, edges)
    found = rows.values("bucket").annotate(accepted=Sum("sent"), unknown=Sum("unconfirmed"), refused=Sum("failed"))
    return {row["bucket"]: Letters(row["accepted"], row["unknown"], row["refused"]) for row in found}


@dataclass(frozen=True)
class MailingTotals:
    """Cards above the list of mailings."""

    sending: int
    sent: int
    errors: int

    @property
    def error_share(self) -> float | None:
        handed_over = self.sent + self.errors
        return self.errors / handed_over if handed_over else None


def of_mailings(mailings: QuerySet[Mailing]) -> MailingTotals:
    """Numbers over the listed mailings; two queries."""
    attempts = Attempt.objects.filter(mailing__in=mailings.order_by().values("pk")).order_by()
    letters = attempts.aggregate(sent=Sum("sent", default=0), errors=Sum(F("failed") + F("unconfirmed"), default=0))
    return MailingTotals(sending=attempts.running().count(), **letters)


class Usage(TypedDict):
    """What `with_usage` knows of a message besides."""

    used: int


def with_usage(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Annotates `used`: in how many mailings a message stands."""
    mailings = Mailing.objects.order_by().filter(message=OuterRef("pk")).values("message")
    used = Subquery(mailings.annotate(number=Count("pk")).values("number"), output_field=IntegerField())
    return messages.annotate(used=Coalesce(used, 0))


def retryable(attempt: Attempt) -> tuple[int, int]:
    """(unsent, unconfirmed) clients of a closed attempt that a retry would take up; one query."""
    rows = Delivery.objects.filter(attempt=attempt, retried_by=None)
    skipped = Q(status=DeliveryStatus.SKIPPED) & ~Q(reason__in=HARMLESS_SKIPS)
    found = rows.aggregate(
        unsent=Count("pk", filter=Q(status=DeliveryStatus.FAILED) | skipped),
        unconfirmed=Count("pk", filter=Q(status=DeliveryStatus.UNCONFIRMED)),
    )
    return found["unsent"], found["unconfirmed"]
