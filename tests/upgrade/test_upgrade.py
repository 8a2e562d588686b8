"""A database of each released version is upgraded to the head; then it is used.

Each dump of the kind of database the run is on joins in by lying in this folder. `rows` and `scenes` say what is in
them. Ask the database of the fixture `upgraded` in SQL, and change nothing there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import PROJECT, environment, manage
from tests.upgrade import databases
from tests.upgrade.databases import Database, dumps_for

pytestmark = pytest.mark.slow

BESIDE = os.environ["DATABASE_URL"]
DUMPS = dumps_for(BESIDE)
OURS = (
    *("attempt", "client", "clientimport", "clientimport_clients", "delivery", "heartbeat", "mailing"),
    *("mailing_clients", "mailservice", "message", "staffnotice", "suppression"),
)
THEIRS = (
    *("auth_user", "auth_user_groups", "axes_accesslog", "django_admin_log"),
    *("django_q_ormq", "django_q_schedule", "django_q_task"),
)
KEPT = (*(f"mailing_{name}" for name in OURS), *THEIRS)
NUMBERS = (
    "SELECT a.id, m.name, a.status, a.started_at, a.audience, a.sent, a.failed, a.unconfirmed, a.skipped"
    " FROM mailing_attempt a JOIN mailing_mailing m ON m.id = a.mailing_id ORDER BY a.id"
)
BY_STATUS = (
    "SELECT attempt_id, status, reason, code, tries, COUNT(*) FROM mailing_delivery"
    " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
)


@dataclass(frozen=True)
class Contents:
    """What must be the same before and after."""

    counts: dict[str, int]
    attempts: list[tuple[object, ...]]
    deliveries: list[tuple[object, ...]]

    @classmethod
    def of(cls, database: Database) -> Contents:
        counts = {table: int(database.rows(f"SELECT COUNT(*) FROM {table}")[0][0]) for table in KEPT}
        return cls(counts, database.rows(NUMBERS), database.rows(BY_STATUS))


@dataclass(frozen=True)
class Upgraded:
    database: Database
    before: Contents


@contextmanager
def upgrade(dump: Path, *, planted: str = "") -> Iterator[Upgraded]:
    """The dump at the head; `planted` is SQL that spoils it before."""
    with databases.restored(dump, BESIDE) as database:
        before = Contents.of(database)
        database.run(planted)
        done = manage("migrate", "--verbosity=0", env=environment(DATABASE_URL=database.url))
        assert done.returncode == 0, done.stderr
        yield Upgraded(database, before)


@pytest.fixture(scope="module", params=DUMPS, ids=lambda dump: dump.name)
def upgraded(request: pytest.FixtureRequest) -> Iterator[Upgraded]:
    with upgrade(request.param) as done:
        yield done


def use(database: Database, how: str) -> list[str]:
    """What goes wrong when people and scripts use it (`using`)."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.upgrade.using", how],
        cwd=PROJECT,
        env=environment(DATABASE_URL=database.url),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_nothing_is_lost_or_counted_anew(upgraded: Upgraded) -> None:
    assert Contents.of(upgraded.database) == upgraded.before
    assert all(upgraded.before.counts.values())


def test_pages_search_and_commands_work(upgraded: Upgraded) -> None:
    assert use(upgraded.database, "look") == []


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name)
def test_runs_that_were_open_go_on_and_nobody_gets_a_letter_twice(dump: Path) -> None:
    with upgrade(dump) as done:
        assert use(done.database, "work") == []


def test_a_lost_column_a_lost_row_and_a_wrong_number_are_seen() -> None:
    planted = (
        "ALTER TABLE mailing_message DROP COLUMN text_body;"
        "DELETE FROM mailing_staffnotice WHERE id = (SELECT MIN(id) FROM mailing_staffnotice);"
        "UPDATE mailing_attempt SET sent = sent - 1 WHERE id = (SELECT MAX(id) FROM mailing_attempt WHERE sent > 0);"
    )
    with upgrade(DUMPS[-1], planted=planted) as done:
        after = Contents.of(done.database)
        told = " ".join(use(done.database, "look"))
    assert after.counts["mailing_staffnotice"] == done.before.counts["mailing_staffnotice"] - 1
    assert after.attempts != done.before.attempts
    assert "/admin/mailing/message/: OperationalError" in told or "/admin/mailing/message/: ProgrammingError" in told
    assert "does not balance" in told
