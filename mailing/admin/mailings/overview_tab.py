"""The tab Overview: how the last send went, what comes next, what to know before."""

from __future__ import annotations

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from mailing import texts
from mailing.admin.common.base import Context
from mailing.admin.mailings.recipients_tab import recipients_url
from mailing.admin.mailings.tabs import MailingTabs, how_it_stands
from mailing.choices import Audience, State
from mailing.formatting import error_tone, num, spoken, when
from mailing.furniture import Card, Notice
from mailing.models import Attempt, Mailing
from mailing.services import states
from mailing.services.mailings import forecast, occurrences
from mailing.services.reports import statistics
from mailing.services.states import Told


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
        recipients = statistics.recipients(mailing)
        _running, last, told = how_it_stands(mailing)
        notices = _notices(mailing, told, recipients)
        return self.tab(request, mailing, "change", {"cards": _cards(mailing, recipients, last), "notices": notices})


def _notices(obj: Mailing, told: Told, recipients: int) -> list[Notice]:
    found = [
        _nobody_notice(obj),
        Notice(told.why, "red") if told.state is State.OVERDUE else None,
        _changes_notice(obj, recipients),
        _crowd_notice(obj),
    ]
    return [notice for notice in found if notice]


# --- figures -------------------------------------------------------------------------------------------


def _cards(obj: Mailing, recipients: int, last: Attempt | None) -> list[Card]:
    sums = statistics.totals(obj.attempts.all())
    errors = _("errors: %(n)s") % {"n": num(sums.failed + sums.unconfirmed)}
    return [
        Card(_("Recipients"), recipients, note=_("show and change"), url=recipients_url(obj)),
        Card(_("Next send"), when(obj.next_run_at), note=_next_note(obj)),
        _last_card(obj, last),
        Card(_("Accepted in all"), sums.sent, note=errors, tone=error_tone(sums.error_share)),
    ]


def _next_note(obj: Mailing) -> str:
    if obj.is_paused:
        return _("paused: nothing is sent")
    return obj.get_periodicity_display() if obj.next_run_at else ""


def _last_card(obj: Mailing, last: Attempt | None) -> Card:
    if last is None:
        return Card(_("Last send"), "—", note=_("nothing was sent yet"))
    told = states.of_run(last, mailing=obj)
    return Card(
        _("Last send"),
        when(last.started_at),
        note=told.words,
        tone=told.tone if told.tone in ("red", "amber") else "",
        url=reverse("admin:mailing_attempt_change", args=[last.pk]),
    )


# --- sentences -----------------------------------------------------------------------------------------


def _nobody_notice(obj: Mailing) -> Notice | None:
    if obj.audience == Audience.EVERYONE or obj.clients.exists():
        return None
    clients = reverse("admin:mailing_client_changelist")
    return Notice(_(texts.NOBODY), "amber", clients, _("Open the client list"))


def _changes_notice(obj: Mailing, recipients: int) -> Notice | None:
    """At the next run: +14 / −2 recipients, message changed yesterday by Anna."""
    found = forecast.changes(obj, recipients=recipients) if obj.next_run_at else None
    if found is None:
        return None
    parts = []
    if found.added or found.removed:
        words = _("+%(added)s / −%(removed)s recipients")
        parts.append(words % {"added": num(found.added), "removed": num(found.removed)})
    if found.more > 0:
        words = ngettext("%(n)s recipient more", "%(n)s recipients more", found.more)
        parts.append(words % {"n": num(found.more)})
    if found.more < 0:
        words = ngettext("%(n)s recipient fewer", "%(n)s recipients fewer", -found.more)
        parts.append(words % {"n": num(-found.more)})
    if found.message_changed_at:
        parts.append(_message_changed(found))
    return Notice(_("At the next run: %(changes)s.") % {"changes": ", ".join(parts)}) if parts else None


def _message_changed(found: forecast.Changes) -> str:
    moment = spoken(timezone.localtime(found.message_changed_at))
    if not found.message_changed_by:
        return _("message changed %(moment)s") % {"moment": moment}
    return _("message changed %(moment)s by %(who)s") % {"moment": moment, "who": found.message_changed_by}


def _crowd_notice(obj: Mailing) -> Notice | None:
    if not obj.is_active or obj.next_run_at is None:
        return None
    found = forecast.crowd(obj, occurrences.plan(obj, timezone.now()).dates)
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
