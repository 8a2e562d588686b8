"""django-q's own screens, made harmless.

Its stock admin can run any function (a Schedule row names one), re-submit old tasks, and loads unsigned pickles when
it shows a result. What is left is a read-only list of Schedule and Failure, for superusers.
"""

from __future__ import annotations

import base64
import binascii
import io
import pickle
from typing import TYPE_CHECKING, Any, TypedDict

from django.contrib import admin
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_q import admin as stock  # registers its screens: ours is loaded first, so it must come before
from django_q.models import Failure, OrmQ, Schedule, Success

from mailing import scheduling
from mailing.admin.common.base import SuperuserReadOnly
from mailing.admin.common.lists import SamovarList
from mailing.formatting import pill, when
from mailing.furniture import ChangePage
from mailing.models import light
from mailing.services.states import Signs

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    StoredFailure = WithAnnotations[Failure, "Stored"]

assert stock
for model in (Success, Failure, Schedule, OrmQ):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class ScheduleList(SamovarList):
    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        """The names of mailings; letters stay where they are."""
        return qs.select_related("mailing__message").defer(*light.mailing("mailing"))

    @cached_property
    def signs(self) -> Signs:
        return Signs()

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: Schedule) -> SafeString | str:
        return _state(row, self.signs)


@admin.register(Schedule)
class ScheduleAdmin(SuperuserReadOnly[Schedule]):
    list_title = gettext_lazy("Queue: schedules")
    empty_text = gettext_lazy("Each active mailing has a row here; the tick makes it.")
    changelist = ScheduleList
    list_display: Any = ("mailing_link", "next_send", ScheduleList.state, "name")
    list_display_links = None
    search_fields = ("name",)
    search_help_text = gettext_lazy("By name")
    fields = ("mailing_link", "next_send", "state", "name")
    ordering = ("next_run",)

    @admin.display(description=gettext_lazy("mailing"))
    def mailing_link(self, row: Schedule) -> SafeString | str:
        mailing = getattr(row, "mailing", None)
        if mailing is None:
            return "—"
        return format_html('<a href="{}">{}</a>', reverse("admin:mailing_mailing_change", args=[mailing.pk]), mailing)

    @admin.display(description=gettext_lazy("next run"), ordering="next_run")
    def next_send(self, row: Schedule) -> SafeString | str:
        return when(row.next_run)

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: Schedule) -> SafeString | str:
        return _state(row, Signs())

    def get_change_page(self, request: HttpRequest, obj: Schedule) -> ChangePage:
        return ChangePage(str(getattr(obj, "mailing", None) or obj.name or obj.func))


def _state(row: Schedule, signs: Signs) -> SafeString | str:
    """An alarm clock that nobody listens to is not going."""
    if row.next_run is not None:
        return pill(_("nobody rings it"), "red", signs.hindrance) if signs.hindrance else _("active")
    reason = scheduling.why_broken(row)
    return pill(_("parked: %(reason)s") % {"reason": reason}, "amber") if reason else _("has run")


class Stored(TypedDict):
    stored: str | None  # the pickle of the result, as text


@admin.register(Failure)
class FailureAdmin(SuperuserReadOnly[Failure]):
    list_title = gettext_lazy("Queue: failures")
    empty_title = gettext_lazy("No failures")
    empty_text = gettext_lazy("What a worker could not do would stand here with the reason.")
    list_display = ("name", "func", "stopped_at", "why")
    list_display_links = None
    search_fields = ("name", "func")
    search_help_text = gettext_lazy("By name and function")
    fields = ("name", "func", "began", "stopped_at", "why")  # the rest are pickles
    ordering = ("-stopped",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The pickles stay where they are: loading one could run anything."""
        rows = super().get_queryset(request).defer("args", "kwargs", "result")
        return rows.annotate(stored=Cast("result", TextField()))

    @admin.display(description=gettext_lazy("started"))
    def began(self, row: Failure) -> SafeString | str:
        return when(row.started)

    @admin.display(description=gettext_lazy("when"), ordering="stopped")
    def stopped_at(self, row: Failure) -> SafeString | str:
        return when(row.stopped)

    @admin.display(description=gettext_lazy("text"))
    def why(self, row: StoredFailure) -> SafeString | str:
        told = text_of(row.stored)
        return format_html("<pre>{}</pre>", Truncator(told).chars(2000)) if told else "—"


class TextOnlyUnpickler(pickle.Unpickler):
    """Reads text and numbers; whatever names a class or function is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name}")


def text_of(stored: str | None) -> str:
    """The text of a stored result, which is a pickle in base64; empty when it is anything but text."""
    try:
        value = TextOnlyUnpickler(io.BytesIO(base64.b64decode(stored or ""))).load()
    except (pickle.UnpicklingError, binascii.Error, EOFError, ValueError, IndexError, KeyError, AttributeError):
        return ""
    return value if isinstance(value, str) else ""
