"""Clients as rows of a list: how they are searched and sorted, and the columns every such list has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.lists import Column
from mailing.formatting import when
from mailing.models import Client
from mailing.models.clients import ClientQuerySet


class ClientRows(SamovarModelAdmin[Client]):
    list_display: Sequence[Column]
    show_full_result_count = False  # a second count of all clients, of which nothing is shown
    search_fields = ("search_text",)
    search_help_text = gettext_lazy("By name, address and comment")
    ordering = ("full_name", "pk")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return ClientQuerySet.search(queryset, search_term), False  # type: ignore[arg-type]

    @admin.display(description=gettext_lazy("full name"), ordering="full_name")
    def name(self, client: Client) -> str:
        return client.full_name or str(client.email)

    @admin.display(description=gettext_lazy("e-mail"), ordering="email")
    def address(self, client: Client) -> str:
        return str(client.email)

    @admin.display(description=gettext_lazy("added"), ordering="created_at")
    def added(self, client: Client) -> SafeString | str:
        return when(client.created_at)
