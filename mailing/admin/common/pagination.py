"""Pages of very long lists: millions of deliveries (`CappedPaginator`), attempts (`LongRowsPaginator`), clients.

Of a million clients:

- The ids of a page are found first, in the index of the order alone; then its rows.
- A page behind the middle is counted from the end: the last one costs what the first does.
- A search that finds very many would have to sort them all for one page of them. The first few thousand rows in
  order are looked through instead; only if they hold too few, all that was found is sorted.
- Where the index of a search cannot count, the count ends one past the next full ten thousand after the page that is
  looked at: `is_open` says so, and every page can still be reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Page, Paginator
from django.db import connections
from django.db.models import F, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from mailing import unchecked
from mailing.formatting import num
from mailing.models import searching

if TYPE_CHECKING:
    BasePaginator = Paginator[Any]
else:
    BasePaginator = Paginator

COUNTED_AT_MOST = 100_000  # a count over ten million rows would take seconds
MANY = 10_000  # found rows: fewer are sorted in a few milliseconds
FEW = 5_000  # their numbers fit into one question
LOOKED_THROUGH = 4_000  # rows in order
LONGEST_LOOK = 30_000  # of them, where the first ones promise enough: as long as sorting tens of thousands takes


FARTHEST = 1_000_000  # page


def asked_page(request: HttpRequest) -> int:
    """Of a list: the number in its address, as far as there are pages at all."""
    return max(1, min(unchecked.number(request.GET.get(PAGE_VAR, "")) or 1, FARTHEST))


def more_than(number: int) -> str:
    """Of what was not counted to its end."""
    return _("more than %(n)s") % {"n": num(number)}


class CappedPaginator(BasePaginator):
    """Counts no further than anybody pages: the deliveries of years are tens of millions of rows."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:COUNTED_AT_MOST].count()


class FarPaginator(BasePaginator):
    object_list: QuerySet[Any]

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        bottom = (number - 1) * self.per_page
        ids = self.ids(bottom, min(bottom + self.per_page, self.count))
        rows = self.rows(ids)
        return Page([rows[pk] for pk in ids if pk in rows], number, self)

    def rows(self, ids: list[Any]) -> dict[Any, Any]:
        rows: dict[Any, Any] = self.object_list.model._default_manager.in_bulk(ids)
        return rows

    def ids(self, bottom: int, top: int) -> list[Any]:
        """Primary keys of the rows from `bottom` to `top`."""
        found = self.in_order().values_list("pk", flat=True)
        if bottom <= self.count // 2:
            return list(found[bottom:top])
        return list(found.reverse()[self.count - top : self.count - bottom])[::-1]

    def in_order(self) -> QuerySet[Any]:
        return self.object_list


class LongRowsPaginator(FarPaginator):
    """Rows as the list asks for them; those before the page, which may hold whole letters, are not even looked up."""

    def rows(self, ids: list[Any]) -> dict[Any, Any]:
        return self.object_list.in_bulk(ids)


