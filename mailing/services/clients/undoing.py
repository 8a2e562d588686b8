"""The button "Undo": what kind of act it was decides who takes it back, in one transaction with its being used up."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_noop as _

from mailing.choices import UndoKind
from mailing.errors import Refused
from mailing.models import Mailing
from mailing.services.access import undos
from mailing.services.clients import suppression
from mailing.services.mailings import undoing

LISTED_OTHERWISE = _("Somebody has changed these addresses on the stop list since. Look at them there.")


@dataclass(frozen=True)
class Undone:
    """What was taken back: how many mailings, recipients or addresses, and what was not, with the reason."""

    kind: UndoKind
    number: int
    mailings: list[Mailing] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


@transaction.atomic
def undo(number: int, *, by: User) -> Undone:
    """Takes back the act of this number. Raises NotAllowed; Refused: why it cannot be, and nothing was changed."""
    act = undos.claim(number, by=by)
    kind = UndoKind(act.kind)
    if kind is UndoKind.PAUSE:
        resumed, refusals = undoing.resume_again(act, by=by)
        return Undone(kind, len(resumed), resumed, refusals)
    if kind is UndoKind.REMOVAL:
        mailing, count = undoing.put_back(act, by=by)
        return Undone(kind, count, [mailing])
    take_back = suppression.put_as_before if kind is UndoKind.STOP else suppression.list_again
    count = take_back(act, by=by)
    if not count:
        raise Refused(LISTED_OTHERWISE)
    return Undone(kind, count)
