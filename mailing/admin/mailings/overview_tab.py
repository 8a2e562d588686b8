"""The tab Overview: how the last send went, what comes next, what to know before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from mailing import texts
from mailing.admin.attempts.links import deliveries_url
from mailing.admin.common.base import Context
from mailing.admin.mailings import audience_text, plan_text
from mailing.admin.mailings.runs_tab import what_went_wrong
from mailing.admin.mailings.tabs import HowItStands, MailingTabs, how_it_stands
from mailing.choices import Audience, DeliveryStatus, State
from mailing.formatting import Tone, num, spoken
from mailing.furniture import Notice, Words
from mailing.models import Attempt, Mailing
from mailing.services import runs
from mailing.services.mailings import forecast, occurrences
from mailing.services.reports import statistics
from mailing.services.states import Told

PAST, COMING = 5, 5  # sends on the time line


@dataclass(frozen=True)
class Result:
    """How a run ended, in words and in numbers; `figures` are those beside the accepted: (what, how many, where)."""

    attempt: Attempt
    told: Told
    figures: Sequence[tuple[Words, int, str]]
    sentence: Words  # what the server meant

    @property
    def has_errors(self) -> bool:
        return bool(self.attempt.failed or self.attempt.unconfirmed or self.attempt.skipped)


@dataclass(frozen=True)
class Send:
    """A past or a coming send on the time line; a coming one has no attempt."""

    moment: datetime  # local
    words: str
    tone: Tone = ""
    attempt: Attempt | None = None
    is_next: bool = False

    @property
    def day(self) -> str:
        """Short: ten of them stand side by side."""
        days = (self.moment.date() - timezone.localdate()).days
        near = {-1: _("yesterday"), 0: _("today"), 1: _("tomorrow")}
        this_year = self.moment.year == timezone.localdate().year
        short, full = pgettext("date format", "j M"), pgettext("date format", "j M Y")
        return near.get(days) or date_format(self.moment, short if this_year else full)

    @property
    def clock(self) -> str:
        return date_format(self.moment, "H:i")


class OverviewTab(MailingTabs):
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context | None = None
    ) -> HttpResponse:
        """Where everybody's links lead. It changes nothing: that is for the other tabs."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        mailing = self.get_object(request, unquote(object_id))
        if mailing is None:
            return super().change_view(request, object_id, form_url, extra_context)  # says so
        if not self.has_view_permission(request, mailing):
            raise PermissionDenied
        stands = how_it_stands(mailing)
        return self.tab(request, mailing, "change", _contents(mailing, stands), stands)


def _contents(mailing: Mailing, stands: HowItStands) -> Context:
    now = timezone.now()
    recipients = statistics.recipients(mailing)
    sends = occurrences.ahead(mailing, now, COMING)
    changed = forecast.changes(mailing, recipients=recipients) if sends else None
    accepted, closed = statistics.accepted(mailing)
    past = list(mailing.attempts.without_letters()[:PAST])
    return {
        "notices": _notices(mailing, stands.told, sends),
        "result": _result(mailing, stands),
        "line": [*_past(mailing, past, stands), *_coming(sends, stands.told)],
        "plan": plan_text.as_saved(mailing, sends, now),
        "recipients": recipients,
        "recipients_changed": _recipients_changed(changed) if changed else "",
        "letter_changed": _letter_changed(changed) if changed and changed.message_changed_at else "",
        "sender": runs.sender(mailing),
        "accepted": accepted if closed > 1 else None,  # of a single run its result tells
    }


# --- sends ---------------------------------------------------------------------------------------------


def _result(mailing: Mailing, stands: HowItStands) -> Result | None:
    """Of the newest run; of one that is not over the live panel tells."""
    last = stands.last
    if last is None or stands.running:
        return None
    told = stands.told_of(last, mailing)
    numbers = [
        (_("refused"), last.failed, DeliveryStatus.FAILED),
        (_("unconfirmed"), last.unconfirmed, DeliveryStatus.UNCONFIRMED),
        (_("skipped"), last.skipped, DeliveryStatus.SKIPPED),
    ]
    figures = [(label, number, deliveries_url(last, status=status)) for label, number, status in numbers if number]
    return Result(last, told, figures, what_went_wrong(last)[0])


def _past(mailing: Mailing, attempts: Sequence[Attempt], stands: HowItStands) -> list[Send]:
    """Oldest first: they lead on to those that come."""
    found = []
    for attempt in reversed(attempts):
        told = stands.told_of(attempt, mailing)
        found.append(Send(timezone.localtime(attempt.started_at), told.words, told.tone, attempt))
    return found


def _coming(sends: Sequence[datetime], told: Told) -> list[Send]:
    is_late = told.state is State.OVERDUE
    return [
        Send(moment, told.words, told.tone)
        if is_late and number == 0
        else Send(moment, _("next send") if number == 0 else _("planned"), is_next=number == 0)
        for number, moment in enumerate(map(timezone.localtime, sends))
    ]


# --- sentences -----------------------------------------------------------------------------------------


def _notices(mailing: Mailing, told: Told, sends: Sequence[datetime]) -> list[Notice]:
    found = [
        _nobody_notice(mailing),
        Notice(told.why, "red") if told.state is State.OVERDUE else None,
        _crowd_notice(mailing, sends),
    ]
    return [notice for notice in found if notice]


def _nobody_notice(obj: Mailing) -> Notice | None:
    if obj.audience == Audience.EVERYONE or obj.clients.exists():
        return None
    url = reverse("admin:mailing_mailing_recipients", args=[obj.pk])
    return Notice(_(texts.NOBODY), "amber", url, _("Add recipients"))


def _recipients_changed(found: forecast.Changes) -> str:
    """“Since the last run: 14 new, 2 gone.”"""
    parts = audience_text.compared(found.added, found.removed)
    if found.more > 0:
        words = ngettext("%(n)s recipient more", "%(n)s recipients more", found.more)
        parts.append(words % {"n": num(found.more)})
    if found.more < 0:
        words = ngettext("%(n)s recipient fewer", "%(n)s recipients fewer", -found.more)
        parts.append(words % {"n": num(-found.more)})
    return _("Since the last run: %(changes)s.") % {"changes": ", ".join(parts)} if parts else ""


def _letter_changed(found: forecast.Changes) -> str:
    moment = spoken(timezone.localtime(found.message_changed_at))
    if not found.message_changed_by:
        return _("Changed since the last run: %(moment)s.") % {"moment": moment}
    words = _("Changed since the last run: %(moment)s by %(who)s.")
    return words % {"moment": moment, "who": found.message_changed_by}


def _crowd_notice(obj: Mailing, sends: Sequence[datetime]) -> Notice | None:
    found = forecast.crowd(obj, sends) if sends else None
    if found is None:
        return None
    words = ngettext(
        "On %(day)s %(n)s client gets three letters or more: this mailing, %(others)s.",
        "On %(day)s %(n)s clients get three letters or more: this mailing, %(others)s.",
        found.clients,
    )
    others = ", ".join(_("“%(words)s”") % {"words": mailing} for mailing in found.mailings[:4])
    day = date_format(found.day, pgettext("date format", "j E"))
    return Notice(words % {"day": day, "n": num(found.clients), "others": others}, "amber")
