"""Files as people send them: the same table of clients in every dress."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook

HEADINGS = ("Email", "ФИО", "Комментарий")
ROWS: tuple[tuple[Any, ...], ...] = (
    ("anna@example.ru", "Анна Ёлкина", "с выставки"),
    ("BORIS@Example.ru", "Борис Петров", ""),
    ("bad-email", "Вера", "нет адреса"),
    ("anna@example.ru", "Анна ещё раз", ""),
    ("", "Глеб", "забыли адрес"),
    ("dina@example.ru", "Дина", "79161234567"),
)
# What every dress of this table leads to: addresses that are loaded, and rows that are left out.
LOADED = ["anna@example.ru", "boris@example.ru", "dina@example.ru"]
LEFT_OUT = [4, 5, 6]


def lines(
    rows: Sequence[Sequence[Any]] = ROWS,
    *,
    delimiter: str = ";",
    headings: Sequence[str] = HEADINGS,
    end: str = "\r\n",
) -> str:
    return end.join(delimiter.join(map(str, row)) for row in (headings, *rows)) + end


def csv(rows: Sequence[Sequence[Any]] = ROWS, *, encoding: str = "utf-8", **kwargs: Any) -> bytes:
    return lines(rows, **kwargs).encode(encoding)


def xlsx(rows: Sequence[Sequence[Any]] = ROWS, *, headings: Sequence[Any] = HEADINGS) -> bytes:
    book = Workbook()
    for row in (headings, *rows):
        book.active.append([cell if cell != "" else None for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


KINDS: dict[str, bytes] = {
    "UTF-8 with commas": csv(delimiter=","),
    "UTF-8 with a mark, semicolons": csv(encoding="utf-8-sig"),
    "Windows-1251, semicolons (Excel in Russia)": csv(encoding="cp1251"),
    "UTF-16 with tabs (Excel, “Unicode text”)": csv(encoding="utf-16", delimiter="\t"),
    "a first line sep=|": b"sep=|\r\n" + csv(delimiter="|"),
    "headings of other words, cases and blanks": csv(headings=(" E-Mail ", "Ф. И. О.", "ПРИМЕЧАНИЕ")),
    "short and long rows": csv(
        [row[:1] if not row[2] and row[0] == "BORIS@Example.ru" else (*row, "", "") for row in ROWS]
    ),
    "XLSX with empty cells": xlsx(),
    "XLSX with numbers and empty rows at the end": xlsx(
        [*ROWS[:5], ("dina@example.ru", "Дина", 79161234567.0), ("", "", ""), ("", None, "")]
    ),
}
