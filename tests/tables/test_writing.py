"""Tables as files: while they are still being read, and as they are read back."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from mailing.tables import cells, reading, writing


def opened(rows: Any, **options: Any) -> Any:
    return load_workbook(io.BytesIO(b"".join(writing.as_xlsx(rows, **options)))).active


@pytest.mark.parametrize("written", [writing.as_csv, writing.as_xlsx])
def test_a_download_begins_before_the_last_row_is_read(written: Any) -> None:
    read = []

    def rows() -> Iterator[list[str]]:
        for number in range(5000):
            read.append(number)
            yield [f"c{number}@example.ru", "Анна"]

    pieces = written(rows())
    assert next(pieces)
    assert len(read) < 1000
    pieces.close()


def test_a_workbook_holds_what_it_was_given() -> None:
    moment = datetime(2026, 1, 31, 23, 59, 59)
    rows = [
        ["Заголовок", "<&>\"'", "_x000D_"],
        [1, 2.5, moment],
        ["  пробелы \n строки  ", "#N/A", None],
        ["", "😀", "x" * 40_000],
    ]
    sheet = opened(rows, title='Отчёт "А&Б"')
    found = [list(row) for row in sheet.iter_rows(values_only=True)]
    assert found[0] == rows[0]
    assert found[1] == rows[1]
    assert found[2] == rows[2]
    assert found[3] == [None, "😀", "x" * 32_767]
    assert sheet.title == 'Отчёт "А&Б"'
    assert [cell.font.b for cell in (*sheet[1], *sheet[2])] == [True] * 3 + [False] * 3


def test_many_columns_and_many_rows_stand_where_they_belong() -> None:
    sheet = opened([[row * 100 + column for column in range(60)] for row in range(1201)])
    assert (sheet.max_row, sheet.max_column) == (1201, 60)
    assert [sheet["A1"].value, sheet["BH1"].value, sheet["AA501"].value, sheet["B1201"].value] == [
        *(0, 59, 50_026),
        120_001,
    ]


def test_a_workbook_is_read_back_as_it_was() -> None:
    rows = [["email", "full name", "comment"], ["a@example.ru", "Анна\u00a0Ли", "=1+1\nвторая строка"]]
    (row,) = reading.read(b"".join(writing.as_xlsx(rows)))
    assert (row.email, row.full_name, row.comment) == ("a@example.ru", "Анна Ли", "=1+1\nвторая строка")


def test_an_empty_table_is_a_workbook() -> None:
    assert opened([]).max_row == 1


# --- formulas: harmless whatever separator the reader is told ---------------------------------------

FORMULA_SIGNS = tuple("=+-@")
TRIMMED = "\t\r\n"  # by a spreadsheet, before it looks for a sign
HOSTILE_TEXT = st.text(alphabet="a =+-@\t\r\n\"',;|", max_size=8)


@pytest.mark.parametrize("delimiter", list(",;\t|"))
@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.lists(HOSTILE_TEXT, min_size=1, max_size=4), min_size=1, max_size=4))
@example(rows=[["x,=1+1", "a|@SUM(1)", "b\t-2", "c;+3"]])
@example(rows=[["a", "first\n=1"], ["a", 'x,"=1"'], ["a", "x,\t=1"]])
def test_no_reader_finds_a_formula_in_a_csv(delimiter: str, rows: list[list[str]]) -> None:
    written = b"".join(writing.as_csv(rows)).decode("utf-8-sig")
    read = csv.reader(io.StringIO(written, newline=""), delimiter=delimiter)
    assert [cell for row in read for cell in row if cell.lstrip(TRIMMED).startswith(FORMULA_SIGNS)] == []


@settings(max_examples=300, deadline=None)
@given(value=HOSTILE_TEXT)
@example(value="phone: +7 916, +7 903")
def test_a_guarded_value_comes_back_exactly(value: str) -> None:
    tidy = cells.text(value)
    assert cells.text(cells.guard(tidy)) == tidy


@pytest.mark.parametrize(
    "value", ["phone: +7 916, +7 903", "Anna, Boris; Vera", "a - b", "1+1=2", "it's", "one,\ntwo"]
)
def test_ordinary_text_is_left_as_it_is(value: str) -> None:
    assert cells.guard(value) == value


def test_a_workbook_holds_strings_and_no_formula() -> None:
    data = b"".join(writing.as_xlsx([["a"], ["=1+1"], ["+7 916"], ["-2"], ["@x"], ["007"], ["1e5"]]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<f" not in sheet
    assert sheet.count('t="inlineStr"') == 7
    assert {cell.data_type for (cell,) in load_workbook(io.BytesIO(data)).active.iter_rows()} == {"s"}
