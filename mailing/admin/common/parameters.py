"""What the address of a list may ask for: what its own filters, search, order, pages and links make, nothing else.

Whatever else stands there is never left out in silence, for the rows of a list are what somebody acts on: a list says
what it ignored, everything else (an action, a file, a report) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR, TO_FIELD_VAR
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.http import HttpRequest

from mailing import unchecked
from mailing.errors import NotUnderstood

if TYPE_CHECKING:
    Screen = admin.ModelAdmin[Any]
else:
    Screen = admin.ModelAdmin

ORDER = re.compile(r"-?\d{1,2}(\.-?\d{1,2})*", re.ASCII)


@runtime_checkable
class Understanding(Protocol):
    """A filter that takes more values than it offers."""

    def understands(self, value: str) -> bool:
        """Whether the value narrows the list as it says, or is how this filter's form says “all”."""
        ...


def require_known(screen: Screen, request: HttpRequest, links: Sequence[str]) -> None:
    """Refuses parameters that nothing of the list makes; their values are the filters' own matter."""
    own = {
        SEARCH_VAR: _is_search if screen.get_search_fields(request) else _never,
        PAGE_VAR: lambda text: bool(unchecked.number(text)),
        ORDER_VAR: lambda text: _is_order(text, len(screen.get_list_display(request)) + 1),
        ALL_VAR: _is_flag,
        IS_POPUP_VAR: _is_flag,
        TO_FIELD_VAR: lambda text: screen.to_field_allowed(request, text),
    }
    known = own | dict.fromkeys([*filter_names(screen, request), *links], _always)
    refuse(request, [name for name, values in request.GET.lists() if not _fits(values, known.get(name, _never))])


def refuse(request: HttpRequest, names: Sequence[str]) -> None:
    """The refusal of these parameters, if there are any."""
    if names:
        raise NotUnderstood([(name, request.GET.get(name, "")) for name in names])


def filter_names(screen: Screen, request: HttpRequest) -> Iterator[str]:
    """The parameters of the list's filters."""
    items: Any = screen.get_list_filter(request)
    for item in items:
        if isinstance(item, type):
            yield str(getattr(item, "parameter_name", ""))  # a filter over no field
            continue
        path, kind = item if isinstance(item, tuple) else (item, admin.FieldListFilter.create)
        field = get_fields_from_path(screen.model, path)[-1]
        spec: Any = kind(field, request, {}, screen.model, screen, field_path=path)
        yield from map(str, spec.expected_parameters())


def understands(spec: admin.ListFilter, name: str, values: Sequence[str]) -> bool:
    """Whether the filter's own links or form make this value."""
    return _fits(values, lambda value: _understands(spec, name, value))


def _understands(spec: Any, name: str, value: str) -> bool:
    if isinstance(spec, Understanding):
        return spec.understands(value)
    if name.endswith("__isnull"):
        return value in {"True", "False"}
    if isinstance(spec, admin.BooleanFieldListFilter):
        return value in {"0", "1"}
    offered = spec.field.flatchoices if isinstance(spec, admin.ChoicesFieldListFilter) else spec.lookup_choices
    return value in {str(choice) for choice, _words in offered}


def _fits(values: Sequence[str], fits: Callable[[str], bool]) -> bool:
    """Nothing of ours gives a parameter twice."""
    return len(values) == 1 and fits(values[0])


def _is_search(text: str) -> bool:
    return len(text) <= unchecked.LONGEST_SEARCH and "\x00" not in text


def _is_order(text: str, columns: int) -> bool:
    if text and not ORDER.fullmatch(text[: 4 * columns + 1]):
        return False
    numbers = [int(part.lstrip("-")) for part in text.split(".") if part]
    return len(set(numbers)) == len(numbers) and all(number < columns for number in numbers)


def _is_flag(text: str) -> bool:
    return text in {"", "1"}


def _always(text: str) -> bool:
    return True


def _never(text: str) -> bool:
    return False
