"""The first page in words and pictures; the numbers come from `services.overview`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from mailing.admin.common import steps as state_steps
from mailing.admin.common.pages import user_of
from mailing.admin.site import first_steps
from mailing.charts import Chart, Column, letters
from mailing.choices import State, Step
from mailing.formatting import error_tone, num, percent, when
from mailing.furniture import Card
from mailing.services.reports import overview
from mailing.services.reports.overview import Attention, Day, Need, Overview

TELLING_CHANGE = 300  # percent


def context(request: HttpRequest) -> dict[str, Any]:
    """What the template of the first page needs, as far as the person may see it."""
    user = user_of(request)
    if not (user.has_perm("mailing.view_mailing") and user.has_perm("mailing.view_attempt")):
        return {"may_look": False}
    seen = overview.overview()
    way = first_steps.of(request, user, seen.first_steps)
    may_act = user.has_perm("mailing.change_mailing") and user.has_perm("mailing.send_mailing")
    return {
        "may_look": True,
        "overview": seen,
        "cards": cards(seen),
        "chart": chart(seen.days),
        "upcoming": seen.upcoming,
        "attention": [(_why(item), item.mailing, _url("mailing_change", item.mailing.pk)) for item in seen.attention],
        "first_steps": way,
        "shows_steps": way is not None and not way.is_away,
        "new_mailing": _url("mailing_add") if user.has_perm("mailing.add_mailing") else "",
        "running": [
            (attempt, told, state_steps.button(told, attempt.mailing_id) if may_act else None)
            for attempt, told in seen.running
        ],
    }


# --- Cards ------------------------------------------------------------------------------------------


def cards(seen: Overview) -> list[Card]:
    attempts = f"{_url('attempt_changelist')}?{urlencode({'started_at__since': seen.days[0].date.isoformat()})}"
    share = seen.now.error_share
    silent = seen.clients - seen.receiving
    return [
        Card(_("Sent in 30 days"), seen.now.sent, note=_trend(seen), url=attempts),
        Card(
            _("Share of errors"),
            percent(seen.now.failed, seen.now.sent + seen.now.failed),
            note=_errors(seen.now.failed),
            tone=error_tone(share),
            url=f"{attempts}&letters=errors",
        ),
        Card(
            _("Open runs"),
            seen.running_number,
            note=", ".join(f"{state.label} {num(number)}" for state, number in seen.running_states.items()),
            tone="red" if seen.running_states.get(State.STALLED) else "",
            url=f"{_url('mailing_changelist')}?state=sending",
        ),
        Card(
            _("Clients"),
            seen.clients,
            note=_("%(n)s of them receive no mail") % {"n": num(silent)} if silent else _("all receive mail"),
            url=f"{_url('client_changelist')}{'?receives=no' if silent else ''}",
        ),
    ]


def _trend(seen: Overview) -> str:
    if not seen.before.sent:
        return _("nothing in the 30 days before")
    change = 100 * (seen.now.sent - seen.before.sent) / seen.before.sent
    if change > TELLING_CHANGE:  # "+3 400 %" says only that there was little before
        return _("%(n)s in the 30 days before") % {"n": num(seen.before.sent)}
    sign = "+" if change > 0 else "−" if change < 0 else ""
    return _("%(change)s%% against the 30 days before") % {"change": f"{sign}{number_format(abs(change), 0)}"}


def _errors(number: int) -> str:
    words = ngettext("%(n)s letter refused or unconfirmed", "%(n)s letters refused or unconfirmed", number)
    return words % {"n": num(number)}


# --- Chart ------------------------------------------------------------------------------------------


def chart(days: Sequence[Day]) -> Chart:
    """Letters by day; a day leads to its attempts."""
    return Chart(_("Letters in 30 days"), _("Day"), letters(), [_column(day) for day in days])


def _column(day: Day) -> Column:
    began = {"started_at__since": day.date.isoformat(), "started_at__until": day.date.isoformat()}
    return Column(
        label=date_format(day.date, "j M"),
        title=date_format(day.date, pgettext("date format", "j E")),
        values=(day.sent, day.unconfirmed, day.failed),
        url=f"{_url('attempt_changelist')}?{urlencode(began)}" if day.letters else "",
    )


# --- Sentences --------------------------------------------------------------------------------------


def _why(item: Attention) -> SafeString | str:
    if item.told:
        return item.told.words if item.told.step is Step.OPERATE else f"{item.told.words}. {item.told.why}"
    sentences = {
        Need.OVERDUE: _("should have been sent %(when)s, but nothing is being sent"),
        Need.FAILED: _("the last run failed"),
        Need.MISSED: _("the last planned send was missed"),
        Need.NO_RECIPIENTS: _("has no recipients"),
        Need.FORGOTTEN: _("has been paused for over a week"),
    }
    sentence = sentences[item.need]
    if item.need is not Need.OVERDUE:
        return sentence
    return format_html(sentence.replace("%(when)s", "{}"), when(item.mailing.next_run_at))


def _url(name: str, *args: int) -> str:
    return reverse(f"admin:mailing_{name}", args=args)
