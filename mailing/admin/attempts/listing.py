"""The list of attempts, with the totals of all that its filter lets through."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailing.admin.common import pills
from mailing.admin.common.lists import SamovarList
from mailing.formatting import duration, error_tone, num, percent
from mailing.furniture import Card
from mailing.models import Attempt
from mailing.services import states
from mailing.services.reports import statistics
from mailing.services.states import Signs


class AttemptList(SamovarList):
    def apply_select_related(self, qs: Any) -> QuerySet[Any]:
        """One query for the page; letters stay where they are."""
        rows: QuerySet[Any] = qs.with_mailing().select_related("started_by")
        return rows

    page_parameters = ("format", "period", "sort")

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """`format` asks for the list as a file, `period` and `sort` are the report's; they narrow nothing."""
        found = super().get_filters_params(params)
        return {name: values for name, values in found.items() if name not in self.page_parameters}

    @cached_property
    def signs(self) -> Signs:
        """For the states of all rows."""
        return Signs()

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, attempt: Attempt) -> SafeString:
        return pills.state(states.of_run(attempt, self.signs), in_list=True)

    @cached_property
    def totals(self) -> statistics.Totals:
        """For the figures above the list and for its foot."""
        return statistics.totals(self.queryset)

    def cards(self, request: HttpRequest) -> list[Card]:
        sums = self.totals
        return [
            Card(_("Attempts"), sums.attempts),
            Card(_("Succeeded"), _share(sums.success_share), note=_not_quite(sums)),
            Card(_("Letters accepted"), sums.sent, note=_share(sums.accepted_share)),
            Card(_("Errors"), _share(sums.error_share), tone=error_tone(sums.error_share)),
            Card(_("Mean duration"), duration(sums.duration)),
        ]


def _not_quite(sums: statistics.Totals) -> str:
    """The other two ends of the runs, in numbers."""
    values = {"partly": num(sums.partly), "failed": num(sums.broken)}
    return _("partly: %(partly)s, failed: %(failed)s") % values


def _share(share: float | None) -> str:
    return "—" if share is None else percent(round(share * 1000), 1000)
