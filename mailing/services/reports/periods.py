"""Attempts by local day, week or month: sums that are told apart in the database, by an index that holds no letters.

A row of an attempt holds the whole letter. SQLite looks up each row of a range of `started_at`, for a year of them
through gigabytes; `began` is the same moment without that index, so that it reads the index of the numbers instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Case, Count, Expression, F, Func, IntegerField, QuerySet, Value, When
from django.utils import timezone

from mailing.models import Attempt


class Unindexed(Func):
    """A column as it is, by which SQLite looks nothing up."""

    arity = 1
    template = "%(expressions)s"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)


def midnight(day: date) -> datetime:
    """The first moment of a local day."""
    return timezone.make_aware(datetime.combine(day, time()))


def bounds(days: Sequence[date]) -> list[datetime]:
    return [midnight(day) for day in days]


def days(first: date, last: date) -> list[date]:
    """All from the first to the last."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def counts(edges: Sequence[datetime]) -> dict[int, int]:
    """How many attempts began between which two of the edges; those without any are left out."""
    within = Attempt.objects.order_by().filter(started_at__gte=edges[0], started_at__lt=edges[-1])
    rows = within.annotate(bucket=_bucket("started_at", edges, 0, len(edges) - 1)).values("bucket")
    return {row["bucket"]: row["number"] for row in rows.annotate(number=Count("pk"))}


def within(attempts: QuerySet[Attempt], since: datetime, until: datetime) -> QuerySet[Attempt]:
    """Those that began from one moment on and before the other, with `began` as their moment."""
    return attempts.order_by().alias(began=Unindexed(F("started_at"))).filter(began__gte=since, began__lt=until)


def by_bucket(attempts: QuerySet[Attempt], edges: Sequence[datetime]) -> QuerySet[Attempt]:
    """Those that began between the first and the last of the edges, with `bucket`: between which two of them."""
    return within(attempts, edges[0], edges[-1]).annotate(bucket=_bucket("began", edges, 0, len(edges) - 1))


def _bucket(moment: str, edges: Sequence[datetime], low: int, high: int) -> Expression:
    """By halves: six comparisons for two months of days."""
    if high - low == 1:
        return Value(low, output_field=IntegerField())
    middle = (low + high) // 2
    earlier = When(**{f"{moment}__lt": edges[middle]}, then=_bucket(moment, edges, low, middle))
    return Case(earlier, default=_bucket(moment, edges, middle, high), output_field=IntegerField())
