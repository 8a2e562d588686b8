"""The whole engine where several letters are on their way per line: the real ledger, a server that takes BDAT."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from mailing.delivery.engine.dispatcher import Stop
from mailing.delivery.engine.ledger import Ledger
from mailing.delivery.engine.records import Claim
from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.transports import configured
from mailing.models import MailService
from tests.delivery.carrying import options
from tests.delivery.engine.test_pool import an_attempt, counts, emails, work
from tests.smtp.script import Fault
from tests.smtp.server import CHUNKING, Server, running

pytestmark = pytest.mark.django_db(transaction=True)

PATIENT = {"reply_timeout": 20.0, "dot_timeout": 20.0, "letter_budget": 60.0}


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.engine.pool.RECONNECT_PAUSE", 0.01)
    settings.MAILING_BREAKER_PAUSES = [60]


def to(server: Server, **changes: Any) -> SmtpTransport:
    return SmtpTransport(options(server.port, **{"pipeline": 8, **PATIENT, **changes}))


@pytest.mark.parametrize(("ahead", "at_once"), [(0, 2), (20, 8), (100, 8)])
def test_no_more_rows_stand_as_being_sent_than_without(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, ahead: int, at_once: int
) -> None:
    """Rule 2 of a run: this is also what a crash leaves in doubt."""
    settings.SMTP_CLAIMS_AHEAD, settings.SMTP_CONNECTIONS = ahead, 3
    assert configured.letters_at_once() == at_once
    attempt, seen, honest = an_attempt(600), [], Ledger.exchange

    def exchange(self: Ledger, *batch: Any, **more: Any) -> list[Claim]:
        claims = honest(self, *batch, **more)
        seen.append(attempt.deliveries.filter(status="sending").count())
        return claims

    monkeypatch.setattr("mailing.delivery.engine.writer.GROUP_WAIT", 0)
    monkeypatch.setattr(Ledger, "exchange", exchange)
    with running(offers=CHUNKING) as server:
        work(attempt, to(server, pipeline=at_once), lines=3)

        assert set(server.recipients.values()) == {1}
    assert counts(attempt)["sent"] == 600
    assert max(seen) <= 2 * 3 + ahead


def test_twenty_refusals_in_a_row_that_may_mean_us_mark_nobody() -> None:
    """Rule 5 of a run: also those that were on their way behind the twentieth."""
    attempt = an_attempt(80)
    with running(Fault("rcpt", "550 relay access denied", times=0, skip=3), offers=CHUNKING) as server:
        report = work(attempt, to(server))

    assert report.stopped is Stop.SERVICE
    assert report.until is not None
    assert counts(attempt) == {"sent": 3, "failed": 0, "unconfirmed": 0, "skipped": 0, "open": 77}


def test_a_message_that_is_refused_stops_the_run_within_the_letters_on_their_way() -> None:
    attempt = an_attempt(200)
    with running(Fault("chunk", "552 5.3.4 too big", times=0, skip=8), offers=CHUNKING) as server:
        report = work(attempt, to(server))

    assert report.stopped is Stop.MESSAGE
    found = counts(attempt)
    assert found["sent"] == 8
    assert 1 <= found["failed"] <= 4 * 8


def test_a_pause_stops_within_the_letters_on_their_way() -> None:
    """Rule 9 of a run."""
    attempt = an_attempt(400)
    pressed: list[int] = []

    def pulse() -> Stop | None:
        pressed.append(len(server.bodies))
        return Stop.PAUSED if pressed[-1] > 40 else None

    with running(Fault("chunk", "delay", times=0), offers=CHUNKING, delay=0.02) as server:
        report = work(attempt, to(server), pulse=pulse)
        taken = len(server.bodies)

    assert report.stopped is Stop.PAUSED
    assert taken - max(pressed) <= 4 * (8 + 2)  # those on their way, and what is answered meanwhile
    assert set(attempt.deliveries.values_list("status", flat=True)) <= {"sent", "queued"}


@pytest.mark.parametrize("answer", ["502 5.5.1 unknown command", "garbage", "drop"])
def test_a_server_that_fails_at_what_it_offers_is_served_by_data_and_remembered(
    settings: LazySettings, answer: str
) -> None:
    attempt = an_attempt(60)
    with running(Fault("chunk", answer, times=0, accept=False), offers=CHUNKING) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        work(attempt, to(server))

        assert set(server.recipients.values()) == {1}
    in_doubt = 0 if answer[0] == "5" else 1  # one line tries, the others wait for it
    assert counts(attempt)["sent"] == 60 - in_doubt
    assert counts(attempt)["unconfirmed"] == in_doubt
    assert attempt.deliveries.filter(email=emails(attempt)[0]).exists()
    row = MailService.load()
    assert row.without_chunking == f"127.0.0.1:{server.port}"
    assert row.without_chunking_until is not None
    assert row.without_chunking_until - timezone.now() > timedelta(days=6)


def test_a_server_that_hangs_up_without_a_word_costs_two_lines() -> None:
    """After every tenth letter: the slice goes on by DATA, where nobody is in doubt for that."""
    attempt = an_attempt(200)
    with running(offers=CHUNKING, letters_per_connection=10) as server:
        work(attempt, to(server), lines=1)

    found = counts(attempt)
    assert found["unconfirmed"] <= 2 * 8
    assert found["sent"] == 200 - found["unconfirmed"]
