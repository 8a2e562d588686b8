"""What stands in an address or a field nobody checks: a number, a day; and how such a text is shown back.

Everything here takes any text at all. Python reads no number of more than 4 300 digits, a database none of more than
64 bits, and no time zone has a first day of the year one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

BIGGEST = 2**63 - 1
DIGITS = 19  # of the biggest
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)
SHOWN = 40  # characters of a name or a value
LISTED = 3
LONGEST_SEARCH = 200  # characters; SQLite compares with no pattern beyond 50 000 bytes


def number(text: str) -> int | None:
    """A whole number that may be a row's: not negative, within 64 bits."""
    if not (text.isascii() and text.isdecimal() and len(text) <= DIGITS):
        return None
    found = int(text)
    return found if found <= BIGGEST else None


def day(text: str) -> date | None:
    """A day such as 2024-02-29 that somebody may ask for."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if FIRST_DAY <= found <= LAST_DAY else None


def shown(pairs: Collection[tuple[str, str]]) -> str:
    """Names with their values, fit to stand in a sentence: “p=x, q=…”, the first few of many."""
    listed = [f"{excerpt(name)}={excerpt(value)}" for name, value in list(pairs)[:LISTED]]
    return ", ".join(listed) + (", …" if len(pairs) > LISTED else "")


def excerpt(text: str) -> str:
    """Its beginning, with a mark for each character that cannot be seen."""
    visible = "".join(letter if letter.isprintable() else "�" for letter in text[: SHOWN + 1])
    return visible if len(text) <= SHOWN else f"{visible[:SHOWN]}…"
