"""The screens of clients: the list, the card of one client, the ways in and out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from mailing.admin.clients import summary
from mailing.admin.clients.actions import ClientActions
from mailing.admin.clients.filters import (
    DomainFilter,
    FileFilter,
    ReceivesFilter,
    RecipientsOfFilter,
    WithoutMailingsFilter,
    links_of,
)
from mailing.admin.clients.import_wizard import ClientWizard
from mailing.admin.clients.resources import ClientResource
from mailing.admin.clients.summary import ClientSummary
from mailing.admin.common.base import Context
from mailing.admin.common.filters import DateRangeFilter, Suggesting
from mailing.admin.common.pages import View, user_of
from mailing.admin.common.pagination import ChoicePaginator, SearchPaginator
from mailing.choices import SuppressionReason
from mailing.errors import NotAllowed
from mailing.formatting import num, pill, when
from mailing.forms.clients import ClientForm
from mailing.furniture import Button, Card
from mailing.models import Client, Mailing, Suppression
from mailing.models.clients import ClientQuerySet
from mailing.services.clients import erasure, suppression

POST = method_decorator(require_POST)
LATELY = timedelta(days=30)
COMMENT_SHOWN = 60
# More found than this, and a look at each of them would take longer than anybody waits for a list.
BROAD_SEARCH, BROAD_FILTER = 20_000, 100_000
COUNTED = 100_000
FARTHEST = 1_000_000  # page
NOT_FILTERS = {SEARCH_VAR, PAGE_VAR, ORDER_VAR, IS_POPUP_VAR}


@dataclass(frozen=True)
class Listed:
    """What the list knows already, for the figures above it."""

    total: int
    searched: bool
    filtered: bool
    shown: int | str  # the total, or "more than 10 000"

    @property
    def is_broad(self) -> bool:
        return (
            self.shown != self.total
            or (self.searched and self.total > BROAD_SEARCH)
            or (self.filtered and self.total > BROAD_FILTER)
        )


class ClientList(ChangeList):
    queryset: Any
    paginator: Any

    def get_results(self, request: HttpRequest) -> None:
        """Two queries for the columns of this page: in the list's own query they would be computed for every row."""
        super().get_results(request)
        self.is_open = self.paginator.is_open
        self.number_found = more_than(self.paginator.bound) if self.is_open else self.result_count
        listed = Listed(self.result_count, bool(self.query), self.has_active_filters, self.number_found)
        if not (listed.searched or listed.filtered):
            self.full_result_count = listed.total  # or Django says "N found" beside an empty search box
        self.queryset.listed = listed
        self.result_list: Any = list(self.result_list)
        ids, emails = [row.pk for row in self.result_list], [row.email for row in self.result_list]
        links = Mailing.clients.through.objects.filter(client__in=ids).values_list("client_id")
        mailings = dict(links.annotate(Count("pk")))
        reasons = dict(Suppression.objects.filter(email__in=emails).values_list("email", "reason"))
        for row in self.result_list:
            row.number_of_mailings = mailings.get(row.pk, 0)
            row.stopped = reasons.get(row.email)


