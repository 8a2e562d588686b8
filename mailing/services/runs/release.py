"""How a slice leaves its attempt: with its result, or open with what it waits for and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.utils import timezone

from mailing import addresses
from mailing.choices import DeliveryReason, DeliveryStatus, WaitsFor
from mailing.delivery.engine.dispatcher import FOREVER, Stop
from mailing.errors import LeaseLost
from mailing.models import Attempt, Delivery
from mailing.replies import Outcome
from mailing.services.runs import result, waits
from mailing.services.runs.waits import Wait


class SliceState(StrEnum):
    """How a slice left its attempt."""

    FINISHED = "finished"  # has its result (or had it before)
    OPEN = "open"  # goes on: at `next_at`, or at once
    PAUSED = "paused"  # goes on when somebody resumes the mailing
    BUSY = "busy"  # somebody else works on it
    GONE = "gone"  # deleted


@dataclass(frozen=True)
class SliceResult:
    state: SliceState
    attempt_id: int
    mailing_id: int
    next_at: datetime | None = None
    stopped: Stop | None = None
    outcome: Outcome | None = None  # the words behind a stop by the service or by the message


@dataclass(frozen=True)
class SliceEnd:
    """Why a slice stopped, and what it learnt."""

    why: Stop
    outcome: Outcome | None = None
    until: datetime | None = None  # the breaker is open
    next_at: datetime = FOREVER  # when the dispatcher expects something again
    answered: bool = False  # the server decided about a letter: it works
    cut_short: DeliveryReason = DeliveryReason.ENDED  # with CUT_SHORT


def release_lease(attempt: Attempt, owner: str, ending: SliceEnd) -> SliceResult:
    """Gives the lease back. Raises LeaseLost."""
    until = _stop_for_good(attempt, owner, ending)
    if not Delivery.objects.filter(attempt=attempt).open().exists():
        result.conclude(attempt.pk, owner)
        return _result(attempt, SliceState.FINISHED, ending)
    if ending.why is Stop.PAUSED:
        update_fenced(attempt, owner, Wait(WaitsFor.PAUSED), **RELEASED, resume_at=None)
        return _result(attempt, SliceState.PAUSED, ending)
    if ending.why is Stop.SERVICE:
        update_fenced(attempt, owner, **RELEASED, resume_at=until)
        return _result(attempt, SliceState.OPEN, ending, until)
    is_back = ending.answered and attempt.waits_since is not None
    wait = waits.NOTHING if is_back else None
    if ending.why is Stop.NOTHING_LEFT:
        at, for_now = _when(attempt, ending.next_at)
        update_fenced(attempt, owner, for_now or wait, **RELEASED, resume_at=at)
        return _result(attempt, SliceState.OPEN, ending, at)
    update_fenced(attempt, owner, wait, **RELEASED, resume_at=None)
    return _result(attempt, SliceState.OPEN, ending)


RELEASED: dict[str, Any] = {"lease_owner": "", "lease_until": None}


def update_fenced(attempt: Attempt, owner: str, wait: Wait | None = None, **values: object) -> None:
    """Updates columns of ours under the fence. Raises LeaseLost."""
    if wait is not None:
        values = wait.columns() | values
    if not Attempt.objects.running().filter(pk=attempt.pk, lease_owner=owner).update(**values):
        raise LeaseLost
    for name, value in values.items():
        setattr(attempt, name, value)


def _result(attempt: Attempt, state: SliceState, ending: SliceEnd, next_at: datetime | None = None) -> SliceResult:
    return SliceResult(state, attempt.pk, attempt.mailing_id, next_at, ending.why, ending.outcome)


def _stop_for_good(attempt: Attempt, owner: str, ending: SliceEnd) -> datetime | None:
    """Gives up the rest where there is no going on; else, with the service in trouble, until when to wait."""
    if ending.why is Stop.CUT_SHORT:
        result.give_up_rest(attempt.pk, owner, ending.cut_short)
    elif ending.why is Stop.MESSAGE:
        why = ending.outcome
        sizes = {"letter_bytes": why.size, "limit_bytes": why.limit} if why and why.size else {}
        update_fenced(attempt, owner, note_params=sizes)
        result.give_up_rest(attempt.pk, owner, DeliveryReason.MESSAGE, response=why.response if why else "")
    elif ending.why is Stop.SERVICE:
        return _wait_for_service(attempt, owner, ending)
    return None


def _wait_for_service(attempt: Attempt, owner: str, ending: SliceEnd) -> datetime | None:
    """The run waits until the breaker lets somebody through, but not longer than the retry window.

    The window begins with the first trouble after the last letter the server decided about.
    """
    now = timezone.now()
    until = ending.until or now
    waited_since = None if ending.answered else attempt.waits_since
    since = waited_since or now
    window = since + timedelta(seconds=settings.MAILING_RETRY_WINDOW)
    words = (ending.outcome.response if ending.outcome else "") or attempt.response
    if now >= window:
        result.give_up_rest(attempt.pk, owner, DeliveryReason.RETRY_WINDOW, response=words)
        return None
    if ending.outcome is None and waited_since is not None:  # still the same trouble
        update_fenced(attempt, owner, note_params=attempt.note_params | {"at": until.isoformat()}, response=words)
    else:
        sender = addresses.split(attempt.from_email)[1]
        update_fenced(attempt, owner, waits.for_service(ending.outcome, until, since, sender), response=words)
    return min(until, window)


def _when(attempt: Attempt, next_at: datetime) -> tuple[datetime | None, Wait | None]:
    """Nothing could be sent just now: deferred letters have their time, or the rate has."""
    now = timezone.now()
    rows = Delivery.objects.filter(attempt=attempt).open()
    if rows.filter(status=DeliveryStatus.QUEUED).exists():
        if next_at <= now or next_at == FOREVER:
            return None, None
        return next_at, waits.until(WaitsFor.RATE, next_at)
    first = rows.exclude(retry_at=None).order_by("retry_at").values_list("retry_at", flat=True).first()
    if first is None or first <= now:
        return None, None
    return first, waits.until(WaitsFor.DEFERRED, first)
