"""The access log on the screen: read, searched, exported; never changed or deleted."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy, ngettext
from import_export.fields import Field

from mailing.admin.common.base import Unchangeable
from mailing.admin.common.export import StreamedExport, StreamedResource
from mailing.admin.common.filters import DateRangeFilter, QuestionFilter, Questions, Titled
from mailing.admin.common.pages import user_of
from mailing.admin.common.row_actions import pictured
from mailing.choices import AccessKind
from mailing.formatting import num, pill, when
from mailing.furniture import Button, ChangePage
from mailing.models import AccessEvent
from mailing.models.access_events import UNFRIENDLY
from mailing.services.access import limits, trail

BROWSER_SHOWN = 60
TONES = {AccessKind.LOCKED_OUT: "red", AccessKind.FAILED: "amber", AccessKind.CODE_FAILED: "amber"}


class WhenFilter(Titled, DateRangeFilter):
    own_title = gettext_lazy("when")


class TroubleFilter(QuestionFilter):
    title = gettext_lazy("log-ins")
    parameter_name = "trouble"

    def questions(self) -> Questions:
        return {
            "now": (gettext_lazy("locked out now"), limits.locked_now),
            "refused": (gettext_lazy("refused"), lambda rows: rows.filter(kind__in=UNFRIENDLY)),
            "let_in": (gettext_lazy("let in"), lambda rows: rows.filter(kind=AccessKind.LOGGED_IN)),
        }


class AccessLogResource(StreamedResource):
    at = Field("at", gettext_lazy("when"))
    kind = Field("get_kind_display", gettext_lazy("what"))
    username = Field("username", gettext_lazy("user name"))
    by = Field("by", gettext_lazy("by"))
    address = Field("address", gettext_lazy("IP address"))
    browser = Field("browser", gettext_lazy("browser"))
    details = Field("told", gettext_lazy("details"))

    class Meta:
        model = AccessEvent
        fields = ("at", "kind", "username", "by", "address", "browser", "details")


class AccessLogAdmin(Unchangeable, StreamedExport[AccessEvent]):
    list_title = gettext_lazy("Access log")
    export_resource = AccessLogResource
    import_export_change_list_template = "admin/change_list.html"
    has_history = False
    actions = ("unlock",)
    list_display: Any = ("moment", "what", "person", "details_told", "by", "address", "agent")
    list_filter: ClassVar[Any] = (TroubleFilter, "kind", ("at", WhenFilter))
    search_fields = ("username", "by", "address")
    search_help_text = gettext_lazy("By user name and IP address")
    ordering = ("-at", "-pk")
    fields: ClassVar[Any] = ("moment", "what", "details_told", "by", "address", "browser")

    def get_list_buttons(self, request: HttpRequest) -> list[Button]:
        return self.export_button(request)

    def get_change_page(self, request: HttpRequest, obj: AccessEvent) -> ChangePage:
        return ChangePage(self.person(obj))

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    @admin.display(description=gettext_lazy("when"), ordering="at")
    def moment(self, row: AccessEvent) -> SafeString | str:
        return when(row.at)

    @admin.display(description=gettext_lazy("what"), ordering="kind")
    def what(self, row: AccessEvent) -> SafeString | str:
        kind = AccessKind(row.kind)
        return pill(kind.label, TONES[kind]) if kind in TONES else str(kind.label)

    @admin.display(description=gettext_lazy("user name"), ordering="username")
    def person(self, row: AccessEvent) -> str:
        return row.username or "—"

    @admin.display(description=gettext_lazy("details"))
    def details_told(self, row: AccessEvent) -> str:
        return row.told or "—"

    @admin.display(description=gettext_lazy("browser"))
    def agent(self, row: AccessEvent) -> str:
        return Truncator(row.browser or "—").chars(BROWSER_SHOWN)

    @pictured("key")
    @admin.action(permissions=["unlock"], description=gettext_lazy("Unlock"))
    def unlock(self, request: HttpRequest, queryset: QuerySet[AccessEvent]) -> None:
        """Those of the chosen entries may try again at once; what happened stays written."""
        number = trail.unlock(queryset, by=user_of(request))
        words = ngettext("%(n)s unlocked.", "%(n)s unlocked.", number)
        self.message_user(request, words % {"n": num(number)})


def register(site: admin.AdminSite) -> None:
    site.register(AccessEvent, AccessLogAdmin)
