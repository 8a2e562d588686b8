"""The parts of a workbook that hold cells, read by their tags while they are unpacked: strings, formats, the sheet.

expat and no tree: a part of 80 MB needs no more memory than its longest row, and a third of the time of openpyxl.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from xml.parsers import expat

from django.utils.translation import gettext_noop

from mailing.tables.errors import Unreadable

COLUMNS = 256  # of Excel's 16 384
CELLS = 3_000_000  # 100 000 clients with thirty columns
STRINGS = 1_000_000  # different texts
FORMATS = 65_490  # Excel's own limit
LONGEST = 131_072  # letters in a cell, as csv has it; Excel's own limit is a quarter of that

TOO_MANY_COLUMNS = gettext_noop(
    "Row %(line)s has more than %(limit)s columns. Delete the columns that are not needed, save the file and choose "
    "it once more."
)
TOO_MANY_CELLS = gettext_noop(
    "The sheet has more than %(limit)s cells. Delete the columns that are not needed, save the file and choose it "
    "once more."
)
TOO_LONG_CELL = gettext_noop(
    "Row %(line)s: a cell is longer than 130 000 characters, perhaps a quotation mark is missing."
)
TOO_MANY_STRINGS = gettext_noop(
    "The workbook holds more than %(limit)s different texts. Save the sheet with the clients as CSV and choose that "
    "file."
)
TOO_MANY_FORMATS = gettext_noop(
    "The workbook holds more than %(limit)s cell formats. Save the sheet with the clients as CSV and choose that "
    "file."
)

Pieces = Iterable[bytes]
Row = tuple[int, list[Any]]
Reader = Callable[[float, datetime], object]  # of a number in a cell, by the day that days are counted from

# Formats that have a number and no code: dates and times, those of East Asia too.
_DATES = frozenset({*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)})
_HOURS_GONE_BY = 46
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DATE_LETTER = re.compile("[dmyhs]", re.IGNORECASE)
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_LETTERS = re.compile("[A-Z]{1,3}")
DAY_ZERO = datetime.fromisoformat("1899-12-30")
DAY_ZERO_1904 = datetime.fromisoformat("1904-01-01")


class Damaged(Exception):
    """Not what a workbook looks like."""


class Part:
    """One XML part: subclasses look at the tags they know, by their names without a prefix."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.finished = False

    def feed(self, pieces: Pieces) -> Iterator[None]:
        """Pauses after each piece, so that what has been found can be handed on."""
        try:
            for piece in pieces:
                self.parser.Parse(piece, False)
                yield
                if self.finished:
                    return
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            if error.code == _NO_MEMORY:
                raise MemoryError from error
            raise Damaged from error
        yield

    def read(self, pieces: Pieces) -> None:
        for _piece in self.feed(pieces):
            pass

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Known names first: this is called ten million times. Any other may be a known one with a prefix."""
        if ":" in name:
            self.start(name.rpartition(":")[2], attributes)

    def end(self, name: str) -> None:
        if ":" in name:
            self.end(name.rpartition(":")[2])

    def _doctype(self, *_given: object) -> None:
        raise Damaged  # OPC forbids it, and entities live there


_NO_MEMORY = expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]


class TextPart(Part):
    """A part with text inside `t` (and `v`): collected only there, and not where it says how to pronounce it."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.length = 0
        self.phonetic = False

    def listen(self) -> None:
        self.parser.CharacterDataHandler = None if self.phonetic else self._characters

    def taken(self) -> str:
        found = self.text[0] if len(self.text) == 1 else "".join(self.text)
        self.text.clear()
        self.length = 0
        return found

    def _characters(self, data: str) -> None:
        self.length += len(data)
        if self.length > LONGEST:
            self.too_long()
        self.text.append(data)

    def too_long(self) -> None:
        raise Damaged


