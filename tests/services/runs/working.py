"""Runs of a mailing for the tests of slices: begun, worked on, and their books read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from mailing.models import Attempt, Mailing, MailService
from mailing.services import runs
from mailing.services.runs import SliceResult
from tests.chaos import books
from tests.factories import MailingFactory
from tests.smtp.script import Fault
from tests.smtp.server import Server

ALWAYS = 0


def misbehave(server: Server, *faults: Fault) -> None:
    server.script.faults.extend(faults)  # type: ignore[attr-defined]


def start(clients: Any = 5, **values: Any) -> Attempt:
    return runs.start(MailingFactory.create(clients=clients, **values), occurrence=None, trigger="manual")


def run(attempt: Attempt, **options: Any) -> SliceResult:
    result = runs.run_slice(attempt.pk, **({"stop": lambda: False} | options))
    attempt.refresh_from_db()
    books.balance(attempt)
    return result


def counts(attempt: Attempt) -> tuple[int, int, int, int, int]:
    return attempt.sent, attempt.failed, attempt.unconfirmed, attempt.skipped, attempt.open


def emails(attempt: Attempt) -> list[str]:
    return list(attempt.deliveries.order_by("pk").values_list("email", flat=True))


def set_mailing(attempt: Attempt, **values: Any) -> Mailing:
    Mailing.objects.filter(pk=attempt.mailing_id).update(**values)
    return Mailing.objects.get(pk=attempt.mailing_id)


def breaker_pause_is_over() -> None:
    MailService.objects.update(until=timezone.now() - timedelta(seconds=1))
