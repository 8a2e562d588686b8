"""The disk is full in the middle of a run: nobody twice, nobody lost, and when there is room again it goes on."""

from __future__ import annotations

import threading

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection
from django_q.models import OrmQ

from mailing.choices import AttemptStatus
from mailing.cluster import Ticker
from mailing.models import Delivery
from mailing.services import runs
from mailing.services.mailings import lifecycle
from mailing.services.runs import SliceState
from tests.chaos import books
from tests.factories import MailingFactory
from tests.fulldisk import FullDisk
from tests.processes import wait_for
from tests.queueing import drain
from tests.services.runs.working import ALWAYS, counts, emails, misbehave, run, start
from tests.smtp.script import Fault
from tests.smtp.server import Server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("quick"),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own limit"),
]

CLIENTS = 300
TALKATIVE = f"250 2.0.0 queued as {'x' * 300}"  # so that the rows grow, and the database with them


@pytest.fixture(autouse=True)
def _talkative(server: Server) -> None:
    misbehave(server, Fault("dot", TALKATIVE, times=ALWAYS))


def test_a_run_waits_for_room_and_ends_as_if_nothing_had_been(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Rule 8 of a run."""
    attempt = start(CLIENTS)
    with FullDisk(spare=3) as disk:
        room = threading.Timer(1.5, disk.make_room)
        room.start()
        result = run(attempt)
        room.join()

    assert "letters wait: database or disk is full" in caplog.text
    assert result.state is SliceState.FINISHED
    assert attempt.status == AttemptStatus.SUCCEEDED
    assert counts(attempt) == (CLIENTS, 0, 0, 0, 0)
    assert server.recipients == dict.fromkeys(emails(attempt), 1)
    books.check(attempt, server.log.path)


def test_a_disk_that_stays_full_leaves_a_few_letters_in_doubt_and_the_next_slice_goes_on(
    server: Server, settings: LazySettings
) -> None:
    """Rules 4 and 8 of a run."""
    settings.MAILING_LEASE_SECONDS = 1
    settings.SMTP_CLAIMS_AHEAD = 10
    attempt = start(CLIENTS)
    with FullDisk(spare=3):
        with pytest.raises(OperationalError, match="full"):
            runs.run_slice(attempt.pk, stop=lambda: False)
        books.balance(attempt)
        claimed = attempt.deliveries.filter(status="sending").count()
        assert 0 < attempt.sent <= len(server.accepted) <= attempt.sent + claimed
        assert claimed <= 2 * settings.SMTP_CONNECTIONS + settings.SMTP_CLAIMS_AHEAD

    wait_for(lambda: run(attempt).state is not SliceState.BUSY, what="the end of the lease")
    assert counts(attempt) == (CLIENTS - claimed, 0, claimed, 0, 0)
    assert attempt.status == AttemptStatus.PARTLY
    assert attempt.interrupted_after is not None
    assert f"{attempt.interrupted_after} " in attempt.note_text
    books.check(attempt, server.log.path)


@pytest.mark.parametrize("spare", range(3))
def test_a_run_that_cannot_be_written_down_is_not_begun(spare: int) -> None:
    mailing = MailingFactory.create(clients=CLIENTS)
    with FullDisk(spare), pytest.raises(OperationalError, match="full"):
        lifecycle.send_now(mailing)
    assert not mailing.attempts.exists()
    assert not Delivery.objects.exists()
    assert not OrmQ.objects.exists()


def test_the_tick_goes_on_when_there_is_room_again(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    mailing = MailingFactory.create(clients=CLIENTS)
    ticker = Ticker()
    with FullDisk():
        assert ticker.round()
    assert "Not put right: Mailing" in caplog.text
    assert not mailing.attempts.exists()

    ticker.reconcile()
    drain()
    assert run(mailing.attempts.get()).state is SliceState.FINISHED
    assert server.recipients.total() == CLIENTS
