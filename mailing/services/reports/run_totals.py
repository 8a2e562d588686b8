"""What all runs of the installation add up to, for counters that must never fall.

A mailing is deleted together with its attempts; what they had counted is kept on the row of the installation.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from django.db.models import Count, QuerySet, Sum

from mailing.choices import AttemptStatus
from mailing.models import Attempt, MailService
from mailing.services.reports.statistics import DURATION

OUTCOMES = ("sent", "failed", "unconfirmed", "skipped")
RAN = (AttemptStatus.SUCCEEDED, AttemptStatus.PARTLY, AttemptStatus.FAILED)
ENDS = (*RAN, AttemptStatus.MISSED)

Totals = Counter[str]
"""Letters by outcome, ended runs by `run_of(status)`, `seconds` they took in all, `timed`: how many ran."""


def run_of(status: str) -> str:
    return f"run_{status}"


def of(attempts: QuerySet[Attempt]) -> Totals:
    """The totals of these attempts: two queries. A missed one counts as the planned times it stands for."""
    totals: Totals = Counter()
    sums = {name: Sum(name, default=0) for name in OUTCOMES}
    found = attempts.order_by().values("status").annotate(number=Count("pk"), length=Sum(DURATION), **sums)
    rows: list[dict[str, Any]] = [dict(row) for row in found]
    for row in rows:
        totals.update({name: row[name] for name in OUTCOMES})
        if row["status"] in RAN:
            totals.update({run_of(row["status"]): row["number"], "timed": row["number"]})
            totals["seconds"] += round((row["length"] or timedelta()).total_seconds())
    missed = attempts.order_by().filter(status=AttemptStatus.MISSED)
    totals[run_of(AttemptStatus.MISSED)] += missed.aggregate(number=Sum("stands_for", default=0))["number"]
    return totals


def all_time() -> Totals:
    """Of every attempt there is, and of those that were deleted.

    A run counts as what it ended as: where an upgrade found another word for ends that were counted already,
    `deleted_runs` holds the difference, below zero for the new word.
    """
    totals = of(Attempt.objects.all())
    totals.update(MailService.load().deleted_runs)
    return totals


def keep(attempts: QuerySet[Attempt]) -> None:
    """Remembers the totals of attempts that are about to be deleted; call it in the transaction that deletes them."""
    going = of(attempts)
    if not going:
        return
    MailService.objects.get_or_create(pk=1)
    service = MailService.objects.select_for_update().get(pk=1)
    kept = Counter(service.deleted_runs)
    kept.update(going)
    MailService.objects.filter(pk=1).update(deleted_runs=dict(kept))
