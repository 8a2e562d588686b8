"""Numbers and days out of texts that nobody checked."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailing import unchecked


@pytest.mark.parametrize(("text", "found"), [("0", 0), ("4711", 4711), ("007", 7), (str(2**63 - 1), 2**63 - 1)])
def test_a_number_of_a_row_is_read(text: str, found: int) -> None:
    assert unchecked.number(text) == found


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1.0", "1e308", "٣", "²", "1_0", str(2**63), "7" * 5000])
def test_what_is_no_number_of_a_row_is_none(text: str) -> None:
    assert unchecked.number(text) is None


def test_a_day_is_read() -> None:
    assert unchecked.day("2024-02-29") == date(2024, 2, 29)


@pytest.mark.parametrize("text", ["", "2024-02-31", "0001-01-01", "9999-12-31", "1899-12-31", "2024", "1" * 5000])
def test_what_is_no_day_that_anybody_asks_for_is_none(text: str) -> None:
    assert unchecked.day(text) is None


@given(st.text(max_size=100))
def test_any_text_is_taken(text: str) -> None:
    unchecked.number(text)
    unchecked.day(text)
    assert unchecked.excerpt(text).isprintable()


def test_what_is_shown_is_short_and_visible() -> None:
    assert unchecked.shown([("a\r\nb", "\x00\u202e")]) == "a��b=��"
    assert len(unchecked.shown([("x" * 5000, "y" * 5000)] * 900)) < 260
    assert unchecked.shown([("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]) == "a=1, b=2, c=3, …"
