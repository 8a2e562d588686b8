"""What stands on the page of an attempt: its balance, what to do about it, and who did not get the letter and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailing.admin.attempts.links import attempt_title, deliveries_url
from mailing.admin.common import delivery_text, pills, steps
from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.pages import user_of
from mailing.choices import AttemptStatus, DeliveryReason, DeliveryStatus
from mailing.formatting import Tone, duration, num, shares
from mailing.furniture import Button, Card, ChangePage, Notice, Words
from mailing.guide import terms
from mailing.models import Attempt, RefusalGroup
from mailing.services import states
from mailing.services.access import permissions
from mailing.services.clients import suppression
from mailing.services.reports import statistics
from mailing.services.states import Told

EXPLAINED = (DeliveryStatus.UNCONFIRMED, DeliveryStatus.SKIPPED)  # the words people ask about


class AttemptChangePage(SamovarModelAdmin[Attempt]):
    def get_change_page(self, request: HttpRequest, obj: Attempt) -> ChangePage:
        told = states.of_run(obj)
        return ChangePage(
            title=attempt_title(obj),
            pill=pills.state(told),
            term=told.state.value,
            cards=_cards(obj),
            notices=_notices(obj, told),
            buttons=self._buttons(request, obj, told),
            context={
                "told": told,
                "took": duration(statistics.length(obj)),
                "retry_of": obj.retry_of,
                "retries": obj.retries.only("started_at"),
                "sentence": delivery_text.about_attempt(obj),
                "response": _not_told_below(obj),
                "groups": [_group(obj, group) for group in obj.reasons],
                "letter": self.url("letter", obj.pk),
            },
        )

    def _buttons(self, request: HttpRequest, obj: Attempt, told: Told) -> list[Button]:
        deliveries = Button(_("Deliveries"), deliveries_url(obj), icon="list")
        if not permissions.may_send(user_of(request)):
            return [deliveries]
        step = steps.button(told, obj.mailing_id, primary=True)
        return [*([step] if step else self._retry_buttons(obj)), deliveries, *self._lift_button(obj)]

    def _retry_buttons(self, obj: Attempt) -> list[Button]:
        """For the failed and unsent; and, asked for separately, also for those nobody knows about."""
        if obj.status not in (AttemptStatus.PARTLY, AttemptStatus.FAILED):
            return []
        unsent, unconfirmed = statistics.retryable(obj)
        url = self.url("retry", obj.pk)
        found = []
        if unsent:
            words = ngettext("Retry for %(n)s unsent", "Retry for %(n)s unsent", unsent) % {"n": num(unsent)}
            found.append(Button(words, url, method="post", primary=True, icon="refresh"))
        if unconfirmed:
            words = ngettext("…and for %(n)s unconfirmed", "…and for %(n)s unconfirmed", unconfirmed)
            if not unsent:
                words = ngettext("Retry for %(n)s unconfirmed", "Retry for %(n)s unconfirmed", unconfirmed)
            words %= {"n": num(unconfirmed)}
            found.append(Button(words, url, method="post", icon="refresh", hidden={"unconfirmed": "1"}))
        return found

    def _lift_button(self, obj: Attempt) -> list[Button]:
        stopped = suppression.of_attempt(obj).count()
        if not stopped:
            return []
        words = ngettext("Take %(n)s address off the stop list", "Take %(n)s addresses off the stop list", stopped)
        url = self.url("lift", obj.pk)
        return [Button(words % {"n": num(stopped)}, url, method="post", icon="stop", more=True)]


def _notices(obj: Attempt, told: Told) -> list[Notice]:
    if obj.status == AttemptStatus.RUNNING or not told.why:  # there the live panel says it
        return []
    return [Notice(told.why, tone="" if told.tone == "green" else told.tone)]


def _not_told_below(obj: Attempt) -> str:
    """The server's words, unless they stand with the refusals they belong to."""
    response = obj.response.strip()
    return "" if any(group["response"].strip() == response for group in obj.reasons) else response


def _cards(obj: Attempt) -> list[Card]:
    """None of a run that is going on: its live panel says them."""
    return [] if obj.status in (AttemptStatus.MISSED, AttemptStatus.RUNNING) else balance(obj)


def balance(obj: Attempt) -> list[Card]:
    """The recipients, and what became of them: the other figures add up to the first. Each leads to its rows."""
    statuses = (DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.UNCONFIRMED, DeliveryStatus.SKIPPED)
    sent, failed, unconfirmed, skipped, unsent = shares([*(getattr(obj, status) for status in statuses), obj.open])
    found = [
        Card(_("Recipients"), obj.audience, url=deliveries_url(obj) if obj.audience else ""),
        _card(obj, _("Accepted"), DeliveryStatus.SENT, sent),
        _card(obj, _("Refused"), DeliveryStatus.FAILED, failed, "red"),
        _card(obj, _("Unconfirmed"), DeliveryStatus.UNCONFIRMED, unconfirmed, "amber"),
    ]
    if obj.skipped:
        found.append(_card(obj, _("Skipped"), DeliveryStatus.SKIPPED, skipped))
    if obj.open:
        found.append(Card(_("Not sent yet"), obj.open, unsent))
    return found


def _card(obj: Attempt, label: str, status: DeliveryStatus, share: str, tone: Tone = "") -> Card:
    number: int = getattr(obj, status)
    if not number:
        return Card(label, number)
    term = terms.of_delivery(status).key if status in EXPLAINED else ""
    return Card(label, number, share, tone, deliveries_url(obj, status=status), term)


@dataclass(frozen=True)
class Group:
    """Deliveries that went wrong in the same way, in words: "451 greylisting: 12 addresses"."""

    status: Words
    tone: Tone
    code: int | None
    reason: str
    addresses: str
    sentence: Words
    response: str
    examples: Sequence[str]
    more: int  # than the examples
    url: str


def _group(obj: Attempt, group: RefusalGroup) -> Group:
    status, reason, number = DeliveryStatus(group["status"]), group["reason"], group["count"]
    return Group(
        status=status.label,
        tone=pills.DELIVERY_TONES.get(status, "grey"),
        code=group["code"],
        reason=str(dict(DeliveryReason.choices).get(reason, reason)),
        addresses=ngettext("%(n)s address", "%(n)s addresses", number) % {"n": num(number)},
        sentence=delivery_text.about(reason, group["code"], group["response"], attempt=obj),
        response=group["response"],
        examples=group["examples"],
        more=number - len(group["examples"]),
        url=deliveries_url(obj, status=status, reason=reason),
    )
