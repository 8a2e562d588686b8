"""Typed in the wrong layout, and meant all the same."""

from __future__ import annotations

import pytest

from mailing import layouts


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ghbdtn", "привет"),
        ("руддщ", "hello"),
        ("Bdfyjdf Vfhbz", "Иванова Мария"),
        (",fhfyjd", "баранов"),
        ("tkrf", "елка"),
        ("`krf", "ёлка"),
        ("аннаЖ", "fyyf:"),
        ("42", ""),
        ("", ""),
        ("анна@mail", ""),
        ("<b>", "БиЮ"),
    ],
)
def test_the_same_keys_in_the_other_layout(typed: str, meant: str) -> None:
    assert layouts.other(typed) == meant


def test_there_and_back_again() -> None:
    assert layouts.other(layouts.other("съешь ещё этих мягких булок")) == "съешь ещё этих мягких булок"
