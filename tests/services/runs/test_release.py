"""What a run waits for; what it costs meanwhile, and how it goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone, translation
from django.utils.translation import gettext

from mailing.choices import AttemptStatus, DeliveryReason, WaitsFor
from mailing.delivery.engine.dispatcher import Stop
from mailing.models import Attempt, Client, MailService, Suppression, attempt_notes
from mailing.services.runs import SliceState
from tests.factories import ClientFactory
from tests.services.runs.working import ALWAYS, breaker_pause_is_over, counts, emails, misbehave, run, start
from tests.smtp.script import Fault
from tests.smtp.server import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]


def test_a_closed_port_marks_nobody_and_says_what_it_waits_for() -> None:
    """Rule 6 of a run."""
    attempt = start(3)
    result = run(attempt)
    assert (result.state, result.stopped) == (SliceState.OPEN, Stop.SERVICE)
    assert result.next_at == attempt.resume_at
    assert attempt.resume_at is not None
    assert counts(attempt) == (0, 0, 0, 0, 3)
    assert set(attempt.deliveries.values_list("status", "tries")) == {("queued", 0)}
    assert attempt.waits_for == WaitsFor.NO_ANSWER
    assert "(127.0.0.1:1)" in attempt.note_text
    with translation.override("ru"):
        assert attempt.note_text


def test_a_wrong_password_is_told_in_words(server: Server, settings: LazySettings) -> None:
    server.user = ("right", "secret")
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "right", "wrong-password"
    attempt = start(3)
    result = run(attempt)
    assert result.stopped is Stop.SERVICE
    assert attempt.waits_for == WaitsFor.LOGIN
    assert attempt.response.startswith("535")
    assert sum(line.startswith("AUTH") for lines in server.transcripts for line in lines) == 1


@pytest.mark.parametrize("kind", ["drop", "reset", "hang", "garbage"])
def test_a_server_that_answers_no_dot_costs_a_few_letters_and_the_run_waits(server: Server, kind: str) -> None:
    misbehave(server, Fault("dot", kind, times=ALWAYS))
    attempt = start(60)

    result = run(attempt)

    assert (result.state, result.stopped) == (SliceState.OPEN, Stop.SERVICE)
    assert 3 <= attempt.unconfirmed <= 3 * (3 + 1)  # three events in a row, on three lines, one just opened
    assert attempt.open == 60 - attempt.unconfirmed
    assert attempt.waits_for == WaitsFor.VANISHING
    assert len(server.accepted) == len(server.recipients) == attempt.unconfirmed

    server.script.faults.clear()  # type: ignore[attr-defined]
    breaker_pause_is_over()
    run(attempt)
    assert (attempt.sent, attempt.open) == (60 - attempt.unconfirmed, 0)
    assert max(server.recipients.values()) == 1  # what is unconfirmed was not sent again


def test_a_slice_does_not_knock_while_the_breaker_is_open(server: Server) -> None:
    """Rule 6 of a run."""
    waiting, other = start(2), start(2)
    misbehave(server, Fault("mail", "421 4.3.2 closing", times=ALWAYS))
    run(waiting)
    connections = len(server.transcripts)
    result = run(other)
    assert len(server.transcripts) == connections
    assert (result.state, result.stopped) == (SliceState.OPEN, Stop.SERVICE)
    assert other.resume_at == waiting.resume_at
    assert other.waits_for == WaitsFor.BREAKER_OPEN


def test_after_the_pause_the_run_goes_on_and_the_note_goes(server: Server, settings: LazySettings) -> None:
    settings.MAILING_BREAKER_PAUSES = [0.05]
    attempt = start(3)
    misbehave(server, Fault("connect", "421 4.3.2 closing", times=3))
    assert run(attempt).state is SliceState.OPEN
    while run(attempt).state is SliceState.OPEN:
        pass
    assert attempt.status == AttemptStatus.SUCCEEDED
    assert (attempt.note_text, attempt.waits_for, attempt.waits_since, attempt.resume_at) == ("", "", None, None)


def test_the_retry_window_ends_the_waiting_with_the_servers_words(server: Server, settings: LazySettings) -> None:
    """Rule 6 of a run."""
    settings.MAILING_BREAKER_PAUSES, settings.MAILING_RETRY_WINDOW = [0.05], 0.3
    attempt = start(3)
    misbehave(server, Fault("connect", "421 4.3.2 closed for today", times=ALWAYS))
    while run(attempt).state is SliceState.OPEN:
        pass
    assert attempt.status == AttemptStatus.FAILED
    assert set(attempt.deliveries.values_list("status", "reason")) == {("failed", "retry_window")}
    assert attempt.response == "421 4.3.2 closed for today"
    assert attempt.note_text == gettext(attempt_notes.CUT_SHORT[DeliveryReason.RETRY_WINDOW])


def test_the_retry_window_begins_anew_after_a_letter_the_server_decided_about(
    server: Server, settings: LazySettings
) -> None:
    settings.SMTP_CONNECTIONS = 1
    attempt = start(200)
    misbehave(server, Fault("connect", "421 4.3.2 closing", times=3))
    assert run(attempt).stopped is Stop.SERVICE
    Attempt.objects.update(waits_since=timezone.now() - timedelta(days=2))
    breaker_pause_is_over()
    server.delay = 0.05
    misbehave(server, Fault("dot", "delay", times=ALWAYS))
    assert run(attempt, seconds=0.3).stopped is Stop.TIME
    assert 0 < attempt.sent < 200
    assert (attempt.waits_for, attempt.waits_since, attempt.note_text) == ("", None, "")

    misbehave(server, Fault("connect", "421 4.3.2 closing again", times=ALWAYS))
    assert run(attempt).state is SliceState.OPEN
    assert attempt.waits_since is not None
    assert attempt.waits_since > timezone.now() - timedelta(minutes=1)


def test_deferred_letters_are_waited_for_outside_the_slice(server: Server, settings: LazySettings) -> None:
    settings.MAILING_RETRY_DELAYS = [3600]
    attempt = start(3)
    misbehave(server, Fault("rcpt", "451 4.7.1 greylisted", to=emails(attempt)[0]))
    result = run(attempt)
    assert (result.state, result.stopped) == (SliceState.OPEN, Stop.NOTHING_LEFT)
    assert result.next_at is not None
    assert result.next_at > timezone.now() + timedelta(minutes=59)
    assert attempt.resume_at == result.next_at
    assert (attempt.waits_for, attempt.waits_since) == (WaitsFor.DEFERRED, None)
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


REFUSAL = "550 5.7.1 not here"  # at RCPT it may mean the sender: 20 in a row are taken for trouble of the service


def dead_domain(server: Server, clients: int) -> list[Client]:
    misbehave(server, Fault("rcpt", REFUSAL, to="@dead.example", times=ALWAYS))
    return [ClientFactory.create(email=f"c{n}@dead.example") for n in range(clients)]


def test_a_dead_domain_at_the_head_of_the_queue_does_not_stand_in_the_way_of_the_others(server: Server) -> None:
    """Rule 5 of a run."""
    attempt = start([*dead_domain(server, 25), *ClientFactory.create_batch(40)])
    assert run(attempt).stopped is Stop.SERVICE
    assert counts(attempt) == (0, 0, 0, 0, 65)

    breaker_pause_is_over()
    assert run(attempt).state is SliceState.FINISHED  # forty accepted between: the refusals meant the recipients
    assert counts(attempt) == (40, 25, 0, 0, 0)
    assert len(server.accepted) == 40
    assert max(server.recipients.values()) == 1
    assert set(attempt.deliveries.filter(status="failed").values_list("response", flat=True)) == {REFUSAL}
    assert not Suppression.objects.exists()


def test_a_dead_domain_at_the_end_of_the_queue_is_believed_when_another_mailing_got_through(server: Server) -> None:
    attempt = start([*ClientFactory.create_batch(5), *dead_domain(server, 25)])
    other = start(3)
    assert run(attempt).stopped is Stop.SERVICE
    assert attempt.sent == 5
    assert attempt.open >= 22  # on three lines two refusals may come before the last acceptance

    breaker_pause_is_over()
    assert run(attempt).stopped is Stop.SERVICE  # it stands back
    assert attempt.resume_at is not None
    assert attempt.resume_at - timezone.now() < timedelta(seconds=11)
    assert run(other).state is SliceState.FINISHED
    assert counts(other) == (3, 0, 0, 0, 0)

    assert run(attempt).state is SliceState.FINISHED
    assert counts(attempt) == (5, 25, 0, 0, 0)
    assert max(server.recipients.values()) == 1


def test_who_is_refused_again_and_again_is_marked_by_nobody_while_no_letter_is_accepted(
    server: Server, settings: LazySettings
) -> None:
    attempt = start([*ClientFactory.create_batch(5), *dead_domain(server, 25)])
    assert run(attempt).stopped is Stop.SERVICE
    before = counts(attempt)
    assert attempt.open >= 22
    for _ in range(3):
        breaker_pause_is_over()
        assert run(attempt).stopped is Stop.SERVICE
        assert counts(attempt) == before

    settings.MAILING_RETRY_WINDOW = 0.01
    assert run(attempt).state is SliceState.FINISHED
    assert counts(attempt) == (5, 25, 0, 0, 0)
    assert attempt.response == REFUSAL


def test_a_relay_that_takes_letters_again_gets_them_all(server: Server) -> None:
    misbehave(server, Fault("rcpt", REFUSAL, times=ALWAYS))
    attempt = start(60)
    for _ in range(2):
        assert run(attempt).stopped is Stop.SERVICE
        breaker_pause_is_over()

    server.script.faults.clear()  # type: ignore[attr-defined]
    assert run(attempt).state is SliceState.FINISHED
    assert counts(attempt) == (60, 0, 0, 0, 0)
    assert max(server.recipients.values()) == 1


def test_a_limit_of_connections_is_remembered_by_the_next_slice_and_told(
    server: Server, settings: LazySettings
) -> None:
    settings.SMTP_CONNECTIONS = 10
    server.connections = 3
    attempt = start(60)
    run(attempt)
    assert counts(attempt)[0] == 60
    assert attempt.note_text == gettext(attempt_notes.LIMITED) % attempt.limited
    assert attempt.limited["least"] <= 3
    refused = server.refused_connections
    assert 1 <= refused <= 3

    second = start(60)
    run(second)
    assert counts(second)[0] == 60
    assert server.refused_connections == refused
    assert second.limited["least"] <= 3


def test_a_run_that_is_limited_says_so_while_it_is_sent(server: Server, settings: LazySettings) -> None:
    settings.SMTP_CONNECTIONS = 10
    server.connections = 2
    attempt = start(60)
    misbehave(server, Fault("dot", "delay", times=ALWAYS))
    result = run(attempt, seconds=0.5)
    assert result.state is SliceState.OPEN
    assert attempt.limited == {"now": 2, "least": 2, "of": 10}
    assert attempt.note_text == gettext(attempt_notes.LIMITS) % attempt.limited

    server.connections = 0
    MailService.objects.update(lines=None)
    run(attempt)
    assert attempt.limited == {"least": 2, "of": 10}
    assert attempt.note_text == gettext(attempt_notes.LIMITED) % attempt.limited


def test_a_server_that_counts_letters_defers_nobody(server: Server, settings: LazySettings) -> None:
    """Rule 5 of a run."""
    settings.SMTP_CONNECTIONS = 10
    server.letters_per_second, server.says_at = 30, "rcpt"
    attempt = start(80)
    run(attempt)
    assert counts(attempt)[0] == 80
    assert set(attempt.deliveries.values_list("tries", flat=True)) == {1}
    assert MailService.load().lines is not None
