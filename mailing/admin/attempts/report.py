"""The report: what became of all letters of a period, by time and by mailing; each number leads to its attempts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from mailing import unchecked
from mailing.admin.attempts import files
from mailing.admin.attempts.listing import AttemptList
from mailing.admin.common.base import Context, SamovarModelAdmin
from mailing.admin.common.export import log_export
from mailing.admin.common.pages import GET, View
from mailing.charts import Chart, Column, letters
from mailing.choices import AttemptStatus
from mailing.errors import NotUnderstood
from mailing.formatting import days, error_tone, num, shares
from mailing.furniture import Card, Words
from mailing.models import Attempt
from mailing.services.reports import periods, spans, statistics, tables
from mailing.services.reports.spans import Grain, Preset, Span
from mailing.services.reports.statistics import Letters, ReportRow, Totals

SINCE, UNTIL = "started_at__since", "started_at__until"  # as the list of attempts calls them
PER_PAGE = 15  # with an address behind each number, a row is 2 KB
TELLING_CHANGE = 300  # percent; beyond it only says that there was little before

PRESETS: dict[Preset, Words] = {
    Preset.WEEK: gettext_lazy("7 days"),
    Preset.MONTH: gettext_lazy("30 days"),
    Preset.QUARTER: gettext_lazy("90 days"),
    Preset.THIS_MONTH: gettext_lazy("This month"),
    Preset.LAST_MONTH: gettext_lazy("Last month"),
    Preset.THIS_YEAR: gettext_lazy("This year"),
}
SORTS: dict[str, Callable[[ReportRow], Any]] = {
    "name": lambda row: row.name.casefold(),
    "runs": lambda row: row.totals.attempts,
    "accepted": lambda row: row.totals.sent,
    "refused": lambda row: row.totals.failed,
    "unconfirmed": lambda row: row.totals.unconfirmed,
    "last": lambda row: row.last_at,
}
DEFAULT_SORT = "-accepted"


@dataclass(frozen=True)
class Asked:
    """What the address asks for. `others`: how the list of attempts was narrowed besides."""

    span: Span
    preset: Preset | None
    sort: str
    page: int
    others: Mapping[str, str]

    @property
    def is_swapped(self) -> bool:
        return self.span.first > self.span.last

    @property
    def narrowing(self) -> dict[str, str]:
        return {**self.others, SINCE: str(self.span.first), UNTIL: str(self.span.last)}

    @property
    def period(self) -> dict[str, str]:
        """The period as the address has it."""
        return (
            {"period": self.preset.value}
            if self.preset
            else {SINCE: str(self.span.first), UNTIL: str(self.span.last)}
        )


@dataclass(frozen=True)
class Number:
    """A figure of a row, with the address of the attempts behind it; `is_bad`: there should be none.

    `alone` is the label where no heading says whether runs or letters are meant.
    """

    label: str
    value: int
    url: str = ""
    is_bad: bool = False
    alone: str = ""


@dataclass(frozen=True)
class Line:
    """A mailing of the report."""

    name: str
    mailing_id: int
    numbers: Sequence[Number]
    last_at: Any


@dataclass(frozen=True)
class Head:
    """A column by which the rows can be sorted."""

    label: str
    url: str = ""
    order: str = ""  # "ascending" or "descending", of the one they are sorted by


class ReportList(AttemptList):
    """The list of attempts as far as its filters go, but for the period: no rows are read."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        found = super().get_filters_params(params)
        return {name: values for name, values in found.items() if name not in {SINCE, UNTIL}}

    def get_results(self, request: HttpRequest) -> None:
        self.result_count = self.full_result_count = 0


