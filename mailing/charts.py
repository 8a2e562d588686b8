"""Charts: stacked columns over time. Numbers go in, positions come out; `admin/includes/_chart.html` draws them.

The picture is an SVG that stretches with the page, so whatever is read or pressed stands outside it: the scale, the
dates, a link over every column that has rows behind it, and all numbers once more as a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from mailing.formatting import num

WIDTH, HEIGHT = 900, 200
BAR_SHARE, WIDEST_BAR = 0.64, 56
LEAST = 2  # of a bar that is not zero: one refusal among 5 000 letters is to be seen
GRID_LINES = 4
NICE_STEPS = (1, 2, 3, 5)
DATES_SHOWN = 6  # under the columns; more would run into each other on a phone


@dataclass(frozen=True)
class Series:
    """One colour of the columns: the class of the style sheet (`chart-{name}`), and its word."""

    name: str
    label: str


def letters() -> tuple[Series, ...]:
    """What became of letters, from the foot of a column upwards; the same colours in every picture of letters."""
    return (
        Series("sent", _("accepted")),
        Series("unconfirmed", _("unconfirmed")),
        Series("failed", _("refused")),
    )


@dataclass(frozen=True)
class Column:
    """One place on the axis. `values`: a number for each series. `note`: its state in a word, where it has one.

    A column is `marked` where nothing happened although it should have.
    """

    label: str  # short, under the axis
    title: str  # in full, in the table and beside the pointer
    values: tuple[int, ...]
    url: str = ""  # the rows behind it
    note: str = ""
    marked: bool = False


@dataclass(frozen=True)
class Bar:
    """A piece of a column, in the units of the picture. Texts: a template would write a comma into a number."""

    name: str
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Place:
    """A column with all that stands around its bars."""

    column: Column
    words: str
    shows_label: bool
    is_late: bool  # in the right half, where a text beside the pointer opens leftwards


@dataclass(frozen=True)
class Chart:
    """`heading` is said of the columns in the table ("Day"), `notes` of their notes, where there are any."""

    title: str
    heading: str
    series: Sequence[Series]
    columns: Sequence[Column]
    notes: str = ""
    width = WIDTH
    height = HEIGHT

    @cached_property
    def top(self) -> int:
        """The upper end of the scale: four equal round steps that hold the highest column."""
        highest = max((sum(column.values) for column in self.columns), default=0)
        power = 1
        while True:
            for nice in NICE_STEPS:
                if GRID_LINES * nice * power >= highest:
                    return GRID_LINES * nice * power
            power *= 10

    @property
    def scale(self) -> list[str]:
        """The labels of the scale, from the top down to zero."""
        step = self.top // GRID_LINES
        return [str(num(step * n)) for n in range(GRID_LINES, -1, -1)]

    @property
    def lines(self) -> list[str]:
        return [_unit(HEIGHT * n / GRID_LINES) for n in range(GRID_LINES + 1)]

    @property
    def bars(self) -> Iterator[Bar]:
        slot = WIDTH / max(len(self.columns), 1)
        width = min(slot * BAR_SHARE, WIDEST_BAR)
        for number, column in enumerate(self.columns):
            left, foot = slot * number + (slot - width) / 2, float(HEIGHT)
            for series, height in zip(self.series, heights(column.values, self.top), strict=True):
                foot -= height
                if height:
                    yield Bar(series.name, *map(_unit, (left, max(foot, 0), width, height)))

    @property
    def places(self) -> Iterator[Place]:
        step = -(-len(self.columns) // DATES_SHOWN) or 1
        for number, column in enumerate(self.columns):
            is_late = 2 * number >= len(self.columns)
            yield Place(column, self.words(column), shows_label=number % step == 0, is_late=is_late)

    def words(self, column: Column) -> str:
        """All of a column in a sentence: “12 November: accepted 9, refused 3”."""
        counted = [f"{s.label} {num(value)}" for s, value in zip(self.series, column.values, strict=True) if value]
        return f"{column.title}: {', '.join([column.note, *counted] if column.note else counted)}"

    @property
    def latest_first(self) -> Sequence[Column]:
        return self.columns[::-1]


def heights(values: Sequence[int], top: int) -> list[float]:
    """Of the pieces of one column: what is not zero can be seen, and together they stay in the frame."""
    found = [max(HEIGHT * (value / top), LEAST) if value else 0.0 for value in values]
    excess = sum(found) - HEIGHT
    if excess > 0:
        found[found.index(max(found))] -= excess
    return found


def _unit(number: float) -> str:
    return f"{number:.2f}"
