"""Filters any list may use: a table of questions, a range of days, and one of many objects.

`DateRangeFilter` for a date-time field: `list_filter = (("created_at", DateRangeFilter),)`.
`MailingFilter` and `MessageFilter` for a foreign key of that name; a subclass overrides `narrow`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailing import unchecked
from mailing.admin.common.base import Row, SamovarModelAdmin
from mailing.forms.widgets import SuggestingSelect
from mailing.furniture import Words
from mailing.models import Mailing, Message
from mailing.services.reports import periods

if TYPE_CHECKING:
    Screen = admin.ModelAdmin[Any]
else:
    Screen = admin.ModelAdmin

Questions = dict[str, tuple[Words, Callable[[Any], QuerySet[Any]]]]

OFFERED = 100  # the newest ones, for a browser without scripts; the others are searched for
SHOWN = 60  # characters of a name


class QuestionFilter(admin.SimpleListFilter):
    """A list filter over a table: value → (words, question)."""

    def questions(self) -> Questions:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Screen) -> list[tuple[str, Words]]:
        return [(value, words) for value, (words, _ask) in self.questions().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        found = self.questions().get(self.value() or "")
        return found[1](queryset) if found else None


class Titled(admin.FieldListFilter):
    """A filter over a field, under another name than the field's."""

    own_title: ClassVar[Words]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = self.own_title


class DateRangeFilter(admin.FieldListFilter):
    """From one day to another, both included, in the installation's time zone. Two native date inputs, no script."""

    template = "admin/filters/_date_range.html"

    def expected_parameters(self) -> list[str | None]:
        return [f"{self.field_path}__since", f"{self.field_path}__until"]

    @property
    def since(self) -> date | None:
        return self._day(f"{self.field_path}__since")

    @property
    def until(self) -> date | None:
        return self._day(f"{self.field_path}__until")

    def _day(self, name: str) -> date | None:
        values: Any = self.used_parameters.get(name) or [""]
        return unchecked.day(str(values[-1]))

    def understands(self, value: str) -> bool:
        """An empty box is sent, too."""
        return not value or unchecked.day(value) is not None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.since:
            queryset = queryset.filter(**{f"{self.field_path}__gte": periods.midnight(self.since)})
        if self.until:
            queryset = queryset.filter(**{f"{self.field_path}__lt": periods.midnight(self.until + timedelta(days=1))})
        return queryset

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """The whole form as one choice: its template draws the inputs."""
        names = [str(name) for name in self.expected_parameters()]
        yield {
            "selected": bool(self.since or self.until),
            "display": self._words(),
            "inputs": [
                {"name": name, "label": label, "value": value.isoformat() if value else ""}
                for name, label, value in zip(names, (_("from"), _("to")), (self.since, self.until), strict=True)
            ],
            "others": _others(changelist, names),
            "reset": changelist.get_query_string(remove=names),
        }

    def _words(self) -> str:
        since, until = (date_format(day, "SHORT_DATE_FORMAT") if day else "…" for day in (self.since, self.until))
        return f"{since} – {until}"


class PickFilter(admin.SimpleListFilter):
    """One of many objects: a box that searches them, and without scripts a native select of the newest.

    `relation` names a foreign key to such objects: ("attempt", "mailing").
    """

    relation: tuple[str, str] | None = None
    template = "admin/filters/_pick.html"

    def rows(self) -> Iterable[tuple[int, str]]:
        """(id, words) of those on offer, at most OFFERED."""
        raise NotImplementedError

    def name(self, pk: int) -> str | None:
        """The words for one that is not on offer; None when there is no such object."""
        raise NotImplementedError

    def narrow(self, queryset: QuerySet[Any], pk: int) -> QuerySet[Any]:
        return queryset.filter(**{str(self.parameter_name): pk})

    @property
    def chosen(self) -> int | None:
        return unchecked.number(self.value() or "")

    def understands(self, value: str) -> bool:
        """“All” is sent as an empty value."""
        return not value or unchecked.number(value) is not None

    def has_output(self) -> bool:
        """Also while it is narrowed to something that is gone: Django does not ask a filter that shows nothing."""
        return bool(self.value()) or super().has_output()

    def lookups(self, request: HttpRequest, model_admin: Screen) -> list[tuple[str, str]]:
        found = {str(pk): words for pk, words in self.rows()}
        chosen = self.chosen
        if chosen and str(chosen) not in found and (words := self.name(chosen)):
            found = {str(chosen): words} | found
        return list(found.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        return None if self.chosen is None else self.narrow(queryset, self.chosen)

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        words = dict(self.lookup_choices).get(str(self.chosen))
        yield {
            "selected": words is not None,
            "display": words,
            "name": self.parameter_name,
            "select": self._select(),
            "others": _others(changelist, [str(self.parameter_name)]),
        }

    def _select(self) -> SafeString:
        name = str(self.parameter_name)
        attrs = {"id": f"filter-{name}-box", "data-dropdown-parent": f"#filter-{name}"}
        choices = [
            ("", _("All")),
            *((value, Truncator(str(text)).chars(SHOWN)) for value, text in self.lookup_choices),
        ]
        return suggesting(self.relation, attrs, choices).render(name, str(self.chosen or ""))


def suggesting(
    relation: tuple[str, str] | None, attrs: dict[str, Any], choices: Sequence[tuple[str, str]] = ()
) -> forms.Select:
    if relation is None:
        return forms.Select(attrs, choices)
    model, field = relation
    return SuggestingSelect(apps.get_model("mailing", model)._meta.get_field(field), attrs, choices=choices)


class MailingFilter(PickFilter):
    title = gettext_lazy("mailing")
    parameter_name = "mailing"
    relation = ("attempt", "mailing")

    def rows(self) -> Iterable[tuple[int, str]]:
        newest = Mailing.objects.order_by("-created_at", "-pk").values_list("pk", "name", "message__subject")
        return [(pk, name or subject) for pk, name, subject in newest[:OFFERED]]

    def name(self, pk: int) -> str | None:
        mailing = Mailing.objects.with_subject().filter(pk=pk).first()
        return str(mailing) if mailing else None


class MessageFilter(PickFilter):
    title = gettext_lazy("message")
    parameter_name = "message"
    relation = ("mailing", "message")

    def rows(self) -> Iterable[tuple[int, str]]:
        return Message.objects.order_by("-updated_at", "-pk").values_list("pk", "subject")[:OFFERED]

    def name(self, pk: int) -> str | None:
        return Message.objects.filter(pk=pk).values_list("subject", flat=True).first()


def _others(changelist: ChangeList, mine: list[str]) -> list[tuple[str, str]]:
    """The other parameters of the list, to be kept as hidden fields."""
    return [
        (name, value) for name, values in changelist.filter_params.items() if name not in mine for value in values
    ]


class Suggesting(SamovarModelAdmin[Row]):
    """A list with a `PickFilter`: brings along the scripts of its box."""

    @property
    def media(self) -> forms.Media:
        return super().media + suggesting(MailingFilter.relation, {}).media
