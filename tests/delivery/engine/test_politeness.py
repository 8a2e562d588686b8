"""As many connections as the server likes: against a real one that allows few, or only so many letters a second."""

from __future__ import annotations

import threading
import time
import types
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings

from mailing.delivery.engine import runner
from mailing.delivery.engine.dispatcher import Stop
from mailing.delivery.engine.records import Claim
from mailing.delivery.guards import circuit_breaker
from mailing.delivery.guards.allowance import Allowance
from mailing.delivery.smtp.connect import SmtpTransport
from mailing.delivery.smtp.options import Options
from mailing.models import Attempt, MailService
from mailing.replies import Phase
from tests.delivery.engine.test_pool import an_attempt, counts, emails, said, told, work
from tests.delivery.transports.in_memory import MemoryTransport
from tests.smtp.script import Fault
from tests.smtp.server import Server, running

pytestmark = pytest.mark.django_db(transaction=True)

USER = ("samovar", "secret")
REFUSED = "535 5.7.8 wrong user or password"


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.engine.pool.RECONNECT_PAUSE", 0.01)
    monkeypatch.setattr("mailing.delivery.guards.allowance.REST", 0.2)
    settings.MAILING_BREAKER_PAUSES = [60]


def compose(claim: Claim, eight_bit: bool) -> bytes:
    return f"Message-ID: {claim.message_id}\r\n\r\nHello\r\n".encode()


def send(
    attempt: Attempt, server: Server, *, lines: int = 20, user: tuple[str, str] = ("", ""), **options: Any
) -> runner.RunnerReport:
    """With the options of the server's connection among them: `letters_per_connection`."""
    of_connection = {name: options.pop(name) for name in ("letters_per_connection",) if name in options}
    transport = SmtpTransport(Options("127.0.0.1", server.port, user=user[0], password=user[1], **of_connection))
    return work(attempt, transport, **({"lines": lines, "compose": compose} | options))


def said_to(server: Server, command: str) -> int:
    return sum(line.startswith(command) for transcript in server.transcripts for line in transcript)


def everybody_once(attempt: Attempt, server: Server) -> None:
    assert server.recipients == dict.fromkeys(emails(attempt), 1)
    assert set(attempt.deliveries.values_list("status", "tries")) == {("sent", 1)}


def others_meanwhile(what: Callable[[], None], server: Server, letters: int) -> threading.Thread:
    """Does it when the server has accepted so many."""

    def watch() -> None:
        while len(server.bodies) < letters:
            time.sleep(0.005)
        what()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


# --- Wrong settings ---------------------------------------------------------------------------------


def test_a_wrong_password_is_tried_on_one_connection() -> None:
    """Rule 6 of a run."""
    attempt = an_attempt(200)
    with running(user=USER) as server:
        assert send(attempt, server, user=("samovar", "wrong")).until is not None
        assert (len(server.transcripts), said_to(server, "AUTH")) == (1, 1)


@pytest.mark.parametrize("words", ["530 5.7.0 authentication required", "530 5.7.0 must issue STARTTLS first"])
def test_a_server_that_wants_a_login_refuses_one_connection(words: str) -> None:
    """Rule 6 of a run: 530 comes only at MAIL, when all lines would be open."""
    attempt = an_attempt(200)
    with running(Fault("mail", words, times=0)) as server:
        assert send(attempt, server).until is not None
        assert (len(server.transcripts), said_to(server, "MAIL")) == (1, 1)
        assert set(attempt.deliveries.values_list("status", "tries")) == {("queued", 0)}


def test_a_probe_that_is_refused_again_is_one_connection() -> None:
    attempt = an_attempt(50)
    circuit_breaker.failed("", attempt.started_at, at_once=True, probing=False)
    with running(Fault("mail", "530 5.7.0 authentication required", times=0)) as server:
        assert send(attempt, server, probing=True).until is not None
        assert len(server.transcripts) == 1


def test_later_logins_that_are_refused_are_one() -> None:
    attempt = an_attempt(200)
    with running(Fault("auth", REFUSED, skip=1, times=0), user=USER) as server:
        assert send(attempt, server, user=USER).until is not None
        assert said_to(server, "AUTH") == 2
        assert server.recipients.total() == counts(attempt)["sent"]


