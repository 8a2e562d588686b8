"""A disk without room, for the tests: SQLite's own limit on the pages of its file ("database or disk is full")."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

UNLIMITED = 2**30


class FullDisk:
    """Until the end of the block, or until `make_room()`, no connection may add more than `spare` pages (4 KB).

    A connection learns that there is room when it is opened anew, as the writer does between two tries.
    """

    def __init__(self, spare: int = 0) -> None:
        self.spare = spare
        self.pages = UNLIMITED

    def __enter__(self) -> Self:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")  # what earlier tests deleted would be room
            cursor.execute("PRAGMA page_count")
            self.pages = cursor.fetchone()[0] + self.spare
        connection_created.connect(self._limit)
        self._limit(connection)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection_created.disconnect(self._limit)
        self.make_room()
        self._limit(connection)

    def make_room(self) -> None:
        self.pages = UNLIMITED

    def _limit(self, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA max_page_count = {self.pages}")
