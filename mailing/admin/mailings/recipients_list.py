"""The lists on the tab Recipients: who is in the mailing, and who could be.

A list knows its mailing, so its screen is made for each request, by `recipients_tab`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from mailing.admin.common import pills
from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.client_rows import ClientRows
from mailing.admin.common.filters import Screen
from mailing.admin.common.lists import OpenEndedList
from mailing.admin.common.pages import undoable, user_of
from mailing.admin.common.pagination import NarrowedPaginator, asked_page
from mailing.admin.mailings import audience_text
from mailing.choices import DeliveryStatus, RecipientPart, UndoKind
from mailing.errors import NotAllowed
from mailing.formatting import num, pill
from mailing.furniture import Button, Words
from mailing.models import Client, Mailing, Suppression
from mailing.models.clients import ClientQuerySet
from mailing.services.access import undos
from mailing.services.mailings import audiences, recipients
from mailing.services.mailings.audiences import Figures, LatestRun, Standing

PART = "part"
ADD, REMOVE = "admin/mailing/mailing/add_found.html", "admin/mailing/mailing/remove_found.html"


@dataclass(frozen=True)
class PartLink:
    """One of the parts above the list; without a number where they are too many to compare."""

    label: Words
    url: str
    number: int | None
    is_current: bool


class PartFilter(admin.SimpleListFilter):
    """Knows the values; what they mean is `services.mailings.audiences`' matter."""

    title = gettext_lazy("recipients")
    parameter_name = PART

    def lookups(self, request: HttpRequest, model_admin: Screen) -> list[tuple[str, Words]]:
        return list(RecipientPart.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        return None


class MailingClients(ClientRows):
    """Clients beside one mailing.

    `may_change`: this person may put them in and take them out; `ways_in`: the buttons of a list with nobody in it.
    """

    actions: Sequence[Any] = ()
    list_display_links = ("name",)

    def __init__(
        self, mailing: Mailing, site: admin.AdminSite, *, may_change: bool, ways_in: Sequence[Button] = ()
    ) -> None:
        super().__init__(Client, site)
        self.mailing, self.may_change, self.ways_in = mailing, may_change, ways_in

    def has_recipients_permission(self, request: HttpRequest) -> bool:
        return self.may_change

    def get_actions(self, request: HttpRequest) -> Any:
        """Without the site's own: deletion belongs to the list of clients."""
        return {name: found for name, found in super().get_actions(request).items() if name in self.actions}

    def change(self, service: Callable[..., int], clients: ClientQuerySet, *, by: User, **given: object) -> int:
        try:
            return service(self.mailing, clients, by=by, **given)
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal

    def ask(self, request: HttpRequest, template: str, number: int, not_receiving: int = 0) -> TemplateResponse:
        """The question about all that were found; `apply` carries the number that was said."""
        title = _("Remove from the mailing") if template == REMOVE else _("Add to the mailing")
        context = {
            **self.admin_site.each_context(request),
            "opts": Mailing._meta,
            "list_title": _("Mailings"),
            "original": self.mailing,
            "title": title,
            "action": request.POST["action"],
            "number": number,
            "not_receiving": not_receiving,
            "has_changed": "apply" in request.POST,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, template, context)

    def known(self, request: HttpRequest) -> int | None:
        """How many there are, but for the search."""
        raise NotImplementedError

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        per_page: int,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
    ) -> NarrowedPaginator:
        known = None if request.GET.get(SEARCH_VAR) else self.known(request)
        found = NarrowedPaginator(queryset, per_page, known=known)
        found.wanted = asked_page(request)
        return found

    def get_list_buttons(self, request: HttpRequest) -> list[Button]:
        return []

    def get_empty_buttons(self, request: HttpRequest) -> list[Button]:
        return list(self.ways_in)


# --- Who is in it -----------------------------------------------------------------------------------


class RecipientList(OpenEndedList):
    standings: dict[int, Standing]
    model_admin: RecipientScreen

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.standings = audiences.standings(self.result_list, self.model_admin.latest)

    @admin.display(description=gettext_lazy("next letter"))
    def next_letter(self, client: Client) -> SafeString | str:
        standing = self.standings[client.pk]
        if standing.skipped:
            return _with_reason(pill(_("will be skipped"), "amber"), audience_text.why_skipped(standing))
        return pill(pgettext("recipient", "new"), "blue") if standing.is_new else _as_ever(_("will get it"))

    @admin.display(description=gettext_lazy("last letter"))
    def last_letter(self, client: Client) -> SafeString | str:
        delivery = self.standings[client.pk].latest
        if delivery is None:
            return "—"
        if delivery.status == DeliveryStatus.SENT:
            return _as_ever(delivery.get_status_display())
        return format_html(
            '{} <span class="muted">{}</span>', pills.delivery(delivery), delivery.get_reason_display()
        )


def _as_ever(words: str) -> SafeString:
    """What is so for nearly everybody: a phone leaves it out."""
    return format_html('<span class="as-ever">{}</span>', words)


def _with_reason(shown: SafeString, reason: object) -> SafeString:
    return format_html('{} <span class="muted">{}</span>', shown, reason)


