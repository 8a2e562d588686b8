"""`show_attempt` and `show_mailing`: flat JSON with fixed names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.factories import AttemptFactory, DeliveryFactory, MailingFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    return Show(capsys)


class Show:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *command: str) -> dict[str, Any]:
        call_command(*command)
        shown: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return shown


STATE = ("state", "state_why", "state_since", "state_until", "step")


def test_an_attempt_is_shown_with_identifiers_and_iso_times(show: Show) -> None:
    attempt = AttemptFactory.create(
        occurrence=timezone.now(),
        status="failed",
        audience=3,
        sent=1,
        failed=1,
        response="550 no",
        trigger="schedule",
    )
    shown = show("show_attempt", str(attempt.pk))
    assert list(shown) == [
        *("id", "mailing", "occurrence", "trigger", "status", "started_at", "finished_at", "resume_at", "retry_of"),
        *("audience", "sent", "failed", "unconfirmed", "skipped", "open", "response", "note"),
        *STATE,
    ]
    assert (shown["id"], shown["mailing"], shown["status"]) == (attempt.pk, attempt.mailing_id, "failed")
    assert (shown["open"], shown["response"], shown["trigger"]) == (1, "550 no", "schedule")
    assert shown["started_at"].endswith("Z")
    assert (shown["state"], shown["state_until"], shown["step"]) == ("failed", None, "retry")


def test_a_run_that_nobody_works_on_is_shown_as_standing_still_with_its_mailing(show: Show) -> None:
    attempt = AttemptFactory.create(audience=3, sent=1)
    for shown in (show("show_attempt", str(attempt.pk)), show("show_mailing", str(attempt.mailing_id))):
        assert (shown["state"], shown["step"]) == ("stalled", "operate")
        assert "qcluster" in shown["state_why"]
        assert shown["state_since"].endswith("Z")


def test_deliveries_are_listed_when_asked_for(show: Show) -> None:
    attempt = AttemptFactory.create()
    DeliveryFactory.create(
        attempt=attempt, status="failed", reason="refused", code=550, response="550 no", tries=1, message_id="<a@b>"
    )
    shown = show("show_attempt", str(attempt.pk), "--deliveries")
    row = shown["deliveries"][0]
    assert list(row) == ["email", "status", "reason", "code", "response", "tries", "message_id"]
    assert (row["status"], row["reason"], row["code"]) == ("failed", "refused", 550)


def test_a_mailing_is_shown_with_its_attempts_newest_first(show: Show) -> None:
    mailing = MailingFactory.create(clients=2)
    older = AttemptFactory.create(mailing=mailing, status="succeeded")
    newer = AttemptFactory.create(mailing=mailing, status="failed")
    shown = show("show_mailing", str(mailing.pk))
    assert shown["attempts"] == [newer.pk, older.pk]
    assert (shown["id"], shown["clients"], shown["next_run_at"]) == (mailing.pk, 2, None)


@pytest.mark.parametrize("command", ["show_attempt", "show_mailing"])
def test_an_unknown_number_is_an_error(command: str) -> None:
    with pytest.raises(CommandError) as error:
        call_command(command, "4711")
    assert error.value.returncode == 2
