"""The list of clients, who may be a million: what it knows already, and its figures, counted once for a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailing import unchecked
from mailing.admin.clients.filters import links_of
from mailing.admin.common import pills
from mailing.admin.common.lists import OpenEndedList
from mailing.admin.common.pagination import ChoicePaginator, SearchPaginator, asked_page, more_than
from mailing.choices import Audience
from mailing.formatting import num
from mailing.furniture import Card
from mailing.models import Client, Mailing, Suppression

LATELY = timedelta(days=30)
# More found than this, and a look at each of them would take longer than anybody waits for a list.
BROAD_SEARCH, BROAD_FILTER = 20_000, 100_000
COUNTED = 100_000
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


class ClientList(OpenEndedList):
    queryset: QuerySet[Client]
    listed: Listed
    mailings: dict[int, int]  # how many each client was chosen for
    stopped: dict[str, str]  # address -> reason

    def get_results(self, request: HttpRequest) -> None:
        """Two queries for the columns of this page: in the list's own query they would be computed for every row."""
        super().get_results(request)
        self.listed = Listed(self.result_count, bool(self.query), self.has_active_filters, self.number_found)
        if not (self.listed.searched or self.listed.filtered):
            self.full_result_count = self.listed.total  # or Django says "N found" beside an empty search box
        ids, emails = [row.pk for row in self.result_list], [row.email for row in self.result_list]
        links = Mailing.clients.through.objects.filter(client__in=ids).values_list("client_id")
        self.mailings = dict(links.annotate(Count("pk")))
        self.stopped = Suppression.objects.reasons(emails)

    @cached_property
    def recipients_of(self) -> Mailing | None:
        """The mailing the list is filtered by."""
        pk = unchecked.number(str(self.params.get("mailing", "")))
        found = Mailing.objects.with_subject()
        return None if pk is None else found.filter(pk=pk).first()

    def cards(self, request: HttpRequest) -> list[Card]:
        """Of the filtered set. Of very many that were found by a search or filter only how many they are."""
        listed, clients = self.listed, Card(_("Clients"), self.listed.shown)
        if listed.is_broad:
            return [clients]
        stopped, fresh = _found(self.queryset) if listed.searched or listed.filtered else _of_all()
        since = timezone.localdate(timezone.now() - LATELY).isoformat()
        return [
            clients,
            Card(_("Receive mail"), listed.total - stopped, url=_with(request, receives="yes")),
            Card(_("Do not receive"), stopped, url=_with(request, receives="no")),
            Card(_("Added in 30 days"), fresh, url=_with(request, created_at__since=since)),
        ]

    # --- columns -----------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("receives mail"))
    def receives(self, client: Client) -> SafeString:
        return pills.receives(self.stopped.get(client.email))

    @cached_property
    def to_everyone(self) -> int:
        """How many mailings go to whoever receives mail."""
        return Mailing.objects.active().filter(next_run_at__isnull=False, audience=Audience.EVERYONE).count()

    @admin.display(description=gettext_lazy("in mailings"))
    def mailings_number(self, client: Client) -> SafeString:
        """Nobody who gets letters is in none."""
        number = self.mailings.get(client.pk, 0)
        if number or client.email in self.stopped or not self.to_everyone:
            return format_html('<span class="num">{}</span>', num(number))
        words = _("to everyone: %(n)s") % {"n": num(self.to_everyone)}
        return format_html('<span class="quiet">{}</span>', words)


def choices(term: str, clients: QuerySet[Client], per_page: int) -> ChoicePaginator:
    """The pages of a box that completes what is typed."""
    found = ChoicePaginator(clients, per_page)
    found.term = term
    return found


def pages(request: HttpRequest, clients: QuerySet[Client], per_page: int) -> SearchPaginator:
    """The pages of the list."""
    found = SearchPaginator(clients, per_page)
    mailing = unchecked.number(request.GET.get("mailing", ""))
    found.wanted = asked_page(request)
    if request.GET.keys() <= NOT_FILTERS:
        found.term = request.GET.get(SEARCH_VAR, "")
    elif request.GET.keys() <= {PAGE_VAR, ORDER_VAR, "mailing"} and mailing is not None:
        found.links = links_of(mailing)
    return found


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


def _with(request: HttpRequest, **params: str) -> str:
    """The list's own address with one filter set; the page number would be a wrong one."""
    query = request.GET.copy()
    query.pop("p", None)
    for name, value in params.items():
        query[name] = value
    return f"?{query.urlencode()}"
