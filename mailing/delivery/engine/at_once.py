"""The ordinary exchange in one statement: letters accepted with 250 in, ordinary clients out.

Nearly every exchange of a run is one. Everything else goes the long way of `ledger`, with the same guarantees.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from django.db import connection

from mailing.delivery.engine import ledger_sql
from mailing.delivery.engine.ledger_sql import Waiting
from mailing.delivery.engine.page import Page
from mailing.delivery.engine.queue import Queue
from mailing.delivery.engine.records import Claim
from mailing.errors import LeaseLost
from mailing.models import Attempt

STEP = 10  # rows


class Taken(NamedTuple):
    """What an exchange brought. `odd`: read and not claimed, they need a second look."""

    claims: list[Claim]
    odd: Sequence[Waiting] = ()
    called_off: bool = False  # somebody may want the run to stop


class AtOnce(Protocol):
    def exchange(self, accepted: Mapping[int, str], want: int, now: datetime) -> Taken | None:
        """Writes the words for accepted letters and claims up to `want` more, durably.

        None: it is no ordinary exchange, and nothing was written. Raises LeaseLost; then nothing was written, too.
        """


def for_database(attempt: Attempt, owner: str, queue: Queue) -> AtOnce:
    if connection.vendor == "postgresql":
        return OnPostgreSQL(attempt, owner, queue)
    assert queue.page is not None
    return OnSQLite(attempt, owner, queue, queue.page)


class OnSQLite:
    """A view whose trigger does it all: Python's lock is let go once instead of six times."""

    def __init__(self, attempt: Attempt, owner: str, queue: Queue, page: Page) -> None:
        self._attempt_id, self._owner = attempt.pk, owner
        self._queue, self._page = queue, page
        self._database: sqlite3.Connection | None = None  # the one that has the view

    def exchange(self, accepted: Mapping[int, str], want: int, now: datetime) -> Taken | None:
        if want > 0 and self._queue.place.is_read:
            return None
        connection.ensure_connection()
        with connection.wrap_database_errors:
            return self._try(accepted, want, now) or self._try(accepted, want, now)

    def _try(self, accepted: Mapping[int, str], want: int, now: datetime) -> Taken | None:
        """None also where somebody committed since the page was read: it is void now."""
        page, moment = self._page, ledger_sql.stored(now)
        if not page.may_go_on(moment):
            return None
        claims = page.claims(want, self._queue.place.cursor) if want > 0 else []
        if want > 0 and not claims and not page.is_read:
            return None
        first, last = (claims[0].id, claims[-1].id) if claims else (0, -1)
        outcomes = (len(accepted), json.dumps(accepted))
        values = (self._attempt_id, self._owner, moment, *outcomes, first, last, len(claims), page.version)
        if not self._insert(values):
            return None
        page.keep()
        if want > 0:
            self._queue.took(claims)
        return Taken(claims)

    def _insert(self, values: tuple[int | str, ...]) -> bool:
        database = connection.connection
        if self._database is not database or connection.in_atomic_block:  # a roll-back would take them along
            database.execute(ledger_sql.EXCHANGE_VIEW)
            database.execute(ledger_sql.EXCHANGE_TRIGGER)
            self._database = database
        try:
            database.execute(ledger_sql.EXCHANGE, values)
        except sqlite3.IntegrityError as error:
            self._page.clear()
            if str(error) == ledger_sql.STALE:
                return False
            raise LeaseLost from error
        except BaseException:  # also when we are told to go: what became of it is unknown
            self._page.clear()
            raise
        return True


class OnPostgreSQL:
    """One round trip instead of six, each of which costs a turn of the scheduler, and planned once per connection."""

    def __init__(self, attempt: Attempt, owner: str, queue: Queue) -> None:
        self._owner, self._queue = owner, queue

    def exchange(self, accepted: Mapping[int, str], want: int, now: datetime) -> Taken | None:
        if want <= 0 or self._queue.place.is_read:
            return None
        want = _in_steps(want)
        values = {"owner": self._owner, "now": now, "rows": json.dumps(accepted)}
        answer = _prepared(ledger_sql.AT_ONCE.format(want=want), self._queue.parameters(want) | values)
        fence, done, taken, called_off, *_ = answer[0]
        found = [Waiting._make(row[4:]) for row in answer if row[4] is not None]
        claims = [Claim.of(row) for row in found if row.ordinary]
        if (fence, done, taken) != (1, len(accepted), len(claims)):
            raise LeaseLost
        self._queue.passed(found, want)
        return Taken(claims, [row for row in found if not row.ordinary], called_off)


def _in_steps(want: int) -> int:
    """So that there are few statements: each number of rows is one of its own."""
    return want - want % STEP if want > STEP else want


def _prepared(sql: str, values: dict[str, Any]) -> Any:
    """All rows. Django's own cursor binds the values on our side: to the server each statement would be a new one."""
    connection.ensure_connection()
    backend: Any = connection  # its `Database` is psycopg, which SQLite's processes do not load
    database = backend.connection
    database.prepare_threshold = 1  # Django turns it off for its own cursor, which could not use it
    with connection.wrap_database_errors, backend.Database.Cursor(database) as cursor:
        return cursor.execute(sql, values, prepare=True).fetchall()