@admin.register(Client)
class ClientAdmin(Suggesting, ClientWizard, ClientActions):
    list_title = gettext_lazy("Clients")
    add_label = gettext_lazy("New client")
    empty_title = gettext_lazy("Your clients will be here")
    empty_text = gettext_lazy("Load the file you have: Excel or CSV, as it is. Or add the first client by hand.")
    list_display = ("name", "address", "receives", "mailings_number", "short_comment", "added")
    list_display_links = ("name",)
    list_filter = (
        ReceivesFilter,
        RecipientsOfFilter,
        WithoutMailingsFilter,
        ("created_at", DateRangeFilter),
        DomainFilter,
        FileFilter,
    )
    show_full_result_count = False  # a second count of all clients, of which nothing is shown
    search_fields = ("search_text",)
    search_help_text = gettext_lazy("By name, address and comment")
    ordering = ("full_name", "pk")
    form = ClientForm
    readonly_fields = ("receives_now", "mailings_list", "added", "changed", "source")
    fieldsets = (
        (gettext_lazy("Client"), {"fields": ("email", "full_name", "greeting", "comment", "receives_now")}),
        (gettext_lazy("Mailings"), {"fields": ("mailings_list",)}),
        (gettext_lazy("Service data"), {"classes": ("collapse",), "fields": ("added", "changed", "source")}),
    )
    export_resource = ClientResource
    import_export_change_list_template = "admin/mailing/client/change_list.html"
    deletion_labels = {"mailing.Mailing_clients": gettext_lazy("places in mailings")}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ClientList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return ClientQuerySet.search(queryset, search_term), False  # type: ignore[arg-type]

    def get_fieldsets(self, request: HttpRequest, obj: Client | None = None) -> Any:
        """A new client has nothing to show yet."""
        if obj is None:
            return ((None, {"fields": ("email", "full_name", "greeting", "comment")}),)
        return self.fieldsets

    # --- columns -----------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("full name"), ordering="full_name")
    def name(self, client: Client) -> str:
        return client.full_name or str(client.email)

    @admin.display(description=gettext_lazy("e-mail"), ordering="email")
    def address(self, client: Client) -> str:
        return str(client.email)

    @admin.display(description=gettext_lazy("receives mail"))
    def receives(self, client: Any) -> SafeString:
        return receives_pill(client.stopped)

    @admin.display(description=gettext_lazy("in mailings"))
    def mailings_number(self, client: Any) -> SafeString:
        return format_html('<span class="num">{}</span>', num(client.number_of_mailings))

    @admin.display(description=gettext_lazy("comment"))
    def short_comment(self, client: Client) -> str:
        return Truncator(client.comment.replace("\n", " ")).chars(COMMENT_SHOWN) or "—"

    @admin.display(description=gettext_lazy("added"), ordering="created_at")
    def added(self, client: Client) -> SafeString | str:
        return when(client.created_at)

    # --- above the list ------------------------------------------------------------------------------------

    def get_cards(self, request: HttpRequest, queryset: Any) -> list[Card]:
        """Of the filtered set. Of very many that were found by a search or filter only how many they are."""
        listed: Listed = queryset.listed
        cards = [Card(_("Clients"), listed.shown)]
        if listed.is_broad:
            return cards
        stopped, fresh = _found(queryset) if listed.searched or listed.filtered else _of_all()
        since = timezone.localdate(timezone.now() - LATELY).isoformat()
        return [
            *cards,
            Card(_("Receive mail"), listed.total - stopped, url=_with(request, receives="yes")),
            Card(_("Do not receive"), stopped, url=_with(request, receives="no")),
            Card(_("Added in 30 days"), fresh, url=_with(request, created_at__since=since)),
        ]

    def get_paginator(
        self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any
    ) -> SearchPaginator:
        """Django asks for the pages of the list and for those of the autocomplete box alike."""
        if "term" in request.GET:
            choices = ChoicePaginator(queryset, per_page, *args, **kwargs)
            choices.term = request.GET["term"]
            return choices
        pages = SearchPaginator(queryset, per_page, *args, **kwargs)
        page, mailing = request.GET.get(PAGE_VAR, ""), request.GET.get("mailing", "")
        pages.wanted = max(1, min(int(page), FARTHEST)) if page.isdecimal() else 1
        if request.GET.keys() <= NOT_FILTERS:
            pages.term = request.GET.get(SEARCH_VAR, "")
        elif request.GET.keys() <= {PAGE_VAR, ORDER_VAR, "mailing"} and mailing.isdecimal():
            pages.links = links_of(int(mailing))
        return pages

    def get_list_buttons(self, request: HttpRequest) -> list[Button]:
        return [*self.import_button(request), *self.export_button(request), *self.get_add_button(request)]

    def get_empty_buttons(self, request: HttpRequest) -> list[Button]:
        load = [replace(button, label=_("Load from a file"), primary=True) for button in self.import_button(request)]
        add = [replace(button, label=_("Add by hand"), primary=not load) for button in self.get_add_button(request)]
        return [*load, *add]

    def import_button(self, request: HttpRequest) -> list[Button]:
        if not self.has_import_permission(request):
            return []
        return [Button(_("Import"), self.url("import"), icon="upload")]

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context and "cl" in context:
            context["recipients_of"] = self._recipients_of(request)
        return response

    def _recipients_of(self, request: HttpRequest) -> Mailing | None:
        """The mailing the list is filtered by."""
        pk = request.GET.get("mailing", "")
        found = Mailing.objects.select_related("message").defer("message__body", "message__text_body")
        return found.filter(pk=int(pk)).first() if pk.isdecimal() else None

    # --- the card of one client --------------------------------------------------------------------------------

    def get_pages(self) -> list[tuple[str, View]]:
        return [
            *super().get_pages(),
            ("<int:pk>/stop/", self.stop_view),
            ("<int:pk>/lift/", self.lift_view),
            ("<int:pk>/forget/", self.forget_view),
        ]

    def render_change_form(  # noqa: PLR0917 (Django's own signature)
        self,
        request: HttpRequest,
        context: Context,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """The card beside the client, gathered once for buttons, pill, figures and read-only fields."""
        if obj is not None and not add:
            obj.summary = context["summary"] = summary.of(obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def get_change_title(self, request: HttpRequest, obj: Client) -> str:
        return obj.full_name or obj.email

    def get_pill(self, request: HttpRequest, obj: Any) -> SafeString:
        entry = obj.summary.suppression
        return receives_pill(entry.reason) if entry else pill(_("gets mail"), "green")

    def get_object_cards(self, request: HttpRequest, obj: Any) -> list[Card]:
        known: ClientSummary = obj.summary
        return [
            Card(_("Letters received"), known.sent),
            Card(_("Last letter"), when(known.last_sent_at)),
            Card(_("In mailings"), known.number_of_mailings),
            Card(_("Next letter"), when(known.next_send_at)),
        ]

    def get_buttons(self, request: HttpRequest, obj: Any) -> list[Button]:
        buttons: list[Button] = []
        if obj.summary.suppression and self.has_lift_permission(request):
            buttons.append(_post(_("Return to mailings"), self.url("lift", obj.pk), "play"))
        if not obj.summary.suppression and self.has_stop_permission(request):
            buttons.append(_post(_("Stop letters"), self.url("stop", obj.pk), "stop"))
        if self.has_delete_permission(request, obj):
            label, url = _("Forget the client…"), self.url("forget", obj.pk)
            buttons.append(Button(label, url, danger=True, icon="trash", more=True))
        return buttons

    @admin.display(description=gettext_lazy("receives mail"))
    def receives_now(self, client: Any) -> SafeString | str:
        entry = client.summary.suppression
        if entry is None:
            return _("Yes")
        since = date_format(timezone.localtime(entry.created_at), "SHORT_DATE_FORMAT")
        words = _("No: %(reason)s, since %(day)s") % {"reason": entry.get_reason_display(), "day": since}
        if entry.attempt is None:
            return words
        url = reverse("admin:mailing_attempt_change", args=[entry.attempt.pk])
        return format_html('{} (<a href="{}">{}: {}</a>)', words, url, entry.attempt, entry.attempt.mailing)

    @admin.display(description=gettext_lazy("recipient of"))
    def mailings_list(self, client: Any) -> SafeString | str:
        known: ClientSummary = client.summary
        if not known.mailings and known.next_send_at:
            return _("Not chosen for any mailing; what goes to everyone arrives all the same")
        if not known.mailings:
            return _("Not a recipient of any mailing yet")
        links = [(reverse("admin:mailing_mailing_change", args=[row.pk]), row) for row in known.mailings]
        listed = format_html_join(", ", '<a href="{}">{}</a>', links)
        rest = known.number_of_mailings - len(known.mailings)
        if not rest:
            return listed
        words = ngettext("and %(n)s more", "and %(n)s more", rest) % {"n": num(rest)}
        return format_html("{} {}", listed, words)

    @admin.display(description=gettext_lazy("changed"))
    def changed(self, client: Client) -> SafeString | str:
        return when(client.updated_at)

    # --- what its buttons do -------------------------------------------------------------------------------------

    @POST
    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        client = self.find(request, pk)
        if not self.has_stop_permission(request):
            raise PermissionDenied

        def act() -> Any:
            return suppression.suppress(client.email, SuppressionReason.MANUAL, by=user_of(request))

        return self.perform(request, act, said=_("No more letters will go to this client."), back=self._back(pk))

    @POST
    def lift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        client = self.find(request, pk)
        if not self.has_lift_permission(request):
            raise PermissionDenied

        def act() -> Any:
            return suppression.lift_many(Suppression.objects.filter(email=client.email), by=user_of(request))

        return self.perform(request, act, said=_("Letters go to this client again."), back=self._back(pk))

    def forget_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET asks; POST erases."""
        client = self.find(request, pk)
        if not self.has_delete_permission(request, client):
            raise PermissionDenied
        if request.method != "POST":
            stopped = Suppression.objects.filter(email=client.email).exists()
            context = {"deliveries": client.deliveries.count(), "stopped": stopped, "back": self._back(pk)}
            return self.page(request, client, "forget", _("Forget the client"), context)
        try:
            erasure.forget(client, by=user_of(request))
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        messages.success(request, _("The client is forgotten: no personal data is left."))
        return HttpResponseRedirect(self.url("changelist"))

    def _back(self, pk: int) -> str:
        return self.url("change", pk)


def receives_pill(reason: str | None) -> SafeString:
    """Yes, or why not."""
    if reason is None:
        return pill(_("yes"), "green")
    return pill(SuppressionReason(reason).label, "red" if reason == SuppressionReason.HARD_BOUNCE else "amber")


def _found(clients: QuerySet[Client]) -> tuple[int, int]:
    """(not receiving, added lately) among the clients of a search or filter: one look at each of them."""
    numbers = clients.order_by().aggregate(
        stopped=Count("pk", filter=Q(email__in=Suppression.objects.values("email"))),
        fresh=Count("pk", filter=Q(created_at__gte=timezone.now() - LATELY)),
    )
    return numbers["stopped"], numbers["fresh"]


def _of_all() -> tuple[int, int | str]:
    """The same of all clients, from indexes; the stop list is the small side of the join."""
    stopped = Client.objects.filter(email__in=Suppression.objects.values("email")).count()
    fresh = Client.objects.filter(created_at__gte=timezone.now() - LATELY).order_by()[: COUNTED + 1].count()
    return stopped, fresh if fresh <= COUNTED else more_than(COUNTED)


def more_than(number: int) -> str:
    return _("more than %(n)s") % {"n": num(number)}


def _post(label: str, url: str, icon: str) -> Button:
    return Button(label, url, method="post", icon=icon)


def _with(request: HttpRequest, **params: str) -> str:
    """The list's own address with one filter set; the page number would be a wrong one."""
    query = request.GET.copy()
    query.pop("p", None)
    for name, value in params.items():
        query[name] = value
    return f"?{query.urlencode()}"
