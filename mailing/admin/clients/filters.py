"""The questions staff ask of the list of clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.core.cache import cache
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailing import addresses
from mailing.admin.common.filters import MailingFilter, PickFilter, Screen
from mailing.choices import Audience, SuppressionReason
from mailing.furniture import Words
from mailing.models import Client, ClientImport, Mailing, Suppression

TOP_DOMAINS = 8
LONGEST_DOMAIN = 253
SAMPLE = 20_000  # newest clients; a GROUP BY over 1 000 000 addresses takes two seconds
REMEMBERED = 3600  # seconds
Choices = list[tuple[str, Words]]


class ReceivesFilter(admin.SimpleListFilter):
    title = gettext_lazy("receives mail")
    parameter_name = "receives"

    def lookups(self, request: HttpRequest, model_admin: Screen) -> Choices:
        return [("yes", _("yes")), ("no", _("no")), *SuppressionReason.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        entries = Suppression.objects.filter(email=OuterRef("email"))
        if self.value() == "yes":
            return queryset.filter(~Exists(entries))
        if self.value() == "no":
            return queryset.filter(email__in=Suppression.objects.values("email"))
        if self.value() in SuppressionReason.values:
            return queryset.filter(email__in=Suppression.objects.filter(reason=self.value()).values("email"))
        return None


class RecipientsOfFilter(MailingFilter):
    """The recipients of a mailing; of one that goes to everyone, all clients."""

    def narrow(self, queryset: QuerySet[Any], pk: int) -> QuerySet[Any]:
        links = links_of(pk)
        return queryset if links is None else queryset.filter(pk__in=links.values("client_id"))


class WithoutMailingsFilter(admin.SimpleListFilter):
    title = gettext_lazy("number of mailings")
    parameter_name = "mailings"

    def lookups(self, request: HttpRequest, model_admin: Screen) -> Choices:
        return [("none", _("in none")), ("some", _("in at least one"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        links = Exists(Mailing.clients.through.objects.filter(client=OuterRef("pk")))
        return {"none": queryset.filter(~links), "some": queryset.filter(links)}.get(self.value() or "")


class DomainFilter(admin.SimpleListFilter):
    """Mail services most clients use; the chosen one is offered even if it is not among them."""

    title = gettext_lazy("mail service")
    parameter_name = "domain"

    def lookups(self, request: HttpRequest, model_admin: Screen) -> Choices:
        found = top_domains()
        chosen = self.value()
        names = found if not chosen or chosen in found else [*found, chosen]
        return [(name, addresses.display(f"@{name}")[1:]) for name in names]

    def understands(self, value: str) -> bool:
        """Any service, not only the most used ones."""
        return 0 < len(value) <= LONGEST_DOMAIN and value.isprintable()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        return queryset.filter(email__endswith=f"@{self.value()}") if self.value() else None


class FileFilter(PickFilter):
    """Only there while somebody looks at the clients of one file: the link comes from the result page."""

    title = gettext_lazy("loaded from")
    parameter_name = "file"

    def rows(self) -> Iterable[tuple[int, str]]:
        return []

    def narrow(self, queryset: QuerySet[Any], pk: int) -> QuerySet[Any]:
        return queryset.filter(
            pk__in=ClientImport.clients.through.objects.filter(clientimport=pk).values("client_id")
        )

    def name(self, pk: int) -> str | None:
        return ClientImport.objects.filter(pk=pk).values_list("file_name", flat=True).first()


def links_of(mailing: int) -> QuerySet[Any] | None:
    """One row for each client selected for the mailing; None if it goes to everyone."""
    if Mailing.objects.filter(pk=mailing, audience=Audience.EVERYONE).exists():
        return None
    return Mailing.clients.through.objects.filter(mailing=mailing)


def top_domains() -> list[str]:
    """Of the newest clients, remembered for an hour."""
    key = "mailing:top-domains"
    found: list[str] | None = cache.get(key)
    if found is None:
        found = _count_domains()
        cache.set(key, found, REMEMBERED)
    return found


def _count_domains() -> list[str]:
    newest = Client.objects.order_by("-pk").values_list("email", flat=True)[:SAMPLE]
    counted = Counter(map(addresses.domain, newest))
    return [domain for domain, _number in counted.most_common(TOP_DOMAINS)]
