"""`run_mailing` when its database's files cannot grow: what scripts see, and that the next call goes on."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection

from mailing.choices import AttemptStatus
from mailing.models import Mailing
from tests.chaos import books
from tests.factories import MailingFactory
from tests.fulldisk import FullDisk
from tests.processes import PROJECT, environment, wait_for
from tests.smtp.script import Fault
from tests.smtp.server import Server, running

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL writes its files itself"),
]

CLIENTS = 300
LINES, CLAIMS_AHEAD = 2, 10
UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture
def server(settings: LazySettings) -> Iterator[Server]:
    with running(Fault("dot", "delay", times=0), delay=0.01) as server:
        settings.EMAIL_PORT = server.port
        yield server


def spawn(mailing: Mailing, server: Server, *, lease: float) -> subprocess.Popen[str]:
    settings = {
        "EMAIL_PORT": server.port,
        "SMTP_CONNECTIONS": LINES,
        "SMTP_CLAIMS_AHEAD": CLAIMS_AHEAD,
        "MAILING_LEASE_SECONDS": lease,
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "run_mailing", str(mailing.pk), "--again"],
        cwd=PROJECT,
        env=environment(**{name: str(value) for name, value in settings.items()}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def fill_the_disk(process: subprocess.Popen[str], *, limit: int = 0) -> None:
    """The kernel lets the process write no file beyond `limit` bytes: what a full disk answers, too."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, UNLIMITED))


def fill_in_mid_run(process: subprocess.Popen[str], mailing: Mailing) -> None:
    wait_for(lambda: mailing.attempts.filter(sent__gt=0).exists(), what="the first letter")
    fill_the_disk(process)


def test_a_full_disk_is_75_in_words_and_the_next_call_goes_on(server: Server) -> None:
    mailing = MailingFactory.create(clients=CLIENTS)
    process = spawn(mailing, server, lease=1)
    fill_in_mid_run(process, mailing)
    text = process.communicate(timeout=60)[0]

    attempt = mailing.attempts.get()
    assert process.returncode == 75
    assert "Traceback" not in text
    assert f"What is left of attempt {attempt.pk} goes on" in text
    assert attempt.status == AttemptStatus.RUNNING
    books.balance(attempt)
    claimed = attempt.deliveries.filter(status="sending").count()
    assert claimed <= 2 * LINES + CLAIMS_AHEAD

    again = spawn(mailing, server, lease=1)
    assert again.wait(60) == 0
    attempt.refresh_from_db()
    assert (attempt.sent, attempt.unconfirmed, attempt.open) == (CLIENTS - claimed, claimed, 0)
    books.check(attempt, server.log.path)


def test_room_in_time_costs_nobody_anything(server: Server) -> None:
    mailing = MailingFactory.create(clients=CLIENTS)
    process = spawn(mailing, server, lease=30)
    fill_in_mid_run(process, mailing)
    time.sleep(1)
    fill_the_disk(process, limit=UNLIMITED)
    text = process.communicate(timeout=60)[0]

    assert "letters wait: disk I/O error" in text
    assert process.returncode == 0
    attempt = mailing.attempts.get()
    assert attempt.sent == CLIENTS
    books.check(attempt, server.log.path)


def test_a_disk_that_was_full_before_is_2_and_nothing_is_begun(capsys: pytest.CaptureFixture[str]) -> None:
    mailing = MailingFactory.create(clients=CLIENTS)
    with FullDisk(), pytest.raises(SystemExit) as left:
        call_command("run_mailing", str(mailing.pk))

    assert left.value.code == 2
    assert "The database does not work: database or disk is full. Nothing was sent." in capsys.readouterr().err
    assert not mailing.attempts.exists()
