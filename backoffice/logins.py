"""Who logged in, who did not, who is locked out: the rows of axes, to be looked at and thrown away."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from axes.models import AccessAttempt, AccessBase, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailing.admin.common.base import SuperuserReadOnly
from mailing.admin.common.filters import DateRangeFilter, Titled
from mailing.formatting import pill, spoken, when
from mailing.furniture import ChangePage, Notice

Row = TypeVar("Row", bound=AccessBase)
NOTHING = {"", "<unknown>"}  # what axes stores when the browser did not say
BROWSER_SHOWN = 60


class TriedFilter(Titled, DateRangeFilter):
    own_title = gettext_lazy("when")


class LoginScreen(SuperuserReadOnly[Row]):
    actions = ()
    list_display: Any = ("person", "tried", "ip_address", "browser")
    list_filter: ClassVar[Any] = (("attempt_time", TriedFilter),)
    search_fields = ("username", "ip_address")
    search_help_text = gettext_lazy("By user name and IP address")
    ordering = ("-attempt_time",)
    fields: ClassVar[Any] = ("tried", "ip_address", "agent")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request)

    def get_change_page(self, request: HttpRequest, obj: Row) -> ChangePage:
        return ChangePage(self.person(obj))

    @admin.display(description=gettext_lazy("user name"), ordering="username")
    def person(self, row: Row) -> str:
        return row.username or "—"

    @admin.display(description=gettext_lazy("when"), ordering="attempt_time")
    def tried(self, row: Row) -> SafeString | str:
        return when(row.attempt_time)

    @admin.display(description=gettext_lazy("browser"))
    def browser(self, row: Row) -> str:
        return Truncator(self.agent(row)).chars(BROWSER_SHOWN)

    @admin.display(description=gettext_lazy("browser"))
    def agent(self, row: Row) -> str:
        return "—" if row.user_agent in NOTHING else str(row.user_agent)


class AttemptScreen(LoginScreen[AccessAttempt]):
    list_title = gettext_lazy("Wrong passwords")
    empty_title = gettext_lazy("Nobody typed a wrong password")
    empty_text = gettext_lazy("Who does stands here until the next right one. Deleting the row unlocks at once.")
    list_display = ("person", "tried", "wrong_passwords", "state", "ip_address", "browser")
    fields = ("tried", "wrong_passwords", "ip_address", "agent")

    def get_change_page(self, request: HttpRequest, obj: AccessAttempt) -> ChangePage:
        unlock = Notice(_("Delete this row, and the person may try again at once."))
        return ChangePage(self.person(obj), pill=self.state(obj), notices=[unlock] if _is_locked(obj) else [])

    @admin.display(description=gettext_lazy("wrong passwords"), ordering="failures_since_start")
    def wrong_passwords(self, row: AccessAttempt) -> int:
        return int(row.failures_since_start)

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: AccessAttempt) -> SafeString:
        return pill(_("locked out"), "red") if _is_locked(row) else pill(_("may try again"), "grey")


class FailureScreen(LoginScreen[AccessFailureLog]):
    list_title = gettext_lazy("Refused log-ins")
    list_display = ("person", "tried", "locked_out", "ip_address", "browser")
    list_filter: ClassVar[Any] = ("locked_out", ("attempt_time", TriedFilter))


class LogScreen(LoginScreen[AccessLog]):
    list_title = gettext_lazy("Log-ins")
    list_display = ("person", "tried", "left", "ip_address", "browser")
    fields = ("tried", "left", "ip_address", "agent")

    @admin.display(description=gettext_lazy("logged out"), ordering="logout_time")
    def left(self, row: AccessLog) -> SafeString | str:
        return when(row.logout_time)


def _is_locked(row: AccessAttempt) -> bool:
    return bool(row.failures_since_start >= settings.AXES_FAILURE_LIMIT)


def shown_name(row: AccessBase) -> str:
    return f"{row.username or '—'}, {spoken(timezone.localtime(row.attempt_time))}"


def register(site: admin.AdminSite) -> None:
    """In place of axes' own screens, which are half English."""
    for model in (AccessAttempt, AccessFailureLog, AccessLog):
        model.add_to_class("__str__", shown_name)  # axes has an English sentence there
        site.unregister(model)
    site.register(AccessAttempt, AttemptScreen)
    site.register(AccessFailureLog, FailureScreen)
    site.register(AccessLog, LogScreen)
