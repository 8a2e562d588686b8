"""The page of a list that somebody looks at: made for each request, while a ModelAdmin is shared by all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from django.contrib.admin import ListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from mailing import unchecked
from mailing.admin.common import parameters
from mailing.admin.common.pagination import more_than
from mailing.furniture import Card

Column = str | Callable[..., object]


class SamovarList(ChangeList):
    """What is gathered once for all rows of the page is kept here.

    A column that shows it is a method of the list, and stands as such in `list_display`: `MailingList.trend`.
    """

    page_parameters: ClassVar[Sequence[str]] = ()  # of other pages that show the same rows; they narrow nothing

    model_admin: Any
    list_display: Any
    list_display_links: Any
    sortable_by: Any
    result_list: Any

    def get_filters(self, request: HttpRequest) -> Any:
        """Of the filters; what none of them made sense of is refused, never left out in silence."""
        found = super().get_filters(request)
        specs = {name: spec for spec in found[0] for name in spec.used_parameters}
        given: dict[str, list[str]] = self.get_filters_params()
        wrong = [name for name, values in given.items() if not self._understood(name, values, specs.get(name))]
        parameters.refuse(request, wrong)
        return found

    def _understood(self, name: str, values: list[str], spec: ListFilter | None) -> bool:
        if spec is not None:
            return parameters.understands(spec, name, values)
        return name in self.model_admin.link_parameters and all(unchecked.number(pk) is not None for pk in values)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        try:
            return super().get_queryset(request, exclude_parameters)
        except IncorrectLookupParameters:
            parameters.refuse(request, list(self.get_filters_params()))
            raise

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except IncorrectLookupParameters:  # no such page
            parameters.refuse(request, [PAGE_VAR])
        self.list_display = self._bound(self.list_display)
        self.list_display_links = self._bound(self.list_display_links or [])
        self.sortable_by = self._bound(self.sortable_by)

    def cards(self, request: HttpRequest) -> list[Card]:
        """Figures above the list, of all the rows that its filter lets through."""
        return []

    def _bound(self, columns: Iterable[Column]) -> list[Column]:
        """Django calls a column with the row alone: our own methods must know their list."""
        own = type(self)
        return [
            getattr(self, column.__name__) if getattr(own, _name(column), None) is column else column
            for column in columns
        ]


def _name(column: Column) -> str:
    return column if isinstance(column, str) else column.__name__


class OpenEndedList(SamovarList):
    """Its pages are an `OpenEndedPaginator`'s: of very many its number is “more than so many”."""

    number_found: int | str  # for the templates, as is_open
    is_open: bool

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.is_open = self.paginator.is_open
        self.number_found = more_than(self.paginator.bound) if self.is_open else self.result_count
        self.result_list = list(self.result_list)
