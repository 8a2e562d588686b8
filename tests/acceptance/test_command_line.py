from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from mailing.choices import Periodicity
from mailing.demo.maildir import StoredLetters
from mailing.models import Mailing
from tests.acceptance.conftest import NAMES, greeted, taken
from tests.factories import MailingFactory, MessageFactory
from tests.processes import manage, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def weekly(**values: Any) -> Mailing:
    """As a script makes it: only the obvious fields."""
    message = MessageFactory(body="Здравствуйте, {{ greeting }}!")
    start = timezone.now() - timedelta(minutes=5)
    return MailingFactory(**({"message": message, "start_at": start, "periodicity": Periodicity.WEEKLY} | values))


def shown(*command: str) -> dict[str, Any]:
    answer = manage(*command)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_a_file_of_excel_becomes_letters_one_each_and_never_twice(kept: StoredLetters, file_of_excel: Path) -> None:
    mailing = weekly(is_paused=True)
    imported = manage("import_clients", str(file_of_excel), "--mailing", str(mailing.pk))
    assert imported.returncode == 0, imported.stderr
    assert "Row 4: борис на почте" in imported.stderr
    assert "Row 6: anna@mail.example" in imported.stderr
    Mailing.objects.filter(pk=mailing.pk).update(is_paused=False)

    first = manage("run_mailing", str(mailing.pk))
    assert first.returncode == 0, first.stdout + first.stderr
    assert greeted(kept) == NAMES

    number = shown("show_mailing", str(mailing.pk))["attempts"][0]
    attempt = shown("show_attempt", str(number), "--deliveries")
    assert attempt["status"] == "succeeded"
    assert attempt["trigger"] == "command"
    assert attempt["occurrence"] is not None
    assert [attempt[name] for name in ("audience", "sent", "failed", "unconfirmed", "skipped", "open")] == [
        3,
        3,
        0,
        0,
        0,
        0,
    ]
    arrived = {letter.to: letter.message["Message-ID"] for letter in taken(kept)}
    assert {row["email"]: row["message_id"] for row in attempt["deliveries"]} == arrived

    again = manage("run_mailing", str(mailing.pk))
    assert again.returncode == 2
    assert str(number) in again.stdout + again.stderr
    assert len(kept) == 3


def test_again_makes_an_extra_run_that_leaves_the_schedule_alone(kept: StoredLetters) -> None:
    mailing = weekly(clients=2)
    assert manage("run_mailing", str(mailing.pk)).returncode == 0
    planned = shown("show_mailing", str(mailing.pk))["next_run_at"]
    extra = manage("run_mailing", str(mailing.pk), "--again")
    assert extra.returncode == 0, extra.stdout + extra.stderr
    after = shown("show_mailing", str(mailing.pk))
    assert after["next_run_at"] == planned
    assert len(after["attempts"]) == 2
    assert shown("show_attempt", str(after["attempts"][0]))["occurrence"] is None
    assert len(kept) == 4


def test_due_only_says_when_the_next_occurrence_is(kept: StoredLetters) -> None:
    mailing = weekly(clients=1)
    assert manage("run_mailing", str(mailing.pk), "--due-only").returncode == 0
    nothing = manage("run_mailing", str(mailing.pk), "--due-only")
    assert nothing.returncode == 2
    coming = timezone.localtime(mailing.start_at + timedelta(days=7))
    assert date_format(coming, "SHORT_DATETIME_FORMAT") in nothing.stdout + nothing.stderr
    assert len(kept) == 1


@pytest.mark.usefixtures("qcluster")
def test_a_mailing_whose_start_lies_ahead_runs_by_itself(kept: StoredLetters) -> None:
    mailing = weekly(clients=3, start_at=timezone.now() + timedelta(seconds=8))
    wait_for(lambda: len(kept) == 3, seconds=60, what="three letters")
    assert timezone.now() >= mailing.start_at
    attempt = wait_for(lambda: mailing.attempts.exclude(status="running").first(), what="the end of the attempt")
    assert (attempt.status, attempt.trigger, attempt.sent) == ("succeeded", "schedule", 3)
    assert attempt.occurrence == mailing.start_at


def test_a_mail_server_that_is_not_there_leaves_the_attempt_open(transactional_db: None, settings: Any) -> None:
    settings.EMAIL_PORT = 1
    mailing = weekly(clients=2)
    answer = manage("run_mailing", str(mailing.pk))
    assert answer.returncode == 75, answer.stdout + answer.stderr
    attempt = mailing.attempts.get()
    assert (attempt.status, attempt.failed, attempt.open) == ("running", 0, 2)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"is_paused": True}, "pause"),
        ({"start_at": timezone.now() + timedelta(days=1)}, "start"),
        ({"start_at": timezone.now() - timedelta(days=9), "end_at": timezone.now() - timedelta(days=1)}, "end"),
    ],
    ids=["paused", "before its start", "after its end"],
)
def test_what_must_not_run_is_answered_with_a_sentence(transactional_db: None, values: Any, word: str) -> None:
    mailing = weekly(clients=1, **values)
    answer = manage("run_mailing", str(mailing.pk))
    assert answer.returncode == 2
    assert word in (answer.stdout + answer.stderr).lower()
    assert not mailing.attempts.exclude(status="missed").exists()


def test_an_unknown_mailing_is_answered_with_a_sentence(transactional_db: None) -> None:
    answer = manage("run_mailing", "4711")
    assert answer.returncode == 2
    assert "4711" in answer.stdout + answer.stderr
