"""The letter of a run: asked of a child once, remembered, and refused in words when it cannot be made."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from django.db import connection
from django.utils import timezone, translation

from mailing import confined
from mailing.choices import AttemptStatus, Hindrance
from mailing.errors import Refused
from mailing.models import Attempt, Mailing, Message, PreparedBody, StaffNotice
from mailing.models.attempt_notes import HINDERED
from mailing.services import runs
from mailing.services.mailings import lifecycle
from mailing.services.operations import reconciler
from mailing.services.runs import dry_run, letters
from tests.factories import MailingFactory, MessageFactory, UserFactory
from tests.processes import environment, manage
from tests.smtp import server as smtp

pytestmark = pytest.mark.django_db

LEAVE = '<p>Hi <a href="{{ unsubscribe_url }}">x</a></p>'
# It got past a guard that counted tags, and ended the process that inlined it: 136 kB, stored by an Editor.
DEADLY = LEAVE + "<svg><style>" + ("<g>" * 3900 + "<!--" + "</g>" * 3900 + "-->") * 5
PAGE = "<style>p{color:red}</style><p>Hello, {{ greeting }}</p>" + LEAVE


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Counts the calls of children; they are made all the same."""
    counted = Mock(side_effect=confined.call)
    monkeypatch.setattr(confined, "call", counted)
    return counted


def html(body: str, **values: Any) -> Message:
    return MessageFactory.create(body=body, is_html=True, **values)


def start(message: Message, trigger: str = "manual") -> Attempt:
    return runs.start(MailingFactory.create(message=message, clients=1), occurrence=None, trigger=trigger)


def test_a_run_asks_a_child_once_and_the_next_runs_know(children: Mock) -> None:
    message = html(PAGE)
    first, second = start(message), start(message)
    assert children.call_count == 1
    assert first.html_body == second.html_body
    assert '<p style="color: red;">Hello, {{ greeting }}</p>' in second.html_body
    assert "Hello, {{ greeting }}" in second.text_body


@pytest.mark.parametrize("changes", [{"body": PAGE + "!"}, {"text_body": "Own words."}])
def test_a_change_makes_a_message_unknown(children: Mock, changes: dict[str, str]) -> None:
    message = html(PAGE)
    start(message)
    Message.objects.filter(pk=message.pk).update(**changes)  # past all forms
    message.refresh_from_db()
    start(message)
    assert children.call_count == 2
    assert PreparedBody.objects.count() == 1


def test_another_reader_makes_all_messages_unknown(children: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    message = html(PAGE)
    start(message)
    monkeypatch.setattr("mailing.delivery.letters.prepare.maker", lambda: "another")
    start(message)
    assert children.call_count == 2


def test_a_plain_message_needs_no_child(children: Mock) -> None:
    start(MessageFactory.create())
    assert children.call_count == 0


def test_looking_at_a_letter_remembers_nothing() -> None:
    message = html(PAGE)
    letters.prepared(message)
    dry_run.run(MailingFactory.create(message=message, clients=1))
    assert not PreparedBody.objects.exists()


@pytest.mark.parametrize(("body", "why"), [(DEADLY, Hindrance.TOO_DEEP), ("x" * 600_000, Hindrance.TOO_LONG)])
def test_a_press_is_refused_in_words(body: str, why: Hindrance) -> None:
    mailing = MailingFactory.create(message=html(body), clients=1)
    by = UserFactory.create(is_superuser=True)
    for act in (
        lambda: lifecycle.send_now(mailing, by=by),
        lambda: runs.trial_letters.send(mailing.message, to=["a@example.com"], sample=None, by=by),
    ):
        with translation.override("ru"), pytest.raises(Refused) as refused:
            act()
        assert str(refused.value) == translation.gettext(HINDERED[why])
        with translation.override("ru"):
            assert str(refused.value).startswith(("Элементы письма", "Письмо длиннее"))
    assert not mailing.attempts.exists()
    assert dry_run.run(mailing).problem.startswith("The letter is")


@pytest.mark.django_db(transaction=True)
def test_a_stored_letter_that_would_kill_the_tick_fails_its_own_run_and_the_others_go_on() -> None:
    """Rule 6 of a run."""
    author = UserFactory.create(email="author@example.com")
    deadly = MailingFactory.create(message=html(DEADLY), clients=1, created_by=author)
    other = MailingFactory.create(message=html(PAGE), clients=1)
    Mailing.objects.update(active_since=timezone.now(), next_run_at=timezone.now())
    with smtp.running() as server:
        env = environment(EMAIL_PORT=str(server.port))
        for _ in range(2):
            ticked = manage("tick", env=env)
            assert ticked.returncode == 0, ticked.stderr[-2000:]
        manage("run_mailing", str(other.pk), env=env)
        assert len(server.accepted) == 1
    attempt = deadly.attempts.get()
    assert (attempt.status, attempt.hindered_by) == (AttemptStatus.FAILED, Hindrance.TOO_DEEP)
    assert (
        attempt.note_text
        == "The letter is nested deeper than 200 elements. Is a closing tag missing again and again?"
    )
    assert StaffNotice.objects.filter(email="author@example.com", attempt=attempt).count() == 1
    assert other.attempts.get().status == AttemptStatus.SUCCEEDED


@pytest.mark.parametrize("limit", list(confined.Limit))
def test_what_a_child_cannot_end_fails_a_planned_run_once(
    limit: confined.Limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = Mock(side_effect=confined.Exceeded(limit))
    monkeypatch.setattr(confined, "call", given_up)
    mailing = MailingFactory.create(message=html(PAGE), clients=1)
    Mailing.objects.update(active_since=timezone.now(), next_run_at=timezone.now())
    for _ in range(3):
        reconciler.tick()
    attempt = mailing.attempts.get()
    assert (attempt.status, attempt.hindered_by) == (AttemptStatus.FAILED, Hindrance.TOO_COSTLY)
    assert given_up.call_count == 1
    assert not PreparedBody.objects.exists()


def test_a_stop_of_the_service_while_a_child_reads_fails_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "call", Mock(side_effect=confined.Interrupted))
    mailing = MailingFactory.create(message=html(PAGE), clients=1)
    Mailing.objects.update(active_since=timezone.now(), next_run_at=timezone.now())
    assert reconciler.tick().troubled
    assert not mailing.attempts.exists()
    monkeypatch.undo()
    reconciler.tick()
    assert mailing.attempts.get().status == AttemptStatus.RUNNING


@pytest.mark.django_db(transaction=True)
def test_no_lock_is_held_while_a_child_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    def reads(*args: Any, **given: Any) -> Any:
        assert not connection.in_atomic_block
        raise confined.Exceeded(confined.Limit.TIME)

    child = Mock(side_effect=reads)
    monkeypatch.setattr(confined, "call", child)
    mailing = MailingFactory.create(message=html(PAGE), clients=1)
    Mailing.objects.update(active_since=timezone.now(), next_run_at=timezone.now())
    with pytest.raises(Refused):
        lifecycle.send_now(mailing, by=UserFactory.create(is_superuser=True))
    reconciler.tick()
    assert mailing.attempts.get().hindered_by == Hindrance.TOO_COSTLY
    assert child.call_count == 2
