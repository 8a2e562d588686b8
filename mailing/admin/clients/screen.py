"""The screen of clients: the list, the card of one client, the ways in and out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailing.admin.clients import listing
from mailing.admin.clients.actions import ClientActions
from mailing.admin.clients.change_page import ClientChangePage
from mailing.admin.clients.filters import (
    DomainFilter,
    FileFilter,
    ReceivesFilter,
    RecipientsOfFilter,
    WithoutMailingsFilter,
)
from mailing.admin.clients.import_wizard import ClientWizard
from mailing.admin.clients.listing import ClientList
from mailing.admin.clients.resources import ClientResource
from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.client_rows import ClientRows
from mailing.admin.common.export import StreamedExport
from mailing.admin.common.filters import DateRangeFilter, Suggesting
from mailing.admin.common.pagination import SearchPaginator
from mailing.forms.clients import ClientForm
from mailing.furniture import Button
from mailing.models import Client

COMMENT_SHOWN = 60


@admin.register(Client)
class ClientAdmin(
    ClientActions,
    ClientChangePage,
    ClientWizard,
    StreamedExport[Client],
    Suggesting[Client],
    ClientRows,
    SamovarModelAdmin[Client],
):
    list_title = gettext_lazy("Clients")
    add_label = gettext_lazy("New client")
    empty_title = gettext_lazy("Your clients will be here")
    empty_text = gettext_lazy(
        "Clients are the people who get letters. Load the file you have: Excel or CSV, as it is. Or add the first "
        "client by hand."
    )
    empty_text_for_lookers = gettext_lazy(
        "Clients are the people who get letters. A Manager or an Editor loads them from a file."
    )
    changelist = ClientList
    list_display = (
        *("name", "address", ClientList.receives, ClientList.mailings_number),
        *("short_comment", "added"),
    )
    list_display_links = ("name",)
    list_filter = (
        ReceivesFilter,
        RecipientsOfFilter,
        WithoutMailingsFilter,
        ("created_at", DateRangeFilter),
        DomainFilter,
        FileFilter,
    )
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

    def get_fieldsets(self, request: HttpRequest, obj: Client | None = None) -> Any:
        """A new client has nothing to show yet."""
        if obj is None:
            return ((None, {"fields": ("email", "full_name", "greeting", "comment")}),)
        return self.fieldsets

    # --- columns -----------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("comment"))
    def short_comment(self, client: Client) -> str:
        return Truncator(client.comment.replace("\n", " ")).chars(COMMENT_SHOWN) or "—"

    # --- above the list ------------------------------------------------------------------------------------

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        per_page: int,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
    ) -> SearchPaginator:
        """Django asks for the pages of the list and for those of the autocomplete box alike."""
        if "term" in request.GET:
            return listing.choices(request.GET["term"], queryset, per_page)
        return listing.pages(request, queryset, per_page)

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
