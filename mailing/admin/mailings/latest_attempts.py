"""The newest runs on the page of their mailing, to be looked at only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from mailing.admin.common.base import Unchangeable
from mailing.models import Attempt, Mailing

if TYPE_CHECKING:
    FormSet = BaseInlineFormSet[Attempt, Mailing, Any]
    Inline = admin.TabularInline[Attempt, Mailing]
else:
    FormSet, Inline = BaseInlineFormSet, admin.TabularInline

LATEST = 10


class ShownOnly(FormSet):
    """The newest rows; whatever is posted for them is not even read."""

    new_objects: list[Any] = []
    changed_objects: list[Any] = []
    deleted_objects: list[Any] = []

    def __init__(self, data: object = None, files: object = None, **kwargs: Any) -> None:
        super().__init__(None, None, **kwargs)

    def get_queryset(self) -> QuerySet[Attempt]:
        if not hasattr(self, "_queryset"):
            self._queryset = super().get_queryset()[:LATEST]
        return self._queryset

    def is_valid(self) -> bool:
        return True

    def save(self, commit: bool = True) -> list[Attempt]:
        return []


class LatestAttempts(Unchangeable, Inline):
    """The ten newest runs, read-only; the rest is one click away."""

    model = Attempt
    formset = ShownOnly
    template = "admin/mailing/mailing/_attempts.html"
    verbose_name_plural = gettext_lazy("Latest attempts")
    extra = 0
    can_delete = False
    fields = ("status",)
    readonly_fields = ("status",)

    @property
    def media(self) -> forms.Media:
        return forms.Media()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        return super().get_queryset(request).select_related("started_by").defer("html_body", "text_body", "reasons")
