"""Charts: whatever the numbers, every bar stays in the picture, in its own place, and can be seen."""

from __future__ import annotations

import random

import pytest

from mailing.charts import HEIGHT, LEAST, WIDTH, Bar, Chart, Column, heights, letters

BIG = 10**12


def column(*values: int, url: str = "") -> Column:
    return Column("1 Nov", "1 November", values, url)


def chart(*values: tuple[int, int, int]) -> Chart:
    return Chart("Letters", "Day", letters(), [column(*three) for three in values])


def box(bar: Bar) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    x, y, width, height = (float(text) for text in (bar.x, bar.y, bar.width, bar.height))
    return x, y, x + width, y + height


@pytest.mark.parametrize(("highest", "top"), [(0, 4), (4, 4), (5, 8), (822, 1200), (1415, 2000), (100_000, 120_000)])
def test_the_scale_ends_at_four_round_steps(highest: int, top: int) -> None:
    drawn = chart((highest, 0, 0))
    assert drawn.top == top
    assert len(drawn.scale) == 5
    assert drawn.scale[-1] == "0"


@pytest.mark.parametrize(
    "values",
    [
        [(0, 0, 0)],
        [(1, 0, 0)],
        [(BIG, BIG, BIG)],
        [(BIG, 1, 1), (1, 1, 1), (0, 0, 0)],
        [(4, 0, 0), (0, 4, 0), (0, 0, 4)],
        [(1200, 0, 0), (1198, 1, 1)],
        [(n, n % 3, n % 7) for n in range(10_000)],
    ],
    ids=["nothing", "one", "huge", "huge beside tiny", "full to the top", "full, with errors", "10 000 days"],
)
def test_no_bar_leaves_its_frame_or_its_place(values: list[tuple[int, int, int]]) -> None:
    drawn = chart(*values)
    slot, rounding = WIDTH / len(values), 0.02
    bars = list(drawn.bars)
    assert len(bars) == sum(bool(value) for three in values for value in three)
    for left, top, right, bottom in map(box, bars):
        assert -rounding <= left < right <= WIDTH + rounding
        assert -rounding <= top < bottom <= HEIGHT + rounding
        assert int((left + rounding) / slot) == int((right - rounding) / slot)
        assert bottom - top >= LEAST - rounding


def test_the_pieces_of_a_column_stand_on_each_other_and_keep_their_proportion() -> None:
    lowest, middle, highest = map(box, chart((600, 300, 300)).bars)
    assert lowest[3] == HEIGHT
    assert lowest[1] == middle[3] == HEIGHT - 100
    assert middle[1] == highest[3] == HEIGHT - 150
    assert highest[1] == 0


def test_random_columns_never_stand_higher_than_the_frame() -> None:
    dice = random.Random(31)
    for _ in range(2000):
        values = [dice.choice((0, 1, dice.randrange(100), dice.randrange(BIG))) for _ in range(3)]
        found = heights(values, chart((values[0], values[1], values[2])).top)
        assert sum(found) <= HEIGHT + 1e-9
        assert all(height >= LEAST for value, height in zip(values, found, strict=True) if value)
        assert all(not height for value, height in zip(values, found, strict=True) if not value)


@pytest.mark.parametrize("number", [0, 1, 5, 6, 7, 30, 61, 366, 10_000])
def test_at_most_six_dates_are_written_under_the_columns(number: int) -> None:
    shown = [place.shows_label for place in chart(*[(1, 0, 0)] * number).places]
    assert sum(shown) <= 6
    assert shown[:1] == [True] * min(number, 1)


def test_a_chart_of_nothing_is_an_empty_frame() -> None:
    drawn = chart()
    assert list(drawn.bars) == list(drawn.places) == list(drawn.latest_first) == []
    assert drawn.scale == ["4", "3", "2", "1", "0"]


def test_the_words_of_a_column_leave_out_what_did_not_happen() -> None:
    drawn = chart((9, 0, 3))
    assert drawn.words(drawn.columns[0]) == "1 November: accepted 9, refused 3"
    missed = Column("1 Nov", "1 November", (0, 0, 0), note="missed", marked=True)
    assert drawn.words(missed) == "1 November: missed"
