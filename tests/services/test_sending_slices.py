"""Slices against a real SMTP server: results, waiting in words, pause, end, take-over, closing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone, translation

from mailing.choices import AttemptStatus, DeliveryReason, DeliveryStatus, MailingStatus
from mailing.delivery import lease
from mailing.delivery.feed import Stop
from mailing.delivery.transport import DJANGO_SMTP
from mailing.models import Attempt, Client, Mailing, MailService, Suppression
from mailing.services import sending
from mailing.services.sending import SliceResult, State
from tests.chaos import books
from tests.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory, MessageFactory
from tests.smtp.script import Fault
from tests.smtp.server import Server, running

pytestmark = pytest.mark.django_db(transaction=True)

ALWAYS = 0


@pytest.fixture(autouse=True)
def _quick(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.pool.RECONNECT_PAUSE", 0.01)
    settings.EMAIL_BACKEND = DJANGO_SMTP  # the test runner puts another one in its place
    settings.SMTP_CONNECTIONS = 3
    settings.SMTP_CONNECT_TIMEOUT = settings.SMTP_REPLY_TIMEOUT = settings.SMTP_DOT_TIMEOUT = 1.0
    settings.MAILING_RETRY_DELAYS = [0.1, 0.1]
    settings.MAILING_BREAKER_PAUSES = [60]


@pytest.fixture
def server(settings: LazySettings) -> Iterator[Server]:
    with running() as server:
        settings.EMAIL_PORT = server.port
        yield server


def misbehave(server: Server, *faults: Fault) -> None:
    server.script.faults.extend(faults)  # type: ignore[attr-defined]


def start(clients: Any = 5, **values: Any) -> Attempt:
    return sending.start(MailingFactory.create(clients=clients, **values), occurrence=None, trigger="manual")


def run(attempt: Attempt, **orders: Any) -> SliceResult:
    result = sending.run_slice(attempt.pk, **({"stop": lambda: False} | orders))
    attempt.refresh_from_db()
    books.balance(attempt)
    return result


def counts(attempt: Attempt) -> tuple[int, int, int, int, int]:
    return attempt.sent, attempt.failed, attempt.unconfirmed, attempt.skipped, attempt.open


def emails(attempt: Attempt) -> list[str]:
    return list(attempt.deliveries.order_by("pk").values_list("email", flat=True))


# --- Results ----------------------------------------------------------------------------------------


def test_everybody_gets_a_letter_of_their_own_and_the_run_succeeds(server: Server) -> None:
    attempt = start([ClientFactory.create(greeting=name) for name in ("Анна", "Борис")])
    assert run(attempt).state is State.FINISHED
    assert attempt.status == AttemptStatus.SUCCEEDED
    assert counts(attempt) == (2, 0, 0, 0, 0)
    assert server.recipients == dict.fromkeys(emails(attempt), 1)
    assert sorted("Анна".encode() in body for body in server.bodies) == [False, True]
    assert attempt.response.startswith("250")
    assert (attempt.note, attempt.lease_owner, attempt.resume_at) == ("", "", None)
    books.check(attempt, server.log.path)


def test_the_acceptance_of_issue_2(server: Server) -> None:
    """Two of twenty refused, one line dropped before and one after the dot: exact, and nobody twice."""
    attempt = start(20)
    refused, lost, unknown = emails(attempt)[3:5], emails(attempt)[8], emails(attempt)[12]
    misbehave(
        server,
        *[Fault("rcpt", "550 5.1.1 no such user", to=email) for email in refused],
        Fault("data", "drop", to=lost),
        Fault("dot", "drop", to=unknown),
    )
    assert run(attempt).state is State.FINISHED
    assert attempt.status == AttemptStatus.FAILED
    assert counts(attempt) == (17, 2, 1, 0, 0)
    assert attempt.response == "550 5.1.1 no such user"
    groups = {group["reason"]: group for group in attempt.reasons}
    assert groups["no_such_mailbox"]["count"] == 2
    assert groups["no_such_mailbox"]["examples"] == refused
    assert (groups["line_lost"]["status"], groups["line_lost"]["examples"]) == ("unconfirmed", [unknown])
    assert attempt.deliveries.get(email=lost).status == "sent"
    assert set(Suppression.objects.values_list("email", flat=True)) == set(refused)
    books.check(attempt, server.log.path)


def test_clients_who_must_not_be_written_to_do_not_spoil_the_result(server: Server) -> None:
    attempt = start(3)
    Client.objects.filter(email=emails(attempt)[0]).delete()
    run(attempt)
    assert attempt.status == AttemptStatus.SUCCEEDED
    assert counts(attempt) == (2, 0, 0, 1, 0)
    assert [group["reason"] for group in attempt.reasons] == ["deleted"]


def test_a_run_that_reached_nobody_does_not_succeed(server: Server) -> None:
    attempt = start(2)
    Client.objects.all().delete()
    run(attempt)
    assert attempt.status == AttemptStatus.FAILED
    assert "Nobody was left" in attempt.note_text


def test_a_run_for_nobody_fails_in_words() -> None:
    attempt = start([])
    assert run(attempt).state is State.FINISHED
    assert attempt.status == AttemptStatus.FAILED
    assert "add recipients" in attempt.note_text


def test_refusals_are_grouped_by_what_the_server_said_not_by_what_differs_from_letter_to_letter(
    server: Server,
) -> None:
    attempt = start(6)
    for n, email in enumerate(emails(attempt)[:3]):
        misbehave(server, Fault("rcpt", f"554 5.4.6 <{email}> loops, see ticket 48151{n}", to=email))
    run(attempt)
    assert [(group["count"], group["code"]) for group in attempt.reasons] == [(3, 554)]
    assert attempt.response.startswith("554 5.4.6")


def test_a_message_too_big_for_the_server_fails_its_own_run_at_once(server: Server) -> None:
    server.size = 1000
    attempt = start(3, message=MessageFactory.create(body="x " * 2000))
    result = run(attempt)
    assert (result.state, result.stopped) == (State.FINISHED, Stop.MESSAGE)
    assert attempt.status == AttemptStatus.FAILED
    assert counts(attempt) == (0, 3, 0, 0, 0)
    assert set(attempt.deliveries.values_list("reason", flat=True)) == {"message"}
    assert server.accepted == []


# --- Waiting ----------------------------------------------------------------------------------------


def test_a_closed_port_marks_nobody_and_says_what_it_waits_for() -> None:
    attempt = start(3)
    result = run(attempt)
    assert (result.state, result.stopped) == (State.OPEN, Stop.SERVICE)
    assert result.next_at == attempt.resume_at
    assert attempt.resume_at is not None
    assert counts(attempt) == (0, 0, 0, 0, 3)
    assert set(attempt.deliveries.values_list("status", "tries")) == {("queued", 0)}
    assert "does not answer (127.0.0.1:1)" in attempt.note_text
    with translation.override("ru"):
        assert attempt.note_text


def test_a_wrong_password_is_told_in_words(server: Server, settings: LazySettings) -> None:
    server.user = ("right", "secret")
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "right", "wrong-password"
    attempt = start(3)
    result = run(attempt)
    assert result.stopped is Stop.SERVICE
    assert "did not accept the login or the password" in attempt.note_text
    assert attempt.response.startswith("535")
    assert sum(line.startswith("AUTH") for lines in server.transcripts for line in lines) == 1


@pytest.mark.parametrize("kind", ["drop", "reset", "hang", "garbage"])
def test_a_server_that_answers_no_dot_costs_a_few_letters_and_the_run_waits(server: Server, kind: str) -> None:
    misbehave(server, Fault("dot", kind, times=ALWAYS))
    attempt = start(60)

    result = run(attempt)

    assert (result.state, result.stopped) == (State.OPEN, Stop.SERVICE)
    assert 3 <= attempt.unconfirmed <= 3 * (3 + 1)  # three events in a row, on three lines, one just opened
    assert attempt.open == 60 - attempt.unconfirmed
    assert "without saying whether it took it" in attempt.note_text
    assert len(server.accepted) == len(server.recipients) == attempt.unconfirmed

    server.script.faults.clear()  # type: ignore[attr-defined]
    breaker_pause_is_over()
    run(attempt)
    assert (attempt.sent, attempt.open) == (60 - attempt.unconfirmed, 0)
    assert max(server.recipients.values()) == 1  # what is unconfirmed was not sent again


def breaker_pause_is_over() -> None:
    MailService.objects.update(until=timezone.now() - timedelta(seconds=1))


def test_a_slice_does_not_knock_while_the_breaker_is_open(server: Server) -> None:
    waiting, other = start(2), start(2)
    misbehave(server, Fault("mail", "421 4.3.2 closing", times=ALWAYS))
    run(waiting)
    connections = len(server.transcripts)
    result = run(other)
    assert len(server.transcripts) == connections
    assert (result.state, result.stopped) == (State.OPEN, Stop.SERVICE)
    assert other.resume_at == waiting.resume_at
    assert "in trouble a moment ago" in other.note_text


def test_after_the_pause_the_run_goes_on_and_the_note_goes(server: Server, settings: LazySettings) -> None:
    settings.MAILING_BREAKER_PAUSES = [0.05]
    attempt = start(3)
    misbehave(server, Fault("connect", "421 4.3.2 closing", times=3))
    assert run(attempt).state is State.OPEN
    while run(attempt).state is State.OPEN:
        pass
    assert attempt.status == AttemptStatus.SUCCEEDED
    assert (attempt.note, attempt.resume_at) == ("", None)


def test_the_retry_window_ends_the_waiting_with_the_servers_words(server: Server, settings: LazySettings) -> None:
    settings.MAILING_BREAKER_PAUSES, settings.MAILING_RETRY_WINDOW = [0.05], 0.3
    attempt = start(3)
    misbehave(server, Fault("connect", "421 4.3.2 closed for today", times=ALWAYS))
    while run(attempt).state is State.OPEN:
        pass
    assert attempt.status == AttemptStatus.FAILED
    assert set(attempt.deliveries.values_list("status", "reason")) == {("failed", "retry_window")}
    assert attempt.response == "421 4.3.2 closed for today"
    assert "took no letter for too long" in attempt.note_text


def test_deferred_letters_are_waited_for_outside_the_slice(server: Server, settings: LazySettings) -> None:
    settings.MAILING_RETRY_DELAYS = [3600]
    attempt = start(3)
    misbehave(server, Fault("rcpt", "451 4.7.1 greylisted", to=emails(attempt)[0]))
    result = run(attempt)
    assert (result.state, result.stopped) == (State.OPEN, Stop.NOTHING_LEFT)
    assert result.next_at is not None
    assert result.next_at > timezone.now() + timedelta(minutes=59)
    assert attempt.resume_at == result.next_at
    assert "come back later" in attempt.note_text
    assert counts(attempt) == (2, 0, 0, 0, 1)


def test_one_slow_letter_does_not_hold_the_others(server: Server, settings: LazySettings) -> None:
    settings.SMTP_DOT_TIMEOUT = 1.5
    attempt = start(60)
    slow = emails(attempt)[0]
    misbehave(server, Fault("dot", "hang", to=slow))
    run(attempt, seconds=0.1)
    assert counts(attempt) == (59, 0, 1, 0, 0)
    last = attempt.deliveries.order_by("-updated_at").values_list("email", flat=True)[:2]
    assert slow in last  # and the one that stood behind it on its line


# --- Pause, finish, end -----------------------------------------------------------------------------


def set_mailing(attempt: Attempt, **values: Any) -> Mailing:
    Mailing.objects.filter(pk=attempt.mailing_id).update(**values)
    return Mailing.objects.get(pk=attempt.mailing_id)


def test_a_paused_run_sends_nothing_and_resumes_as_the_same_attempt(server: Server) -> None:
    attempt = start(3)
    set_mailing(attempt, is_paused=True)
    assert run(attempt).state is State.PAUSED
    assert "paused" in attempt.note_text
    assert server.accepted == []
    set_mailing(attempt, is_paused=False)
    assert run(attempt).state is State.FINISHED
    assert attempt.status == AttemptStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"end_at": timezone.now()}, "ended"), ({"status": MailingStatus.FINISHED}, "finished")],
)
def test_the_end_skips_the_rest_with_its_reason(server: Server, change: dict[str, Any], reason: str) -> None:
    attempt = start(3, start_at=timezone.now() - timedelta(hours=1))
    set_mailing(attempt, **change)
    assert run(attempt).state is State.FINISHED
    assert set(attempt.deliveries.values_list("status", "reason")) == {("skipped", reason)}
    assert attempt.status == AttemptStatus.FAILED
    assert attempt.note
    assert server.accepted == []


def test_a_run_is_stopped_in_its_middle(server: Server, settings: LazySettings) -> None:
    """Pause within a second and the letters in flight; nothing stays on its way."""
    settings.SMTP_CONNECTIONS = 1
    server.delay = 0.05
    misbehave(server, Fault("dot", "delay", times=ALWAYS))
    attempt = start(200)

    def pause() -> None:
        set_mailing(attempt, is_paused=True)
        connection.close()

    staff = threading.Timer(0.5, pause)
    staff.start()
    result = run(attempt)
    staff.join()
    assert result.state is State.PAUSED
    assert 0 < attempt.sent < 200
    assert set(attempt.deliveries.values_list("status", flat=True)) == {"sent", "queued"}
    assert attempt.sent == len(server.accepted)


def test_staff_who_finish_a_mailing_cut_its_waiting_run_short() -> None:
    attempt = start(3)
    sending.cut_short(attempt.mailing)
    attempt.refresh_from_db()
    assert attempt.status == AttemptStatus.FAILED
    assert counts(attempt) == (0, 0, 0, 3, 0)
    assert [group["reason"] for group in attempt.reasons] == ["finished"]


def test_a_run_somebody_works_on_is_told_to_end_and_closed_by_who_works_on_it(server: Server) -> None:
    attempt = start(3)
    assert lease.take(attempt, lease.new_owner(), timezone.now()) == 0
    assert sending.is_worked_on(attempt)
    assert not sending.close(attempt, reason=DeliveryReason.FINISHED)
    Attempt.objects.filter(pk=attempt.pk).update(lease_owner="", lease_until=None)
    run(attempt)
    assert counts(attempt) == (0, 0, 0, 3, 0)


def test_a_retry_goes_on_after_the_end(server: Server) -> None:
    attempt = start(3, start_at=timezone.now() - timedelta(hours=1))
    set_mailing(attempt, end_at=timezone.now())
    run(attempt)
    again = sending.start_retry(attempt, by=None)
    run(again)
    assert again.status == AttemptStatus.SUCCEEDED
    assert counts(again) == (3, 0, 0, 0, 0)


def test_the_next_run_closes_one_that_only_waits() -> None:
    attempt = start(3)
    run(attempt)
    assert sending.close(attempt, reason=DeliveryReason.NEXT_RUN)
    attempt.refresh_from_db()
    assert attempt.status == AttemptStatus.FAILED
    assert set(attempt.deliveries.values_list("status", "reason")) == {("failed", "next_run")}


# --- Leases -----------------------------------------------------------------------------------------


def test_a_slice_that_meets_a_live_lease_goes_away() -> None:
    attempt = start(3)
    lease.take(attempt, lease.new_owner(), timezone.now())
    assert run(attempt).state is State.BUSY


def test_a_slice_takes_over_from_a_dead_worker(server: Server) -> None:
    attempt = start(3)
    first = attempt.deliveries.order_by("pk").first()
    assert first is not None
    attempt.deliveries.filter(pk=first.pk).update(status=DeliveryStatus.SENDING)
    Attempt.objects.filter(pk=attempt.pk).update(
        lease_owner="elsewhere", lease_until=timezone.now() - timedelta(seconds=1)
    )
    run(attempt)
    assert counts(attempt) == (2, 0, 1, 0, 0)
    assert attempt.deliveries.get(pk=first.pk).reason == "worker_died"
    assert attempt.status == AttemptStatus.FAILED
    assert "interrupted" in attempt.note_text
    assert first.email not in server.recipients


def test_a_finished_or_deleted_attempt_is_answered() -> None:
    attempt = AttemptFactory.create(status="succeeded")
    assert sending.run_slice(attempt.pk, stop=lambda: False).state is State.FINISHED
    assert sending.run_slice(999_999, stop=lambda: False).state is State.GONE


def test_who_is_told_to_stop_at_once_gives_the_lease_back(server: Server) -> None:
    attempt = start(3)
    result = run(attempt, stop=lambda: True)
    assert (result.state, result.stopped, attempt.lease_owner) == (State.OPEN, Stop.ASKED, "")
    assert server.accepted == []


def test_counters_that_do_not_balance_are_never_shown(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    attempt = start(3)
    DeliveryFactory.create(attempt=attempt, status="failed", reason="refused")
    Attempt.objects.filter(pk=attempt.pk).update(audience=4)
    result = sending.run_slice(attempt.pk, stop=lambda: False)
    assert result.state is State.FINISHED
    books.balance(attempt)
    assert attempt.failed == 1
    assert "does not balance" in caplog.text
