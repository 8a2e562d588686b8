"""Form controls that are named and need no script."""

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
    """A date and a time as text in the page's language, each with a name of its own for screen readers.

    The browser's own pickers speak the browser's language: a Russian reader took their 11/12 for 11 December.
    """

    def __init__(self, label: Words) -> None:
        self.label = label
        super().__init__(
            time_format="%H:%M:%S",
            date_attrs={"class": "moment-date", "autocomplete": "off"},
            time_attrs={"class": "moment-time", "autocomplete": "off"},
        )

    def get_context(self, name: str, value: object, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        words = ((_("date"), _("yyyy-mm-dd")), (_("time"), _("hh:mm")))
        for part, (label, pattern) in zip(context["widget"]["subwidgets"], words, strict=True):
            part["attrs"] |= {"aria-label": f"{self.label}: {label}", "placeholder": pattern}
        self._shorten(context["widget"]["subwidgets"][1])
        return context

    @staticmethod
    def _shorten(time: dict[str, Any]) -> None:
        """Without its seconds, unless it has some: what is shown is what is stored, or an untouched save moves it."""
        shown = time["value"] or ""
        if shown.endswith(":00") and shown.count(":") == 2:
            time["value"] = shown.removesuffix(":00")


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
