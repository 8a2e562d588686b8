"""How long the deliveries of a run are kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from mailing.models import Attempt, Delivery
from mailing.traces import without_addresses

PURGE_BATCH = 5000


def purge(now: datetime | None = None, *, batch: int = PURGE_BATCH) -> int:
    """Deletes a batch of deliveries of attempts that ended long ago; counters and grouped reasons stay, unnamed."""
    limit = (now or timezone.now()) - timedelta(days=settings.DELIVERY_RETENTION_DAYS)
    kept = Delivery.objects.filter(attempt=OuterRef("pk"))
    old = Attempt.objects.filter(Exists(kept), finished_at__lt=limit).order_by("finished_at").first()
    if old is None:
        return 0
    with transaction.atomic():
        last = list(old.deliveries.order_by("pk").values_list("pk", flat=True)[:batch])[-1]
        doomed = Delivery.objects.filter(attempt=old, pk__lte=last)
        Delivery.objects.filter(retry_of__in=doomed).update(retry_of=None)
        number = int(doomed._raw_delete(connection.alias))
        if not old.deliveries.exists():
            _unname(old)
    return number


def _unname(attempt: Attempt) -> None:
    """The addresses go with the deliveries: the examples of each group, and those in the server's words."""
    attempt.response = without_addresses(attempt.response)
    for group in attempt.reasons:
        group |= {"examples": [], "response": without_addresses(group.get("response", ""))}
    attempt.save(update_fields=["response", "reasons"])
