"""The page of a mailing: one head, and tabs below it, each an address of its own.

A tab is a line of `TABS`, a view of that name in `get_pages` which answers `self.tab(request, mailing, "name", {…})`,
and its template, which extends `page.html` and fills the block `tab`. The head, the rights and the list
of tabs come with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from mailing.admin.common import pills
from mailing.admin.common.base import Context, SamovarModelAdmin
from mailing.admin.common.pages import user_of
from mailing.choices import Audience, MailingStatus, Step
from mailing.furniture import Button, ChangePage, Notice, Words
from mailing.models import Attempt, Mailing
from mailing.services import states
from mailing.services.access import permissions
from mailing.services.mailings import lifecycle
from mailing.services.states import Signs, Told


@dataclass(frozen=True)
class Tab:
    """`name` ends its address; `right` is what a person needs beside that of looking at mailings.

    `saves`: the filled button is the form's own, so the head has none.
    """

    name: str
    template: str
    label: Words
    right: str = ""
    saves: bool = False


TABS = (
    Tab("change", "tab_change", gettext_lazy("Overview")),
    Tab("letter", "tab_letter", gettext_lazy("Letter"), "mailing.view_message", saves=True),
    Tab("recipients", "tab_recipients", gettext_lazy("Recipients"), "mailing.view_client", saves=True),
    Tab("schedule", "change_form", pgettext_lazy("tab", "Schedule"), saves=True),
    Tab("runs", "tab_runs", gettext_lazy("Runs"), "mailing.view_attempt"),
)


@dataclass(frozen=True)
class TabLink:
    label: Words
    url: str
    is_current: bool


class MailingTabs(SamovarModelAdmin[Mailing]):
    """What all tabs share; each of them stands on this."""

    def tab(
        self, request: HttpRequest, mailing: Mailing, name: str, context: Context, stands: HowItStands | None = None
    ) -> TemplateResponse:
        """The page of a tab. Its template finds the head, `mailing`, `told`, `last` (run), `running` (not over).

        `stands` where it is known already, to save its queries.
        """
        tab = next(tab for tab in TABS if tab.name == name)
        if not _may_see(request, tab):
            raise PermissionDenied
        around = self._around(request, mailing, stands or how_it_stands(mailing))
        head = self._furnish_form(around, mailing)
        return self.page(request, mailing, tab.template, str(mailing), head | {"mailing": mailing} | context)

    def get_change_page(self, request: HttpRequest, obj: Mailing) -> ChangePage:
        return self._around(request, obj, how_it_stands(obj))

    def _around(self, request: HttpRequest, obj: Mailing, stands: HowItStands) -> ChangePage:
        current, told, running = current_tab(request), stands.told, stands.running
        return ChangePage(
            title=str(obj),
            pill=pills.state(told),
            term=told.state.value,
            notices=_before_changing(request, obj, running) if current.saves else [],
            buttons=self._buttons(request, obj, running, told),
            context={
                "tabs": [
                    TabLink(tab.label, self.url(tab.name, obj.pk), tab is current)
                    for tab in TABS
                    if _may_see(request, tab)
                ],
                "subtitle": current.label if current is not TABS[0] else None,
                "told": told,
                "running": running,
                "last": stands.last,
            },
        )

    # --- buttons ---------------------------------------------------------------------------------------

    def _buttons(self, request: HttpRequest, obj: Mailing, running: Attempt | None, told: Told) -> list[Button]:
        """Filled is the one that can act now, or none; "send now" stands there only when it would send."""
        sends = permissions.may_send(user_of(request))
        found: list[Button | None] = [
            self._send(obj, running, told) if sends else None,
            self._button(obj, _("Test to me"), "test", "test") if self.has_change_permission(request) else None,
            self._pause_or_resume(obj, told) if sends and obj.status != MailingStatus.FINISHED else None,
            self._button(obj, _("Rehearse"), "dry-run", "check", more=True) if sends else None,
            self._copy(obj) if self.has_add_permission(request) else None,
            self._button(obj, _("Finish…"), "finish", "flag", more=True) if sends and obj.is_active else None,
        ]
        is_free = not current_tab(request).saves
        return [replace(button, primary=button.primary and is_free) for button in found if button]

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


def _before_changing(request: HttpRequest, obj: Mailing, running: Attempt | None) -> list[Notice]:
    found = []
    if running:
        words = _("A run is not over. Changes reach the next run.")
        if current_tab(request).name == "recipients":
            words = _("A run is not over. Changes reach the next run; clients you remove are skipped at once.")
        found.append(Notice(words, "amber"))
    if not permissions.may_change_mailing(user_of(request), obj):
        found.append(Notice(_("It sends by itself: only a Manager may change it.")))
    return found


def current_tab(request: HttpRequest) -> Tab:
    """By the address; the overview for any other page."""
    match = request.resolver_match
    name = (match.url_name or "").rsplit("_", 1)[-1] if match else ""
    return next((tab for tab in TABS if tab.name == name), TABS[0])


def _may_see(request: HttpRequest, tab: Tab) -> bool:
    return not tab.right or user_of(request).has_perm(tab.right)


@dataclass(frozen=True)
class HowItStands:
    """The run that is not over, the newest run, and the state that follows."""

    running: Attempt | None
    last: Attempt | None
    told: Told
    signs: Signs

    def told_of(self, attempt: Attempt, mailing: Mailing) -> Told:
        """How one of its runs stands, by the same signs."""
        return states.of_run(attempt, self.signs, mailing=mailing)


def how_it_stands(mailing: Mailing) -> HowItStands:
    running, signs = running_attempt(mailing), Signs()
    last = mailing.attempts.without_letters().first()
    told = states.of_mailing(mailing, [run for run in (running, last) if run], signs)
    return HowItStands(running, last, told, signs)


def running_attempt(mailing: Mailing) -> Attempt | None:
    return mailing.attempts.running().without_letters().first()