def test_a_password_changed_in_the_middle_of_a_run_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.engine.pool.FRESH", 0.1)
    attempt = an_attempt(600)
    fault = Fault("auth", REFUSED, skip=10, times=0)
    with running(fault, Fault("dot", "delay", times=0), user=USER, delay=0.04) as server:
        report = send(attempt, server, lines=10, user=USER, letters_per_connection=15)
        assert report.stopped is Stop.SERVICE
        assert said_to(server, "AUTH") == 11
        assert server.recipients.total() == counts(attempt)["sent"]


def test_a_server_that_takes_its_time_for_a_letter_does_not_hold_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.engine.pool.HEARD_OUT", 0.05)
    attempt = an_attempt(8)
    with running(Fault("dot", "delay", times=0), delay=0.5) as server:
        send(attempt, server, lines=8)
        assert server.most_connections > 1
        everybody_once(attempt, server)


# --- A limit of connections -------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [1, 3, 7])
def test_a_limit_of_connections_is_found_with_a_few_refusals(allowed: int) -> None:
    """Rule 6 of a run."""
    attempt = an_attempt(400)
    seen: list[int] = []
    with running(connections=allowed) as server:
        report = send(attempt, server, limited=lambda lines, patience: seen.append(lines))
        assert report.stopped is Stop.NOTHING_LEFT
        everybody_once(attempt, server)
        assert 1 <= server.refused_connections <= allowed
        assert len(server.transcripts) == allowed + server.refused_connections
    assert MailService.load().failures == 0
    assert seen[-1] <= allowed


def test_one_more_is_tried_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.guards.allowance.GROW", 0.1)
    attempt = an_attempt(400)
    with running(Fault("dot", "delay", times=0), connections=3, delay=0.025) as server:
        begun = time.monotonic()
        send(attempt, server)
        took = time.monotonic() - begun
        everybody_once(attempt, server)
        assert took > 3  # a try every 0.1 s would be thirty
        assert 3 <= server.refused_connections <= 9


def test_with_the_limit_gone_there_are_more_lines_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.guards.allowance.GROW", 0.1)
    attempt = an_attempt(600)
    seen: list[int] = []
    with running(Fault("dot", "delay", times=0), connections=2, delay=0.025) as server:
        lifted = others_meanwhile(lambda: setattr(server, "connections", 0), server, 60)
        send(attempt, server, lines=8, limited=lambda lines, patience: seen.append(lines))
        lifted.join()
        everybody_once(attempt, server)
        assert server.most_connections >= 8
    assert 2 in seen
    assert seen[-1] == 8


def test_lines_that_are_not_let_in_again_leave_those_that_work() -> None:
    attempt = an_attempt(600)
    with running(Fault("dot", "delay", times=0), delay=0.01) as server:
        narrowed = others_meanwhile(lambda: setattr(server, "connections", 2), server, 100)
        report = send(attempt, server, lines=8, letters_per_connection=20)
        narrowed.join()
        assert report.stopped is Stop.NOTHING_LEFT
        everybody_once(attempt, server)
    assert MailService.load().until is None


def test_a_server_that_goes_away_is_trouble_all_the_same() -> None:
    attempt = an_attempt(600)
    with running(Fault("connect", "421 4.3.2 going down", skip=8, times=0), Fault("dot", "delay", times=0)) as server:
        report = send(attempt, server, lines=8, letters_per_connection=3)
        assert report.stopped is Stop.SERVICE
        assert len(server.transcripts) <= 8 + 8 + 3
        assert server.recipients.total() == counts(attempt)["sent"]
    assert MailService.load().failures == 3


def test_the_next_slice_begins_with_as_many_as_the_last_one_had() -> None:
    attempt = an_attempt(200)
    with running(connections=3) as server:
        send(attempt, server, allowance=Allowance(20, lines=3))
        everybody_once(attempt, server)
        assert server.refused_connections == 0
        assert server.most_connections <= 3


# --- A limit of speed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("mail", "450 4.7.1 Error: too much mail from 127.0.0.1"),
        ("mail", "421 4.7.0 Try again later, closing connection."),
        ("rcpt", "451 4.7.500 Server busy. Please try again later"),
        ("dot", "454 Throttling failure: Maximum sending rate exceeded."),
        ("dot", "421 4.7.28 an unusual rate of mail"),
    ],
)
def test_a_limit_of_speed_defers_nobody_and_opens_no_breaker(
    monkeypatch: pytest.MonkeyPatch, at: str, words: str
) -> None:
    """Rules 5 and 6 of a run."""
    monkeypatch.setattr("mailing.delivery.guards.allowance.REST", 0.5)
    attempt = an_attempt(200)
    seen: list[int] = []
    with running(letters_per_second=50, says_at=at, says=words) as server:
        report = send(attempt, server, limited=lambda lines, patience: seen.append(lines))
        assert report.stopped is Stop.NOTHING_LEFT
        everybody_once(attempt, server)
        assert server.too_fast <= 80  # two a line: 20, 10, 5, then one a rest
    assert MailService.load().failures == 0
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] <= 10  # how few are slow enough depends on the machine


