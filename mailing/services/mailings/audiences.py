"""Who gets a mailing: its recipients one by one, beside its latest run and the next.

An address is what is compared: no address stands in an attempt twice, and another address is another recipient.
Reads only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

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
from mailing.models.clients import ClientQuerySet
from mailing.services.reports import statistics

COMPARED = 100_000  # recipients; of more than that, one by one, half a second would go by
MANY = 20_000  # recipients, of whom the figures are remembered for a moment
MOMENT, HOUR = 30, 3600  # seconds
UNWANTED = (DeliveryReason.UNSUBSCRIBED, DeliveryReason.SUPPRESSED)
MISSED = (DeliveryStatus.FAILED, DeliveryStatus.UNCONFIRMED, DeliveryStatus.SKIPPED)


@dataclass(frozen=True)
class LatestRun:
    """The latest run, with its retries."""

    attempt: Attempt
    retries: tuple[int, ...] = ()
    not_sent: int = 0  # deliveries of all of them
    skipped: int = 0

    def deliveries(self) -> QuerySet[Delivery]:
        """The last word about each address: of those that a retry took up it stands in the retry."""
        if not self.retries:
            return Delivery.objects.filter(attempt=self.attempt)
        return Delivery.objects.filter(attempt__in=[self.attempt.pk, *self.retries], retried_by=None)

    def meant_for(self) -> QuerySet[Delivery]:
        """Who was on the stop list then was no recipient of it."""
        rows = self.deliveries()
        return rows.exclude(reason__in=UNWANTED) if self.skipped else rows  # else by the index alone


@dataclass(frozen=True)
class Standing:
    """One recipient: whether there is a letter next time, and what became of the latest one."""

    is_new: bool
    skipped: DeliveryReason | None
    stopped: str | None  # the reason that stands on the stop list
    latest: Delivery | None


@dataclass(frozen=True)
class Figures:
    """How many recipients there are, and how many of them in each part.

    `new`, `left`, `got` and `missed` are None where there is nothing to compare with, or too many to compare.
    """

    all: int
    letters: int  # the next run would send
    skipped: Mapping[DeliveryReason, int] = field(default_factory=dict)
    unusable: tuple[int, ...] = ()  # ids
    new: int | None = None
    left: int | None = None  # whom the latest run was for, and the next will not be
    got: int | None = None
    missed: int | None = None

    def of(self, part: RecipientPart) -> int | None:
        numbers: dict[RecipientPart, int | None] = {
            RecipientPart.NEW: self.new,
            RecipientPart.SKIPPED: sum(self.skipped.values()),
            RecipientPart.GOT: self.got,
            RecipientPart.MISSED: self.missed,
        }
        return numbers[part]


# --- Who they are ---------------------------------------------------------------------------------


def latest_run(mailing: Mailing) -> LatestRun | None:
    """None while nothing was sent yet, and after the purge of its deliveries."""
    runs = mailing.attempts.exclude(status=AttemptStatus.MISSED).exclude(trigger=Trigger.RETRY)
    latest = runs.without_letters().defer("response").order_by("-started_at", "-pk").first()
    if latest is None or (latest.audience and not latest.deliveries.exists()):
        return None
    chain, not_sent, skipped = [latest.pk], latest.audience - latest.sent, latest.skipped
    later = mailing.attempts.filter(trigger=Trigger.RETRY, pk__gt=latest.pk).order_by("pk")
    for retry in later.only("retry_of", "audience", "sent", "skipped"):
        if retry.retry_of_id in chain:
            chain.append(retry.pk)
            not_sent, skipped = not_sent + retry.audience - retry.sent, skipped + retry.skipped
    return LatestRun(latest, tuple(chain[1:]), not_sent, skipped)


def links(mailing: Mailing) -> QuerySet[Any]:
    """One row for each client chosen for the mailing."""
    return Mailing.clients.through.objects.filter(mailing=mailing.pk)


def recipients(mailing: Mailing, *, many: bool = False) -> ClientQuerySet:
    """All of them. Who is on the stop list belongs to a list that names them, and not to “everyone”.

    `many`: most clients are, so a database had better look for each of them than begin with those who are.
    """
    if mailing.audience == Audience.EVERYONE:
        return Client.objects.receiving()
    if many:
        return Client.objects.filter(Exists(links(mailing).filter(client=OuterRef("pk"))))
    return Client.objects.filter(pk__in=links(mailing).values("client_id"))


def of_part(mailing: Mailing, part: RecipientPart, latest: LatestRun | None, figures: Figures) -> ClientQuerySet:
    """The recipients in this part of them."""
    clients = recipients(mailing, many=figures.all >= MANY)
    if part is RecipientPart.SKIPPED:
        stopped = Q(email__in=Suppression.objects.values("email"))
        return clients.filter(stopped | Q(pk__in=figures.unusable) if figures.unusable else stopped)
    if latest is None:
        return clients.none()
    if part is RecipientPart.NEW:
        return _newcomers(mailing, latest, figures.all)
    if part is RecipientPart.GOT:
        return clients.filter(_among(latest.deliveries().filter(status=DeliveryStatus.SENT)))
    if not latest.not_sent:
        return clients.none()
    return clients.filter(email__in=latest.deliveries().filter(status__in=MISSED).values("email"))


def _newcomers(mailing: Mailing, latest: LatestRun, number: int) -> ClientQuerySet:
    return recipients(mailing, many=number >= MANY).receiving().filter(~_among(latest.meant_for()))


def _among(rows: QuerySet[Delivery]) -> Exists:
    """(attempt, email) is a unique index, so each of 100 000 look-ups costs half a microsecond."""
    return Exists(rows.filter(email=OuterRef("email")))


def standings(clients: Collection[Client], latest: LatestRun | None) -> dict[int, Standing]:
    """How each of these recipients stands, by id, in two queries."""
    emails = [client.email for client in clients]
    stopped = Suppression.objects.reasons(emails)
    rows = latest.deliveries().filter(email__in=emails).defer("response", "message_id") if latest else ()
    known = {delivery.email: delivery for delivery in rows}
    return {
        client.pk: _standing(client.email, stopped.get(client.email), latest, known.get(client.email))
        for client in clients
    }


def _standing(email: str, stopped: str | None, latest: LatestRun | None, delivery: Delivery | None) -> Standing:
    unusable = None if addresses.is_valid(email) else DeliveryReason.BAD_ADDRESS
    was_meant = delivery is not None and delivery.reason not in UNWANTED
    return Standing(
        is_new=latest is not None and stopped is None and not was_meant,
        skipped=SuppressionReason.as_skip(stopped) if stopped is not None else unusable,
        stopped=stopped,
        latest=delivery,
    )


# --- How many -------------------------------------------------------------------------------------


def figures(mailing: Mailing, latest: LatestRun | None) -> Figures:
    """The numbers of all parts. Of very many recipients those of a moment ago, unless somebody came or left."""
    letters = statistics.recipients(mailing)
    number = letters if mailing.audience == Audience.EVERYONE else links(mailing).count()
    if number < MANY:
        return _counted(mailing, latest, number, letters)
    run = f"{latest.attempt.pk}:{latest.not_sent}" if latest else ""
    key = f"mailing:figures:{mailing.pk}:{mailing.audience}:{number}:{letters}:{run}"
    found: Figures | None = cache.get(key)
    if found is None:
        found = _counted(mailing, latest, number, letters)
        cache.set(key, found, MOMENT)
    return found


def _counted(mailing: Mailing, latest: LatestRun | None, number: int, letters: int) -> Figures:
    skipped = _on_the_stop_list(mailing)
    if number > COMPARED:
        return Figures(number, letters, skipped)
    unusable = _unusable(mailing, number)
    if unusable:
        skipped[DeliveryReason.BAD_ADDRESS] = len(unusable)
    found = Figures(number, letters - len(unusable), skipped, unusable)
    if latest is None or latest.attempt.audience > COMPARED:
        return found
    new, left = came_and_left(mailing, latest, letters)
    not_sent = _not_sent(mailing, latest)
    missed = sum(number for status, number in not_sent.items() if status in MISSED)
    got = number - _without_a_word(mailing, latest, new) - sum(not_sent.values())
    return replace(found, new=new, left=left, got=got, missed=missed)


def came_and_left(mailing: Mailing, latest: LatestRun, letters: int) -> tuple[int, int]:
    """How many of those who may be written to (so many) it was not meant for, and how many left since."""
    new = _newcomers(mailing, latest, letters).count()
    return new, latest.meant_for().count() - (letters - new)


def _not_sent(mailing: Mailing, latest: LatestRun) -> dict[str, int]:
    """What became of the recipients whose letter was not accepted; from the side of the run, where they are few."""
    if not latest.not_sent:
        return {}
    rows = latest.deliveries().exclude(status=DeliveryStatus.SENT).filter(_with_the_address(mailing))
    return dict(rows.order_by().values_list("status").annotate(Count("pk")))


def _without_a_word(mailing: Mailing, latest: LatestRun, new: int) -> int:
    """Whose address the run did not hold: the new ones whom it did not skip, and who came and is unwanted now."""
    known = stopped = 0
    if latest.skipped:
        unwanted = latest.deliveries().filter(reason__in=UNWANTED)
        on_the_list = Exists(Suppression.objects.filter(email=OuterRef("email")))
        known = unwanted.filter(_with_the_address(mailing), ~on_the_list).count()
    if mailing.audience == Audience.SELECTED:
        stopped = Suppression.objects.filter(_with_the_address(mailing), ~_among(latest.deliveries())).count()
    return new - known + stopped


def _with_the_address(mailing: Mailing) -> Exists:
    """Whether a recipient has the `email` of the row."""
    if mailing.audience == Audience.EVERYONE:
        return Exists(Client.objects.receiving().filter(email=OuterRef("email")))
    return Exists(links(mailing).filter(client__email=OuterRef("email")))


def _on_the_stop_list(mailing: Mailing) -> dict[DeliveryReason, int]:
    """From the side of the stop list, which is the small one. “Everyone” does not hold those who stand there."""
    found: dict[DeliveryReason, int] = {}
    if mailing.audience == Audience.EVERYONE:
        return found
    entries = Suppression.objects.order_by().filter(_with_the_address(mailing))
    for reason, number in entries.values_list("reason").annotate(Count("pk")):
        why = SuppressionReason.as_skip(reason)
        found[why] = found.get(why, 0) + number
    return found


def _unusable(mailing: Mailing, number: int) -> tuple[int, ...]:
    """Who would get a letter if their address were one: rows that a script made, no form or file lets them in.

    No database can judge an address: they are all read, of very many once an hour, and the wrong ones every time.
    """
    clients = mailing.audience_clients()
    key = f"mailing:unusable:{mailing.pk}:{mailing.audience}"
    known: list[int] | None = cache.get(key) if number >= MANY else None
    if known is not None:
        clients = clients.filter(pk__in=known)
    rows = clients.order_by().values_list("pk", "email").iterator(chunk_size=10_000) if known != [] else ()
    found = [pk for pk, email in rows if not addresses.is_valid(email)]
    if number >= MANY and known is None:
        cache.set(key, found, HOUR)
    return tuple(found)
