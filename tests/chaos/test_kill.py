"""kill -9 at random moments, while the server misbehaves: nobody twice, nobody lost, few unconfirmed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import Q

from mailing.choices import AttemptStatus, DeliveryReason, DeliveryStatus
from mailing.models import Attempt, Delivery, Mailing
from tests.chaos import books
from tests.conftest import Told
from tests.factories import ClientFactory, MailingFactory
from tests.processes import PROJECT, environment, manage, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ROUNDS = 5  # counted kills per seed; five seeds make 25
CLIENTS = 500
LINES = 4
CLAIMS_AHEAD = 30
QUICK = {
    "SMTP_CONNECTIONS": str(LINES),
    "SMTP_CLAIMS_AHEAD": str(CLAIMS_AHEAD),
    "SMTP_CONNECT_TIMEOUT": "1",
    "SMTP_REPLY_TIMEOUT": "0.5",
    "SMTP_DOT_TIMEOUT": "0.5",
    "SMTP_LETTER_BUDGET": "3",
    "MAILING_RETRY_DELAYS": "0.1,0.2,0.3",
    "MAILING_BREAKER_PAUSES": "0.2",
}


@contextmanager
def mail_server(log: Path, *options: str) -> Iterator[str]:
    """A process of its own: what it accepted is on the disk before it says so. Yields its port."""
    command = [sys.executable, "-m", "tests.smtp", "--log", str(log), *options]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def kill_in_mid_run(mailing: Mailing, env: dict[str, str], dice: random.Random) -> int:
    """Runs the mailing until some more letters are decided, then kill -9. How many letters were on their way."""
    open_ = (DeliveryStatus.QUEUED, DeliveryStatus.SENDING)
    decided = Delivery.objects.filter(attempt__mailing=mailing).exclude(status__in=open_)
    goal = decided.count() + dice.randint(1, CLIENTS // 4)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_mailing", str(mailing.pk), "--again"],
        cwd=PROJECT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and decided.count() < goal:
        time.sleep(dice.random() * 0.02)
    process.kill()
    process.wait()
    wait_for(lambda: not others_connected(), what="the end of what the dead process had asked of the database")
    return Delivery.objects.filter(attempt__mailing=mailing, status=DeliveryStatus.SENDING).count()


def others_connected() -> bool:
    """PostgreSQL finishes, and commits, the last statement of a client that is dead already."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid())"
        )
        return bool(cursor.fetchone()[0])


def finish(mailing: Mailing, env: dict[str, str]) -> None:
    """Again and again, as the tick would, until the run has its result."""
    for _ in range(60):
        if not mailing.attempts.filter(status=AttemptStatus.RUNNING).exists():
            return
        manage("run_mailing", str(mailing.pk), "--again", env=env)
        time.sleep(0.3)
    pytest.fail("the run came to no end")


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_killed_run_goes_on_and_writes_to_nobody_twice(seed: int, tmp_path: Path, told: Told) -> None:
    """Rule 8 of a run."""
    dice = random.Random(seed)
    mailing = MailingFactory.create(clients=ClientFactory.create_batch(CLIENTS))
    log = tmp_path / "accepted.jsonl"
    counted, on_the_way = 0, 0
    with mail_server(log, "--chaos", str(seed), "--rate", "0.002") as port:
        env = environment(EMAIL_PORT=port, **QUICK)
        for _ in range(10 * ROUNDS):
            left = kill_in_mid_run(mailing, env, dice)
            assert left <= 2 * LINES + CLAIMS_AHEAD
            counted, on_the_way = counted + (left > 0), on_the_way + left
            if counted == ROUNDS:
                break
        finish(mailing, env)
    for attempt in Attempt.objects.filter(mailing=mailing):
        books.check(attempt, log)
        assert attempt.open == 0
    died = Q(status=DeliveryStatus.UNCONFIRMED, reason=DeliveryReason.WORKER_DIED)
    assert Delivery.objects.filter(died).count() == on_the_way
    assert counted == ROUNDS
    told(
        f"kill -9, seed {seed}: {counted} counted rounds, {on_the_way} letters unconfirmed, nobody twice, nobody lost"
    )
