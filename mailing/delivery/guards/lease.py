"""The lease: at most one process works on an attempt, and every write proves that it still does.

So a run survives whoever worked on it (rule 8 of a run). Taking it is a conditional UPDATE: one row changed means it
is ours. The owner's name carries host and process, so a process of this machine that is dead need not be waited for.
"""

from __future__ import annotations

import os
import secrets
import socket
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum

from mailing.choices import DeliveryReason, DeliveryStatus
from mailing.errors import LeaseLost
from mailing.models import Attempt, Delivery


def new_owner() -> str:
    """A name for this process and this slice: machine, process id, its start, something random."""
    pid = os.getpid()
    return f"{_machine()}:{pid}:{_started(pid)}:{secrets.token_hex(6)}"


def is_live(attempt: Attempt, now: datetime) -> bool:
    """Whether somebody works on the attempt: a lease that has not run out, of a process that is not known dead."""
    return attempt.lease_until is not None and attempt.lease_until > now and _lives(attempt.lease_owner) is not False


def take(attempt: Attempt, owner: str, now: datetime) -> int | None:
    """Takes the lease of a running attempt that nobody works on; None: somebody does, or it has ended.

    What a dead owner left on its way becomes unconfirmed; returns how many those were. The death is counted in
    `attempt.deaths`, from one again when there was an answer about a letter since the one before.
    """
    if is_live(attempt, now):
        return None
    with transaction.atomic():
        mine = Attempt.objects.running().filter(
            pk=attempt.pk, lease_owner=attempt.lease_owner, lease_until=attempt.lease_until
        )
        if not mine.update(lease_owner=owner, lease_until=_until(now), slice_at=now):
            return None
        left = _bury(attempt, now) if attempt.lease_owner else 0
    attempt.lease_owner, attempt.lease_until = owner, _until(now)
    return left


def renew(attempt_id: int, owner: str, now: datetime) -> None:
    """The heartbeat. Raises LeaseLost."""
    mine = Attempt.objects.running().filter(pk=attempt_id, lease_owner=owner)
    if not mine.update(lease_until=_until(now)):
        raise LeaseLost


def _until(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.MAILING_LEASE_SECONDS)


def _bury(attempt: Attempt, now: datetime) -> int:
    """What a dead owner left is settled, and its death counted."""
    attempt.refresh_from_db(fields=["deaths", "progress_at_death", *COUNTED])
    before = attempt.deaths or 0 if _progress(attempt) == attempt.progress_at_death else 0
    attempt.deaths = before + (not _lives(attempt.lease_owner))  # who lives only lost the database for a while
    left = _give_up_on_the_way(attempt.pk, now)
    attempt.refresh_from_db(fields=COUNTED)
    attempt.progress_at_death = _progress(attempt)  # what only died with its worker is none
    Attempt.objects.filter(pk=attempt.pk).update(deaths=attempt.deaths, progress_at_death=attempt.progress_at_death)
    return left


COUNTED = ["audience", "sent", "failed", "unconfirmed", "skipped"]


def _progress(attempt: Attempt) -> int:
    """Rises with every answer about a letter: also a deferred one has been decided for now."""
    tries = Delivery.objects.filter(attempt_id=attempt.pk).aggregate(tries=Sum("tries"))["tries"]
    return attempt.audience - attempt.open + (tries or 0)


def _give_up_on_the_way(attempt_id: int, now: datetime) -> int:
    """Nobody knows what became of the letters the dead process held: they are never resent by themselves."""
    on_the_way = Delivery.objects.filter(attempt_id=attempt_id, status=DeliveryStatus.SENDING)
    count = on_the_way.update(
        status=DeliveryStatus.UNCONFIRMED, reason=DeliveryReason.WORKER_DIED, tries=F("tries") + 1, updated_at=now
    )
    if count:
        Attempt.objects.filter(pk=attempt_id).update(unconfirmed=F("unconfirmed") + count)
    return count


# --- Who is alive on this machine -------------------------------------------------------------------


def _lives(owner: str) -> bool | None:
    """Whether the owner, a process of this machine, is still there (its number may have a new bearer); else None."""
    machine, pid, started, _ = (*owner.split(":"), "", "", "", "")[:4]
    if machine != _machine() or not pid.isdigit():
        return None
    return _started(int(pid)) == started


@lru_cache(maxsize=1)
def _machine() -> str:
    """Host, boot and process namespace: two containers with one name must not judge each other's processes."""
    marks = [_read("/proc/sys/kernel/random/boot_id")]
    try:
        marks.append(os.readlink("/proc/self/ns/pid"))
    except OSError:
        marks.append("")
    return f"{socket.gethostname()[:40]}.{sha256(''.join(marks).encode()).hexdigest()[:12]}".replace(":", "-")


def _started(pid: int) -> str:
    """When a process started, in ticks since boot (proc(5), field 22); "gone" where there is none, "" unknown."""
    if not Path("/proc/self/stat").exists():
        return "" if _exists(pid) else "gone"
    stat = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if not stat or stat[0] == "Z":  # a zombie has died, its parent has not looked yet
        return "gone"
    return stat[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