class AttemptReport(SamovarModelAdmin[Attempt]):
    def get_pages(self) -> list[tuple[str, View]]:
        return [*super().get_pages(), ("report/", self.report_view)]

    @GET
    def report_view(self, request: HttpRequest) -> HttpResponseBase:
        """A period of what the other filters let through, 30 days if none is asked for; with `format` as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = files.wanted(request, "")
        if wanted:
            files.require_export(request)
        narrowed, asked = self._narrowed(request), _asked(request)
        attempts = narrowed.none() if asked.is_swapped else _within(narrowed, asked.span)
        if wanted:
            log_export(self, request, attempts.count())
            return files.answer(tables.mailings_table(attempts), wanted, "mailings")
        context = self.shell(request, _("Report by mailing")) | {"may_export": files.may_export(request)}
        context |= _swapped(asked) if asked.is_swapped else _report(narrowed, attempts, asked)
        return TemplateResponse(request, "admin/mailing/attempt/report.html", context | _form(asked))

    def _narrowed(self, request: HttpRequest) -> QuerySet[Attempt]:
        """The attempts that the filters beside the period let through."""
        self.get_changelist(request)  # refuses what no filter knows
        found = ReportList(
            *(
                request,
                self.model,
                ("started",),
                (),
                self.get_list_filter(request),
                None,
                self.get_search_fields(request),
            ),
            *(False, 1, 1, (), self, (), None),
        )
        narrowed: QuerySet[Attempt] = found.queryset
        return narrowed.order_by().select_related(None)


def _within(attempts: QuerySet[Attempt], span: Span) -> QuerySet[Attempt]:
    return periods.within(attempts, periods.midnight(span.first), periods.midnight(span.last + spans.DAY))


# --- What is asked for ------------------------------------------------------------------------------


def _asked(request: HttpRequest) -> Asked:
    given = {name: str(value) for name, value in request.GET.items()}
    given.pop("format", None)
    sort, page = given.pop("sort", DEFAULT_SORT), unchecked.number(given.pop("p", "1"))
    if sort.removeprefix("-") not in SORTS:
        raise NotUnderstood([("sort", sort)])
    name, since, until = given.pop("period", ""), given.pop(SINCE, ""), given.pop(UNTIL, "")
    preset, span = _period(name, since, until)
    return Asked(span, preset, sort, page or 1, {name: value for name, value in given.items() if value})


def _period(name: str, since: str, until: str) -> tuple[Preset | None, Span]:
    """By name, or from day to day; where one of the days is missing, up to today or from the first attempt on."""
    today = timezone.localdate()
    if name or not (since or until):
        preset = next((preset for preset in Preset if preset.value == (name or Preset.MONTH.value)), None)
        if preset is None or since or until:
            raise NotUnderstood([("period", name)])
        return preset, spans.of(preset, today)
    first, last = unchecked.day(since) if since else None, unchecked.day(until) if until else today
    if (since and first is None) or last is None:
        raise NotUnderstood([(SINCE, since), (UNTIL, until)])
    return None, Span(first or min(_first_day() or last, last), last)


def _first_day() -> date | None:
    earliest = Attempt.objects.order_by("started_at").values_list("started_at", flat=True).first()
    return timezone.localdate(earliest) if earliest else None


# --- What is shown ----------------------------------------------------------------------------------


def _form(asked: Asked) -> Context:
    """The dates, the periods with a name, and the address as files need it."""
    return {
        "since": str(asked.span.first),
        "until": str(asked.span.last),
        "kept": list(asked.others.items()),
        "presets": [
            (label, f"?{urlencode({**asked.others, 'period': preset.value})}", preset is asked.preset)
            for preset, label in PRESETS.items()
        ],
        "query": urlencode(asked.narrowing),
    }


def _swapped(asked: Asked) -> Context:
    first, last = asked.span.last, asked.span.first
    return {"swapped": f"?{urlencode({**asked.others, SINCE: str(first), UNTIL: str(last)})}"}


def _report(narrowed: QuerySet[Attempt], attempts: QuerySet[Attempt], asked: Asked) -> Context:
    rows = statistics.by_mailing(attempts)
    totals, earlier = statistics.added(row.totals for row in rows), spans.before(asked.span, asked.preset)
    key, is_down = SORTS[asked.sort.removeprefix("-")], asked.sort.startswith("-")
    page = Paginator(sorted(rows, key=key, reverse=is_down), PER_PAGE).get_page(asked.page)
    return {
        "cards": _cards(totals, statistics.numbers(_within(narrowed, earlier)), asked),
        "compared": _("Compared with %(days)s.") % {"days": days(earlier.first, earlier.last)},
        "chart": _chart(narrowed, asked),
        "heads": _heads(asked),
        "rows": rows,
        "lines": [_line(row, asked) for row in page],
        "totals": totals,
        "total_numbers": _numbers(totals, asked),
        "page": page,
        "page_query": urlencode({**asked.others, **asked.period, "sort": asked.sort}),
    }


def _behind(asked: Asked, **narrower: str) -> str:
    """The attempts behind a number. What narrows the report already stays, so that the list counts the same."""
    return f"../?{urlencode({**narrower, **asked.narrowing})}"


def _cards(now: Totals, before: Totals, asked: Asked) -> list[Card]:
    waiting = max(0, now.audience - now.sent - now.failed - now.unconfirmed - now.skipped)
    parts, tone = [now.sent, now.failed, now.unconfirmed, now.skipped], error_tone(now.error_share)
    sent, failed, unconfirmed, skipped, _open = shares([*parts, waiting])
    cards = [
        Card(_("Runs"), now.attempts, url=_behind(asked)),
        Card(_("Accepted"), now.sent, sent, url=_behind(asked, letters="accepted")),
        Card(_("Refused"), now.failed, failed, tone, _behind(asked, letters="refused")),
        Card(_("Unconfirmed"), now.unconfirmed, unconfirmed, tone, _behind(asked, letters="unconfirmed")),
        Card(_("Skipped"), now.skipped, skipped, url=_behind(asked, letters="skipped")),
    ]
    earlier = (before.attempts, before.sent, before.failed, before.unconfirmed, before.skipped)
    return [_compared(card, was) for card, was in zip(cards, earlier, strict=True)]


def _compared(card: Card, before: int) -> Card:
    now = int(str(card.value))
    note = " · ".join(filter(None, (str(card.note), _change(now, before))))
    return replace(card, note=note, tone=card.tone if now else "", url=card.url if now else "")


def _change(now: int, before: int) -> str:
    """Against the period before, in percent where that says something."""
    if not before:
        return _("none before") if now else _("none before either")
    change = 100 * (now - before) / before
    if change > TELLING_CHANGE:
        return _("%(n)s before") % {"n": num(before)}
    sign = "+" if change > 0 else "−" if change < 0 else "±"
    return _("%(change)s%%, %(n)s before") % {"change": f"{sign}{number_format(abs(change), 0)}", "n": num(before)}


def _line(row: ReportRow, asked: Asked) -> Line:
    return Line(row.name, row.mailing_id, _numbers(row.totals, asked, mailing=str(row.mailing_id)), row.last_at)


def _numbers(sums: Totals, asked: Asked, **narrower: str) -> list[Number]:
    """Runs by their end, letters by what became of them."""

    def behind(value: int, **more: str) -> str:
        return _behind(asked, **narrower, **more) if value else ""

    ends = (
        (AttemptStatus.SUCCEEDED, sums.succeeded),
        (AttemptStatus.PARTLY, sums.partly),
        (AttemptStatus.FAILED, sums.broken),
        (AttemptStatus.MISSED, sums.missed),
    )
    numbers = [Number(pgettext("report", "all"), sums.attempts, behind(sums.attempts), alone=_("Runs"))]
    for status, value in ends:
        bad = bool(value) and status in {AttemptStatus.FAILED, AttemptStatus.MISSED}
        missed = status == AttemptStatus.MISSED
        label = pgettext("report", "missed") if missed else str(status.label)
        alone = pgettext("report", "missed runs") if missed else label
        numbers.append(Number(label, value, behind(value, status__exact=status.value), bad, alone))
    for label, value, which in (
        (pgettext("report", "accepted"), sums.sent, "accepted"),
        (pgettext("report", "refused"), sums.failed, "refused"),
        (pgettext("report", "unconfirmed"), sums.unconfirmed, "unconfirmed"),
        (pgettext("report", "skipped"), sums.skipped, "skipped"),
    ):
        bad = bool(value) and which in {"refused", "unconfirmed"}
        numbers.append(Number(label, value, behind(value, letters=which), bad, label))
    return numbers


def _heads(asked: Asked) -> list[Head]:
    """Of the mailing, the nine numbers, and the last run."""
    sortable = [_("Mailing"), *(number.label for number in _numbers(Totals(), asked)), _("Last run")]
    keys = ["name", "runs", "", "", "", "", "accepted", "refused", "unconfirmed", "", "last"]
    return [_head(asked, label, key) for label, key in zip(sortable, keys, strict=True)]


def _head(asked: Asked, label: str, key: str) -> Head:
    if not key:
        return Head(label)
    first = key if key == "name" else f"-{key}"
    turned = {key: f"-{key}", f"-{key}": key}
    query = urlencode({**asked.others, **asked.period, "sort": turned.get(asked.sort, first)})
    order = {key: "ascending", f"-{key}": "descending"}.get(asked.sort, "")
    return Head(label, f"?{query}", order)


# --- Chart ------------------------------------------------------------------------------------------


def _chart(narrowed: QuerySet[Attempt], asked: Asked) -> Chart:
    span = asked.span
    grain = spans.grain(span)
    if grain is Grain.YEAR:  # a thousand years, all but a few of them empty
        span = Span(max(span.first, min(_first_day() or span.last, span.last)), min(span.last, _last_day(span)))
    parts = spans.pieces(span, grain)
    edges = periods.bounds([*(part.first for part in parts), parts[-1].last + spans.DAY])
    found = statistics.letters_between(narrowed, edges)
    columns = [_column(part, grain, found.get(number, Letters()), asked) for number, part in enumerate(parts)]
    headings = {
        Grain.DAY: _("Day"),
        Grain.WEEK: _("Week"),
        Grain.MONTH: _("Month"),
        Grain.YEAR: pgettext("column", "Year"),
    }
    titles = {
        Grain.DAY: _("Letters by day"),
        Grain.WEEK: _("Letters by week"),
        Grain.MONTH: _("Letters by month"),
        Grain.YEAR: _("Letters by year"),
    }
    return Chart(titles[grain], headings[grain], letters(), columns)


def _last_day(span: Span) -> date:
    latest = Attempt.objects.order_by("-started_at").values_list("started_at", flat=True).first()
    return max(timezone.localdate(latest), span.first) if latest else span.first


def _column(part: Span, grain: Grain, of: Letters, asked: Asked) -> Column:
    label, title = {
        Grain.DAY: ("j M", "j E"),
        Grain.WEEK: ("j M", ""),
        Grain.MONTH: ("M", "F Y"),
        Grain.YEAR: ("Y", "Y"),
    }[grain]
    narrowing = {**asked.narrowing, SINCE: str(part.first), UNTIL: str(part.last)}
    return Column(
        label=date_format(part.first, label),
        title=date_format(part.first, pgettext("date format", title)) if title else days(part.first, part.last),
        values=(of.sent, of.unconfirmed, of.failed),
        url=f"../?{urlencode(narrowing)}" if of.sent or of.unconfirmed or of.failed else "",
    )
