"""Test letters and rehearsals: what staff look at before clients get it."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.policy import SMTP

import pytest
from django.conf import LazySettings

from mailing.delivery.transports.configured import DJANGO_SMTP
from mailing.errors import NotStarted, Refused
from mailing.models import Attempt, Delivery
from mailing.replies import Verdict
from mailing.services.runs import dry_run, trial_letters
from tests.factories import ClientFactory, MailingFactory, MessageFactory, SuppressionFactory, UserFactory
from tests.smtp.script import Fault
from tests.smtp.server import Server, running

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings: LazySettings) -> Iterator[Server]:
    settings.EMAIL_BACKEND = DJANGO_SMTP  # the test runner puts another one in its place
    with running() as server:
        settings.EMAIL_PORT = server.port
        yield server


def test_it_is_what_the_chosen_client_would_get_with_a_marked_subject(server: Server) -> None:
    message = MessageFactory.create(subject="Новости", body="Здравствуйте, {{ greeting }}!")
    sample = ClientFactory.create(greeting="Анна")
    outcomes = trial_letters.send(message, to=["me@example.com", "you@example.com"], sample=sample, by=None)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT] * 2
    assert server.recipients == {"me@example.com": 1, "you@example.com": 1}
    letter = message_from_bytes(server.bodies[0], policy=SMTP)
    assert letter["Subject"] == "[Test] Новости"
    body = letter.get_body()
    assert body is not None
    assert "Здравствуйте, Анна!" in body.get_content()


def test_without_a_sample_it_is_addressed_to_who_asks(server: Server) -> None:
    user = UserFactory.create(first_name="Пётр", last_name="Орлов")
    trial_letters.send(MessageFactory.create(), to=["me@example.com"], sample=None, by=user)
    body = message_from_bytes(server.bodies[0], policy=SMTP).get_body()
    assert body is not None
    assert "Здравствуйте, Пётр Орлов!" in body.get_content()


def test_the_servers_refusal_is_returned_and_nothing_is_counted_or_suppressed(server: Server) -> None:
    server.script.faults.append(Fault("rcpt", "550 5.1.1 no such user"))  # type: ignore[attr-defined]
    outcome = trial_letters.send(MessageFactory.create(), to=["me@example.com"], sample=None, by=None)[0]
    assert (outcome.verdict, outcome.response) == (Verdict.FAILED, "550 5.1.1 no such user")
    assert not Attempt.objects.exists()
    assert not Delivery.objects.exists()


def test_a_server_that_says_nothing_is_waited_for_a_bounded_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_letters, "TIME", 0.3)
    server.script.faults.append(Fault("rcpt", "hang"))  # type: ignore[attr-defined]
    outcome = trial_letters.send(MessageFactory.create(), to=["me@example.com"], sample=None, by=None)[0]
    assert outcome.verdict is Verdict.SERVICE


def test_an_address_that_cannot_be_used_is_answered_without_the_server(server: Server) -> None:
    outcome = trial_letters.send(MessageFactory.create(), to=["nonsense"], sample=None, by=None)[0]
    assert outcome.verdict is Verdict.FAILED
    assert server.accepted == []


def test_more_than_three_addresses_broken_messages_and_closed_gates_are_refused(settings: LazySettings) -> None:
    with pytest.raises(Refused, match="3"):
        trial_letters.send(MessageFactory.create(), to=["a@x.ru"] * 4, sample=None, by=None)
    with pytest.raises(Refused, match="nmae"):
        trial_letters.send(MessageFactory.create(body="{{ nmae }}"), to=["a@x.ru"], sample=None, by=None)
    settings.MAILING_SENDING_ENABLED = False
    with pytest.raises(NotStarted):
        trial_letters.send(MessageFactory.create(), to=["a@x.ru"], sample=None, by=None)


def test_a_rehearsal_counts_letters_and_skipped_and_asks_the_server(server: Server) -> None:
    gone, *_ = clients = ClientFactory.create_batch(4)
    SuppressionFactory.create(email=gone.email, reason="hard_bounce")
    rehearsal = dry_run.run(MailingFactory.create(clients=clients))
    assert (rehearsal.letters, rehearsal.skipped.total(), rehearsal.ready) == (3, 1, True)
    assert [(email, reason.value) for email, reason in rehearsal.examples] == [(gone.email, "suppressed")]
    assert server.accepted == []


def test_a_rehearsal_without_a_server_is_not_ready(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = DJANGO_SMTP  # nobody listens on its port
    rehearsal = dry_run.run(MailingFactory.create(clients=1))
    assert (rehearsal.letters, rehearsal.server_ready, rehearsal.ready) == (1, False, False)
