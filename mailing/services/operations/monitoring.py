"""The answer for monitoring, which must come at once also when the database does not answer at all.

A driver may wait for a silent network for minutes, and SQLite for a lock for twenty seconds. So the database is asked
by a thread of its own, with a connection of its own; one at a time in a process, however many ask us meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from django.db import connections

from mailing.services.operations import health

logger = logging.getLogger(__name__)

PATIENCE = 0.025  # seconds for an answer while an earlier one is known
AT_FIRST = 1.0  # … and while none is: a process that has just begun still loads and connects
STILL_TRUE = 10.0  # seconds; a database that is only slow is no trouble yet
AGAIN = 5.0  # seconds between two looks of a web process, so that what it knows is never older than STILL_TRUE
WHILE_ASKED = 300.0  # seconds after the last question: where nobody monitors, nobody looks

Answer = tuple[bool, dict[str, Any]]
SILENT: Answer = (False, {"status": "trouble", "database": False})


class Monitor:
    """What one process knows of the health of the installation. A fork begins anew: its thread is not there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._begun = self._wanted = 0.0
        self._last: tuple[float, Answer] | None = None  # when it was begun to be asked, and what came
        self._said = "well"

    def answer(self) -> Answer:
        """Whether all is well, and why not; within `PATIENCE` but for the first second of a process."""
        self._wanted = time.monotonic()
        thread, begun = self._asking()
        wait = PATIENCE if self._last else AT_FIRST
        thread.join(max(0.0, begun + wait - time.monotonic()))
        asked, found = self._last or (0.0, SILENT)
        if asked < time.monotonic() - STILL_TRUE:
            found = SILENT
        self._tell(found)
        return found

    def watch(self) -> None:
        """For a web process: looks now and then by itself. Who comes once a minute need not wait, nor be told of a
        silence that is none, because the database just needed longer than `PATIENCE`."""
        self._wanted = time.monotonic()
        threading.Thread(target=self._watch, name="health-watch", daemon=True).start()

    def _watch(self) -> None:
        while True:
            if time.monotonic() - self._wanted < WHILE_ASKED:
                self._asking()
            time.sleep(AGAIN)

    def _asking(self) -> tuple[threading.Thread, float]:
        """The thread that asks the database now, and since when."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._begun = time.monotonic()
                self._thread = threading.Thread(target=self._ask, args=(self._begun,), name="health", daemon=True)
                self._thread.start()
            return self._thread, self._begun

    def _ask(self, begun: float) -> None:
        try:
            found = health.report()
        except Exception as error:  # of whatever kind: it is trouble, and the next one asks again
            logger.warning("The health could not be found out: %s", type(error).__name__)
            found = SILENT
        finally:
            connections.close_all()
        self._last = (begun, found)

    def _tell(self, found: Answer) -> None:
        """One line for each change."""
        said = _in_words(found)
        with self._lock:
            news, self._said = said != self._said, said
        if news:
            logger.warning("/healthz: %s", said)


def _in_words(found: Answer) -> str:
    well, body = found
    if well:
        return "well"
    if not body["database"]:
        return "the database does not answer"
    if body["heartbeat_age"] is None:
        return "no qcluster runs"
    return "mailings are overdue" if body["workers_answer"] else "the workers do not answer"


MONITOR = Monitor()
