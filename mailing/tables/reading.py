"""A file of clients as a stream of rows: what kind it is, where its headings are, which row is which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop

from mailing.tables import cells, columns, plaintext, workbooks
from mailing.tables.columns import Columns
from mailing.tables.errors import Unreadable

SIZE_LIMIT = 20 * 2**20  # bytes
ROW_LIMIT = 100_000  # rows with something in them
LINE_LIMIT = 1_048_576  # rows at all, blank ones too: as many as Excel has
TEXT_LIMIT = 50_000_000  # characters that mean something; a small workbook may name one long text in each row
HEADINGS_WITHIN = 5  # rows: people put a title above the headings

EMPTY = gettext_noop("The file is empty.")
TOO_LARGE = gettext_noop("The file is larger than %(limit)s MB. Split it and load the parts one by one.")
TOO_MANY_ROWS = gettext_noop("The file has more than %(limit)s rows. Split it and load the parts one by one.")
TOO_MUCH_TEXT = gettext_noop(
    "The file holds more than %(limit)s million characters. Split it and load the parts one by one."
)
OLD_EXCEL = gettext_noop("This is an old Excel file (.xls). Open it in Excel, save it as .xlsx and choose that file.")
NO_ADDRESS_COLUMN = gettext_noop(
    "No column with e-mail addresses was found. The first row must hold headings, one of them “email”. "
    "Found instead: %(found)s."
)
MAYBE_GARBLED = gettext_noop(
    "No column with e-mail addresses was found. The first row must hold headings, one of them “email”. "
    "Found instead: %(found)s. If these words look garbled, save the file once more as “CSV UTF-8”."
)
NO_HEADINGS = gettext_noop(
    "The first row holds a client, not headings. Put a row above it, for example: email; full name; comment."
)
NO_ROWS = gettext_noop("The file has headings, but no rows below them.")

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_SHOWN_HEADINGS = 10


@dataclass(slots=True)
class SheetRow:
    """One row of the file; `line` is the number Excel shows for it. An empty text means: the file says nothing."""

    line: int
    email: str
    full_name: str = ""
    greeting: str = ""
    comment: str = ""

    def __len__(self) -> int:
        """How many characters it holds."""
        return len(self.email) + len(self.full_name) + len(self.greeting) + len(self.comment)


@dataclass
class Sheet:
    """A table that is read while one iterates over it, once. May raise Unreadable on the way."""

    kind: str  # "CSV" or "XLSX"
    columns: Columns
    rows: Iterator[SheetRow]
    encoding: str = ""
    delimiter: str = ""
    cut: list[int] = field(
        default_factory=list
    )  # rows with filled cells beyond the last heading; grows while reading

    def __iter__(self) -> Iterator[SheetRow]:
        return self.rows


def read(data: bytes) -> Sheet:
    """Recognises the file by its content, never by its name. Raises Unreadable with a sentence."""
    if len(data) > SIZE_LIMIT:
        raise Unreadable(TOO_LARGE, limit=SIZE_LIMIT // 2**20)
    if not data.strip():
        raise Unreadable(EMPTY)
    if data.startswith(_OLE):
        raise Unreadable(OLD_EXCEL)
    if data.startswith(_ZIP):
        return _sheet("XLSX", workbooks.rows(data))
    table = plaintext.read(data)
    return _sheet("CSV", table.rows, encoding=table.encoding, delimiter=table.delimiter)


def _sheet(kind: str, lines: Iterator[tuple[int, list[Any]]], encoding: str = "", delimiter: str = "") -> Sheet:
    found = _headings(lines, encoding)
    sheet = Sheet(kind, found, iter(()), encoding, delimiter)
    sheet.rows = _filled(_limited(lines), found, sheet.cut)
    return sheet


def _headings(lines: Iterator[tuple[int, list[Any]]], encoding: str) -> Columns:
    """The columns by the first row that names one of them an address; reads at most a few filled rows."""
    seen: list[list[str]] = []
    for _number, row in _limited(lines):
        if not any(map(cells.text, row)):
            continue
        found = columns.find(row)
        if found:
            return found
        seen.append([title for title in map(cells.line, row) if title])
        if len(seen) == HEADINGS_WITHIN:
            break
    if not seen:
        raise Unreadable(EMPTY)
    if any("@" in title for title in seen[0]):
        raise Unreadable(NO_HEADINGS)
    shown = [title[:40] for title in seen[0][:_SHOWN_HEADINGS]]
    raise Unreadable(MAYBE_GARBLED if encoding == "cp1251" else NO_ADDRESS_COLUMN, found=shown)


def _limited(lines: Iterator[tuple[int, list[Any]]]) -> Iterator[tuple[int, list[Any]]]:
    for number, row in lines:
        if number >= LINE_LIMIT:
            raise Unreadable(TOO_MANY_ROWS, limit=ROW_LIMIT)
        yield number, row


def _filled(lines: Iterator[tuple[int, list[Any]]], found: Columns, cut: list[int]) -> Iterator[SheetRow]:
    """The rows that hold anything, short ones padded and long ones cut."""
    pick = _picker(found)
    number = text = 0
    for line, row in lines:
        if not any(row) or not any(map(cells.text, row)):
            continue
        number += 1
        if number > ROW_LIMIT:
            raise Unreadable(TOO_MANY_ROWS, limit=ROW_LIMIT)
        if len(row) > found.width and any(map(cells.text, row[found.width :])):
            cut.append(line)
        picked = pick(line, row)
        text += len(picked)
        if text > TEXT_LIMIT:
            raise Unreadable(TOO_MUCH_TEXT, limit=TEXT_LIMIT // 10**6)
        yield picked
    if not number:
        raise Unreadable(NO_ROWS)


def _picker(found: Columns) -> Callable[[int, list[Any]], SheetRow]:
    plain = [(name, place, columns.PLAIN[name]) for name, place in found.plain.items()]
    width = 1 + max((found.email, *found.full_name, *found.plain.values()))

    def pick(line: int, row: list[Any]) -> SheetRow:
        if len(row) < width:
            row = [*row, *[""] * (width - len(row))]
        return SheetRow(
            line,
            cells.line(row[found.email]),
            " ".join(filter(None, [cells.line(row[place]) for place in found.full_name])),
            **{name: tidied(row[place]) for name, place, tidied in plain},
        )

    return pick
