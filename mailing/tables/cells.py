"""One cell: what people and Excel leave in it, made tidy; and the guard against formulas."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time

# Control characters (PostgreSQL refuses NUL, XLSX the others), zero-width ones and the byte order mark.
_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")
_SPACES = re.compile("[\t\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_LONG_FLOAT = re.compile(r"(\d{10,})\.0")  # a telephone that went through a number column
_EXCEL_ESCAPE = re.compile("_x(000[9ADad]|005[Ff])_")  # how XLSX writes tab, line ends and its own underscore
# Where a formula would begin: at the start of a cell, or behind what another reader takes for the end of one: any
# separator, or the end of a line. Quotation marks between them are the reader's to drop.
_FORMULA = re.compile(r"""\A(?='*[=+\-@\t\r\n])|(?<=[,;|\t\r\n])(?=['"]*[=+\-@\t])""")
_GUARDED = re.compile(r"""\A'(?='*[=+\-@\t\r\n])|(?<=[,;|\t\r\n])'(?=['"]*[=+\-@\t])""")


def text(value: object) -> str:
    """The value of a cell as plain text: trimmed, NFC, nothing invisible, line ends as \\n."""
    if value is None:
        return ""
    found = value if isinstance(value, str) else _spelled(value)
    # A printable ASCII cell is the usual one: nothing but blanks around it can be wrong.
    found = found.strip() if found.isascii() and found.isprintable() else _tidy(found)
    if "'" in found:
        found = _GUARDED.sub("", found)
    long_float = _LONG_FLOAT.fullmatch(found)
    return long_float[1] if long_float else found


def line(value: object) -> str:
    """Like `text`, on one line with single spaces: a name, an address, a heading."""
    return " ".join(text(value).split())


def guard(value: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe before = + - @ (OWASP, "CSV Injection").

    Also in the middle, where a spreadsheet that was told another separator begins a new cell. Where apostrophes stand
    before such a sign already it is one more, so that `text` restores the value exactly.
    """
    return _FORMULA.sub("'", value)


def _tidy(found: str) -> str:
    found = found.replace("\r\n", "\n").replace("\r", "\n")
    found = _INVISIBLE.sub("", _SPACES.sub(" ", found)).strip()
    return found if unicodedata.is_normalized("NFC", found) else unicodedata.normalize("NFC", found)


def _spelled(value: object) -> str:
    """A number, a date or a truth value of a workbook as a person would have typed it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.strftime("%d.%m.%Y" if value.time() == time() else "%d.%m.%Y %H:%M")
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y")
    return str(value)


def unescape(value: str) -> str:
    """Line ends and tabs that a workbook spells as _x000D_."""
    return _EXCEL_ESCAPE.sub(lambda found: chr(int(found[1], 16)), value) if "_x00" in value else value
