"""Slices against a real SMTP server: results, and who works on a run."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from mailing import texts
from mailing.choices import AttemptStatus, Audience, DeliveryReason, DeliveryStatus
from mailing.delivery.engine.dispatcher import Stop
from mailing.delivery.guards import lease
from mailing.models import Attempt, Client, Suppression, attempt_notes
from mailing.services import runs
from mailing.services.runs import SliceState
from tests.chaos import books
from tests.factories import AttemptFactory, ClientFactory, DeliveryFactory, MessageFactory
from tests.services.runs.working import counts, emails, misbehave, run, start
from tests.smtp.script import Fault
from tests.smtp.server import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]


def test_everybody_gets_a_letter_of_their_own_and_the_run_succeeds(server: Server) -> None:
    """Rules 3 and 7 of a run."""
    attempt = start([ClientFactory.create(greeting=name) for name in ("Анна", "Борис")])
    assert run(attempt).state is SliceState.FINISHED
    assert attempt.status == AttemptStatus.SUCCEEDED
    assert counts(attempt) == (2, 0, 0, 0, 0)
    assert server.recipients == dict.fromkeys(emails(attempt), 1)
    assert sorted("Анна".encode() in body for body in server.bodies) == [False, True]
    assert attempt.response.startswith("250")
    assert (attempt.note_text, attempt.lease_owner, attempt.resume_at) == ("", "", None)
    books.check(attempt, server.log.path)


def test_two_refused_one_lost_before_and_one_lost_after_the_dot_are_told_apart(server: Server) -> None:
    """Exactly, and nobody gets two letters. Rules 5 and 7 of a run."""
    attempt = start(20)
    refused, lost, unknown = emails(attempt)[3:5], emails(attempt)[8], emails(attempt)[12]
    misbehave(
        server,
        *[Fault("rcpt", "550 5.1.1 no such user", to=email) for email in refused],
        Fault("data", "drop", to=lost),
        Fault("dot", "drop", to=unknown),
    )
    assert run(attempt).state is SliceState.FINISHED
    assert attempt.status == AttemptStatus.PARTLY
    assert counts(attempt) == (17, 2, 1, 0, 0)
    assert attempt.response == "550 5.1.1 no such user"
    groups = {group["reason"]: group for group in attempt.reasons}
    assert groups["no_such_mailbox"]["count"] == 2
    assert groups["no_such_mailbox"]["examples"] == refused
    assert (groups["line_lost"]["status"], groups["line_lost"]["examples"]) == ("unconfirmed", [unknown])
    assert attempt.deliveries.get(email=lost).status == "sent"
    assert set(Suppression.objects.values_list("email", flat=True)) == set(refused)
    books.check(attempt, server.log.path)


def test_who_becomes_a_client_after_the_start_is_not_in_the_audience_of_the_run(server: Server) -> None:
    """Rule 1 of a run."""
    ClientFactory.create_batch(2)
    attempt = start([], audience=Audience.EVERYONE)
    late = ClientFactory.create()
    run(attempt)
    assert counts(attempt) == (2, 0, 0, 0, 0)
    assert late.email not in server.recipients


def test_a_later_try_and_a_retry_carry_the_message_id_of_the_first(server: Server) -> None:
    """Rule 3 of a run."""
    attempt = start(1)
    message_id = attempt.deliveries.get().message_id
    misbehave(server, Fault("dot", "451 4.3.0 later"), Fault("dot", "drop"))
    run(attempt)
    assert attempt.deliveries.values_list("status", "tries").get() == ("unconfirmed", 2)
    run(runs.start_retry(attempt, by=None, unconfirmed=True))
    assert [letter["message_id"] for letter in server.accepted] == [message_id] * 2
    assert [len(letter["to"]) for letter in server.accepted] == [1, 1]


def test_clients_who_must_not_be_written_to_do_not_spoil_the_result(server: Server) -> None:
    """Rule 7 of a run."""
    attempt = start(3)
    Client.objects.filter(email=emails(attempt)[0]).delete()
    run(attempt)
    assert attempt.status == AttemptStatus.SUCCEEDED
    assert counts(attempt) == (2, 0, 0, 1, 0)
    assert [group["reason"] for group in attempt.reasons] == ["deleted"]


def test_a_run_that_reached_nobody_does_not_succeed(server: Server) -> None:
    """Rule 7 of a run."""
    attempt = start(2)
    Client.objects.all().delete()
    run(attempt)
    assert attempt.status == AttemptStatus.FAILED
    assert attempt.note_text == gettext(attempt_notes.NOBODY_LEFT)


def test_a_run_for_nobody_fails_in_words() -> None:
    attempt = start([])
    assert run(attempt).state is SliceState.FINISHED
    assert attempt.status == AttemptStatus.FAILED
    assert attempt.note_text == gettext(texts.NOBODY)


def test_refusals_are_grouped_by_what_the_server_said_not_by_what_differs_from_letter_to_letter(
    server: Server,
) -> None:
    """Rule 11 of a run."""
    attempt = start(6)
    for n, email in enumerate(emails(attempt)[:3]):
        misbehave(server, Fault("rcpt", f"554 5.4.6 <{email}> loops, see ticket 48151{n}", to=email))
    run(attempt)
    assert [(group["count"], group["code"]) for group in attempt.reasons] == [(3, 554)]
    assert attempt.response.startswith("554 5.4.6")


def test_a_message_too_big_for_the_server_fails_its_own_run_at_once(server: Server) -> None:
    """Rule 6 of a run."""
    server.size = 1000
    attempt = start(3, message=MessageFactory.create(body="x " * 2000))
    result = run(attempt)
    assert (result.state, result.stopped) == (SliceState.FINISHED, Stop.MESSAGE)
    assert attempt.status == AttemptStatus.FAILED
    assert counts(attempt) == (0, 3, 0, 0, 0)
    assert set(attempt.deliveries.values_list("reason", flat=True)) == {"message"}
    assert server.accepted == []


# --- Leases -----------------------------------------------------------------------------------------


def test_a_slice_that_meets_a_live_lease_goes_away() -> None:
    attempt = start(3)
    lease.take(attempt, lease.new_owner(), timezone.now())
    assert run(attempt).state is SliceState.BUSY


def test_a_slice_takes_over_from_a_dead_worker(server: Server) -> None:
    """Rule 8 of a run."""
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
    assert attempt.status == AttemptStatus.PARTLY
    assert attempt.interrupted_after == 1
    assert attempt.note_text == gettext(attempt_notes.INTERRUPTED) % {"done": 1, "audience": 3}
    assert first.email not in server.recipients


def die(attempt: Attempt) -> None:
    """A worker took the run, claimed a letter and is no more."""
    claimed = attempt.deliveries.filter(status=DeliveryStatus.QUEUED).order_by("pk")[:1].values("pk")
    attempt.deliveries.filter(pk__in=claimed).update(status=DeliveryStatus.SENDING)
    Attempt.objects.filter(pk=attempt.pk).update(
        lease_owner="elsewhere", lease_until=timezone.now() - timedelta(seconds=1)
    )


def test_a_run_at_which_two_workers_died_without_a_letter_decided_between_is_put_aside(server: Server) -> None:
    """Rule 8 of a run."""
    attempt = start(5)
    die(attempt)
    lease.take(Attempt.objects.get(pk=attempt.pk), "the next, which dies too", timezone.now())
    die(attempt)
    assert run(attempt).state is SliceState.FINISHED
    assert (attempt.status, attempt.cut_short) == (AttemptStatus.FAILED, DeliveryReason.PUT_ASIDE)
    assert counts(attempt) == (0, 3, 2, 0, 0)
    assert attempt.note_text == gettext(attempt_notes.CUT_SHORT[DeliveryReason.PUT_ASIDE])
    assert server.accepted == []
    again = runs.start_retry(attempt, by=None)
    assert run(again).state is SliceState.FINISHED
    assert (again.status, again.sent) == (AttemptStatus.SUCCEEDED, 3)


def test_a_worker_that_dies_now_and_then_puts_no_run_aside(server: Server) -> None:
    """Rule 8 of a run."""
    attempt = start(6)
    for _ in range(2):
        die(attempt)
        lease.take(Attempt.objects.get(pk=attempt.pk), "the next", timezone.now())
        decided = attempt.deliveries.filter(status=DeliveryStatus.QUEUED).order_by("pk")[:1].values("pk")
        attempt.deliveries.filter(pk__in=decided).update(status=DeliveryStatus.SENT, tries=1)
        Attempt.objects.filter(pk=attempt.pk).update(sent=F("sent") + 1)
    die(attempt)
    run(attempt)
    assert counts(attempt) == (3, 0, 3, 0, 0)
    assert attempt.cut_short == ""


@pytest.mark.parametrize("values", [{"reply_to": "no address"}, {"text_body": "{{ nobody }}"}])
def test_a_letter_that_cannot_be_composed_fails_its_run_at_once(server: Server, values: dict[str, str]) -> None:
    attempt = start(3)
    Attempt.objects.filter(pk=attempt.pk).update(**values)
    assert run(attempt).state is SliceState.FINISHED
    assert (attempt.status, attempt.cut_short) == (AttemptStatus.FAILED, DeliveryReason.UNSENDABLE)
    assert attempt.note_text == gettext(attempt_notes.CUT_SHORT[DeliveryReason.UNSENDABLE])
    assert counts(attempt) == (0, 3, 0, 0, 0)


def test_a_finished_or_deleted_attempt_is_answered() -> None:
    attempt = AttemptFactory.create(status="succeeded")
    assert runs.run_slice(attempt.pk, stop=lambda: False).state is SliceState.FINISHED
    assert runs.run_slice(999_999, stop=lambda: False).state is SliceState.GONE


def test_who_is_told_to_stop_at_once_gives_the_lease_back(server: Server) -> None:
    attempt = start(3)
    result = run(attempt, stop=lambda: True)
    assert (result.state, result.stopped, attempt.lease_owner) == (SliceState.OPEN, Stop.ASKED, "")
    assert server.accepted == []


def test_counters_that_do_not_balance_are_never_shown(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Rule 7 of a run."""
    attempt = start(3)
    DeliveryFactory.create(attempt=attempt, status="failed", reason="refused")
    Attempt.objects.filter(pk=attempt.pk).update(audience=4)
    result = runs.run_slice(attempt.pk, stop=lambda: False)
    assert result.state is SliceState.FINISHED
    books.balance(attempt)
    assert attempt.failed == 1
    assert "does not balance" in caplog.text