class RecipientScreen(MailingClients, SamovarModelAdmin[Client]):
    changelist = RecipientList
    change_list_template = "admin/mailing/mailing/tab_recipients.html"
    list_display = ("name", "address", RecipientList.next_letter, RecipientList.last_letter, "added")
    list_filter = (PartFilter,)
    actions = ("remove_recipients",)
    empty_title = gettext_lazy("Nobody is in this mailing yet")
    empty_text = gettext_lazy("Add clients you have, or load a file: everybody in it becomes a recipient.")

    @cached_property
    def latest(self) -> LatestRun | None:
        return audiences.latest_run(self.mailing)

    @cached_property
    def figures(self) -> Figures:
        return audiences.figures(self.mailing, self.latest)

    def get_queryset(self, request: HttpRequest) -> ClientQuerySet:
        part = _part(request)
        if part is None:
            many = self.figures.all >= audiences.MANY
            return audiences.recipients(self.mailing, many=many).order_by(*self.ordering)
        found = audiences.of_part(self.mailing, part, self.latest, self.figures)
        return found.order_by(*self.ordering)

    def known(self, request: HttpRequest) -> int | None:
        part = _part(request)
        return self.figures.all if part is None else self.figures.of(part)

    def parts(self, request: HttpRequest) -> list[PartLink]:
        """All of them, and the parts that are not empty; the current one in any case."""
        current, query = _part(request), request.GET.get(SEARCH_VAR, "")
        found = [PartLink(_("All"), _address(query), self.figures.all, current is None)]
        for part in RecipientPart:
            number = self.figures.of(part)
            if number or part is current:
                found.append(PartLink(part.label, _address(query, part), number, part is current))
        return found

    @admin.action(permissions=["recipients"], description=gettext_lazy("Remove from the mailing"))
    def remove_recipients(self, request: HttpRequest, queryset: ClientQuerySet) -> HttpResponse | None:
        """The ticked ones at once; all that were found after a question with their number."""
        if request.POST.get("select_across") == "1":
            found = recipients.among(self.mailing, queryset)
            if request.POST.get("apply") != str(found):
                return self.ask(request, REMOVE, found)
        act = undos.begin(UndoKind.REMOVAL, by=user_of(request))
        number = self.change(recipients.remove_from_mailing, queryset, by=user_of(request), undo=act)
        if number:
            words = ngettext("%(n)s client removed.", "%(n)s clients removed.", number) % {"n": num(number)}
            messages.success(request, undoable(request, words, act))
        else:
            messages.warning(request, _("Nobody was removed: they are not in the mailing any more."))
        return None


# --- Who could be ------------------------------------------------------------------------------------


class CandidateList(OpenEndedList):
    stopped: dict[str, str]  # address -> reason

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        emails = [client.email for client in self.result_list]
        self.stopped = Suppression.objects.reasons(emails)

    @admin.display(description=gettext_lazy("receives mail"))
    def receives(self, client: Client) -> SafeString | str:
        stopped = self.stopped.get(client.email)
        return pills.receives(stopped) if stopped else _("yes")


class CandidateScreen(MailingClients, SamovarModelAdmin[Client]):
    changelist = CandidateList
    change_list_template = "admin/mailing/mailing/add_recipients.html"
    list_display = ("name", "address", CandidateList.receives, "added")
    actions = ("add_recipients",)
    empty_title = gettext_lazy("Every client is in this mailing already")

    def get_queryset(self, request: HttpRequest) -> ClientQuerySet:
        return recipients.not_in(self.mailing).order_by(*self.ordering)

    def known(self, request: HttpRequest) -> int:
        return Client.objects.count() - audiences.links(self.mailing).count()

    @admin.action(permissions=["recipients"], description=gettext_lazy("Add to the mailing"))
    def add_recipients(self, request: HttpRequest, queryset: ClientQuerySet) -> HttpResponse | None:
        """The ticked ones at once; all that were found after a question with their number."""
        if request.POST.get("select_across") == "1":
            forecast = recipients.preview(self.mailing, queryset)
            if request.POST.get("apply") != str(forecast.added):
                return self.ask(request, ADD, forecast.added, forecast.not_receiving)
        number = self.change(recipients.add_to_mailing, queryset, by=user_of(request))
        tell_added(request, number)
        return None


def tell_added(request: HttpRequest, number: int) -> None:
    if number:
        words = ngettext("%(n)s client added.", "%(n)s clients added.", number)
        messages.success(request, words % {"n": num(number)})
    else:
        messages.warning(request, _("Nobody was added: they are in the mailing already."))


# --- Addresses ---------------------------------------------------------------------------------------


def _part(request: HttpRequest) -> RecipientPart | None:
    value = request.GET.get(PART, "")
    return RecipientPart(value) if value in RecipientPart.values else None


def _address(query: str, part: RecipientPart | None = None) -> str:
    """The list of a part; what was searched for stays."""
    values = {PART: part.value if part else "", SEARCH_VAR: query}
    return f"?{urlencode({name: value for name, value in values.items() if value})}"
