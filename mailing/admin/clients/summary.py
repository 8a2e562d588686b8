"""The summary that answers the phone: what this client got and when, what the server said, what comes next."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q

from mailing.admin.common import pills
from mailing.choices import Audience, DeliveryStatus
from mailing.models import Client, Delivery, Mailing, Suppression

LISTED = 20
COMING = 5


@dataclass
class ClientSummary:
    suppression: Suppression | None = None
    sent: int = 0
    last_sent_at: datetime | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    number_of_deliveries: int = 0
    mailings: list[Mailing] = field(default_factory=list)  # the client was chosen for
    number_of_mailings: int = 0
    coming: list[Mailing] = field(default_factory=list)  # by their next send

    @property
    def next_send_at(self) -> datetime | None:
        return self.coming[0].next_run_at if self.coming else None


def of(client: Client) -> ClientSummary:
    """Six queries, however much the client got."""
    sums = client.deliveries.aggregate(
        all=Count("pk"),
        sent=Count("pk", filter=Q(status=DeliveryStatus.SENT)),
        last=Max("updated_at", filter=Q(status=DeliveryStatus.SENT)),
    )
    suppression = Suppression.objects.select_related("attempt__mailing__message").filter(email=client.email).first()
    return ClientSummary(
        suppression=suppression,
        sent=sums["sent"],
        last_sent_at=sums["last"],
        deliveries=_deliveries(client),
        number_of_deliveries=sums["all"],
        mailings=list(_light(client.mailings.order_by("-created_at", "-pk"))[:LISTED]),
        number_of_mailings=Mailing.clients.through.objects.filter(client=client).count(),
        coming=[] if suppression else _coming(client),
    )


def _deliveries(client: Client) -> list[Delivery]:
    newest = client.deliveries.select_related("attempt__mailing__message").order_by("-pk")
    heavy = ("attempt__html_body", "attempt__text_body", "attempt__response", "attempt__reasons")
    bodies = ("attempt__mailing__message__body", "attempt__mailing__message__text_body")
    found: list[Any] = list(newest.defer(*heavy, *bodies)[:LISTED])
    for delivery in found:
        delivery.pill = pills.delivery(delivery)
    return found


def _coming(client: Client) -> list[Mailing]:
    mine = Exists(Mailing.clients.through.objects.filter(mailing=OuterRef("pk"), client=client.pk))
    active = Mailing.objects.active().filter(next_run_at__isnull=False)
    return list(_light(active.filter(Q(audience=Audience.EVERYONE) | mine).order_by("next_run_at"))[:COMING])


def _light(mailings: Any) -> Any:
    return mailings.select_related("message").defer("message__body", "message__text_body")
