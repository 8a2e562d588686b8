"""A pause or a removal is taken back: the mailing goes on, the same recipients are put where they were.

Nothing here does more than the person could do by hand: undoing a pause *is* resuming (rule 5 of the calendar), so
whatever fell due meanwhile is treated as after any other pause.
"""

from __future__ import annotations

from django.contrib.admin.models import CHANGE
from django.contrib.auth.models import User
from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext

from mailing.choices import MailingStatus
from mailing.errors import NotAllowed, Refused
from mailing.models import Client, Mailing, Undo
from mailing.services.access import audit_log, permissions, undos
from mailing.services.mailings import lifecycle, recipients, schedule_state

CHANGED_SINCE = _("The mailing was changed after it had been paused: look at it, and resume it there.")
OVER = _("The mailing has ended meanwhile.")
NOBODY_LEFT = _("They are recipients again already, or no clients any more.")


def resume_again(act: Undo, *, by: User) -> tuple[list[Mailing], list[str]]:
    """The mailings that go on, and why others do not, by name. Raises NotAllowed; Refused where none does."""
    permissions.require_send(by)
    resumed, refusals = [], []
    for stood in act.mailings:
        mailing = schedule_state.find_locked(stood["pk"])
        try:
            resumed.append(_resume(mailing, stood, by))
        except Refused as refusal:
            refusals.append((mailing, refusal))
    if not resumed:
        raise refusals[0][1]
    return resumed, [f"{mailing}: {refusal}" if mailing else str(refusal) for mailing, refusal in refusals]


def _resume(mailing: Mailing | None, stood: dict[str, object], by: User) -> Mailing:
    if mailing is None:
        raise Refused(schedule_state.GONE)
    if mailing.status == MailingStatus.FINISHED:
        raise Refused(OVER)
    if undos.has_changed(mailing, stood):
        raise Refused(CHANGED_SINCE)
    return lifecycle.resume(mailing, by=by)


def put_back(act: Undo, *, by: User) -> tuple[Mailing, int]:
    """Whoever was removed and is still a client is a recipient again. Raises NotAllowed, Refused."""
    if not by.has_perm("mailing.change_mailing"):
        raise NotAllowed(permissions.NEEDS_MANAGER)
    mailing = schedule_state.find_locked(act.mailings[0]["pk"]) if act.mailings else None
    if mailing is None:
        raise Refused(schedule_state.GONE)
    permissions.require_recipients(by, [mailing])
    removed = Undo.clients.through.objects.filter(undo=act)
    number = recipients.insert(mailing, Client.objects.filter(pk__in=removed.values("client_id")))
    if not number:
        raise Refused(NOBODY_LEFT)
    words = ngettext("Undone: %(n)s recipient put back", "Undone: %(n)s recipients put back", number)
    audit_log.record(mailing, by, CHANGE, words % {"n": number})
    return mailing, number
