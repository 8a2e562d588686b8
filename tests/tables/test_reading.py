"""What people and Excel put into a file, and what we make of it."""

from __future__ import annotations

import io
import time
import zipfile

import pytest
from django.utils import translation
from openpyxl import Workbook

from mailing.tables import reading, workbooks
from mailing.tables.errors import Unreadable
from tests.tables import files


def rows(data: bytes) -> list[reading.SheetRow]:
    return list(reading.read(data))


def refusal(data: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        rows(data)
    return str(caught.value)


@pytest.mark.parametrize("kind", files.KINDS)
def test_every_kind_of_file_gives_the_same_rows_with_the_numbers_excel_shows(kind: str) -> None:
    found = rows(files.KINDS[kind])
    assert [(row.line, row.email) for row in found] == [
        (number, email) for number, (email, *_rest) in enumerate(files.ROWS, start=2)
    ]
    assert found[0].full_name == "Анна Ёлкина"
    assert found[-1].comment == "79161234567"


def test_a_sheet_says_how_it_was_read() -> None:
    sheet = reading.read(files.csv(encoding="cp1251", headings=("Почта", "Имя", "Телефон")))
    assert (sheet.kind, sheet.encoding, sheet.delimiter) == ("CSV", "cp1251", ";")
    assert sheet.columns.ignored == ["Телефон"]


@pytest.mark.parametrize(
    ("headings", "full_name"),
    [
        (("Имя", "email", "Фамилия", "Отчество"), "Фамилия Имя Отчество"),
        (("first name", "E-mail", "last name", "note"), "Фамилия Имя"),
        (("имя", "почта", "фамилия", "ФИО"), "Отчество"),
    ],
)
def test_a_name_in_pieces_is_put_together(headings: tuple[str, ...], full_name: str) -> None:
    [row] = rows(files.csv([("Имя", "a@example.ru", "Фамилия", "Отчество")], headings=headings))
    assert row.full_name == full_name


def test_titles_and_blank_lines_above_the_headings_do_not_change_row_numbers() -> None:
    data = "Список клиентов;;\r\n\r\nпочта;фио\r\n;\r\na@example.ru;Анна\r\n".encode()
    assert [(row.line, row.email) for row in rows(data)] == [(5, "a@example.ru")]


def test_a_line_break_inside_a_cell_keeps_row_numbers() -> None:
    data = b'email;comment\na@example.ru;"one\r\ntwo"\nb@example.ru;x\n'
    assert [(row.line, row.comment) for row in rows(data)] == [(2, "one\ntwo"), (3, "x")]


@pytest.mark.parametrize(
    ("cell", "tidy"),
    [
        ("  Анна\u00a0  Ёлкина ", "Анна Ёлкина"),
        ("\u200bАнна\ufeff", "Анна"),
        ("Еле\u0301на", "Еле\u0301на"),  # no composed letter exists
        ("Андреи\u0306", "Андрей"),
        ("'=1+1", "=1+1"),
        ("''=1", "'=1"),
        ("O'Hara", "O'Hara"),
        ("\x01\x07Анна", "Анна"),
    ],
)
def test_cells_are_tidied(cell: str, tidy: str) -> None:
    [row] = rows(f"email;name\na@example.ru;{cell}\n".encode())
    assert row.full_name == tidy


def test_cells_beyond_the_headings_are_reported_not_lost_in_silence() -> None:
    sheet = reading.read(b"email;name\na@example.ru;A;extra\nb@example.ru;B;\n")
    assert len(list(sheet)) == 2
    assert sheet.cut == [2]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty"),
        (b" \r\n \r\n", "The file is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Excel file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a table"),
        (b"email;name\n", "no rows below"),
        (b"a@example.ru;Anna\nb@example.ru;Boris\n", "holds a client, not headings"),
        ("имя;телефон\nАнна;1\n".encode(), "Found instead: “имя”, “телефон”"),
        ("Почта;Имя\nanna@example.ru;Анна\n".encode("koi8-r"), "look garbled"),
        ("email;имя\na@b.ru;Анна\n".encode() + b"c@d.ru;\xd0\n", "damaged near line 3"),
        (b"PK\x03\x04 not really", "damaged or protected"),
        (files.xlsx()[:-200], "damaged or protected"),
        (b'email;name\na@example.ru;"' + b"x" * 200_000, "longer than 130 000"),
        (b"email\n" + b"a@b.ru\n" * 3_000_000, "larger than 20 MB"),
        (b"e;email\n" + b"1;a\n" * 100_001, "more than 100000 rows"),
        (b"email\n" + b"\n" * 6_000_000, "more than 100000 rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(data: bytes, words: str) -> None:
    assert words in refusal(data)


def test_headings_are_quoted_as_the_language_does() -> None:
    with translation.override("ru"):
        assert "«имя», «телефон»" in refusal("имя;телефон\nАнна;1\n".encode())


def workbook(sheet: str) -> bytes:
    """A workbook whose only sheet has this XML."""
    file = io.BytesIO(files.xlsx())
    made = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            inside = sheet.encode() if entry.filename.endswith("sheet1.xml") else source.read(entry)
            target.writestr(entry.filename, inside)
    return made.getvalue()


SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="{}"/><sheetData>'
    '<row r="1"><c r="A1" t="inlineStr"><is><t>email</t></is></c></row>{}</sheetData></worksheet>'
)
CELL = '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>a@example.ru</t></is></c></row>'


def test_a_workbook_that_lies_about_its_size_is_read_to_its_end() -> None:
    assert [row.line for row in rows(workbook(SHEET.format("A1", CELL.format(2) + CELL.format(7))))] == [2, 7]


def test_a_workbook_that_claims_sixteen_thousand_columns_is_read_at_once() -> None:
    started = time.process_time()
    assert len(rows(workbook(SHEET.format("A1:XFD1048576", CELL.format(2))))) == 1
    assert time.process_time() - started < 20  # would be minutes if every row were padded to its width


def test_a_workbook_of_six_million_rows_is_refused() -> None:
    assert "more than 100000 rows" in refusal(workbook(SHEET.format("A1", CELL.format(6_000_000))))


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("xl/worksheets/sheet1.xml", b"\0" * (workbooks.UNPACKED_LIMIT + 1))
    assert len(made.getvalue()) < 2**20
    assert "unpacks to more than 150 MB" in refusal(made.getvalue())


def test_numbers_and_dates_of_a_workbook_are_read_as_people_typed_them() -> None:
    book = Workbook()
    book.active.append(["email", "name", "comment"])
    book.active.append(["a@example.ru", 7, 2.5])
    file = io.BytesIO()
    book.save(file)
    [row] = rows(file.getvalue())
    assert (row.full_name, row.comment) == ("7", "2.5")
