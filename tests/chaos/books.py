"""The books of a run compared: what the server accepted × the deliveries × the attempt."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from mailing.choices import OPEN_DELIVERY_STATUSES, DeliveryStatus
from mailing.models import Attempt, Delivery
from tests.smtp.server import accepted


def check(attempt: Attempt, log: Path) -> None:
    """0 duplicates, 0 shown sent but not accepted, 0 accepted but shown otherwise, 0 lost without a word."""
    letters = Counter(letter["message_id"] for letter in accepted(log))
    rows = list(Delivery.objects.filter(attempt=attempt))
    assert len({row.message_id for row in rows}) == len(rows)
    for row in rows:
        times = letters[row.message_id]
        assert times <= 1, f"{row.email} got the letter {times} times"
        if row.status == DeliveryStatus.SENT:
            assert times == 1, f"{row.email} is shown as sent, but the server never accepted it"
        elif row.status != DeliveryStatus.UNCONFIRMED:
            assert times == 0, f"{row.email} got the letter, but is shown as {row.status} {row.reason}"
            assert row.reason or row.status in OPEN_DELIVERY_STATUSES, f"{row.email}: {row.status} without a word"
    balance(attempt)


def balance(attempt: Attempt) -> None:
    attempt.refresh_from_db()
    counted = Counter(Delivery.objects.filter(attempt=attempt).values_list("status", flat=True))
    final = ("sent", "failed", "unconfirmed", "skipped")
    assert {name: getattr(attempt, name) for name in final} == {name: counted[name] for name in final}
    assert attempt.audience == counted.total()
    assert attempt.open == sum(counted[status] for status in OPEN_DELIVERY_STATUSES)
