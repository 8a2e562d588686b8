"""What an attempt says for itself: one sentence, made from its columns when somebody reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import translation

from mailing.choices import AttemptStatus, DeliveryReason, Hindrance, WaitsFor
from mailing.models import Attempt, attempt_notes

AT = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)  # ten o'clock in Moscow
PARAMS = {
    "at": AT.isoformat(),
    "server": "127.0.0.1:25",
    "seconds": "60",
    "words": "HTTP/1.1",
    "sender": "a@b.ru",
    "site": "https://else.example",
    "attempt": 7,
    "problem": "nmae",
}
FAILED, MISSED = AttemptStatus.FAILED, AttemptStatus.MISSED


@pytest.fixture(autouse=True)
def _the_day_after() -> Iterator[None]:
    """The year is said only of another one."""
    with time_machine.travel(AT + timedelta(days=1)):
        yield


def note(**columns: Any) -> str:
    return Attempt(**({"note_params": PARAMS, "audience": 10} | columns)).note_text


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (WaitsFor.PAUSED, "The mailing is paused."),
        (WaitsFor.DEFERRED, "come back later for some letters. The next try is at 24 November, 10:00."),
        (WaitsFor.RATE, "The sending rate is used up (MAILING_RATE_LIMIT)."),
        (WaitsFor.NO_ANSWER, "does not answer (127.0.0.1:25)."),
        (WaitsFor.TOO_SLOW, "took longer than 60 seconds"),
        (WaitsFor.UNINTELLIGIBLE, "unintelligibly: “HTTP/1.1”"),
        (WaitsFor.ASKED_TO_WAIT, "asks us to wait"),
        (WaitsFor.ALL_REFUSED, "refuses one letter after the other"),
        (WaitsFor.VANISHING, "without saying whether it took it"),
        (WaitsFor.BREAKER_OPEN, "was in trouble a moment ago"),
        (WaitsFor.LOGIN, "did not accept the login or the password"),
        (WaitsFor.CERTIFICATE, "is not trusted (127.0.0.1:25)"),
        (WaitsFor.SENDER, "does not accept the sender a@b.ru"),
        (WaitsFor.SETTINGS, "The mail server refuses us."),
    ],
)
def test_an_open_run_says_what_it_waits_for(what: WaitsFor, words: str) -> None:
    assert words in note(waits_for=what)


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (Hindrance.NOTHING_RUNNING, "and it became too late"),
        (Hindrance.ONLY_LATEST, "only the latest planned time"),
        (Hindrance.ENDED, "The end of the mailing had passed"),
        (Hindrance.DISABLED, "switched off"),
        (Hindrance.COPY, "belonged to https://else.example"),
        (Hindrance.CHANGED, "was changed"),
        (Hindrance.PAUSED, "was paused"),
        (Hindrance.FINISHED, "was finished"),
        (Hindrance.OVERLAP, "The previous run (attempt 7)"),
        (Hindrance.BROKEN_MESSAGE, "The message cannot be sent: nmae"),
    ],
)
def test_a_planned_run_that_did_not_happen_says_why(why: Hindrance, words: str) -> None:
    assert words in note(status=FAILED if why == Hindrance.BROKEN_MESSAGE else MISSED, hindered_by=why)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"cut_short": DeliveryReason.FINISHED}, "The mailing was finished before"),
        ({"cut_short": DeliveryReason.ENDED}, "The end of the mailing had passed before"),
        ({"cut_short": DeliveryReason.NEXT_RUN}, "before the next run"),
        ({"cut_short": DeliveryReason.RETRY_WINDOW}, "took no letter for too long"),
        ({"cut_short": DeliveryReason.MESSAGE}, "refused the message itself"),
        ({"audience": 0}, "add recipients"),
        ({"skipped": 10}, "Nobody was left"),
        ({"interrupted_after": 4, "unconfirmed": 2, "sent": 8}, "at 4 of 10"),
    ],
)
def test_a_run_that_failed_says_why(columns: dict[str, Any], words: str) -> None:
    assert words in note(status=FAILED, **columns)


def test_what_has_nothing_to_say_is_silent() -> None:
    assert note() == ""
    assert note(status=FAILED, failed=10) == ""
    assert note(status=AttemptStatus.SUCCEEDED, sent=10, interrupted_after=4) == ""
    assert note(status=AttemptStatus.SUCCEEDED, sent=9, skipped=1, cut_short=DeliveryReason.FINISHED) == ""


def test_an_interruption_is_told_while_the_run_goes_on_and_waits_for_nothing() -> None:
    assert "at 4 of 10" in note(interrupted_after=4)
    assert note(interrupted_after=4, waits_for=WaitsFor.PAUSED).startswith("The mailing is paused.")


def test_one_row_may_stand_for_many_planned_times() -> None:
    row = note(status=MISSED, hindered_by=Hindrance.DISABLED, stands_for=49, first_occurrence=AT, occurrence=AT)
    assert row.startswith("49 planned times from 24 November, 10:00")


def test_it_speaks_the_language_of_the_reader() -> None:
    with translation.override("ru"):
        assert "24 ноября, 10:00" in note(waits_for=WaitsFor.DEFERRED)
        assert "приостановлена" in note(waits_for=WaitsFor.PAUSED)


def test_a_hostile_server_cannot_break_the_page_that_shows_its_words() -> None:
    words = "2026-99-99T00:00:00+00:00 %(at)s %s"
    assert words in note(waits_for=WaitsFor.UNINTELLIGIBLE, note_params=PARAMS | {"words": words})


def test_a_row_of_a_script_with_less_in_it_is_shown_all_the_same() -> None:
    assert "(attempt )" in note(status=MISSED, hindered_by=Hindrance.OVERLAP, note_params={})
    assert note(waits_for=WaitsFor.NO_ANSWER, note_params={})
    assert note(waits_for="from a later version") == ""


def test_every_choice_has_its_sentence() -> None:
    assert set(attempt_notes.WAITING) == set(WaitsFor)
    assert set(attempt_notes.HINDERED) == set(Hindrance)


def test_a_run_says_how_many_connections_the_server_lets_us_have() -> None:
    limited = {"now": 3, "least": 1, "of": 20}
    assert note(limited=limited) == "The server limits us: 3 of 20 connections are used."
    assert note(limited={"least": 1, "of": 20}) == ""
    past = "The server limited us: at times only 1 of 20 connections were used."
    assert note(limited=limited, status=AttemptStatus.SUCCEEDED) == past
    with translation.override("ru"):
        assert "3 из 20" in note(limited=limited)


def test_a_run_that_waits_says_only_what_for_and_one_that_failed_says_both() -> None:
    limited = {"now": 3, "least": 3, "of": 20}
    assert "connections" not in note(limited=limited, waits_for=WaitsFor.PAUSED)
    said = note(limited=limited, status=FAILED, cut_short=DeliveryReason.FINISHED)
    assert said.startswith("The mailing was finished")
    assert said.endswith("at times only 3 of 20 connections were used.")
