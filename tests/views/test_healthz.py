"""/healthz: quiet, and quick also when the database is gone."""

from __future__ import annotations

import json
import logging
import math
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.test import Client as Browser

from mailing.services.operations import health, monitoring
from mailing.services.operations.monitoring import PATIENCE, SILENT, Monitor
from tests.processes import PROJECT, environment

WELL = (True, {"status": "ok", "database": True, "heartbeat_age": 1.0, "workers_answer": True})
NO_CLUSTER = (False, {"status": "trouble", "database": True, "heartbeat_age": None, "workers_answer": False})
HANG_GUARD = 20 * 0.05  # seconds; a hanging driver would take ten or more


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What the database says; `hangs` while the event is not set."""

    class Database:
        says = WELL
        works = threading.Event()
        asked = 0

        def report(self) -> monitoring.Answer:
            self.asked += 1
            self.works.wait(30)
            return self.says

    database = Database()
    database.works.set()
    monkeypatch.setattr(health, "report", database.report)
    yield database
    database.works.set()


def test_a_database_that_hangs_holds_nobody_and_is_asked_once(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Monitor()
    assert monitor.answer() == WELL
    monkeypatch.setattr(monitoring, "STILL_TRUE", 0.2)
    database.works.clear()

    begun = time.monotonic()
    assert monitor.answer() == WELL  # it may only be slow
    assert time.monotonic() - begun < PATIENCE + HANG_GUARD
    time.sleep(0.2)
    begun = time.monotonic()
    assert [monitor.answer() for _ in range(100)] == [SILENT] * 100
    assert time.monotonic() - begun < HANG_GUARD
    assert database.asked == 2

    database.works.set()
    time.sleep(0.1)
    assert monitor.answer() == WELL


def test_who_asks_a_process_that_has_just_begun_waits_a_moment(database: Any) -> None:
    monitor = Monitor()
    database.works.clear()
    threading.Timer(0.2, database.works.set).start()
    assert monitor.answer() == WELL


def test_a_web_process_looks_by_itself_while_somebody_asks(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that always needs longer than `PATIENCE` is slow; asked once a minute it must not seem silent."""
    monkeypatch.setattr(monitoring, "AGAIN", 0.05)
    monkeypatch.setattr(monitoring, "STILL_TRUE", 0.5)
    monkeypatch.setattr(monitoring, "WHILE_ASKED", 1.0)
    monkeypatch.setattr(database.works, "wait", lambda seconds: time.sleep(2 * PATIENCE))
    monitor = Monitor()
    monitor.watch()
    for _ in range(2):
        time.sleep(0.7)
        assert monitor.answer() == WELL
    time.sleep(1.2)
    looked = database.asked
    time.sleep(0.5)
    assert database.asked == looked
    monitor._wanted = -math.inf  # its thread never looks again


def test_each_change_is_one_line_below_error(database: Any, caplog: pytest.LogCaptureFixture) -> None:
    monitor = Monitor()
    for says in (WELL, WELL, SILENT, SILENT, SILENT, NO_CLUSTER, NO_CLUSTER, WELL, WELL):
        database.says = says
        monitor.answer()
    assert [record.getMessage() for record in caplog.records] == [
        "/healthz: the database does not answer",
        "/healthz: no qcluster runs",
        "/healthz: well",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


@pytest.mark.django_db(transaction=True)
def test_trouble_that_strangers_ask_for_a_hundred_times_writes_to_nobody(
    client: Browser, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "AT_FIRST", 60.0)  # a busy machine may need more than its second to begin
    assert {client.get("/healthz").status_code for _ in range(100)} == {503}
    assert mail.outbox == []
    assert len([record for record in caplog.records if record.name.startswith("mailing")]) <= 1
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


ASK = """
import json, time
from backoffice.wsgi import application
from django.test import Client
client, took = Client(SERVER_NAME="localhost"), []
for _ in range(11):
    begun = time.perf_counter()
    answer = client.get("/healthz")
    took.append(time.perf_counter() - begun)
    assert (answer.status_code, answer.json()["database"]) == (503, False), answer.content
    time.sleep(0.05)
print(json.dumps(took))
"""


@pytest.mark.parametrize("silent", [False, True], ids=["stopped", "silent"])
def test_a_database_that_is_gone_is_told_at_once(silent: bool, tmp_path: Path) -> None:
    """Measured: 1 to 10 ms. Silent is a host that takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if silent:
            server.listen(100)
        url = f"postgres://nobody@127.0.0.1:{server.getsockname()[1]}/nothing"
        done = subprocess.run(
            [sys.executable, "-c", ASK],
            cwd=PROJECT,
            env=environment(DATABASE_URL=url),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    first, *later = json.loads(done.stdout)
    assert first < monitoring.AT_FIRST + HANG_GUARD
    assert statistics.median(later) < 0.05
    assert max(later) < HANG_GUARD
    assert "Traceback" not in done.stderr
    assert done.stderr.count("/healthz") == 1
