"""What staff did and may take back for a quarter of an hour: whose it is, how long, once; and what it takes.

A door opens an undo, hands it to the service that acts, and the service writes on it what will be gone; `claim` is
for who takes it back (`services.mailings.undoing`, `services.clients.undoing`). What would be too much to keep cannot
be undone: the row goes at once, and no button is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from mailing.choices import UndoKind
from mailing.errors import Refused
from mailing.models import Client, Mailing, Suppression, Undo, UndoEntry
from mailing.models.bulk import insert_select

LASTS = timedelta(minutes=15)
TOLD_FOR = timedelta(days=1)  # so long a row stays that says why its time is over
MOST = 200_000  # rows an undo keeps

TOO_LATE = _("It is too late to undo that: it can be done for 15 minutes.")
DONE_ALREADY = _("That has been undone already.")
NOTHING_THERE = _("There is nothing to undo any more.")


def begin(kind: UndoKind, *, by: User) -> Undo:
    """An empty one, for a service to write on."""
    return Undo.objects.create(kind=kind, created_by=by, expires_at=timezone.now() + LASTS)


def of_pause(mailings: Iterable[Mailing], *, by: User) -> Undo | None:
    """These mailings were paused, and look like that now; None: none was."""
    stood = [_standing(mailing) for mailing in mailings]
    if not stood or len(stood) > MOST:
        return None
    undo = begin(UndoKind.PAUSE, by=by)
    undo.mailings = stood
    undo.save(update_fields=["mailings"])
    return undo


def has_changed(mailing: Mailing, stood: dict[str, Any]) -> bool:
    """Whether somebody resumed or edited it since; a tick, or a run that stops, is nobody."""
    return not mailing.is_paused or _standing(mailing) != stood


def _standing(mailing: Mailing) -> dict[str, Any]:
    since = mailing.active_since
    return {
        "pk": mailing.pk,
        "active_since": since.isoformat() if since else None,
        "updated_at": mailing.updated_at.isoformat(),
    }


def keep_recipients(undo: Undo, mailing: Mailing, links: QuerySet[Any]) -> None:
    """Before they are removed: who they are."""
    if not _fits(undo, links):
        return
    undo.mailings = [{"pk": mailing.pk}]
    undo.save(update_fields=["mailings"])
    insert_select(Undo.clients.through, links, undo=undo.pk, client=F("client"))


def keep_entries(undo: Undo, entries: QuerySet[Suppression]) -> None:
    """Before entries of the stop list are changed or taken off: how they stand."""
    if _fits(undo, entries):
        columns = {name: F(name) for name in ("email", "reason", "note", "manual_note", "attempt")}
        insert_select(UndoEntry, entries, undo=undo.pk, **columns, added_by=F("created_by"), added_at=F("created_at"))


def keep_address(undo: Undo, email: str) -> None:
    """Before one address is put on the stop list: how it stands there, if it does."""
    keep_entries(undo, Suppression.objects.filter(email=email))
    if not undo.entries.exists():
        UndoEntry.objects.create(undo=undo, email=email)


def keep_absent(undo: Undo, clients: QuerySet[Client]) -> None:
    """Before addresses are put on the stop list: they were not there."""
    if _fits(undo, clients):
        insert_select(UndoEntry, clients, undo=undo.pk, email=F("email"), reason="", note="")


def _fits(undo: Undo, rows: QuerySet[Any]) -> bool:
    """One more slice of what it has to keep; if that is too much, there will be no undo at all."""
    if not is_open(undo):
        return False
    kept = undo.entries.count() + undo.clients.count()
    if kept + rows.order_by()[: MOST + 1].count() <= MOST:
        return True
    undo.delete()
    return False


def is_open(undo: Undo | None) -> bool:
    """Whether there is something a button could undo."""
    return undo is not None and Undo.objects.filter(pk=undo.pk, used_at=None).exists()


def claim(number: int, *, by: User, now: datetime | None = None) -> Undo:
    """The act, taken for good if the caller's transaction ends well. Raises Refused: another's, too late, or done."""
    moment = now or timezone.now()
    undo = Undo.objects.select_for_update().filter(pk=number, created_by=by).first()
    if undo is None:
        raise Refused(NOTHING_THERE)
    if undo.used_at is not None:
        raise Refused(DONE_ALREADY)
    if undo.expires_at <= moment:
        raise Refused(TOO_LATE)
    undo.used_at = moment
    undo.save(update_fields=["used_at"])
    return undo


def purge(now: datetime) -> int:
    """What was kept goes when its time is over; the row itself a day later, until when it says why."""
    over = Undo.objects.filter(expires_at__lte=now)
    number = UndoEntry.objects.filter(undo__in=over).delete()[0]
    number += Undo.clients.through.objects.filter(undo__in=over).delete()[0]
    number += Undo.objects.filter(expires_at__lte=now - TOLD_FOR).delete()[0]
    return int(number)


def forget() -> None:
    """Somebody is forgotten: what is kept of the stop list may tell of them, and goes."""
    UndoEntry.objects.all().delete()
    Undo.objects.filter(kind__in=(UndoKind.STOP, UndoKind.LIFT), used_at=None).update(expires_at=timezone.now())
