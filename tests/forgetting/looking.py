"""Looks for somebody in the whole installation, without asking the product where they might be.

The database itself says which tables and columns there are; files are read as they lie. The forms are spelled out
here once more, so that a form the product does not know is not overlooked here as well.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_plus

from django.db import connection
from django.db.backends.utils import CursorWrapper

from mailing import addresses

# The virtual table of SQLite's search holds no text and cannot be selected from; the tables below it are looked at.
UNREADABLE = {"mailing_client_search"}


class Needles:
    """Everything by which somebody is to be found: `tea@x.ru`, `TEA@X.RU`, `tea%40x.ru`, in base64, in JSON.

    `but`: addresses of others of which one of theirs is a part.
    """

    def __init__(self, *words: str, but: Collection[str] = ()) -> None:
        self.plain, self.encoded = _forms(words)
        self.others, self.others_encoded = _forms(but)

    def are_in(self, text: str) -> bool:
        folded = text.casefold()
        for form in self.others:
            folded = folded.replace(form, "")
        for core in self.others_encoded:
            text = text.replace(core, "")
        return any(form in folded for form in self.plain) or any(core in text for core in self.encoded)

    def are_in_bytes(self, data: bytes) -> bool:
        return self.are_in(data.decode("utf-8", "replace"))


def _forms(words: Collection[str]) -> tuple[list[str], list[str]]:
    shown = {form for word in words for form in (word, addresses.display(word))}
    plain = {
        form.casefold()
        for word in shown
        for form in (word, json.dumps(word)[1:-1], quote(word), quote_plus(word), quote(quote(word)), _xtext(word))
    }
    plain |= {word.replace("@", "=") for word in shown if "@" in word}
    return sorted(plain), sorted({core for word in shown for core in _cores(word)})


def _xtext(word: str) -> str:
    return "".join(c if c.isalnum() or c in "@." else f"+{ord(c):02X}" for c in word)


def _cores(word: str) -> Iterator[str]:
    for shift in range(3):
        core = b64encode(b"\0" * shift + word.encode()).decode()[4:-4]
        yield from (core, core.replace("+", "-").replace("/", "_"))


def columns() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table not in UNREADABLE:
                for column in connection.introspection.get_table_description(cursor, table):
                    yield table, column.name


def places(needles: Needles, *, kept: Collection[tuple[str, str]] = ()) -> dict[str, list[str]]:
    """`table.column`, and the values that tell of them."""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        for table, column in columns():
            values = [text for text in _texts(cursor, table, column) if needles.are_in(text)]
            if values and (table, column) not in kept:
                found[f"{table}.{column}"] = values
    return found


def _texts(cursor: CursorWrapper, table: str, column: str) -> Iterator[str]:
    quoted = connection.ops.quote_name
    cursor.execute(f"SELECT {quoted(column)} FROM {quoted(table)}")
    for (value,) in cursor.fetchall():
        if isinstance(value, bytes | memoryview):
            yield _unpacked(bytes(value)).decode("utf-8", "replace")
        elif isinstance(value, str):
            yield value
            yield unquote_plus(value)
            yield _decoded(value)


def _unpacked(data: bytes) -> bytes:
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def _decoded(text: str) -> str:
    """What lies in base64: a pickle of the queue."""
    try:
        return b64decode(text, validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""


def files(needles: Needles, *folders: Path) -> list[str]:
    """Files whose name or contents tell of them."""
    every = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in every if needles.are_in(str(path.name)) or needles.are_in_bytes(path.read_bytes())]
