"""A database by itself: packed into a dump, restored from one, asked in SQL.

SQLite's dump is the file itself, without its free pages: that is what an installation upgrades, and the search index
(a virtual table with shadow tables and triggers) lies in it as it lies there, not as some text of SQL would make it.
PostgreSQL's is the text of `pg_dump` with INSERTs, which a server from 13 on takes through the driver, without psql.
"""

from __future__ import annotations

import lzma
import secrets
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import psycopg

FOLDER = Path(__file__).parent
SQLITE, POSTGRESQL = ".sqlite3.xz", ".pgsql.xz"  # how the names of dumps end, after the version
PG_DUMP = ("--inserts", "--rows-per-insert=100", "--no-owner", "--no-privileges", "--no-comments")


@dataclass(frozen=True)
class Database:
    """`url` is its DATABASE_URL."""

    url: str

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite:")

    @property
    def suffix(self) -> str:
        """How the names of its dumps end."""
        return SQLITE if self.is_sqlite else POSTGRESQL

    def connect(self) -> Any:
        if self.is_sqlite:
            return sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None)
        return psycopg.connect(self.url, autocommit=True)

    def run(self, statements: str) -> None:
        with closing(self.connect()) as connection:
            (connection.executescript if self.is_sqlite else connection.execute)(statements)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(self.connect()) as connection:
            return [tuple(row) for row in connection.execute(query).fetchall()]


def dumps_for(url: str) -> list[Path]:
    """The dumps of the kind of database that this is, by version."""
    return sorted(FOLDER.glob(f"*{Database(url).suffix}"))


@contextmanager
def restored(dump: Path, beside: str) -> Iterator[Database]:
    """The dump as a database of its own, gone afterwards; of PostgreSQL on the server of the URL `beside`."""
    content = lzma.decompress(dump.read_bytes())
    if Database(beside).is_sqlite:
        with TemporaryDirectory(prefix="samovar-upgrade-") as folder:
            file = Path(folder) / "samovar.sqlite3"
            file.write_bytes(content)
            yield Database(f"sqlite:///{file}")
        return
    with created(beside) as database:
        database.run(content.decode())
        yield database


@contextmanager
def created(beside: str) -> Iterator[Database]:
    """A new, empty database on the PostgreSQL server of that URL."""
    name = f"samovar_upgrade_{secrets.token_hex(6)}"
    parts = urlsplit(beside)
    server = Database(parts._replace(path="/postgres").geturl())
    server.run(f"CREATE DATABASE {name}")
    try:
        yield Database(parts._replace(path=f"/{name}").geturl())
    finally:
        server.run(f"DROP DATABASE {name} WITH (FORCE)")


def pack(database: Database) -> bytes:
    """The content of its dump."""
    content = _file_of_sqlite(database) if database.is_sqlite else _text_of_postgresql(database)
    return lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)


def _file_of_sqlite(database: Database) -> bytes:
    with TemporaryDirectory(prefix="samovar-upgrade-") as folder:
        file = Path(folder) / "packed.sqlite3"
        database.run(f"VACUUM INTO '{file}'")
        return file.read_bytes()


def _text_of_postgresql(database: Database) -> bytes:
    done = subprocess.run(["pg_dump", *PG_DUMP, database.url], check=True, capture_output=True, text=True)
    return _for_any_server(done.stdout).encode()


def _for_any_server(text: str) -> str:
    """Without what speaks of one version: the head (SET transaction_timeout …), the commands of psql (\\restrict)."""
    body = text[text.index("\nCREATE ") :]
    return body[: body.index("\n-- PostgreSQL database dump complete")]
