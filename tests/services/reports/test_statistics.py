"""Numbers that staff see: right, of the filtered set, and in a constant number of queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from mailing.choices import AttemptStatus, Audience, DeliveryReason, DeliveryStatus, Trigger
from mailing.models import Attempt, Mailing, Message
from mailing.services.reports import statistics
from tests.factories import (
    AttemptFactory,
    ClientFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
    SuppressionFactory,
)

pytestmark = pytest.mark.django_db


def history(mailing: Mailing, *statuses: str) -> list[Attempt]:
    """Runs of the mailing, oldest first, a day apart."""
    now = timezone.now()
    return [
        AttemptFactory(
            mailing=mailing,
            status=status,
            started_at=now - timedelta(days=len(statuses) - number),
            finished_at=None
            if status == AttemptStatus.RUNNING
            else now - timedelta(days=len(statuses) - number, seconds=-30),
        )
        for number, status in enumerate(statuses)
    ]


def test_only_clients_who_receive_mail_are_counted() -> None:
    mailing = MailingFactory(clients=3)
    gone = ClientFactory()
    mailing.clients.add(gone)
    SuppressionFactory(email=gone.email)

    assert statistics.receiving() == 3
    assert statistics.recipients(mailing) == 3
    assert statistics.numbers_of([mailing])[mailing.pk].recipients == 3


def test_a_mailing_to_everyone_counts_all_who_receive_mail() -> None:
    mailing = MailingFactory(audience=Audience.EVERYONE)
    ClientFactory.create_batch(4)

    assert statistics.recipients(mailing) == 4
    assert statistics.numbers_of([mailing])[mailing.pk].recipients == 4


def test_the_trend_counts_closed_runs_and_no_retries() -> None:
    mailing = MailingFactory()
    history(mailing, "succeeded", "failed", "succeeded", "missed", "running")
    AttemptFactory(mailing=mailing, status="succeeded", trigger=Trigger.RETRY)

    row = statistics.numbers_of([mailing])[mailing.pk]

    assert row.results == ["succeeded", "failed", "succeeded", "missed"]
    assert row.succeeded == 2


def test_the_trend_looks_at_the_last_ten_runs_only() -> None:
    mailing = MailingFactory()
    history(mailing, "failed", "failed", *["succeeded"] * 9, "failed")

    row = statistics.numbers_of([mailing])[mailing.pk]

    assert (row.succeeded, len(row.results)) == (9, 10)


def test_the_last_attempt_is_the_newest_one_running_or_not() -> None:
    mailing = MailingFactory()
    *_older, newest = history(mailing, "succeeded", "running")

    assert statistics.numbers_of([mailing])[mailing.pk].last == newest


def test_totals_sum_up_and_average_what_has_a_result() -> None:
    mailing = MailingFactory()
    history(mailing, "succeeded", "failed", "missed", "running")
    Attempt.objects.filter(status="succeeded").update(audience=10, sent=10)
    Attempt.objects.filter(status="failed").update(audience=10, sent=6, failed=2, unconfirmed=1, skipped=1)

    sums = statistics.totals(Attempt.objects.all())

    assert (sums.attempts, sums.closed, sums.succeeded) == (4, 2, 1)
    assert (sums.audience, sums.sent, sums.failed, sums.unconfirmed, sums.skipped) == (20, 16, 2, 1, 1)
    assert sums.success_share == 0.5
    assert sums.error_share == pytest.approx(3 / 19)
    assert sums.duration == timedelta(seconds=30)


def test_totals_of_nothing_are_no_numbers() -> None:
    sums = statistics.totals(Attempt.objects.none())

    assert (sums.attempts, sums.sent) == (0, 0)
    assert sums.error_share is None
    assert sums.success_share is None
    assert sums.duration is None


def test_the_report_has_one_row_for_each_mailing_the_busiest_first() -> None:
    quiet, busy = MailingFactory(name="Quiet"), MailingFactory(name="", message__subject="Busy")
    history(quiet, "missed")
    history(busy, "succeeded", "succeeded")
    Attempt.objects.filter(mailing=busy).update(audience=5, sent=5)

    rows = statistics.by_mailing(Attempt.objects.all())

    assert [(row.name, row.totals.sent, row.totals.missed) for row in rows] == [("Busy", 10, 0), ("Quiet", 0, 1)]


def test_messages_know_in_how_many_mailings_they_stand() -> None:
    used, free = MessageFactory(), MessageFactory()
    MailingFactory.create_batch(2, message=used)

    counted = dict(statistics.with_usage(Message.objects.all()).values_list("pk", "used"))

    assert counted == {used.pk: 2, free.pk: 0}


def test_a_retry_takes_up_the_failed_and_cut_short_but_nobody_twice() -> None:
    attempt = AttemptFactory(status=AttemptStatus.FAILED, audience=6, sent=1, failed=2, unconfirmed=1, skipped=2)
    DeliveryFactory(attempt=attempt, status=DeliveryStatus.SENT)
    DeliveryFactory(attempt=attempt, status=DeliveryStatus.FAILED, reason=DeliveryReason.REFUSED)
    taken = DeliveryFactory(attempt=attempt, status=DeliveryStatus.FAILED, reason=DeliveryReason.REFUSED)
    DeliveryFactory(attempt=attempt, status=DeliveryStatus.UNCONFIRMED, reason=DeliveryReason.LINE_LOST)
    DeliveryFactory(attempt=attempt, status=DeliveryStatus.SKIPPED, reason=DeliveryReason.UNSUBSCRIBED)
    DeliveryFactory(attempt=attempt, status=DeliveryStatus.SKIPPED, reason=DeliveryReason.FINISHED)
    DeliveryFactory(attempt=AttemptFactory(), client=taken.client, retry_of=taken)

    assert statistics.retryable(attempt) == (2, 1)


@pytest.mark.parametrize("number", [1, 20])
def test_a_page_of_mailings_costs_the_same_queries_however_long(number: int, django_assert_num_queries: Any) -> None:
    mailings = [MailingFactory(clients=2) for _ in range(number)]
    mailings[0].audience = Audience.EVERYONE
    for mailing in mailings:
        history(mailing, "succeeded", "failed")

    with django_assert_num_queries(5):
        statistics.numbers_of(mailings)
