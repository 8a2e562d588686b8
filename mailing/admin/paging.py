"""Pages of a list of a million clients.

- The ids of a page are found first, in the index of the order alone; then its rows.
- A page behind the middle is counted from the end: the last one costs what the first does.
- A search that finds very many would have to sort them all for one page of them. The first few thousand rows in
  order are looked through instead; only if they hold too few, all that was found is sorted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.db import connections
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Concat
from django.utils.functional import cached_property

from mailing.models import searching

if TYPE_CHECKING:
    BasePaginator = Paginator[Any]
else:
    BasePaginator = Paginator

MANY = 10_000  # found rows: fewer are sorted in a few milliseconds
LOOKED_THROUGH = 4_000  # rows in order


class FarPaginator(BasePaginator):
    object_list: QuerySet[Any]

    def page(self, number: Any) -> Page[Any]:
        number = self.validate_number(number)
        bottom = (number - 1) * self.per_page
        ids = self.ids(bottom, min(bottom + self.per_page, self.count))
        rows = self.object_list.model._default_manager.in_bulk(ids)
        return Page([rows[pk] for pk in ids if pk in rows], number, self)

    def ids(self, bottom: int, top: int) -> list[Any]:
        """Primary keys of the rows from `bottom` to `top`."""
        found = self.object_list.values_list("pk", flat=True)
        if bottom <= self.count // 2:
            return list(found[bottom:top])
        return list(found.reverse()[self.count - top : self.count - bottom])[::-1]


class SearchPaginator(FarPaginator):
    """`term`: what the rows were searched for, if that is all they were narrowed by."""

    term = ""

    @cached_property
    def count(self) -> int:
        number = searching.number(self.term, self.object_list.db) if self.term else None
        return self.object_list.order_by().count() if number is None else number

    def ids(self, bottom: int, top: int) -> list[Any]:
        if not self.term or self.count <= MANY:
            return super().ids(bottom, top)
        early = self._among_the_first(top)
        if len(early) == top:
            return early[bottom:]
        return list(self._sorted().values_list("pk", flat=True)[bottom:top])

    def _among_the_first(self, top: int) -> list[Any]:
        fits, rows = searching.fits(self.term), self.object_list
        first = rows.model._default_manager.order_by(*rows.query.order_by)[:LOOKED_THROUGH]
        return [pk for pk, text in first.values_list("pk", "search_text") if fits(text)][:top]

    def _sorted(self) -> QuerySet[Any]:
        """Keeps PostgreSQL from walking the index of names until it has met enough: a second for a late letter."""
        rows = self.object_list
        if connections[rows.db].vendor != "postgresql":
            return rows
        return rows.order_by(*map(_unindexed, rows.query.order_by))


class ChoicePaginator(SearchPaginator):
    """For the box that completes what is typed: counts no further than anybody scrolls."""

    @cached_property
    def count(self) -> int:
        number = searching.number(self.term, self.object_list.db, most=MANY + 1)
        return self.object_list.order_by()[: MANY + 1].count() if number is None else number

    def ids(self, bottom: int, top: int) -> list[Any]:
        if self.count <= MANY:
            return list(self.object_list.values_list("pk", flat=True)[bottom:top])
        return super().ids(bottom, top)


def _unindexed(order: Any) -> Any:
    name = str(order).removeprefix("-")
    if name not in {"full_name", "email"}:
        return order
    text = Concat(F(name), Value(""))
    return text.desc() if str(order).startswith("-") else text.asc()
