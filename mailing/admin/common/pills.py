"""The states of things as pills: one word and one colour for each, the same on every page."""

from __future__ import annotations

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from mailing.choices import DeliveryStatus, SuppressionReason
from mailing.formatting import Tone, pill
from mailing.models import Delivery
from mailing.services.states import Told

DELIVERY_TONES: dict[str, Tone] = {
    DeliveryStatus.SENT: "green",
    DeliveryStatus.FAILED: "red",
    DeliveryStatus.UNCONFIRMED: "amber",
    DeliveryStatus.SKIPPED: "grey",
}


def state(told: Told, *, in_list: bool = False) -> SafeString:
    """Of a run or a mailing, in the word that stands everywhere."""
    unbroken = told.number.replace(" ", "\u00a0")
    return pill(told.words.replace(told.number, unbroken), _calm(told.tone, in_list), told.why)


def receives(stopped: str | None) -> SafeString:
    """Whether somebody gets mail: yes, or the reason of their stop-list entry."""
    if stopped is None:
        return pill(_("yes"), "plain")
    tone: Tone = "red" if stopped == SuppressionReason.HARD_BOUNCE else "amber"
    return pill(SuppressionReason(stopped).label, tone)


def delivery(row: Delivery, *, in_list: bool = False) -> SafeString:
    return pill(row.get_status_display(), _calm(DELIVERY_TONES.get(row.status, "blue"), in_list))


def _calm(tone: Tone, in_list: bool) -> Tone:
    """Among many rows that went well the colour belongs to those that did not."""
    return "plain" if in_list and tone == "green" else tone
