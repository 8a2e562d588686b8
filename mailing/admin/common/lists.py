"""The page of a list that somebody looks at: made for each request, while a ModelAdmin is shared by all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest

from mailing.furniture import Card

Column = str | Callable[..., object]


class SamovarList(ChangeList):
    """What is gathered once for all rows of the page is kept here.

    A column that shows it is a method of the list, and stands as such in `list_display`: `MailingList.trend`.
    """

    list_display: Any
    sortable_by: Any
    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.list_display = self._bound(self.list_display)
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
