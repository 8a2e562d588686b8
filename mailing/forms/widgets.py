"""Form controls that are named, localised by the browser, and need no script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import Field
from django.forms.renderers import BaseRenderer
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from mailing.furniture import Words


class MomentWidget(forms.SplitDateTimeWidget):
    """A date and a time as the browser's own pickers, each with a name of its own for screen readers.

    They speak the browser's language, whatever the page's is. In return they work without scripts, by keyboard and
    with a thumb; the sentence of the plan beside them says in the page's language what was understood.
    """

    def __init__(self, label: Words) -> None:
        self.label = label
        super().__init__(
            date_format="%Y-%m-%d",
            time_format="%H:%M:%S",
            date_attrs={"type": "date", "class": "moment-date"},
            time_attrs={"type": "time", "class": "moment-time"},
        )

    def get_context(self, name: str, value: object, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        for part, label in zip(context["widget"]["subwidgets"], (_("date"), _("time")), strict=True):
            part["attrs"]["aria-label"] = f"{self.label}: {label}"
        self._shorten(context["widget"]["subwidgets"][1])
        return context

    @staticmethod
    def _shorten(time: dict[str, Any]) -> None:
        """Without its seconds, unless it has some: what is shown is what is stored, or an untouched save moves it."""
        shown = time["value"] or ""
        if shown.endswith(":00") and shown.count(":") == 2:
            time["value"] = shown.removesuffix(":00")
        elif shown.count(":") == 2:
            time["attrs"]["step"] = "1"


class FileBox(forms.FileInput):
    """The browser's own control under a button in the language of the page; without scripts it shows itself."""

    def render(
        self, name: str, value: object, attrs: dict[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        return format_html(
            '<span class="file-box">{}<span class="btn" aria-hidden="true">{}</span>'
            '<span class="file-name" aria-hidden="true">{}</span></span>',
            super().render(name, value, attrs, renderer),
            _("Choose a file"),
            _("or drop it here"),
        )


class SuggestingSelect(AutocompleteSelect):
    """A native select of the newest rows; with scripts, Django's own box that searches all of them.

    `relation` is a foreign key to what is chosen; by it `ModelAdmin.get_search_results` knows what it may offer.
    `placeholder` stands in the empty box.
    """

    placeholder: Words = ""

    def __init__(self, relation: Field[Any, Any], attrs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(relation, admin.site, attrs={"data-width": "100%"} | (attrs or {}), **kwargs)

    def build_attrs(self, base_attrs: dict[str, Any], extra_attrs: dict[str, Any] | None = None) -> dict[str, Any]:
        return super().build_attrs(base_attrs, extra_attrs) | {"data-placeholder": self.placeholder}

    def optgroups(self, name: str, value: Sequence[str], attr: dict[str, Any] | None = None) -> list[Any]:
        """Without scripts the box would be empty: here all choices are written out."""
        return forms.Select.optgroups(self, name, list(value), attr)