def test_a_rest_ends_though_its_timer_goes_off_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timers count in whole milliseconds of a moment taken earlier. The clock asked here is the slower one by far."""
    slower = types.SimpleNamespace(monotonic=lambda: 0.9 * time.monotonic())
    monkeypatch.setattr("mailing.delivery.engine.pool.time", slower)
    attempt = an_attempt(60)
    with running(letters_per_second=15, says_at="mail", says="421 4.7.0 Try again later") as server:
        assert send(attempt, server, lines=1, seconds=15).stopped is Stop.NOTHING_LEFT
        assert server.too_fast > 0
        everybody_once(attempt, server)


def test_a_whole_minute_without_mercy_is_trouble_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.guards.allowance.REST", 0.01)
    monkeypatch.setattr("mailing.delivery.guards.allowance.LONGEST_REST", 0.16)
    attempt = an_attempt(100)
    with running(letters_per_second=1, says_at="rcpt", says="450 4.7.1 rate limit exceeded") as server:
        monkeypatch.setattr(server, "too_soon", lambda phase: phase == "rcpt")
        report = send(attempt, server)
        assert report.stopped is Stop.SERVICE
        assert report.until is not None
        assert report.outcome is not None
        assert report.outcome.throttled
        assert said_to(server, "RCPT") <= 12
    assert set(attempt.deliveries.values_list("status", "tries")) == {("queued", 0)}
    assert MailService.load().failures == 3


def test_a_recipient_who_is_refused_alone_is_deferred_in_the_end(settings: LazySettings) -> None:
    """Rule 5 of a run: nobody is tried for ever, and no other waits for him."""
    settings.MAILING_RETRY_DELAYS = [60]
    attempt = an_attempt(60)
    first = emails(attempt)[0]
    busy = told([first], *[said(Phase.RCPT, 450, "4.7.1 rate limit exceeded")] * 9)
    report = work(attempt, MemoryTransport(busy, delay=0.01), lines=2, seconds=20)
    assert report.stopped is Stop.NOTHING_LEFT
    assert counts(attempt)["sent"] == 59
    row = attempt.deliveries.get(email=first)
    assert (row.status, row.tries) == ("deferred", 1)


def test_a_recipient_who_is_refused_when_he_is_the_last_one_is_no_trouble_of_the_service(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailing.delivery.guards.allowance.REST", 0.02)
    settings.MAILING_RETRY_DELAYS = [60]
    attempt = an_attempt(3)
    busy = told(emails(attempt), *[said(Phase.RCPT, 450, "4.7.1 rate limit exceeded")] * 9)
    assert work(attempt, MemoryTransport(busy), lines=2).stopped is Stop.NOTHING_LEFT
    assert set(attempt.deliveries.values_list("status", "tries")) == {("deferred", 1)}
    assert MailService.load().failures == 0


def test_while_we_rest_no_letter_leaves() -> None:
    attempt = an_attempt(60)
    first = emails(attempt)[5]
    transport = MemoryTransport(told([first], said(Phase.RCPT, 451, "4.7.1 slow down")), delay=0.005)
    rested: list[int] = []

    def look(*_: object) -> None:
        now = len(transport.accepted)
        time.sleep(0.1)  # in the writer's thread
        rested.append(len(transport.accepted) - now)

    work(attempt, transport, lines=4, limited=look)
    assert counts(attempt)["sent"] == 60
    assert rested[0] <= 4  # those on a line


def test_who_is_asked_to_stop_while_we_rest_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.guards.allowance.REST", 30)
    monkeypatch.setattr("mailing.delivery.guards.allowance.LONGEST_REST", 30)
    attempt = an_attempt(60)
    begun = time.monotonic()
    with running(letters_per_second=20) as server:
        report = send(attempt, server, lines=4, seconds=1)
    assert report.stopped is Stop.TIME
    assert time.monotonic() - begun < 15
    assert set(attempt.deliveries.values_list("status", flat=True)) == {"sent", "queued"}
