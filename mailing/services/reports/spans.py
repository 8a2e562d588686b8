"""Stretches of days for reports: by name or from day to day, the one before to compare with, cut into pieces."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

DAY = timedelta(days=1)
PIECES = 62  # at most, of a chart: two months of days


class Preset(Enum):
    WEEK = "7"
    MONTH = "30"
    QUARTER = "90"
    THIS_MONTH = "month"
    LAST_MONTH = "last_month"
    THIS_YEAR = "year"


class Grain(Enum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True)
class Span:
    """From one day to another, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def of(preset: Preset, today: date) -> Span:
    """The stretch that ends today; of the last month, with it."""
    first_of_month = today.replace(day=1)
    if preset is Preset.THIS_MONTH:
        return Span(first_of_month, today)
    if preset is Preset.LAST_MONTH:
        last = first_of_month - DAY
        return Span(last.replace(day=1), last)
    if preset is Preset.THIS_YEAR:
        return Span(today.replace(month=1, day=1), today)
    return Span(today - (int(preset.value) - 1) * DAY, today)


def before(span: Span, preset: Preset | None = None) -> Span:
    """What to compare with: the same days of the month or year before, else as many days right before."""
    if preset is Preset.LAST_MONTH:
        last = span.first - DAY
        return Span(last.replace(day=1), last)
    if preset is Preset.THIS_MONTH:
        last = span.first - DAY
        return Span(last.replace(day=1), last.replace(day=min(span.last.day, last.day)))
    if preset is Preset.THIS_YEAR:
        return Span(_a_year_earlier(span.first), _a_year_earlier(span.last))
    return Span(span.first - span.days * DAY, span.first - DAY)


def _a_year_earlier(day: date) -> date:
    return day.replace(year=day.year - 1, day=min(day.day, monthrange(day.year - 1, day.month)[1]))


def grain(span: Span) -> Grain:
    """The finest that cuts into no more pieces than a chart can show."""
    if span.days <= PIECES:
        return Grain.DAY
    if span.days <= 7 * (PIECES - 1):
        return Grain.WEEK
    return Grain.MONTH if span.days <= 30 * PIECES else Grain.YEAR


def pieces(span: Span, by: Grain) -> list[Span]:
    """Days, weeks from Monday, months or years; the first and the last as far as they lie within."""
    found = []
    first = span.first
    while first <= span.last:
        last = min(_last_of(first, by), span.last)
        found.append(Span(first, last))
        first = last + DAY
    return found


def _last_of(day: date, by: Grain) -> date:
    if by is Grain.DAY:
        return day
    if by is Grain.WEEK:
        return day + (6 - day.weekday()) * DAY
    if by is Grain.MONTH:
        return day.replace(day=monthrange(day.year, day.month)[1])
    return day.replace(month=12, day=31)
