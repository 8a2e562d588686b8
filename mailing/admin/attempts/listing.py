"""The list of attempts, with the totals of all that its filter lets through."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from mailing.admin.common.lists import SamovarList
from mailing.formatting import duration, error_tone, percent
from mailing.furniture import Card
from mailing.services.reports import statistics


class AttemptList(SamovarList):
    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        """One query for the page; bodies of letters stay where they are."""
        related = qs.select_related("mailing__message", "started_by")
        bodies = ("html_body", "text_body", "reasons", "mailing__message__body", "mailing__message__text_body")
        return related.defer(*bodies)

    page_parameters = ("format",)

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """`format` asks for the list as a file; it narrows nothing."""
        found = super().get_filters_params(params)
        found.pop("format", None)
        return found

    @cached_property
    def totals(self) -> statistics.Totals:
        """For the figures above the list and for its foot."""
        return statistics.totals(self.queryset)

    def cards(self, request: HttpRequest) -> list[Card]:
        sums = self.totals
        return [
            Card(_("Attempts"), sums.attempts),
            Card(_("Succeeded"), _share(sums.success_share), note=_("of the runs that ended")),
            Card(_("Letters accepted"), sums.sent),
            Card(_("Errors"), _share(sums.error_share), tone=error_tone(sums.error_share)),
            Card(_("Mean duration"), duration(sums.duration)),
        ]


def _share(share: float | None) -> str:
    return "—" if share is None else percent(round(share * 1000), 1000)
