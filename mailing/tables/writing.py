"""Tables as files that Excel opens by a double click and `reading` reads back unchanged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, WriteOnlyCell
from openpyxl.workbook.workbook import Workbook

from mailing.tables import cells

BOM = "\ufeff"  # without it Excel takes UTF-8 for Windows-1251
_PIECE = 500  # rows written at once


def as_csv(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, semicolons; piece by piece, never the whole file in memory."""
    buffer = io.StringIO()
    buffer.write(BOM)
    writer = csv.writer(buffer, delimiter=";")
    for number, row in enumerate(rows, start=1):
        writer.writerow([cells.guard(cell) for cell in row])
        if number % _PIECE == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def as_xlsx(rows: Iterable[Sequence[str]], file: IO[bytes]) -> None:
    """Every cell is a string, whatever it begins with; openpyxl keeps the rows on disk until they are zipped."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append([_string(sheet, cell) for cell in row])
    book.save(file)


def _string(sheet: Any, value: str) -> Any:
    """Guarded text begins with no formula, so openpyxl takes it for text by itself, unless it looks like an error."""
    text = ILLEGAL_CHARACTERS_RE.sub("", cells.guard(value))
    if not text.startswith("#"):
        return text
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell
