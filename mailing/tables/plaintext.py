"""Plain-text tables: which encoding, which delimiter, and the rows."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_noop

from mailing.tables.errors import Unreadable
from mailing.tables.sheets import COLUMNS, TOO_LONG_CELL, TOO_MANY_COLUMNS

_DELIMITERS = ";,\t|"  # the first wins a tie: Excel in Russia writes semicolons
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)  # Excel hides this line and does not number it
_QUOTED = re.compile(r'"[^"]*"')
_SAMPLE = 65536

NOT_A_TABLE = gettext_noop("This is not a table. Save the list as CSV or XLSX and choose that file.")
BROKEN_UTF8 = gettext_noop(
    "The text of the file is damaged near line %(line)s: it is neither UTF-8 nor Windows-1251 throughout. "
    "Save it once more as “CSV UTF-8” and choose that file."
)


@dataclass(frozen=True)
class Text:
    encoding: str
    delimiter: str
    rows: Iterator[tuple[int, list[str]]]


def read(data: bytes) -> Text:
    """Decides once how to read the file; the rows then come one by one with the number Excel shows for them."""
    encoding = _encoding(data)
    stream = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline="")
    start = stream.tell()
    first = stream.readline(_SAMPLE)
    said = _SEPARATOR_LINE.fullmatch(first)
    if said:
        return Text(encoding, said[1], _rows(stream, said[1]))
    while first and not first.strip():
        first = stream.readline(_SAMPLE)
    delimiter = _delimiter(first)
    stream.seek(start)
    return Text(encoding, delimiter, _rows(stream, delimiter))


def _rows(stream: io.TextIOWrapper, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        for number, row in enumerate(csv.reader(stream, delimiter=delimiter), start=1):
            if len(row) > COLUMNS:
                if any(row[COLUMNS:]):
                    raise Unreadable(TOO_MANY_COLUMNS, line=number, limit=COLUMNS)
                del row[COLUMNS:]
            yield number, row
    except csv.Error as error:
        raise Unreadable(TOO_LONG_CELL, line=number + 1) from error


def _delimiter(line: str) -> str:
    bare = _QUOTED.sub("", line)
    return max(_DELIMITERS, key=bare.count)


def _encoding(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        _check(data, "utf-16")
        return "utf-16"
    if b"\x00" in data[:_SAMPLE]:
        raise Unreadable(NOT_A_TABLE)
    try:
        _check(data, "utf-8-sig")
    except Unreadable:
        if _was_meant_as_utf8(data):
            raise
        _check(data, "cp1251")
        return "cp1251"
    return "utf-8-sig"


def _check(data: bytes, encoding: str) -> None:
    """Decodes piece by piece, so that a large file is never held twice."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for start in range(0, len(data), _SAMPLE):
        try:
            decoder.decode(data[start : start + _SAMPLE], final=start + _SAMPLE >= len(data))
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, start + error.start) + 1
            raise Unreadable(BROKEN_UTF8, line=line) from error


def _was_meant_as_utf8(data: bytes) -> bool:
    """Whether most non-ASCII letters are sound UTF-8: Windows-1251 text looks like that only by chance."""
    if data.startswith(codecs.BOM_UTF8):
        return True
    decoded = data[: 16 * _SAMPLE].decode("utf-8", errors="replace")
    broken = decoded.count("\ufffd")
    sound = sum(not character.isascii() for character in decoded) - broken
    return sound > broken
