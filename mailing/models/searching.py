"""How clients are found: `condition` is the WHERE of `ClientQuerySet.search`, `keep_index` what makes it quick.

PostgreSQL has a trigram index (migration 0001) that a plain LIKE uses. SQLite has FTS5 with its trigram tokenizer:
a table beside the clients, written by triggers. Among 1 000 000 clients a LIKE took 1.6 s there, a MATCH 1 to 50 ms.
Why it is made after every `migrate` and not by a migration: docs/decisions/0014-search.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from mailing.models.fields import fold

Rows = TypeVar("Rows", bound="QuerySet[Any]")

MOST_WORDS = 20  # of a search; nobody types more, and every one costs a look into the index
TRIGRAM = 3

_MATCH = "SELECT rowid FROM mailing_client_search WHERE mailing_client_search MATCH %s"
# A blank before the text, so that each word of it begins with " ": that is what two letters are looked up by.
_NEW, _OLD = "new.id, ' ' || new.search_text", "old.id, ' ' || old.search_text"
_ADD = f"INSERT INTO mailing_client_search (rowid, text) VALUES ({_NEW});"
_DROP = f"INSERT INTO mailing_client_search (mailing_client_search, rowid, text) VALUES ('delete', {_OLD});"
_PARTS = {
    "mailing_client_search": (
        "CREATE VIRTUAL TABLE mailing_client_search USING fts5"
        " (text, content='', columnsize=0, tokenize='trigram case_sensitive 1')"
    ),
    "mailing_client_search_add": (
        f"CREATE TRIGGER mailing_client_search_add AFTER INSERT ON mailing_client BEGIN {_ADD} END"
    ),
    "mailing_client_search_drop": (
        f"CREATE TRIGGER mailing_client_search_drop AFTER DELETE ON mailing_client BEGIN {_DROP} END"
    ),
    "mailing_client_search_change": (
        "CREATE TRIGGER mailing_client_search_change AFTER UPDATE OF id, search_text ON mailing_client"
        f" WHEN old.search_text <> new.search_text OR old.id <> new.id BEGIN {_DROP} {_ADD} END"
    ),
}
# Merging sixteen parts of the index at a time instead of four: a third less work while a file is loaded.
_TUNE = "INSERT INTO mailing_client_search (mailing_client_search, rank) VALUES ('automerge', 16)"
_FILL = "INSERT INTO mailing_client_search (rowid, text) SELECT id, ' ' || search_text FROM mailing_client"


def condition(text: str, using: str) -> Q:
    """Every word of the text is found: three letters or more anywhere, one or two where a word begins."""
    words = _words(text)
    if connections[using].vendor == "sqlite":
        return _by_index(words)
    return Q(*map(_by_like, words))


def number(text: str, using: str, *, most: int = -1) -> int | None:
    """How many clients `condition` finds, where the index alone can say so: a fortieth of the time of a count."""
    connection, words = connections[using], _words(text)
    if connection.vendor != "sqlite" or not words or min(map(len, words)) < TRIGRAM - 1:
        return None
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM ({_MATCH} LIMIT %s)", [_phrases(words), most])
        return int(cursor.fetchone()[0])


def some(text: str, using: str, *, most: int) -> list[int] | None:
    """Ids of some clients `condition` finds, in no order that means anything; None where a plain query is as quick.

    SQLite would look up all that fit before it takes the first of them: of 100 000 that took 0.2 s.
    """
    connection, words = connections[using], _words(text)
    if connection.vendor != "sqlite" or not words or min(map(len, words)) < TRIGRAM - 1:
        return None
    with connection.cursor() as cursor:
        cursor.execute(f"{_MATCH} LIMIT %s", [_phrases(words), most])
        return [pk for (pk,) in cursor.fetchall()]


def fits(text: str) -> Callable[[str], bool]:
    """The same question for a `search_text` that was read already."""
    words = [word if len(word) >= TRIGRAM else f" {word}" for word in _words(text)]
    return lambda stored: all(word in f" {stored}" for word in words)


def among(rows: Rows, text: str, *fields: str) -> Rows:
    """The few rows whose fields contain every word, in any case: SQLite's LIKE knows only Latin letters' cases."""
    words = _words(text)
    if not words:
        return rows
    texts = ((pk, fold(" ".join(found))) for pk, *found in rows.order_by().values_list("pk", *fields))
    return rows.filter(pk__in=[pk for pk, folded in texts if all(word in folded for word in words)])


def _words(text: str) -> list[str]:
    return fold(text.replace("\0", " ")).split()[:MOST_WORDS]


def _by_like(word: str) -> Q:
    if len(word) >= TRIGRAM:
        return Q(search_text__contains=word)
    return Q(search_text__startswith=word) | Q(search_text__contains=f" {word}")


def _by_index(words: list[str]) -> Q:
    """One MATCH for the words that fill a trigram, together with the blank before them; LIKE for a single letter."""
    found = Q(*(_by_like(word) for word in words if len(word) < TRIGRAM - 1))
    if phrases := _phrases(words):
        found &= Q(pk__in=RawSQL(_MATCH, [phrases]))
    return found


def _phrases(words: list[str]) -> str:
    """What MATCH takes: each word in quotes, a short one with the blank before it."""
    phrases = (word if len(word) >= TRIGRAM else f" {word}" for word in words if len(word) >= TRIGRAM - 1)
    return " ".join('"{}"'.format(phrase.replace('"', '""')) for phrase in phrases)


def keep_index(*, using: str = DEFAULT_DB_ALIAS, **signal: object) -> None:
    """Receiver of post_migrate: makes the index of SQLite if a part of it is missing, and fills it."""
    connection = connections[using]
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE name LIKE 'mailing_client%'")
        here = {name for (name,) in cursor.fetchall()}
        if "mailing_client" not in here or here >= _PARTS.keys():
            return
        for name in reversed(_PARTS):
            cursor.execute(f"DROP {'TABLE' if name == 'mailing_client_search' else 'TRIGGER'} IF EXISTS {name}")
        for statement in _PARTS.values():
            cursor.execute(statement)
        cursor.execute(_TUNE)
        cursor.execute(_FILL)