class Strings(TextPart):
    """`sharedStrings.xml`: texts that cells name by their number. Excel's own limit for one is far below ours."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "t":
            self.listen()
        elif name == "rPh":
            self.phonetic = True
        else:
            super().start(name, attributes)

    def end(self, name: str) -> None:
        if name == "t":
            self.parser.CharacterDataHandler = None
        elif name == "rPh":
            self.phonetic = False
        elif name == "si":
            if len(self.found) >= STRINGS:
                raise Unreadable(TOO_MANY_STRINGS, limit=STRINGS)
            self.found.append(self.taken())
        else:
            super().end(name)


class Styles(Part):
    """`styles.xml`: which of the cell formats show a number as a date, and which as hours gone by."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: dict[int, str] = {}
        self.formats: list[int] = []
        self.inside = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt":
            self.codes[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            self.inside = True
        elif name == "xf" and self.inside:
            if len(self.formats) >= FORMATS:
                raise Unreadable(TOO_MANY_FORMATS, limit=FORMATS)
            self.formats.append(int(attributes.get("numFmtId", 0)))
        else:
            super().start(name, attributes)

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self.inside = False
        else:
            super().end(name)

    def dates(self) -> dict[str, Reader]:
        """What to make of the number in a cell with this format; the others are plain numbers."""
        known: dict[int, Reader | None] = {_HOURS_GONE_BY: elapsed, **dict.fromkeys(_DATES, moment)}
        known.update({number: _shown_by(code) for number, code in self.codes.items()})
        readers = {str(place): known.get(number) for place, number in enumerate(self.formats)}
        return {place: reader for place, reader in readers.items() if reader}


def _shown_by(code: str) -> Reader | None:
    bare = _LITERAL.sub("", code.partition(";")[0])
    if _ELAPSED.search(bare):
        return elapsed
    return moment if _DATE_LETTER.search(bare) else None


def moment(days: float, day_zero: datetime) -> object:
    """A date or a time of day. Excel believes that there was a 29 February 1900."""
    if 0 <= days < 1:
        return (day_zero + _rounded(days)).time()
    if day_zero is DAY_ZERO and days < 60:
        days += 1
    return day_zero + _rounded(days)


def elapsed(days: float, day_zero: datetime) -> object:
    return _rounded(days)


def _rounded(days: float) -> timedelta:
    return timedelta(seconds=round(days * 86_400, 3))


class Sheet(TextPart):
    """A worksheet: `rows()` hands on its rows as they come, with the number Excel shows and without what is empty."""

    def __init__(
        self,
        strings: list[str],
        dates: dict[str, Reader],
        day_zero: datetime,
    ) -> None:
        super().__init__()
        self.strings = strings
        self.dates = dates
        self.day_zero = day_zero
        self.done: list[Row] = []
        self.number = self.rows_seen = self.cells_seen = self.column = 0
        self.row: list[Any] = []
        self.kind, self.style = "n", ""
        self.columns: dict[str, int] = {}

    def rows(self, pieces: Pieces) -> Iterator[Row]:
        for _piece in self.feed(pieces):
            yield from self.done
            self.done.clear()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self.cells_seen += 1
            if self.cells_seen > CELLS:
                raise Unreadable(TOO_MANY_CELLS, limit=CELLS)
            self.kind = attributes.get("t", "n")
            self.style = attributes.get("s", "")
            place = attributes.get("r")
            self.column = self._column(place.rstrip("0123456789")) if place else self.column + 1
        elif name in {"v", "t"}:
            self.listen()
        elif name == "row":
            self._open_row(attributes)
        elif name == "rPh":
            self.phonetic = True
        else:
            super().start(name, attributes)

    def end(self, name: str) -> None:
        if name == "c":
            if self.text:
                self._close_cell(self.taken())
        elif name in {"v", "t"}:
            self.parser.CharacterDataHandler = None
        elif name == "row":
            self.done.append((self.number, self.row))
        elif name == "rPh":
            self.phonetic = False
        elif name == "sheetData":
            self.finished = True
        else:
            super().end(name)

    def _open_row(self, attributes: dict[str, str]) -> None:
        self.rows_seen += 1
        self.number = int(attributes["r"]) if "r" in attributes else self.number + 1
        self.number = max(self.number, self.rows_seen)
        self.row, self.column = [], 0

    def _column(self, letters: str) -> int:
        found = self.columns.get(letters)
        if found is None:
            if not _LETTERS.fullmatch(letters):
                raise Damaged
            found = 0
            for letter in letters:
                found = found * 26 + ord(letter) - 64
            self.columns[letters] = found
        return found

    def _close_cell(self, text: str) -> None:
        if self.column > COLUMNS:
            raise Unreadable(TOO_MANY_COLUMNS, line=self.number, limit=COLUMNS)
        row = self.row
        missing = self.column - len(row)
        if missing > 0:
            row.extend([None] * missing)
        row[self.column - 1] = self._value(text)

    def _value(self, text: str) -> object:
        if self.kind == "s":
            return self.strings[int(text)]
        if self.kind == "n":
            return self._number(text)
        if self.kind == "b":
            return text.strip() == "1"
        if self.kind == "d":
            return datetime.fromisoformat(text.strip())
        return text

    def _number(self, text: str) -> object:
        value = int(text) if text.isdecimal() and len(text) < 40 else float(text)
        shown = self.dates.get(self.style)
        if shown is None:
            return value
        try:
            return shown(value, self.day_zero)
        except (OverflowError, ValueError):  # 9999 is the last year; Excel shows ##### there
            return value

    def too_long(self) -> None:
        raise Unreadable(TOO_LONG_CELL, line=self.number)
