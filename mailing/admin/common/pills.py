"""The states of things as pills: one word and one colour for each, the same on every page."""

from __future__ import annotations

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from mailing.choices import AttemptStatus, DeliveryStatus, MailingStatus, SuppressionReason
from mailing.formatting import Tone, pill
from mailing.models import Attempt, Delivery, Mailing

MAILING_TONES: dict[str, Tone] = {
    MailingStatus.CREATED: "blue",
    MailingStatus.RUNNING: "green",
    MailingStatus.FINISHED: "grey",
}
ATTEMPT_TONES: dict[str, Tone] = {
    AttemptStatus.RUNNING: "blue",
    AttemptStatus.SUCCEEDED: "green",
    AttemptStatus.PARTLY: "amber",
    AttemptStatus.FAILED: "red",
    AttemptStatus.MISSED: "amber",
}
DELIVERY_TONES: dict[str, Tone] = {
    DeliveryStatus.SENT: "green",
    DeliveryStatus.FAILED: "red",
    DeliveryStatus.UNCONFIRMED: "amber",
    DeliveryStatus.SKIPPED: "grey",
}


def mailing(row: Mailing, *, sending: bool) -> SafeString:
    """What matters most of a mailing: being sent now, held back, or its status."""
    if row.is_paused and row.status != MailingStatus.FINISHED:
        return pill(_("paused") if row.status == MailingStatus.RUNNING or sending else _("draft"), "amber")
    if sending:
        return pill(_("sending now"), "blue")
    return pill(row.get_status_display(), MAILING_TONES.get(row.status, "grey"))


def receives(stopped: str | None) -> SafeString:
    """Whether somebody gets mail: yes, or the reason of their stop-list entry."""
    if stopped is None:
        return pill(_("yes"), "green")
    tone: Tone = "red" if stopped == SuppressionReason.HARD_BOUNCE else "amber"
    return pill(SuppressionReason(stopped).label, tone)


def attempt(row: Attempt) -> SafeString:
    """Running, succeeded, failed or missed; a running one that waits says so."""
    if row.status == AttemptStatus.RUNNING and row.resume_at:
        return pill(_("waiting"), "amber")
    return pill(row.get_status_display(), ATTEMPT_TONES.get(row.status, "grey"))


def delivery(row: Delivery) -> SafeString:
    return pill(row.get_status_display(), DELIVERY_TONES.get(row.status, "blue"))
