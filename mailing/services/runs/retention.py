"""How long the deliveries of a run are kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from mailing.models import Attempt, Delivery

PURGE_BATCH = 5000


def purge(now: datetime | None = None, *, batch: int = PURGE_BATCH) -> int:
    """Deletes a batch of deliveries of attempts that ended long ago; counters and grouped reasons stay."""
    limit = (now or timezone.now()) - timedelta(days=settings.DELIVERY_RETENTION_DAYS)
    kept = Delivery.objects.filter(attempt=OuterRef("pk"))
    old = Attempt.objects.filter(Exists(kept), finished_at__lt=limit).order_by("finished_at").first()
    if old is None:
        return 0
    with transaction.atomic():
        last = list(old.deliveries.order_by("pk").values_list("pk", flat=True)[:batch])[-1]
        doomed = Delivery.objects.filter(attempt=old, pk__lte=last)
        Delivery.objects.filter(retry_of__in=doomed).update(retry_of=None)
        return int(doomed._raw_delete(connection.alias))
