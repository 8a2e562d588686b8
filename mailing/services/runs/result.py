"""The end of a run: what is open gets its reason, the result follows from the rows, and the books must balance."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.db.models import Count, F
from django.utils import timezone

from mailing.choices import DeliveryReason, DeliveryStatus
from mailing.delivery.guards import lease
from mailing.errors import LeaseLost
from mailing.models import Attempt, Delivery, Mailing
from mailing.services.runs.refusal_groups import RefusalGroups

logger = logging.getLogger(__name__)


SENT, FAILED = DeliveryStatus.SENT, DeliveryStatus.FAILED
UNCONFIRMED, SKIPPED = DeliveryStatus.UNCONFIRMED, DeliveryStatus.SKIPPED

# What the rest of a run becomes when it is cut short: not sent on purpose, or given up.
REST = {DeliveryReason.FINISHED: SKIPPED, DeliveryReason.ENDED: SKIPPED}


# --- Doors ------------------------------------------------------------------------------------------


def is_worked_on(attempt: Attempt) -> bool:
    """Whether a live process holds the lease of this attempt."""
    return lease.is_live(attempt, timezone.now())


def close(attempt: Attempt, *, reason: DeliveryReason) -> bool:
    """Closes a running attempt with what it has; the rest gets the reason. False: somebody works on it.

    Who works on it is told (`cut_short`) and closes it at the next pulse, when the reason is an end.
    """
    if reason in REST:
        Attempt.objects.running().filter(pk=attempt.pk).update(cut_short=reason)
    owner = lease.new_owner()
    with transaction.atomic():
        current = Attempt.objects.running().filter(pk=attempt.pk).first()
        if current is None or lease.take(current, owner, timezone.now()) is None:
            return False
        give_up_rest(current.pk, owner, reason, response=current.response)
        conclude(current.pk, owner)
    return True


def cut_short(mailing: Mailing) -> None:
    """Staff finish the mailing: its run ends within the letters in flight."""
    for attempt in mailing.attempts.running():
        close(attempt, reason=DeliveryReason.FINISHED)


# --- Steps, for whoever holds the lease --------------------------------------------------------------


def give_up_rest(attempt_id: int, owner: str, reason: DeliveryReason, *, response: str = "") -> None:
    """Every open delivery becomes final with this reason; nothing is on a line any more."""
    status = REST.get(reason, FAILED)
    words: dict[str, Any] = {"response": response} if status == FAILED and response else {}
    with transaction.atomic():
        _fence(attempt_id, owner)
        rest = Delivery.objects.filter(attempt_id=attempt_id).open()
        count = rest.update(status=status, reason=reason, retry_at=None, updated_at=timezone.now(), **words)
        Attempt.objects.filter(pk=attempt_id).update(**{status.value: F(status.value) + count}, cut_short=reason)


def conclude(attempt_id: int, owner: str) -> Attempt:
    """Writes the result of a run in which nothing is open. Raises LeaseLost."""
    with transaction.atomic():
        _fence(attempt_id, owner)
        attempt = Attempt.objects.get(pk=attempt_id)
        _balance(attempt)
        groups = RefusalGroups(attempt)
        if attempt.cut_short and not _left_out(attempt):
            attempt.cut_short = ""
        attempt.status = attempt.came_to()
        attempt.reasons = groups.as_json()
        attempt.response = groups.most_frequent_refusal() or _last_reply(attempt) or attempt.response
        attempt.waits_for, attempt.waits_since = "", None
        if attempt.cut_short != DeliveryReason.MESSAGE:  # then they are the sizes of letter and server
            attempt.note_params = {}
        attempt.finished_at, attempt.resume_at = timezone.now(), None
        attempt.lease_owner, attempt.lease_until = "", None
        attempt.save(update_fields=RESULT)
    return attempt


RESULT = [
    *("status", "cut_short", "reasons", "response", "waits_for", "waits_since", "note_params", "finished_at"),
    *("resume_at", "lease_owner", "lease_until", "sent", "failed", "unconfirmed", "skipped"),
]


def _fence(attempt_id: int, owner: str) -> None:
    """Also the lock under which PostgreSQL holds everybody else off until we commit."""
    if not Attempt.objects.running().filter(pk=attempt_id, lease_owner=owner).update(lease_owner=owner):
        raise LeaseLost


def _balance(attempt: Attempt) -> None:
    """The rows are the truth. Counters that say something else are an error of ours, and never shown."""
    rows = Delivery.objects.filter(attempt=attempt).values_list("status").annotate(count=Count("pk")).order_by()
    counted: dict[str, int] = dict(rows)
    told = {status: getattr(attempt, status) for status in (SENT, FAILED, UNCONFIRMED, SKIPPED)}
    if {status: counted.get(status, 0) for status in told} != told or sum(counted.values()) != attempt.audience:
        logger.error("Attempt %s does not balance: counters %s, rows %s", attempt.pk, told, counted)
        for status in told:
            setattr(attempt, status, counted.get(status, 0))
    if attempt.open:
        raise RuntimeError(f"Attempt {attempt.pk} still has {attempt.open} open deliveries.")


def _left_out(attempt: Attempt) -> bool:
    """Whether somebody got no letter because the run was cut short: it may have served everybody by then."""
    return Delivery.objects.filter(attempt=attempt, reason=attempt.cut_short).exists()


def _last_reply(attempt: Attempt) -> str:
    answered = Delivery.objects.filter(attempt=attempt).exclude(response="")
    return answered.order_by("-updated_at", "-pk").values_list("response", flat=True).first() or ""
