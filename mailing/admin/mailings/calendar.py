"""The calendar: everything that was sent and will be, by month, week or day, and a new mailing on a day to come."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from mailing import formatting, unchecked
from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.pages import GET, View, user_of
from mailing.choices import State
from mailing.errors import NotUnderstood
from mailing.formatting import num
from mailing.forms.mailings import morning_of
from mailing.furniture import Button
from mailing.models import Mailing
from mailing.services import states
from mailing.services.mailings.timetable import Day, Entry, timetable
from mailing.services.reports import periods
from mailing.services.states import Signs

DAY, WEEK = timedelta(days=1), timedelta(days=7)
MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)
IN_MONTH, IN_WEEK, ON_PAGE = 3, 12, 50  # sends of a day that are shown; the others are in its list
ALL = 1_000_000


@dataclass(frozen=True)
class Send:
    """A line of a day. `words`: its state, where there is anything to say about it."""

    time: str
    name: str
    url: str
    state: str
    words: str = ""
    number: str = ""


@dataclass(frozen=True)
class Cell:
    date: date
    sends: Sequence[Send]
    more: int
    url: str  # of the list of the day
    add_url: str
    is_today: bool
    is_outside: bool  # of the month that is shown

    @property
    def words(self) -> str:
        return date_format(self.date, pgettext("date format", "j E"))

    @property
    def weekday(self) -> str:
        return str(WEEKDAYS[self.date.weekday()])


@dataclass(frozen=True)
class Shown:
    """Which days are shown, and what leads on from them. Addresses are queries."""

    kind: str
    title: str
    days: Sequence[date]
    before: str
    after: str
    month: str
    week: str


class MailingCalendar(SamovarModelAdmin[Mailing]):
    def get_pages(self) -> list[tuple[str, View]]:
        return [*super().get_pages(), ("calendar/", self.calendar_view)]

    def get_list_buttons(self, request: HttpRequest) -> list[Button]:
        return [*super().get_list_buttons(request), Button(_("Calendar"), self.url("calendar"), icon="calendar")]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """`start`, the day that was pressed in the calendar."""
        if "start" not in request.GET:
            return super().get_changeform_initial_data(request)
        day = unchecked.day(request.GET["start"])
        if day is None or day < timezone.localdate():
            raise NotUnderstood([("start", request.GET["start"])])
        return {"start_at": morning_of(day)}

    @GET
    def calendar_view(self, request: HttpRequest) -> HttpResponse:
        """This month; with `month`, `week` or `day` that one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown, page = _asked(request)
        now = timezone.now()
        most = {"month": IN_MONTH, "week": IN_WEEK, "day": ALL}[shown.kind]
        with_runs = user_of(request).has_perm("mailing.view_attempt")
        days = timetable(shown.days, now, shown=most, with_runs=with_runs)
        context = self.shell(request, _("Calendar")) | {"shown": shown, "may_add": self.has_add_permission(request)}
        context["today"] = timezone.localdate(now)
        if shown.kind == "day":
            return self._day_list(request, context, days[0], page)
        cells = self._cells(request, shown, days, Signs(now))
        context |= {
            "weeks": [cells[first : first + 7] for first in range(0, len(cells), 7)],
            "weekdays": [(WEEKDAYS[n], WEEKDAYS_ABBR[n]) for n in range(7)],
            "is_empty": not any(day.number for day in days),
        }
        return TemplateResponse(request, "admin/mailing/mailing/calendar.html", context)

    def _day_list(self, request: HttpRequest, context: dict[str, Any], day: Day, page: int) -> TemplateResponse:
        found = Paginator(day.entries, ON_PAGE).get_page(page)
        signs = Signs()
        context |= {
            "page": found,
            "sends": [_send(entry, signs) for entry in found],
            "add_url": self._add_url(request, day.date),
        }
        return TemplateResponse(request, "admin/mailing/mailing/calendar_day.html", context)

    def _cells(self, request: HttpRequest, shown: Shown, days: Sequence[Day], signs: Signs) -> list[Cell]:
        today = timezone.localdate(signs.now)
        return [
            Cell(
                day.date,
                [_send(entry, signs) for entry in day.entries],
                more=day.number - len(day.entries),
                url=f"?day={day.date}" if day.date <= unchecked.LAST_DAY else "",
                add_url=self._add_url(request, day.date),
                is_today=day.date == today,
                is_outside=shown.kind == "month" and f"{day.date:%Y-%m}" != shown.month,
            )
            for day in days
        ]

    def _add_url(self, request: HttpRequest, day: date) -> str:
        if not (timezone.localdate() <= day <= unchecked.LAST_DAY and self.has_add_permission(request)):
            return ""
        return f"{self.url('add')}?start={day}"


