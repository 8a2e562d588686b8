"""XLSX workbooks: the first sheet as a stream of rows, with limits against files made to hurt."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_noop

from mailing.tables import cells
from mailing.tables.errors import Unreadable

UNPACKED_LIMIT = 150 * 2**20  # bytes; 100 000 clients with four columns unpack to some 40 MB
EXCEL_ROWS = 1_048_576
EXCEL_COLUMNS = 256  # of 16 384: one cell in the last column of each row would cost minutes

BROKEN = gettext_noop(
    "The workbook is damaged or protected by a password. Open it in Excel, save it anew and try again."
)
UNPACKS_TOO_LARGE = gettext_noop(
    "The workbook unpacks to more than %(limit)s MB. Split the file and load the parts one by one."
)
NO_SHEET = gettext_noop("The workbook has no sheet with cells.")


def rows(data: bytes) -> Iterator[tuple[int, list[Any]]]:
    """The rows of the sheet that was open when the workbook was saved, numbered as Excel does.

    Empty rows are included; ends at Excel's own limit.
    """
    from openpyxl.reader.excel import load_workbook  # 8 MB and 200 modules, which a run that sends need not have

    _check_size(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book.active if hasattr(book.active, "iter_rows") else None
        if sheet is None:
            raise Unreadable(NO_SHEET)
        # The size a sheet claims for itself is often wrong, or a trap: both limits are ours.
        found = sheet.iter_rows(min_row=1, max_row=EXCEL_ROWS, max_col=_width(sheet), values_only=True)
        for number, row in enumerate(found, start=1):
            yield number, [cells.unescape(cell) if isinstance(cell, str) else cell for cell in row]
    except (Unreadable, GeneratorExit):
        raise
    except Exception as error:  # a damaged or hostile file fails in some thirty ways of zip, XML and openpyxl
        raise Unreadable(BROKEN) from error


def _width(sheet: Any) -> int:
    """Up to the last cell that holds anything in the first rows, where the headings are."""
    head = sheet.iter_rows(min_row=1, max_row=10, max_col=EXCEL_COLUMNS, values_only=True)
    return max((place for row in head for place, cell in enumerate(row, start=1) if cell is not None), default=1)


def _check_size(data: bytes) -> None:
    """zipfile never unpacks more than an entry claims, so the claims can be trusted as limits."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise Unreadable(BROKEN) from error
    if unpacked > UNPACKED_LIMIT:
        raise Unreadable(UNPACKS_TOO_LARGE, limit=UNPACKED_LIMIT // 2**20)
