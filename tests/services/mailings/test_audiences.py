"""How each recipient of a mailing stands: random histories, asked in SQL and by a slow reading of the rows."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing import addresses
from mailing.choices import (
    AttemptStatus,
    Audience,
    DeliveryReason,
    DeliveryStatus,
    RecipientPart,
    SuppressionReason,
    Trigger,
)
from mailing.models import Attempt, Client, Delivery, Mailing, Suppression
from mailing.services.mailings import audiences, forecast
from mailing.services.mailings.audiences import UNWANTED, LatestRun
from mailing.services.reports import statistics
from mailing.services.runs import dry_run
from tests.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory, SuppressionFactory

pytestmark = pytest.mark.django_db

ENDS = [
    (DeliveryStatus.SENT, ""),
    (DeliveryStatus.SENT, ""),
    (DeliveryStatus.FAILED, DeliveryReason.REFUSED),
    (DeliveryStatus.UNCONFIRMED, DeliveryReason.LINE_LOST),
    (DeliveryStatus.SKIPPED, DeliveryReason.REMOVED),
    (DeliveryStatus.SKIPPED, DeliveryReason.SUPPRESSED),
    (DeliveryStatus.SKIPPED, DeliveryReason.UNSUBSCRIBED),
    (DeliveryStatus.QUEUED, ""),
]


def run(mailing: Mailing, clients: list[Client], dice: random.Random, **fields: object) -> Attempt:
    """A run of which every letter ended somehow."""
    attempt = AttemptFactory(mailing=mailing, status=AttemptStatus.PARTLY, **fields)
    for client in clients:
        status, reason = dice.choice(ENDS)
        DeliveryFactory(attempt=attempt, client=client, status=status, reason=reason)
    _count(attempt)
    return attempt


def _count(attempt: Attempt) -> None:
    numbers = Counter(attempt.deliveries.values_list("status", flat=True))
    names = ("sent", "failed", "unconfirmed", "skipped")
    Attempt.objects.filter(pk=attempt.pk).update(
        audience=sum(numbers.values()), **{name: numbers[name] for name in names}
    )


def retried(attempt: Attempt, dice: random.Random) -> Attempt:
    again = AttemptFactory(
        mailing=attempt.mailing, status=AttemptStatus.PARTLY, trigger=Trigger.RETRY, retry_of=attempt
    )
    for row in attempt.deliveries.filter(status=DeliveryStatus.FAILED):
        status, reason = dice.choice(ENDS)
        DeliveryFactory(attempt=again, client=row.client, email=row.email, status=status, reason=reason, retry_of=row)
    _count(again)
    return again


def history(seed: int) -> Mailing:
    """A mailing with a past: people came, left, moved, were stopped and let go again."""
    dice = random.Random(seed)
    cache.clear()
    crowd = ClientFactory.create_batch(24)
    crowd.append(Client.objects.create(email="no address", full_name="Wrong"))
    mailing = MailingFactory(audience=dice.choice(Audience.values), clients=dice.sample(crowd, 16))
    old = AttemptFactory(
        mailing=mailing, status=AttemptStatus.SUCCEEDED, started_at=timezone.now() - timedelta(days=2)
    )
    for client in dice.sample(crowd, 5):
        DeliveryFactory(attempt=old, client=client, status=DeliveryStatus.SENT)
    other = run(MailingFactory(), dice.sample(crowd, 9), dice)
    assert other.mailing_id != mailing.pk
    if dice.random() < 0.9:
        attempt = run(mailing, dice.sample(crowd, dice.randrange(20)), dice)
        if dice.random() < 0.5:
            again = retried(attempt, dice)
            if dice.random() < 0.5:
                retried(again, dice)
    AttemptFactory(mailing=mailing, status=AttemptStatus.MISSED, started_at=timezone.now() + timedelta(hours=1))
    for client in dice.sample(crowd, 6):
        SuppressionFactory(email=client.email, reason=dice.choice(SuppressionReason.values))
    moved = dice.choice(crowd[:24])
    Client.objects.filter(pk=moved.pk).update(email="moved@example.ru")
    mailing.clients.add(*dice.sample(crowd, 3))
    return mailing


# --- A slow reading -----------------------------------------------------------------------------------


def last_words(mailing: Mailing) -> dict[str, Delivery] | None:
    """What became of each address in the latest run and its retries."""
    runs = [row for row in mailing.attempts.all() if row.status != AttemptStatus.MISSED]
    firsts = [row for row in runs if row.trigger != Trigger.RETRY]
    if not firsts:
        return None
    latest = max(firsts, key=lambda row: (row.started_at, row.pk))
    if latest.audience and not latest.deliveries.exists():
        return None
    chain = [latest]
    for row in sorted(runs, key=lambda row: row.pk):
        if row.retry_of in chain:
            chain.append(row)
    words: dict[str, Delivery] = {}
    for row in chain:
        words.update({delivery.email: delivery for delivery in row.deliveries.all()})
    return words


def read(mailing: Mailing) -> tuple[set[str], dict[RecipientPart, set[str]], Counter[DeliveryReason], int]:
    """(all recipients, those of each part, the reasons of the skipped, how many left)"""
    stopped = dict(Suppression.objects.values_list("email", "reason"))
    emails = {client.email for client in Client.objects.all()}
    if mailing.audience == Audience.SELECTED:
        emails = {client.email for client in mailing.clients.all()}
    else:
        emails -= set(stopped)
    words = last_words(mailing)
    parts: dict[RecipientPart, set[str]] = {part: set() for part in RecipientPart}
    reasons: Counter[DeliveryReason] = Counter()
    meant = {email for email, row in (words or {}).items() if row.reason not in UNWANTED}
    for email in emails:
        row = (words or {}).get(email)
        if email in stopped:
            goodbye = stopped[email] == SuppressionReason.UNSUBSCRIBED
            reasons[DeliveryReason.UNSUBSCRIBED if goodbye else DeliveryReason.SUPPRESSED] += 1
            parts[RecipientPart.SKIPPED].add(email)
        elif not addresses.is_valid(email):
            reasons[DeliveryReason.BAD_ADDRESS] += 1
            parts[RecipientPart.SKIPPED].add(email)
        if words is not None and email not in stopped and email not in meant:
            parts[RecipientPart.NEW].add(email)
        if row is not None and row.status == DeliveryStatus.SENT:
            parts[RecipientPart.GOT].add(email)
        if row is not None and row.status in (
            DeliveryStatus.FAILED,
            DeliveryStatus.UNCONFIRMED,
            DeliveryStatus.SKIPPED,
        ):
            parts[RecipientPart.MISSED].add(email)
    return emails, parts, reasons, len(meant - (emails - set(stopped)))


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("seed", range(30))
def test_every_part_is_what_a_slow_reading_finds(seed: int, many: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if many:  # figures are remembered
        monkeypatch.setattr(audiences, "MANY", 1)
    mailing = history(seed)
    emails, parts, reasons, left = read(mailing)
    latest = audiences.latest_run(mailing)
    figures = [audiences.figures(mailing, latest) for _twice in range(2)][1]

    assert figures.all == len(emails)
    assert figures.skipped == reasons
    assert figures.letters == len(emails) - sum(reasons.values())
    assert set(audiences.recipients(mailing).values_list("email", flat=True)) == emails
    for part, expected in parts.items():
        found = audiences.of_part(mailing, part, latest, figures)
        assert sorted(found.values_list("email", flat=True)) == sorted(expected), part
        assert figures.of(part) == (None if latest is None and part is not RecipientPart.SKIPPED else len(expected))
    assert figures.left == (None if latest is None else left)


@pytest.mark.parametrize("seed", range(8))
def test_a_row_says_what_its_part_says(seed: int) -> None:
    mailing = history(seed)
    _emails, parts, _reasons, _left = read(mailing)
    words = last_words(mailing) or {}
    clients = list(audiences.recipients(mailing))
    standings = audiences.standings(clients, audiences.latest_run(mailing))
    for client in clients:
        standing = standings[client.pk]
        assert standing.is_new == (client.email in parts[RecipientPart.NEW])
        assert (standing.skipped is not None) == (client.email in parts[RecipientPart.SKIPPED])
        assert standing.latest == words.get(client.email)


@pytest.mark.parametrize("seed", range(8))
def test_the_forecast_and_the_rehearsal_count_the_same(seed: int) -> None:
    mailing = history(seed)
    latest = audiences.latest_run(mailing)
    figures = audiences.figures(mailing, latest)
    rehearsal = dry_run.Rehearsal()
    composed = _Composed()
    dry_run._compose_all(mailing, composed, rehearsal)  # type: ignore[arg-type]
    assert (rehearsal.letters, rehearsal.skipped) == (figures.letters, figures.skipped)
    changes = forecast.changes(mailing)
    assert (changes and (changes.added, changes.removed)) == (latest and (figures.new, figures.left))


class _Composed:
    def letter(self, recipient: dry_run.Recipient, now: object) -> bytes:
        if not addresses.is_valid(recipient.email):
            raise dry_run.Unaddressable(recipient.email)
        return b""


def test_of_too_many_nobody_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audiences, "COMPARED", 2)
    mailing = MailingFactory(clients=3)
    run(mailing, list(mailing.clients.all()), random.Random(0))
    figures = audiences.figures(mailing, audiences.latest_run(mailing))
    assert (figures.all, figures.new, figures.got, figures.missed) == (3, None, None, None)


def test_after_the_purge_of_a_run_nothing_is_claimed() -> None:
    mailing = MailingFactory(clients=3)
    run(mailing, list(mailing.clients.all()), random.Random(0)).deliveries.all().delete()
    assert audiences.latest_run(mailing) is None


def test_what_is_remembered_is_forgotten_when_somebody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audiences, "MANY", 1)
    cache.clear()
    mailing = MailingFactory(clients=3)
    attempt = AttemptFactory(mailing=mailing, status=AttemptStatus.SUCCEEDED, audience=3, sent=3)
    for client in mailing.clients.all():
        DeliveryFactory(attempt=attempt, client=client, status=DeliveryStatus.SENT)

    def figures() -> audiences.Figures:
        return audiences.figures(mailing, audiences.latest_run(mailing))

    assert figures().new == 0
    mailing.clients.add(ClientFactory())
    assert figures().new == 1
    SuppressionFactory(email=mailing.clients.first().email)
    assert sum(figures().skipped.values()) == 1


def test_the_number_of_questions_is_the_same_for_any_number_of_recipients() -> None:
    def asked(mailing: Mailing) -> int:
        run(mailing, list(mailing.clients.all()), random.Random(0))
        with CaptureQueriesContext(connection) as queries:
            latest = audiences.latest_run(mailing)
            audiences.figures(mailing, latest)
            audiences.standings(list(mailing.clients.all()), latest)
        return len(queries)

    assert asked(MailingFactory(clients=3)) == asked(MailingFactory(clients=40)) <= 16
    assert statistics.recipients(MailingFactory(clients=2)) == 2


def test_the_latest_run_is_known_by_its_retries() -> None:
    dice = random.Random(3)
    mailing = MailingFactory(clients=8)
    attempt = run(mailing, list(mailing.clients.all()), dice)
    again = retried(attempt, dice)
    latest = audiences.latest_run(mailing)
    assert isinstance(latest, LatestRun)
    assert (latest.attempt, latest.retries) == (attempt, (again.pk,))
    assert latest.deliveries().count() == 8
