"""Workbooks as programs write them: cell by cell what openpyxl, the yardstick, makes of the same file."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.chart import BarChart
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from mailing.tables import workbooks
from mailing.tables.errors import Unreadable
from tests.tables.hostile import NAMESPACE, SHEET, STRINGS, sheet, workbook


def read(data: bytes) -> list[tuple[int, list[Any]]]:
    return list(workbooks.rows(data))


def cells(inside: str, strings: str = "") -> list[Any]:
    """What the first row with this XML holds."""
    table = f'<sst xmlns="{NAMESPACE}">{strings}</sst>'
    [(_number, row)] = read(workbook({SHEET: sheet(f"<row>{inside}</row>"), STRINGS: table}))
    return row


def saved(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize("epoch", [None, CALENDAR_MAC_1904])
def test_values_are_those_that_openpyxl_finds(epoch: datetime | None) -> None:
    book = Workbook()
    if epoch:
        book.epoch = epoch
    given = [
        *("text", " blanks ", "строка\nвторая", "😀", 7, -5, 2.5, 1e300, 79161234567, True, False, "#N/A", "=1+1"),
        *(datetime(2026, 1, 31, 23, 59, 59), datetime(2026, 1, 31), date(1999, 12, 31), time(10, 30)),
        timedelta(hours=30, minutes=5),
    ]
    book.active.append(given)
    book.active.append(["a", None, "c"])
    for column, style in enumerate(('d "mmm"', "[Red]0.00", '"day" 0', "[h]:mm:ss", "yyyy/mm/dd;@", "0%"), start=1):
        book.active.cell(row=3, column=column, value=41_000.25).number_format = style
    data = saved(book)
    expected = list(load_workbook(io.BytesIO(data), read_only=True, data_only=True).active.values)
    found = read(data)
    assert [number for number, _row in found] == [1, 2, 3]
    for (_number, row), line in zip(found, expected, strict=True):
        assert [*row, *[None] * (len(line) - len(row))] == list(line)


def test_texts_are_read_wherever_they_stand() -> None:
    found = cells(
        '<c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="s"><v>2</v></c><c t="str"><f>A1</f><v>made</v></c>'
        '<c t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r></is></c><c/><c r="H1" t="e"><v>#REF!</v></c>',
        "<si><t>one</t></si><si><r><t>rich </t></r><r><t>text</t></r></si>"
        "<si><t>東京</t><rPh><t>とうきょう</t></rPh></si>",
    )
    assert found == ["one", "rich text", "東京", "made", "inline", None, None, "#REF!"]


def test_escaped_line_ends_and_underscores_come_back() -> None:
    assert cells('<c t="str"><v>a_x000D__x000a_b_x005F_x000D_</v></c>') == ["a\r\nb_x000D_"]


def test_prefixes_and_the_strict_dialect_make_no_difference() -> None:
    strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    cell = '<x:c t="str"><x:v>a</x:v></x:c>'
    inside = f'<x:worksheet xmlns:x="{strict}"><x:sheetData><x:row>{cell}</x:row></x:sheetData></x:worksheet>'
    assert read(workbook({SHEET: inside})) == [(1, ["a"])]


def test_the_sheet_in_front_is_read() -> None:
    book = Workbook()
    book.active.append(["first"])
    book.create_sheet().append(["second"])
    book.active = 1
    assert read(saved(book)) == [(1, ["second"])]


def test_a_chart_in_front_does_not_hide_the_cells() -> None:
    book = Workbook()
    book.active.append(["first"])
    book.create_chartsheet().add_chart(BarChart())
    book.active = 1
    assert read(saved(book)) == [(1, ["first"])]


def test_what_stands_below_the_cells_is_not_even_read() -> None:
    inside = f'<worksheet xmlns="{NAMESPACE}"><sheetData><row><c><v>1</v></c></row></sheetData><broken'
    assert read(workbook({SHEET: inside})) == [(1, [1])]


@pytest.mark.parametrize(
    "inside",
    [
        '<c r="?"><v>1</v></c>',
        '<c t="s"><v>9</v></c>',
        "<c><v>one</v></c>",
        '<c t="d"><v>yesterday</v></c>',
        "<c><v>1</v></d>",
    ],
)
def test_a_crooked_cell_is_no_workbook(inside: str) -> None:
    with pytest.raises(Unreadable, match="damaged or protected"):
        cells(inside)
