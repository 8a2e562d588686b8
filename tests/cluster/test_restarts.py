"""What an operator does to a running installation: restarts the database, stops the whole group of processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from benchmarks import postgres
from mailing.choices import AttemptStatus
from mailing.services.mailings import lifecycle
from tests.cluster.conftest import QUICK, Start, descendants
from tests.factories import MailingFactory
from tests.processes import PROJECT, environment, manage, running, wait_for
from tests.smtp import server as smtp

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]


def test_a_signal_to_the_whole_group_leaves_nothing_in_doubt(start: Start, mail: smtp.Server) -> None:
    cluster = start(MAILING_RATE_LIMIT="20/s")
    mailing = lifecycle.launch(MailingFactory(clients=500))
    wait_for(lambda: len(mail.accepted) > 5)
    children = descendants(cluster.pid)

    os.killpg(cluster.pid, signal.SIGTERM)

    cluster.wait(40)  # at once or, when a dying worker took the queue's lock along, after 15 s
    wait_for(lambda: not any(os.path.exists(f"/proc/{child}") for child in children), seconds=20)
    attempt = mailing.attempts.get()
    assert (attempt.status, attempt.lease_owner, attempt.unconfirmed) == (AttemptStatus.RUNNING, "", 0)
    assert attempt.sent == len(mail.accepted)


# --- A restarted PostgreSQL -----------------------------------------------------------------------

FILL = """
import django; django.setup()
from mailing.services.mailings import lifecycle
from tests.factories import MailingFactory
print(lifecycle.launch(MailingFactory(clients=300)).pk)
"""


@pytest.fixture
def mail_alone() -> Iterator[smtp.Server]:
    with smtp.running() as server:
        yield server


@pytest.mark.slow
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server to restart")
def test_a_restarted_and_a_crashed_database_cost_nobody_a_letter(mail_alone: smtp.Server, tmp_path: Path) -> None:
    """Rule 8 of a run."""
    programs = postgres.binaries()
    assert programs is not None
    changes = QUICK | {"MAILING_LEASE_SECONDS": "30", "MAILING_RATE_LIMIT": "60/s"}  # longer than it is away
    with postgres.server(programs, durable=True) as url:
        env = environment(**changes, DATABASE_URL=url, EMAIL_PORT=str(mail_alone.port))
        assert manage("migrate", env=env).returncode == 0
        with running("qcluster", log=tmp_path / "qcluster.log", env=env) as cluster:
            subprocess.run([sys.executable, "-c", FILL], cwd=PROJECT, env=env, check=True)
            for letters, mode in ((30, "fast"), (150, "immediate")):
                wait_for(lambda letters=letters: len(mail_alone.accepted) > letters)  # type: ignore[misc]
                postgres.restart(programs, url, mode=mode, pause=1)
            wait_for(lambda: len(mail_alone.accepted) >= 300, seconds=90)
            wait_for(lambda: '"status": "running"' not in manage("show_attempt", "1", env=env).stdout)
            assert cluster.poll() is None
        shown = manage("show_attempt", "1", env=env).stdout
    assert '"status": "succeeded"' in shown, shown + (tmp_path / "qcluster.log").read_text()[-3000:]
    assert len(mail_alone.accepted) == 300
    assert max(mail_alone.recipients.values()) == 1