def _send(entry: Entry, signs: Signs) -> Send:
    time = date_format(timezone.localtime(entry.moment), "H:i")
    if entry.attempt is None:
        url = reverse("admin:mailing_mailing_change", args=[entry.mailing_id])
        late = State.OVERDUE if entry.is_due else ""
        return Send(time, entry.name, url, late or "planned", str(State.OVERDUE.label) if late else "")
    attempt, told = entry.attempt, states.of_run(entry.attempt, signs)
    url = reverse("admin:mailing_attempt_change", args=[attempt.pk])
    return Send(time, entry.name, url, told.state, told.words, str(num(attempt.sent)) if attempt.audience else "")


# --- What is asked for ------------------------------------------------------------------------------


def _asked(request: HttpRequest) -> tuple[Shown, int]:
    """The view, and of a day's list the page. Whatever else stands in the address is refused."""
    given = {name: str(value) for name, value in request.GET.items()}
    page = unchecked.number(given.pop("p", "1"))
    kind, text = next(iter(given.items()), ("month", f"{timezone.localdate():%Y-%m}"))
    day = _day(kind, text) if len(given) <= 1 else None
    twice = any(len(values) > 1 for _name, values in request.GET.lists())
    if day is None or twice or not page or (page > 1 and kind != "day"):
        raise NotUnderstood([(name, request.GET[name]) for name in request.GET])
    return VIEWS[kind](day), page


def _day(kind: str, text: str) -> date | None:
    if kind == "month":
        return unchecked.day(f"{text}-01") if MONTH.fullmatch(text) else None
    return unchecked.day(text) if kind in VIEWS else None


def _month_view(day: date) -> Shown:
    first = day.replace(day=1)
    after = (first + 31 * DAY).replace(day=1)
    last = after - DAY
    days = periods.days(_monday(first), _monday(last) + 6 * DAY)
    today = timezone.localdate()
    return Shown(
        kind="month",
        title=date_format(first, pgettext("date format", "F Y")),
        days=days,
        before=_query("month", first - DAY),
        after=_query("month", after),
        month=f"{first:%Y-%m}",
        week=str(today if first <= today <= last else first),
    )


def _week_view(day: date) -> Shown:
    first = max(_monday(day), unchecked.FIRST_DAY)
    last = first + 6 * DAY
    return Shown(
        kind="week",
        title=formatting.days(first, last),
        days=periods.days(first, last),
        before=_query("week", first - WEEK),
        after=_query("week", first + WEEK),
        month=f"{min(first + 3 * DAY, unchecked.LAST_DAY):%Y-%m}",
        week=str(first),
    )


def _day_view(day: date) -> Shown:
    return Shown(
        kind="day",
        title=f"{WEEKDAYS[day.weekday()]}, {formatting.days(day, day)}",
        days=[day],
        before=_query("day", day - DAY),
        after=_query("day", day + DAY),
        month=f"{day:%Y-%m}",
        week=str(day),
    )


def _query(kind: str, day: date) -> str:
    """Empty beyond the days that can be asked for."""
    if not unchecked.FIRST_DAY <= day <= unchecked.LAST_DAY:
        return ""
    return f"?{kind}={day:%Y-%m}" if kind == "month" else f"?{kind}={day}"


def _monday(day: date) -> date:
    return day - day.weekday() * DAY


VIEWS = {"month": _month_view, "week": _week_view, "day": _day_view}
