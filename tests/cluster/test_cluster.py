"""What a person relies on when `manage.py qcluster` runs: nobody touches anything, and letters arrive once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from mailing.choices import AttemptStatus, Periodicity
from mailing.models import Attempt, Heartbeat, Mailing
from mailing.services.mailings import lifecycle
from mailing.services.operations import health
from tests.cluster.conftest import Start, descendants
from tests.factories import ClientFactory, MailingFactory
from tests.processes import PROJECT, environment, manage, running, wait_for
from tests.smtp.server import Server

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]


def finished() -> int:
    return Attempt.objects.exclude(status=AttemptStatus.RUNNING).count()


def test_a_mailing_with_a_start_ahead_runs_by_itself(start: Start, mail: Server) -> None:
    start()
    begin = timezone.now() + timedelta(seconds=3)
    mailing = lifecycle.launch(MailingFactory(clients=3, start_at=begin, periodicity=Periodicity.DAILY))

    wait_for(finished)

    attempt = mailing.attempts.get()
    assert (attempt.status, attempt.occurrence, attempt.sent) == (AttemptStatus.SUCCEEDED, begin, 3)
    assert attempt.started_at >= begin
    assert max(mail.recipients.values()) == 1
    wait_for(lambda: Mailing.objects.filter(pk=mailing.pk, next_run_at=begin + timedelta(days=1)).exists())


def test_a_start_in_the_past_is_sent_within_a_moment_of_the_save(start: Start) -> None:
    start(MAILING_TICK_SECONDS="60")  # so that it is not the tick that does it
    wait_for(Heartbeat.objects.exists)

    mailing = lifecycle.launch(MailingFactory(clients=2))

    wait_for(finished, seconds=15)
    assert mailing.attempts.get().sent == 2


def test_a_broken_schedule_row_stops_nobody(start: Start) -> None:
    """Rule 3 of the calendar."""
    begin = timezone.now() + timedelta(seconds=5)
    mailing = lifecycle.launch(MailingFactory(clients=1, start_at=begin, periodicity=Periodicity.DAILY))
    mine = lifecycle.launch(MailingFactory(clients=1, start_at=begin, periodicity=Periodicity.DAILY))
    mine.refresh_from_db()
    Schedule.objects.filter(pk=mine.schedule_id).update(args="foo(")
    foreign = Schedule.objects.create(func="os.getcwd", args="foo(", next_run=timezone.now() - timedelta(hours=1))

    start()

    wait_for(lambda: finished() == 2)
    assert {attempt.mailing_id for attempt in Attempt.objects.all()} == {mailing.pk, mine.pk}
    foreign.refresh_from_db()
    assert foreign.next_run is None
    assert Schedule.objects.get(pk=mine.schedule_id).args == str(mine.pk)
    assert any(banner.kind == "parked" for banner in health.banners())


def test_two_clusters_start_thirty_mailings_of_the_same_second_once_each(start: Start, mail: Server) -> None:
    """Rule 4 of the calendar."""
    begin = timezone.now() + timedelta(seconds=8)
    client = ClientFactory()
    for _ in range(30):
        lifecycle.launch(MailingFactory(clients=[client], start_at=begin, periodicity=Periodicity.WEEKLY))
    start()
    start()

    wait_for(lambda: finished() >= 30, seconds=90)

    assert Attempt.objects.count() == 30
    assert Attempt.objects.filter(status=AttemptStatus.SUCCEEDED).count() == 30
    assert mail.recipients[client.email] == 30


def test_after_the_kill_of_a_cluster_the_other_finishes_and_nobody_gets_two_letters(
    start: Start, mail: Server
) -> None:
    first = start(MAILING_RATE_LIMIT="60/s")
    mailing = lifecycle.launch(MailingFactory(clients=300))
    wait_for(lambda: len(mail.accepted) > 30)
    start(MAILING_RATE_LIMIT="200/s")

    os.killpg(first.pid, signal.SIGKILL)

    wait_for(finished, seconds=90)
    attempt = mailing.attempts.get()
    assert attempt.audience == 300 == attempt.sent + attempt.unconfirmed
    assert max(mail.recipients.values()) == 1


def freeze_between_writes(worker: int) -> None:
    """SIGSTOP while the process holds no lock of the database (one stop in sixteen does, and then all wait)."""

    def frozen() -> bool:
        os.kill(worker, signal.SIGSTOP)
        wait_for(lambda: is_stopped(worker), what="all its threads to stop")
        if can_write():
            return True
        os.kill(worker, signal.SIGCONT)
        return False

    wait_for(frozen, what="a moment between two writes")


def is_stopped(pid: int) -> bool:
    """Every thread: a signal is only on its way when `kill` returns, and one that syncs a file stops after it."""
    return all(") T " in stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat"))


def can_write() -> bool:
    """Whether nobody holds the lock of an attempt for longer than a moment."""
    timeout = "PRAGMA busy_timeout = {}" if connection.vendor == "sqlite" else "SET lock_timeout = {}"
    with connection.cursor() as cursor:
        cursor.execute(timeout.format(300))
        try:
            with transaction.atomic():
                Attempt.objects.update(lease_until=F("lease_until"))
        except OperationalError:
            return False
        finally:
            cursor.execute(timeout.format(20_000))
    return True


def test_a_stopped_worker_that_comes_back_doubles_nobody(start: Start, mail: Server) -> None:
    """Rule 8 of a run."""
    cluster = start(MAILING_RATE_LIMIT="60/s", MAILING_LEASE_SECONDS="3")
    mailing = lifecycle.launch(MailingFactory(clients=900))
    wait_for(lambda: len(mail.accepted) > 20)
    owner = wait_for(lambda: mailing.attempts.get().lease_owner)
    worker = int(owner.split(":")[1])
    assert worker in descendants(cluster.pid)

    freeze_between_writes(worker)
    try:
        assert mailing.attempts.get().lease_owner == owner, "the run was over before the freeze"
        wait_for(lambda: mailing.attempts.get().lease_owner not in {"", owner}, what="another worker")
    finally:
        os.kill(worker, signal.SIGCONT)

    wait_for(finished, seconds=60)
    attempt = mailing.attempts.get()
    assert attempt.audience == 900 == attempt.sent + attempt.unconfirmed
    assert max(mail.recipients.values()) == 1


def test_a_killed_worker_is_replaced_and_its_run_goes_on(start: Start, mail: Server) -> None:
    """Rule 8 of a run."""
    cluster = start(MAILING_RATE_LIMIT="60/s")
    mailing = lifecycle.launch(MailingFactory(clients=200))
    wait_for(lambda: len(mail.accepted) > 20)

    os.kill(int(mailing.attempts.get().lease_owner.split(":")[1]), signal.SIGKILL)

    wait_for(finished, seconds=60)
    attempt = mailing.attempts.get()
    assert attempt.audience == 200 == attempt.sent + attempt.unconfirmed
    assert max(mail.recipients.values()) == 1
    assert cluster.poll() is None


def test_a_cluster_that_is_told_to_stop_lets_go_within_the_letters_in_flight(start: Start, mail: Server) -> None:
    cluster = start(MAILING_RATE_LIMIT="20/s")
    mailing = lifecycle.launch(MailingFactory(clients=500))
    wait_for(lambda: len(mail.accepted) > 5)

    cluster.send_signal(signal.SIGTERM)

    assert cluster.wait(20) == 0
    attempt = mailing.attempts.get()
    assert (attempt.status, attempt.lease_owner, attempt.unconfirmed) == (AttemptStatus.RUNNING, "", 0)
    assert attempt.sent == len(mail.accepted)
    assert not Heartbeat.objects.exists()


def test_when_the_main_process_is_killed_no_orphan_goes_on(start: Start) -> None:
    cluster = start()
    children = descendants(cluster.pid)

    cluster.kill()

    wait_for(lambda: not any(os.path.exists(f"/proc/{child}") for child in children), seconds=20)


def test_a_cluster_whose_sentinel_died_leaves_with_an_error(start: Start) -> None:
    cluster = start()

    os.kill(descendants(cluster.pid)[0], signal.SIGKILL)

    assert cluster.wait(20) == 1


def test_the_heartbeat_comes_and_goes_with_the_cluster(start: Start) -> None:
    assert any(banner.kind == "no_cluster" for banner in health.banners())

    cluster = start()
    wait_for(lambda: not health.banners())
    well, body = health.report()
    assert (well, body["clusters"]) == (True, 1)

    cluster.send_signal(signal.SIGTERM)
    cluster.wait(20)
    assert any(banner.kind == "no_cluster" for banner in health.banners())


def test_six_commands_the_schedule_and_two_presses_make_one_run(start: Start, mail: Server, tmp_path: object) -> None:
    """Rule 4 of the calendar."""
    start()
    mailing = MailingFactory(clients=20)
    number = str(mailing.pk)
    commands = [running("run_mailing", number, log=tmp_path / f"{n}.log", env=environment()) for n in range(6)]  # type: ignore[operator]
    processes = [command.__enter__() for command in commands]
    lifecycle.launch(mailing)
    answers = []
    for _ in range(2):
        try:
            answers.append(lifecycle.send_now(mailing).pk)
        except Exception as error:
            answers.append(str(error))
    codes = [process.wait(60) for process in processes]
    for command in commands:
        command.__exit__(None, None, None)

    wait_for(finished, seconds=60)
    attempt = Attempt.objects.get()
    assert (attempt.audience, attempt.sent) == (20, 20)
    assert max(mail.recipients.values()) == 1
    assert set(codes) <= {0, 2}
    said = [(tmp_path / f"{n}.log").read_text() for n in range(6) if codes[n] == 2]  # type: ignore[operator]
    assert all(str(attempt.pk) in text for text in said)
    assert all(str(attempt.pk) in str(answer) for answer in answers)


def test_a_task_that_got_lost_is_made_again_by_the_tick(start: Start) -> None:
    mailing = MailingFactory(clients=1)
    lifecycle.send_now(mailing)
    OrmQ.objects.all().delete()

    start()

    wait_for(finished)


def test_a_doubled_task_sends_nothing_twice(start: Start, mail: Server) -> None:
    attempt = lifecycle.send_now(MailingFactory(clients=30))
    for row in list(OrmQ.objects.all()):
        OrmQ.objects.create(key=row.key, payload=row.payload, lock=row.lock)

    start()

    wait_for(finished)
    attempt.refresh_from_db()
    assert attempt.sent == 30
    assert max(mail.recipients.values()) == 1


def test_the_command_tick_decides_without_any_cluster(mail: Server) -> None:
    mailing = MailingFactory(clients=1)

    done = manage("tick")

    assert done.returncode == 0, done.stderr
    assert "started: 1" in done.stdout
    assert mailing.attempts.get().status == AttemptStatus.RUNNING


def test_tasks_start_soon_after_they_were_queued(start: Start) -> None:
    start(MAILING_TICK_SECONDS="60")
    wait_for(Heartbeat.objects.exists)
    time.sleep(1)
    queued = time.monotonic()
    attempt = lifecycle.send_now(MailingFactory(clients=1))

    wait_for(lambda: Attempt.objects.filter(pk=attempt.pk).exclude(sent=0).exists())

    assert time.monotonic() - queued < 5  # 0.2 s of it is the queue; the machine may be busy


def test_a_long_run_gives_its_worker_to_a_mailing_that_waits(start: Start) -> None:
    start(Q_WORKERS="1", MAILING_RATE_LIMIT="20/s", MAILING_TICK_SECONDS="30")
    long = lifecycle.send_now(MailingFactory(clients=400))
    wait_for(lambda: Attempt.objects.filter(pk=long.pk).exclude(sent=0).exists())

    short = lifecycle.send_now(MailingFactory(clients=1))

    wait_for(lambda: Attempt.objects.filter(pk=short.pk, status=AttemptStatus.SUCCEEDED).exists(), seconds=15)
    long.refresh_from_db()
    assert long.status == AttemptStatus.RUNNING
    sent = long.sent
    wait_for(lambda: Attempt.objects.filter(pk=long.pk, sent__gt=sent).exists(), what="the long run to go on")


IMPATIENT = """
import os, sys, django
os.environ["Q_WORKERS"] = "2"
django.setup()
from mailing import cluster
cluster.PING_AFTER, cluster.DEAD_AFTER = 1.0, 4.0
sys.exit(cluster.run())
"""


def test_a_cluster_whose_workers_do_not_answer_leaves_so_that_it_is_started_again(mail: Server) -> None:
    main = subprocess.Popen([sys.executable, "-c", IMPATIENT], env=environment(), cwd=PROJECT, start_new_session=True)
    try:
        wait_for(lambda: len(descendants(main.pid)) >= 5)
        for worker in descendants(main.pid)[1:]:  # all but the sentinel
            os.kill(worker, signal.SIGSTOP)

        assert main.wait(30) == 1
    finally:
        with suppress(ProcessLookupError):
            os.killpg(main.pid, signal.SIGKILL)


def test_an_idle_cluster_whose_workers_answer_stays(mail: Server) -> None:
    main = subprocess.Popen([sys.executable, "-c", IMPATIENT], env=environment(), cwd=PROJECT, start_new_session=True)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            main.wait(15)
    finally:
        main.terminate()
        main.wait(15)
