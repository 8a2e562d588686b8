"""What is looked up of the letters of the demo without opening them: a small SQLite file beside them.

It holds nothing that the letters do not, and may be deleted at any time: it is made anew from them. A request reads
as many new letters into it as fit into `READING` seconds, the newest first, so that a mailbox of 100 000 never holds
up a page; what is still outside is said.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailing.models.fields import fold

READING = 1.0  # seconds a request may spend on letters that are new to it
KEPT_WORDS, KEPT_TEXT = 300, 8000  # characters of a subject or an address, and of what is searched
MOST_WORDS = 20
SETTLED = 100_000_000  # nanoseconds
MOMENT = re.compile(r"(\d{1,10})\.M(\d{1,6})P")

_TABLES = """
CREATE TABLE IF NOT EXISTS letters (
    name TEXT PRIMARY KEY, arrived INTEGER NOT NULL, receiver TEXT NOT NULL, subject TEXT NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0, words TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS newest ON letters (arrived DESC, name DESC, receiver, subject, seen);
CREATE TABLE IF NOT EXISTS folders (path TEXT PRIMARY KEY, changed INTEGER NOT NULL, outside INTEGER NOT NULL);
"""
_NEWEST = "ORDER BY arrived DESC, name DESC"


@dataclass(frozen=True)
class Keywords:
    """What a letter is shown and found by."""

    to: str
    sender: str
    recipient: str
    subject: str
    text: str


@dataclass(frozen=True)
class Listed:
    """A letter as a row of the list: of long texts only the beginning."""

    key: str
    to: str
    subject: str
    arrived: datetime
    seen: bool


@dataclass(frozen=True)
class Found:
    """A page of them. `outside`: how many letters lie there that nobody has read into the index yet."""

    letters: Sequence[Listed] = ()
    number: int = 0
    outside: int = 0


@dataclass(frozen=True)
class Place:
    """How many letters are newer than one, and the keys of its neighbours; empty where there is none."""

    before: int = 0
    newer: str = ""
    older: str = ""


class LetterIndex:
    def __init__(self, path: Path, folders: Sequence[Path], read: Callable[[Path], Keywords | None]) -> None:
        self.path, self.folders, self.read = path, folders, read

    def page(self, number: int, size: int, words: str = "") -> Found:
        """The letters in which every word is found, newest first; the last page for one that is not there."""
        if not any(folder.is_dir() for folder in self.folders):
            return Found()
        with self._opened() as kept:
            outside = self._catch_up(kept)
            condition, values = _condition(words)
            count = kept.execute(f"SELECT count(*) FROM letters {condition}", values).fetchone()[0]
            first = (min(number, -(-count // size)) - 1) * size
            rows = kept.execute(
                f"SELECT name, receiver, subject, arrived, seen FROM letters {condition} {_NEWEST} LIMIT ? OFFSET ?",
                [*values, size, max(0, first)],
            )
            return Found([_listed(row) for row in rows], count, outside)

    def place(self, key: str, words: str = "") -> Place:
        """Where among the letters found this one stands."""
        condition, values = _condition(words)
        also = f"{condition} AND" if condition else "WHERE"
        with self._opened() as kept:
            self._catch_up(kept)
            at = kept.execute("SELECT arrived, name FROM letters WHERE name = ?", [key]).fetchone()
            if at is None:
                return Place()
            before = f"SELECT count(*) FROM letters {also} (arrived, name) > (?, ?)"
            newer = f"SELECT name FROM letters {also} (arrived, name) > (?, ?) ORDER BY arrived, name LIMIT 1"
            older = f"SELECT name FROM letters {also} (arrived, name) < (?, ?) {_NEWEST} LIMIT 1"
            number, above, below = (
                kept.execute(question, [*values, *at]).fetchone() for question in (before, newer, older)
            )
        return Place(number[0], above[0] if above else "", below[0] if below else "")

    def see(self, key: str) -> None:
        """Somebody has opened it."""
        with self._opened() as kept:
            kept.execute("UPDATE letters SET seen = 1 WHERE name = ? AND NOT seen", [key])

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The file, made anew where it is missing or broken; what was written is kept."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            kept = self._connect()
        except sqlite3.OperationalError:  # busy
            raise
        except sqlite3.DatabaseError:
            self.forget()
            kept = self._connect()
        with closing(kept), kept:
            yield kept

    def _connect(self) -> sqlite3.Connection:
        kept = sqlite3.connect(self.path, timeout=10)
        try:
            kept.execute("PRAGMA synchronous = OFF")  # it can be made anew
            kept.executescript(_TABLES)
        except sqlite3.DatabaseError:
            kept.close()
            raise
        return kept

    def _catch_up(self, kept: sqlite3.Connection) -> int:
        """Reads in what is new, and lets go of what is gone; returns how many letters are still outside.

        A folder's own time changes with every letter that comes or goes: while it does not, nobody looks inside.
        """
        seen = {path: (changed, outside) for path, changed, outside in kept.execute("SELECT * FROM folders")}
        now = {str(folder): _changed(folder) for folder in self.folders if folder.is_dir()}
        if all(now.values()) and {path: changed for path, (changed, left) in seen.items() if not left} == now:
            return 0
        there = {name: folder for folder in now for name in os.listdir(folder)}
        known = {name for (name,) in kept.execute("SELECT name FROM letters")}
        kept.executemany("DELETE FROM letters WHERE name = ?", [(name,) for name in known - there.keys()])
        outside = self._read_in(kept, {name: there[name] for name in there.keys() - known})
        kept.execute("DELETE FROM folders")
        kept.executemany("INSERT INTO folders VALUES (?, ?, ?)", [(*pair, outside) for pair in now.items()])
        return outside

    def _read_in(self, kept: sqlite3.Connection, fresh: dict[str, str]) -> int:
        newest = sorted(fresh, reverse=True)  # a name begins with its second
        until, done = time.monotonic() + READING, 0
        for name in newest:
            if time.monotonic() > until:
                break
            done += 1
            if keywords := self.read(Path(fresh[name], name)):
                kept.execute("INSERT OR IGNORE INTO letters VALUES (?, ?, ?, ?, 0, ?)", _row(name, keywords))
        return len(fresh) - done


def _changed(folder: Path) -> int:
    """Its time; 0 for a moment after a change, since another letter may come within the same tick of the clock."""
    changed = folder.stat().st_mtime_ns
    return changed if time.time_ns() - changed > SETTLED else 0


def _arrived(name: str) -> int:
    """Nanoseconds, from the name of a file in a Maildir: the file's own time is rounded to a few milliseconds."""
    moment = MOMENT.match(name)
    return int(moment[1]) * 10**9 + int(moment[2]) * 1000 if moment else 0


def _row(name: str, of: Keywords) -> tuple[str, int, str, str, str]:
    words = fold(" ".join((of.to, of.recipient, of.sender, of.subject[:KEPT_WORDS], of.text[:KEPT_TEXT])))
    return name, _arrived(name), _storable(of.to[:KEPT_WORDS]), _storable(of.subject[:KEPT_WORDS]), _storable(words)


def _storable(text: str) -> str:
    return text.encode(errors="replace").decode()


def _condition(text: str) -> tuple[str, list[str]]:
    words = [_storable(word) for word in fold(text).split()[:MOST_WORDS]]
    return ("WHERE " + " AND ".join(["instr(words, ?)"] * len(words)) if words else ""), words


def _listed(row: tuple[str, str, str, int, int]) -> Listed:
    name, to, subject, arrived, seen = row
    return Listed(name, to, subject, datetime.fromtimestamp(arrived / 1e9, UTC), bool(seen))
