"""What stands around the form of a mailing: its state, what to do with it, its figures, what to know before."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from mailing import texts
from mailing.admin.common import pills
from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.pages import user_of
from mailing.choices import Audience, MailingStatus, State, Step
from mailing.formatting import error_tone, num, spoken, when
from mailing.furniture import Button, Card, ChangePage, Notice
from mailing.models import Attempt, Mailing
from mailing.services import states
from mailing.services.access import permissions
from mailing.services.mailings import forecast, lifecycle, occurrences
from mailing.services.reports import statistics
from mailing.services.states import Told


class MailingChangePage(SamovarModelAdmin[Mailing]):
    def get_change_page(self, request: HttpRequest, obj: Mailing) -> ChangePage:
        recipients = statistics.recipients(obj)
        running, last, told = how_it_stands(obj)
        return ChangePage(
            title=str(obj),
            pill=pills.state(told),
            cards=_cards(obj, recipients, last),
            notices=self._notices(request, obj, running, told, recipients),
            buttons=self._buttons(request, obj, running, told),
            context={"live": running, "told": told, "attempts_total": obj.attempts.count()},
        )

    def _notices(
        self, request: HttpRequest, obj: Mailing, running: Attempt | None, told: Told, recipients: int
    ) -> list[Notice]:
        is_free = permissions.may_change_mailing(user_of(request), obj)
        found = [
            _nobody_notice(obj),
            Notice(told.why, "red") if told.state is State.OVERDUE else None,
            _running_notice() if running else None,
            _changes_notice(obj, recipients),
            _crowd_notice(obj),
            None if is_free else Notice(_("It sends by itself: only a Manager may change it.")),
        ]
        return [notice for notice in found if notice]

    def _buttons(self, request: HttpRequest, obj: Mailing, running: Attempt | None, told: Told) -> list[Button]:
        """Filled is the one that can act now, or none; "send now" stands there only when it would send."""
        sends = permissions.may_send(user_of(request))
        found: list[Button | None] = [
            self._send(obj, running, told) if sends else None,
            self._button(obj, _("Test to me"), "test", "test") if self.has_change_permission(request) else None,
            self._button(obj, _("Preview"), "preview", "eye"),
            self._pause_or_resume(obj, told) if sends and obj.status != MailingStatus.FINISHED else None,
            self._button(obj, _("Rehearse"), "dry-run", "check", more=True) if sends else None,
            self._copy(obj) if self.has_add_permission(request) else None,
            self._button(obj, _("Finish…"), "finish", "flag", more=True) if sends and obj.is_active else None,
        ]
        return [button for button in found if button]

    def _button(self, obj: Mailing, label: str, page: str, icon: str, *, more: bool = False) -> Button:
        return Button(label, self.url(page, obj.pk), icon=icon, more=more)

    def _send(self, obj: Mailing, running: Attempt | None, told: Told) -> Button | None:
        if lifecycle.hindrance(obj, running) is not None:
            return None
        step = Step.GO_ON if running else Step.SEND
        return Button(step.label, self.url("send", obj.pk), primary=told.step is step, icon="send")

    def _pause_or_resume(self, obj: Mailing, told: Told) -> Button:
        step, icon = (Step.RESUME, "play") if obj.is_paused else (Step.PAUSE, "pause")
        can_act = told.step is step and (
            step is Step.PAUSE or obj.audience == Audience.EVERYONE or obj.clients.exists()
        )
        return Button(step.label, self.url(step.value, obj.pk), method="post", primary=can_act, icon=icon)

    def _copy(self, obj: Mailing) -> Button:
        return Button(_("Copy"), self.url("copy", obj.pk), method="post", icon="copy", more=True)


def how_it_stands(mailing: Mailing) -> tuple[Attempt | None, Attempt | None, Told]:
    """The run that is not over, the newest run, and the state that follows."""
    running = running_attempt(mailing)
    last = mailing.attempts.defer("html_body", "text_body", "reasons").first()
    return running, last, states.of_mailing(mailing, [run for run in (running, last) if run])


def running_attempt(mailing: Mailing) -> Attempt | None:
    return mailing.attempts.running().defer("html_body", "text_body").first()


def recipients_url(mailing: Mailing) -> str:
    """The client list, narrowed to who gets this mailing."""
    listing = reverse("admin:mailing_client_changelist")
    return listing if mailing.audience == Audience.EVERYONE else f"{listing}?mailing={mailing.pk}"


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


def _running_notice() -> Notice:
    words = _("A run is not over. Changes reach the next run; clients you remove are skipped at once.")
    return Notice(words, "amber")


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