class OpenEndedPaginator(FarPaginator):
    """Of many that its index cannot count; `wanted`: the page that will be asked for."""

    wanted = 1
    _counted: Any  # (how many, whether the count ended before the rows did)

    @cached_property
    def count(self) -> int:
        return int(self._counted[0])

    @property
    def is_open(self) -> bool:
        """Whether the count ended before the rows did."""
        return bool(self._counted[1])

    @property
    def bound(self) -> int:
        """How far is counted."""
        return MANY * (1 + (self.wanted - 1) * self.per_page // MANY)


class SearchPaginator(OpenEndedPaginator):
    """Of what the rows were narrowed by, if that is all:

    `term`: what was searched for; `links`: a row with `client_id` for each of them.
    """

    term = ""
    links: QuerySet[Any] | None = None

    @cached_property
    def _counted(self) -> tuple[int, bool]:
        if not self.term:
            rows = self.object_list if self.links is None else self.links
            return rows.order_by().count(), False
        number = searching.number(self.term, self.object_list.db)
        if number is not None:
            return number, False
        number = self.object_list.order_by()[: self.bound + 1].count()
        return number, number > self.bound

    def ids(self, bottom: int, top: int) -> list[Any]:
        if (not self.term and self.links is None) or self.count <= MANY:
            return super().ids(bottom, top)
        early = self._among_the_first(top)
        if len(early) == top:
            return early[bottom:]
        if self.links is not None:
            return super().ids(bottom, top)
        return list(self.in_order().values_list("pk", flat=True)[bottom:top])

    def _among_the_first(self, top: int) -> list[Any]:
        """What many have in common fills its pages early, and the first rows show how early."""
        found = self._fitting(0, LOOKED_THROUGH)
        needed = LOOKED_THROUGH * top * 5 // (4 * len(found)) if found else LONGEST_LOOK
        if len(found) < top and needed < LONGEST_LOOK:
            found += self._fitting(LOOKED_THROUGH, needed)
        return found[:top]

    def _fitting(self, bottom: int, top: int) -> list[Any]:
        rows = self.object_list
        in_order = rows.model._default_manager.order_by(*rows.query.order_by)[bottom:top]
        if self.links is None:
            fits = searching.fits(self.term)
            return [pk for pk, text in in_order.values_list("pk", "search_text") if fits(text)]
        ids = list(in_order.values_list("pk", flat=True))
        linked = set(self.links.filter(client__in=ids).values_list("client_id", flat=True))
        return [pk for pk in ids if pk in linked]

    def in_order(self) -> QuerySet[Any]:
        """Keeps PostgreSQL from walking the index of names until it has met enough: a second for a late letter."""
        rows = self.object_list
        if not self.term or connections[rows.db].vendor != "postgresql":
            return rows
        return rows.order_by(*map(_unindexed, rows.query.order_by))


class NarrowedPaginator(OpenEndedPaginator):
    """Pages of rows that any condition lets through; `known`: their number, if somebody has counted them.

    Few are found once and then sorted; of many the pages begin early in the order, and are counted as a search is.
    """

    def __init__(self, object_list: QuerySet[Any], per_page: int, *, known: int | None) -> None:
        super().__init__(object_list, per_page)
        self.known = known

    @cached_property
    def _counted(self) -> tuple[int, bool]:
        if self.known is not None:
            return self.known, False
        if len(self._few) <= FEW:
            return len(self._few), False
        number = self.object_list.order_by()[: self.bound + 1].count()
        return number, number > self.bound

    @cached_property
    def _few(self) -> list[Any]:
        return list(self.object_list.order_by().values_list("pk", flat=True)[: FEW + 1])

    def ids(self, bottom: int, top: int) -> list[Any]:
        rows, order = self.object_list.model._default_manager, self.object_list.query.order_by
        if self.count <= FEW:
            return list(rows.filter(pk__in=self._few).order_by(*order).values_list("pk", flat=True)[bottom:top])
        first = min(20 * top, LOOKED_THROUGH)
        looked = list(rows.order_by(*order).values_list("pk", flat=True)[:first])
        fit = set(self.object_list.order_by().filter(pk__in=looked).values_list("pk", flat=True))
        early = [pk for pk in looked if pk in fit][:top]
        return early[bottom:] if len(early) == top else super().ids(bottom, top)


class ChoicePaginator(SearchPaginator):
    """For the box that completes what is typed: counts no further than anybody scrolls."""

    @cached_property
    def count(self) -> int:
        number = searching.number(self.term, self.object_list.db, most=MANY + 1)
        return self.object_list.order_by()[: MANY + 1].count() if number is None else number

    def ids(self, bottom: int, top: int) -> list[Any]:
        if self.count <= MANY:
            return list(self.in_order().values_list("pk", flat=True)[bottom:top])
        return super().ids(bottom, top)


def _unindexed(order: str | Combinable) -> str | Combinable:
    name = str(order).removeprefix("-")
    if name not in {"full_name", "email"}:
        return order
    text = Concat(F(name), Value(""))
    return text.desc() if str(order).startswith("-") else text.asc()
