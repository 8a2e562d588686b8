"""A database of each released version is upgraded to the head; then it is used.

Each dump of the kind of database the run is on joins in by lying in this folder. `rows` and `scenes` say what is in
them. Ask the database of the fixture `upgraded` in SQL, and change nothing there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from django.utils.dateparse import parse_datetime

from mailing.choices import WaitsFor
from mailing.formatting import clock
from tests.processes import PROJECT, environment, manage
from tests.upgrade import databases
from tests.upgrade.databases import Database, dumps_for

pytestmark = [pytest.mark.slow, pytest.mark.both]

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
NOTICES = "mailing_staffnotice"
KEPT = (*(f"mailing_{name}" for name in OURS), *THEIRS)
NUMBERS = (
    "SELECT a.id, m.name, a.started_at, a.audience, a.sent, a.failed, a.unconfirmed, a.skipped"
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
    kept = Contents.of(upgraded.database)
    kept.counts[NOTICES] += 1  # the letter about a run that is partly now had not left yet
    assert kept == upgraded.before
    assert all(upgraded.before.counts.values())


def test_log_ins_from_before_stand_in_the_access_log(upgraded: Upgraded) -> None:
    known = upgraded.database.rows("SELECT username, ip_address FROM axes_accesslog ORDER BY attempt_time, username")
    taken = upgraded.database.rows(
        "SELECT username, address FROM mailing_accessevent WHERE kind = 'logged_in' ORDER BY at, username"
    )
    assert known
    assert taken == known


def test_pages_search_and_commands_work(upgraded: Upgraded) -> None:
    assert use(upgraded.database, "look") == []


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name)
def test_runs_that_were_open_go_on_and_nobody_gets_a_letter_twice(dump: Path) -> None:
    with upgrade(dump) as done:
        assert use(done.database, "work") == []


def test_a_lost_column_a_lost_row_and_a_wrong_number_are_seen() -> None:
    planted = (
        "ALTER TABLE mailing_message DROP COLUMN is_html;"
        "DELETE FROM mailing_staffnotice WHERE id = (SELECT MIN(id) FROM mailing_staffnotice);"
        "UPDATE mailing_attempt SET sent = sent - 1 WHERE id = (SELECT MAX(id) FROM mailing_attempt WHERE sent > 0);"
    )
    with upgrade(DUMPS[-1], planted=planted) as done:
        after = Contents.of(done.database)
        told = " ".join(use(done.database, "look"))
    assert after.counts[NOTICES] == done.before.counts[NOTICES] - 2  # one of them as in every upgrade
    assert after.attempts != done.before.attempts
    assert "/admin/mailing/message/: OperationalError" in told or "/admin/mailing/message/: ProgrammingError" in told
    assert "does not balance" in told


# --- 0.1.0: what was said in English stands in columns ----------------------------------------------

FIRST = [dump for dump in DUMPS if dump.name.startswith("0.1.0.")]
WAITS_FOR = {
    "deferred": WaitsFor.DEFERRED,
    "rate": WaitsFor.RATE,
    "no answer": WaitsFor.NO_ANSWER,
    "too slow": WaitsFor.TOO_SLOW,
    "garbage": WaitsFor.UNINTELLIGIBLE,
    "asked to wait": WaitsFor.ASKED_TO_WAIT,
    "all refused": WaitsFor.ALL_REFUSED,
    "all refused twice": WaitsFor.ALL_REFUSED,
    "refused, then service": WaitsFor.ASKED_TO_WAIT,
    "refused, given back": WaitsFor.ASKED_TO_WAIT,
    "no word": WaitsFor.VANISHING,
    "trouble of others": WaitsFor.BREAKER_OPEN,
    "login": WaitsFor.LOGIN,
    "certificate": WaitsFor.CERTIFICATE,
    "sender": WaitsFor.SENDER,
    "settings": WaitsFor.SETTINGS,
}
NOTES = "SELECT id, note, note_params FROM mailing_attempt ORDER BY id"
# Sentences of 0.1.0 that no run of the dumps came to: (status, sentence, its parameters, cut short by).
UNSEEN = (
    ("missed", "The end of the mailing had passed before it could be sent.", {}, ""),
    ("missed", "The mailing was changed before it could be sent.", {}, ""),
    ("missed", "The mailing was finished before it could be sent.", {}, ""),
    ("missed", "Nothing was running at the planned time; only the latest planned time was made up for.", {}, ""),
    ("missed", "The previous run (attempt %(attempt)s) was still handing over letters.", {"attempt": 7}, ""),
    ("failed", "The message cannot be sent: %(problem)s", {"problem": "There is no field"}, ""),
    ("failed", "The mailing was finished before everybody got the letter.", {}, "finished"),
    ("failed", "The end of the mailing had passed before everybody got the letter.", {}, "ended"),
    ("failed", "Some letters could not be sent before the next run.", {}, "next_run"),
    ("failed", "The mail server took no letter for too long, so the run was given up.", {}, "retry_window"),
    ("failed", "The server refused the message itself. Change it, then send again.", {}, "message"),
)


def said(database: Database) -> dict[int, tuple[str, dict[str, object]]]:
    """The notes of 0.1.0: sentence and parameters, moments as moments."""
    found = {}
    for pk, sentence, params in database.rows(NOTES):
        values = json.loads(params) if isinstance(params, str) else params
        found[pk] = sentence, {name: _moment(value) for name, value in values.items()}
    return found


def _moment(value: object) -> object:
    return parse_datetime(value) or value if isinstance(value, str) and "T" in value else value


def spoken(sentence: str, params: dict[str, object]) -> str:
    """As a reader sees it, who is told moments in fewer words than then."""
    shown = {name: clock(value) if isinstance(value, datetime) else value for name, value in params.items()}
    return sentence % shown if params else sentence


@pytest.mark.parametrize("dump", FIRST, ids=lambda dump: dump.name)
def test_every_attempt_says_what_it_said_and_back_again(dump: Path) -> None:
    with databases.restored(dump, BESIDE) as database:
        database.run(_planted())
        before = said(database)
        env = environment(DATABASE_URL=database.url)
        assert manage("migrate", "--verbosity=0", env=env).returncode == 0
        notes = use(database, "notes")
        assert manage("migrate", "--verbosity=0", "mailing", "0001", env=env).returncode == 0
        after = said(database)
    assert notes == [f"{pk} {spoken(*what)}" for pk, what in before.items()]
    assert after == before


def group(status: str, reason: str) -> dict[str, object]:
    return {"status": status, "reason": reason, "code": None, "response": "", "count": 1, "examples": []}


def _planted() -> str:
    statements = []
    for number, (status, sentence, params, cut_short) in enumerate(UNSEEN):
        rows = f"SELECT id FROM mailing_attempt WHERE status = '{status}' ORDER BY id DESC LIMIT 1 OFFSET {number}"
        values = f"note = '{sentence}', note_params = '{json.dumps(params)}', cut_short = '{cut_short}'"
        if cut_short:
            values += f", reasons = '{json.dumps([group('failed', cut_short)])}'"
        statements.append(f"UPDATE mailing_attempt SET {values} WHERE id = ({rows});")
    return "".join(statements)


@pytest.mark.parametrize("dump", FIRST, ids=lambda dump: dump.name)
def test_what_runs_wait_for_since_when_and_who_was_refused_before_stands_in_columns(dump: Path) -> None:
    refused_and_greylisted = (
        "UPDATE mailing_delivery SET tries = 1 WHERE id = (SELECT MIN(d.id) FROM mailing_delivery d"
        " JOIN mailing_attempt a ON a.id = d.attempt_id JOIN mailing_mailing m ON m.id = a.mailing_id"
        " WHERE m.name = 'waits: all refused');"
    )
    with databases.restored(dump, BESIDE) as database:
        database.run(refused_and_greylisted)
        since = {pk: params.get("since") for pk, (_, params) in said(database).items()}
        env = environment(DATABASE_URL=database.url)
        assert manage("migrate", "--verbosity=0", env=env).returncode == 0
        running = database.rows(
            "SELECT a.id, m.name, a.waits_for, a.waits_since, a.interrupted_after,"
            " (SELECT COUNT(*) FROM mailing_delivery d WHERE d.attempt_id = a.id AND d.refused_before)"
            " FROM mailing_attempt a JOIN mailing_mailing m ON m.id = a.mailing_id WHERE a.status = 'running'"
        )
        refused = database.rows("SELECT COUNT(*) FROM mailing_delivery WHERE refused_before")[0][0]
    by_name = {name: row for _, name, *row in running}
    assert {name: row[0] for name, row in by_name.items() if row[0]} == {
        "paused in mid-run": WaitsFor.PAUSED,
        **{f"waits: {name}": what for name, what in WAITS_FOR.items()},
    }
    assert {pk: _utc(at) for pk, _, _, at, *_ in running} == {pk: since[pk] for pk, *_ in running}
    assert [name for name, row in by_name.items() if row[2] is not None] == ["interrupted"]
    assert {name: row[3] for name, row in by_name.items() if row[3]} == {
        "waits: all refused": 20,
        "waits: all refused twice": 40,
        "waits: refused, then service": 20,
        "waits: refused, given back": 20,
    }
    assert refused == 100


# --- 0003: old runs and the journal name nobody who is gone ------------------------------------------


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name)
def test_who_is_gone_is_named_neither_by_an_old_run_nor_by_the_journal(dump: Path) -> None:
    refused = json.dumps([{"response": "550 <gone@x.ru> no", "examples": ["gone@x.ru"], "count": 1}])
    old = "SELECT MIN(id) FROM mailing_attempt WHERE finished_at IS NOT NULL"
    kind = "SELECT id FROM django_content_type WHERE app_label = 'mailing' AND model = 'client'"
    columns = "action_time, user_id, content_type_id, object_id, object_repr, action_flag, change_message"
    entry = f"INSERT INTO django_admin_log ({columns})"
    entry += f" SELECT '2026-01-01', (SELECT MIN(id) FROM auth_user), ({kind}),"
    planted = (
        f"DELETE FROM mailing_delivery WHERE attempt_id = ({old});"
        f"UPDATE mailing_attempt SET reasons = '{refused}', response = '550 <gone@x.ru> no' WHERE id = ({old});"
        f"{entry} '999999', 'Gone <gone@x.ru>', 3, '';"
        f"{entry} CAST((SELECT MIN(id) FROM mailing_client) AS text), 'Here <here@x.ru>', 2, '';"
    )
    with upgrade(dump, planted=planted) as done:
        runs = done.database.rows(f"SELECT reasons, response FROM mailing_attempt WHERE id = ({old})")
        told = done.database.rows(
            "SELECT object_repr FROM django_admin_log WHERE action_time < '2026-01-02' ORDER BY id"
        )
    ((reasons, response),) = runs
    groups = json.loads(reasons) if isinstance(reasons, str) else reasons
    assert (groups[0]["examples"], groups[0]["response"], response) == ([], "550 <…> no", "550 <…> no")
    assert [name for (name,) in told] == ["№ 999999", "Here <here@x.ru>"]


def _utc(moment: object) -> object:
    """SQLite keeps moments as text without their zone."""
    return datetime.fromisoformat(f"{moment}+00:00") if isinstance(moment, str) else moment


def test_a_file_that_waits_is_cut_into_pieces_and_can_still_be_loaded(upgraded: Upgraded) -> None:
    data = upgraded.database.rows(
        "SELECT data FROM mailing_clientimportpiece JOIN mailing_clientimport ON mailing_clientimport.id = upload_id "
        "WHERE file_name = 'waits.csv' ORDER BY number"
    )
    assert b"".join(bytes(piece) for (piece,) in data) == b"email\nnew@example.com\nnobody\n"


# --- 0010: three ends of a run ----------------------------------------------------------------------

FAILED = "SELECT COUNT(*) FROM mailing_attempt WHERE status = 'failed'"
FULL = [group("failed", "refused")]
# (what it had come to, accepted, refused, unconfirmed, skipped, cut short, groups, what it is now)
ENDS = (
    ("succeeded", 5, 0, 0, 0, "", [], "succeeded"),
    ("succeeded", 3, 0, 0, 2, "finished", [group("skipped", "unsubscribed")], "succeeded"),
    ("failed", 4, 1, 0, 0, "", FULL, "partly"),
    ("failed", 4, 0, 1, 0, "", [group("unconfirmed", "line_lost")], "partly"),
    ("failed", 1, 2, 1, 1, "", FULL, "partly"),
    ("failed", 4, 1, 0, 0, "finished", FULL, "partly"),  # finished when everybody had had their turn
    ("failed", 4, 0, 0, 1, "finished", [group("skipped", "finished")], "failed"),
    ("failed", 3, 1, 0, 1, "ended", [*FULL, group("skipped", "ended")], "failed"),
    ("failed", 4, 1, 0, 0, "retry_window", [group("failed", "retry_window")], "failed"),
    ("failed", 4, 1, 0, 0, "next_run", [], "failed"),  # nobody knows: it was cut short
    ("failed", 0, 5, 0, 0, "", FULL, "failed"),
    ("failed", 0, 0, 5, 0, "", [group("unconfirmed", "line_lost")], "failed"),
    ("failed", 0, 0, 0, 5, "", [group("skipped", "suppressed")], "failed"),
    ("failed", 0, 0, 0, 0, "", [], "failed"),
    ("missed", 0, 0, 0, 0, "", [], "missed"),
)


def _ended() -> tuple[str, str]:
    """SQL that makes runs of each kind out of rows that are over, and which rows these are."""
    free = "status = 'missed' AND id NOT IN (SELECT id FROM planted_end)"
    statements = ["CREATE TABLE planted_end (number integer, id integer);"]
    for number, (status, sent, failed, unconfirmed, skipped, cut_short, groups, _now) in enumerate(ENDS):
        values = (
            f"status = '{status}', audience = {sent + failed + unconfirmed + skipped}, sent = {sent}, note = '',"
            f" failed = {failed}, unconfirmed = {unconfirmed}, skipped = {skipped}, cut_short = '{cut_short}',"
            f" reasons = '{json.dumps(groups)}', staff_told = false, note_params = '{{}}'"
        )
        statements += [
            f"INSERT INTO planted_end SELECT {number}, MIN(id) FROM mailing_attempt WHERE {free};",
            f"UPDATE mailing_attempt SET {values} WHERE id = (SELECT id FROM planted_end WHERE number = {number});",
        ]
    ends = "SELECT a.status FROM planted_end p JOIN mailing_attempt a ON a.id = p.id ORDER BY p.number"
    return "".join(statements), ends


@pytest.mark.parametrize("dump", FIRST, ids=lambda dump: dump.name)
def test_runs_that_ended_before_are_judged_anew_and_back_again(dump: Path) -> None:
    """Rule 7 of a run."""
    planted, planted_ends = _ended()
    partly = "SELECT id FROM mailing_attempt WHERE status = 'partly'"
    counted = "SELECT deleted_runs FROM mailing_mailservice"
    with databases.restored(dump, BESIDE) as database:
        database.run(planted)
        others = (
            "SELECT id, status FROM mailing_attempt WHERE id NOT IN (SELECT id FROM planted_end)"
            " AND NOT (status = 'failed' AND sent > 0) ORDER BY id"
        )
        before, failed = database.rows(others), database.rows(FAILED)[0][0]
        env = environment(DATABASE_URL=database.url)
        assert manage("migrate", "--verbosity=0", env=env).returncode == 0
        assert [status for (status,) in database.rows(planted_ends)] == [row[-1] for row in ENDS]
        after = dict(database.rows("SELECT id, status FROM mailing_attempt"))
        assert {pk: after[pk] for pk, _ in before} == dict(before)
        number = len(database.rows(partly))
        assert number > 4
        unsent = f"SELECT COUNT(*) FROM {NOTICES} WHERE kind = 'failed' AND sent_at IS NULL"
        assert database.rows(f"{unsent} AND attempt_id IN ({partly})") == [(0,)]
        ((kept,),) = database.rows(counted)
        assert _json(kept) == {"run_failed": number, "run_partly": -number}
        assert database.rows(FAILED)[0][0] + number == failed
        assert manage("migrate", "--verbosity=0", "mailing", "0009", env=env).returncode == 0
        assert [status for (status,) in database.rows(planted_ends)] == [row[0] for row in ENDS]
        assert database.rows(FAILED)[0][0] == failed
        assert _json(database.rows(counted)[0][0]) == {}


def _json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value
