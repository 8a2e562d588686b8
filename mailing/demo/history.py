"""A month of runs that could have happened: attempts and deliveries, refusals in a server's words, a missed run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from mailing.choices import AttemptStatus, DeliveryReason, DeliveryStatus, Hindrance, Trigger
from mailing.models import Attempt, Client, Delivery, Mailing, Suppression
from mailing.services.runs import RefusalGroups

SECONDS_PER_LETTER = 0.02


@dataclass(frozen=True)
class Fate:
    """What one address got instead of "accepted"."""

    status: DeliveryStatus
    reason: DeliveryReason
    code: int | None = None
    response: str = ""
    tries: int = 1


NO_SUCH_USER = Fate(
    DeliveryStatus.FAILED,
    DeliveryReason.NO_SUCH_MAILBOX,
    550,
    "550 5.1.1 <{email}>: Recipient address rejected: User unknown in virtual mailbox table",
)
OVER_QUOTA = Fate(
    DeliveryStatus.FAILED,
    DeliveryReason.REFUSED,
    552,
    "552 5.2.2 <{email}>: The recipient's mailbox is over its quota",
)
GREYLISTED = Fate(
    DeliveryStatus.FAILED,
    DeliveryReason.TRIES_USED_UP,
    451,
    "451 4.7.1 <{email}>: Greylisting in action, please come back later",
    tries=4,
)
LINE_LOST = Fate(DeliveryStatus.UNCONFIRMED, DeliveryReason.LINE_LOST)
SERVICE_DOWN = Fate(
    DeliveryStatus.FAILED,
    DeliveryReason.NEXT_RUN,
    response="421 4.3.2 mx.u-samovara.example: System not accepting network messages",
    tries=0,
)
# Which troubles a run meets, by its place in the history: most runs meet none.
TROUBLES: tuple[tuple[Fate, ...], ...] = (
    (),
    (),
    (NO_SUCH_USER, NO_SUCH_USER, OVER_QUOTA),
    (),
    (GREYLISTED,) * 5,
    (),
    (),
    (LINE_LOST, LINE_LOST),
    (),
    (OVER_QUOTA,),
)


def write(mailing: Mailing, occurrences: Iterable[datetime], *, missed: int = -1, given_up: int = -1) -> None:
    """One attempt per occurrence for the clients of the mailing, told by its index: the one that did not run, and the
    one in whose middle the mail server went away until the next."""
    clients = list(mailing.audience_clients().order_by("pk"))
    written: list[Delivery] = []
    for index, occurrence in enumerate(occurrences):
        if index == missed:
            _missed(mailing, occurrence)
            continue
        troubles = TROUBLES[(index + mailing.pk) % len(TROUBLES)]
        if index == given_up:
            troubles = (SERVICE_DOWN,) * (len(clients) * 2 // 3)
        deliveries = _run(mailing, clients, occurrence, troubles)
        gone = {delivery.client_id for delivery in deliveries if delivery.reason == DeliveryReason.NO_SUCH_MAILBOX}
        clients = [client for client in clients if client.pk not in gone]
        written += deliveries
    Delivery.objects.bulk_create(written, batch_size=1000)
    for attempt in mailing.attempts.filter(status__in=(AttemptStatus.PARTLY, AttemptStatus.FAILED)):
        _group(attempt)


def _missed(mailing: Mailing, occurrence: datetime) -> None:
    Attempt.objects.create(
        mailing=mailing,
        occurrence=occurrence,
        status=AttemptStatus.MISSED,
        subject=mailing.message.subject,
        hindered_by=Hindrance.NOTHING_RUNNING,
        staff_told=True,
        started_at=occurrence,
        finished_at=occurrence + timedelta(hours=25),
    )


def _run(mailing: Mailing, clients: list[Client], occurrence: datetime, troubles: tuple[Fate, ...]) -> list[Delivery]:
    chance = Random(occurrence.timestamp())
    places = chance.sample(range(len(clients)), min(len(troubles), len(clients)))
    struck = dict(zip(places, troubles, strict=False))
    begun = occurrence + timedelta(seconds=chance.uniform(0.5, 4))
    attempt = _attempt(mailing, occurrence, begun)
    deliveries = [_delivery(attempt, client, begun, struck.get(index)) for index, client in enumerate(clients)]
    _count(attempt, deliveries)
    attempt.save()
    for delivery in deliveries:
        delivery.attempt_id = attempt.pk
        delivery.message_id = f"<{attempt.pk}.{delivery.client_id}@u-samovara.example>"
    _suppress(attempt, deliveries)
    return deliveries


def _attempt(mailing: Mailing, occurrence: datetime, begun: datetime) -> Attempt:
    message = mailing.message
    return Attempt(
        mailing=mailing,
        occurrence=occurrence,
        trigger=Trigger.SCHEDULE,
        subject=message.subject,
        from_email="Чайная лавка <news@u-samovara.example>",
        html_body=message.body if message.is_html else "",
        text_body="" if message.is_html else message.body,
        started_at=begun,
        staff_told=True,
    )


def _delivery(attempt: Attempt, client: Client, begun: datetime, trouble: Fate | None) -> Delivery:
    met = trouble or Fate(DeliveryStatus.SENT, DeliveryReason.REFUSED, 250, "250 2.0.0 Ok: queued")
    return Delivery(
        client=client,
        email=client.email,
        status=met.status,
        reason=met.reason if trouble else "",
        code=met.code,
        response=met.response.format(email=client.email) if trouble else "",
        tries=met.tries,
        updated_at=begun + timedelta(seconds=SECONDS_PER_LETTER * 20),
    )


def _count(attempt: Attempt, deliveries: list[Delivery]) -> None:
    """The counters and the result, as the runner leaves them."""
    by_status = Counter(delivery.status for delivery in deliveries)
    attempt.audience = len(deliveries)
    attempt.sent, attempt.failed = by_status[DeliveryStatus.SENT], by_status[DeliveryStatus.FAILED]
    attempt.unconfirmed, attempt.skipped = by_status[DeliveryStatus.UNCONFIRMED], by_status[DeliveryStatus.SKIPPED]
    given_up = any(delivery.reason == DeliveryReason.NEXT_RUN for delivery in deliveries)
    attempt.cut_short = DeliveryReason.NEXT_RUN if given_up else ""
    attempt.status = attempt.came_to()
    took = timedelta(days=1) if given_up else timedelta(seconds=1 + SECONDS_PER_LETTER * len(deliveries))
    attempt.finished_at = attempt.started_at + took
    attempt.response = "250 2.0.0 Ok: queued"


def _group(attempt: Attempt) -> None:
    groups = RefusalGroups(attempt)
    attempt.reasons = groups.as_json()
    attempt.response = groups.most_frequent_refusal() or attempt.response
    attempt.save(update_fields=["reasons", "response"])


def _suppress(attempt: Attempt, deliveries: list[Delivery]) -> None:
    for delivery in deliveries:
        if delivery.reason == DeliveryReason.NO_SUCH_MAILBOX:
            values = {"reason": "hard_bounce", "attempt": attempt, "note": delivery.response}
            Suppression.objects.get_or_create(email=delivery.email, defaults=values)
