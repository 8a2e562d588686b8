"""Migration 0002: what English sentences said of open runs stands in columns afterwards, and back again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps
from django.utils import timezone

from mailing.models import Attempt, Delivery, attempt_notes
from tests.factories import MailingFactory

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE, AFTER = [("mailing", "0001_initial")], [("mailing", "0002_run_state_in_columns")]
migration = import_module("mailing.migrations.0002_run_state_in_columns")
NOW = timezone.now().replace(microsecond=0)
SINCE = NOW - timedelta(hours=3)

Write = Callable[..., int]


def migrate(target: list[tuple[str, str]]) -> StateApps:
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    return executor.loader.project_state(target).apps


@pytest.fixture
def write() -> Iterator[Write]:
    """Writes an attempt into the tables as they were; the test migrates them."""
    mailing = MailingFactory.create()
    old = migrate(BEFORE)

    def attempt(note: str = "", status: str = "running", deliveries: Any = (), **values: Any) -> int:
        if status == "running":  # a mailing has one that runs
            values = {"mailing_id": MailingFactory.create().pk} | values
        row = old.get_model("mailing", "Attempt").objects.create(
            **({"mailing_id": mailing.pk, "note": note, "status": status, "audience": len(deliveries)} | values)
        )
        made = old.get_model("mailing", "Delivery")
        for number, columns in enumerate(deliveries):
            made.objects.create(attempt_id=row.pk, email=f"{number}@example.com", **columns)
        return int(row.pk)

    yield attempt
    MigrationExecutor(connection).migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("mailing"))


def sentence(of: dict[str, str], value: str) -> str:
    return next(text for text, known in of.items() if known == value)


def test_what_an_open_run_waits_for_and_since_when(write: Write) -> None:
    params = {"at": NOW.isoformat(), "since": SINCE.isoformat(), "server": "s", "sender": "a@b.ru", "words": "w"}
    wanted = {write(text, note_params=params): value for text, value in migration.WAITS_FOR.items()}
    migrate(AFTER)
    running = Attempt.objects.filter(pk__in=wanted)
    assert dict(running.values_list("pk", "waits_for")) == wanted
    assert set(running.values_list("waits_since", flat=True)) == {SINCE}
    assert len({attempt.note_text for attempt in running}) == len(wanted)


def test_why_a_planned_run_did_not_happen(write: Write) -> None:
    params, texts = {"site": "s", "attempt": 7, "problem": "p"}, {}
    for number, text in enumerate(migration.HINDERED_BY):
        texts[write(text, "missed", note_params=params, occurrence=NOW - timedelta(days=number))] = text
    migrate(AFTER)
    for attempt in Attempt.objects.filter(pk__in=texts):
        assert attempt.hindered_by == migration.HINDERED_BY[texts[attempt.pk]]
        assert attempt.note_text == texts[attempt.pk] % params


def test_an_interruption_a_summary_and_a_run_cut_short(write: Write) -> None:
    interrupted = write(migration.INTERRUPTED, note_params={"done": 40, "audience": 100}, audience=100, sent=40)
    ended = write(
        migration.INTERRUPTED, "failed", note_params={"done": 1, "audience": 3}, audience=3, sent=2, unconfirmed=1
    )
    params = {"count": 49, "first": SINCE.isoformat(), "last": NOW.isoformat()}
    summary = write(migration.SUMMARY, "missed", note_params=params, occurrence=NOW)
    cut = write(sentence(migration.CUT_SHORT, "ended"), "failed", cut_short="ended", audience=3, sent=1, skipped=2)
    migrate(AFTER)
    assert Attempt.objects.get(pk=interrupted).interrupted_after == 40
    assert "at 40 of 100" in Attempt.objects.get(pk=interrupted).note_text
    assert "at 1 of 3" in Attempt.objects.get(pk=ended).note_text
    row = Attempt.objects.get(pk=summary)
    assert (row.stands_for, row.first_occurrence) == (49, SINCE)
    assert row.note_text.startswith("49 planned times")
    assert Attempt.objects.get(pk=cut).note_text == attempt_notes.CUT_SHORT["ended"]


def test_who_was_refused_in_a_row_of_twenty_and_only_of_open_runs(write: Write) -> None:
    states: list[dict[str, Any]] = [
        {"status": "queued", "code": 550},  # returned to the queue
        {"status": "deferred", "code": 550, "retry_at": NOW},  # put behind all others
        {"status": "queued", "code": 550, "tries": 1},  # greylisted before
        {"status": "queued"},
        {"status": "queued", "code": 451, "tries": 1},  # claimed again and given back
        {"status": "deferred", "code": 451, "tries": 1, "retry_at": NOW},
        {"status": "sent", "code": 250, "tries": 1},
    ]
    running, ended = write(deliveries=states), write(status="failed", deliveries=states)
    migrate(AFTER)
    marked = Delivery.objects.filter(refused_before=True)
    assert [row.email for row in marked.order_by("pk")] == ["0@example.com", "1@example.com", "2@example.com"]
    assert set(marked.values_list("attempt", flat=True)) == {running}
    assert Delivery.objects.filter(attempt=ended).count() == len(states)


def test_back_again_everything_says_what_it_said(write: Write) -> None:
    at = (NOW + timedelta(minutes=5)).isoformat()
    waiting = {"at": at, "since": SINCE.isoformat(), "server": "s:25"}
    summed = {"count": 49, "first": SINCE.isoformat(), "last": NOW.isoformat()}
    write(sentence(migration.WAITS_FOR, "no_answer"), note_params=waiting)
    write(sentence(migration.WAITS_FOR, "paused"))
    write(migration.INTERRUPTED, note_params={"done": 40, "audience": 100}, audience=100, sent=40)
    write(migration.SUMMARY, "missed", note_params=summed, occurrence=NOW)
    write(sentence(migration.HINDERED_BY, "overlap"), "missed", note_params={"attempt": 7}, occurrence=SINCE)
    write(sentence(migration.HINDERED_BY, "broken_message"), "failed", note_params={"problem": "p"})
    write(sentence(migration.CUT_SHORT, "finished"), "failed", cut_short="finished", audience=3, skipped=3)
    write(migration.NOBODY, "failed")
    write(migration.NOBODY_LEFT, "failed", audience=2, skipped=2)
    write("", "succeeded", audience=2, sent=2)
    before = told()
    migrate(AFTER)
    migrate(BEFORE)
    assert told() == before


def told() -> list[tuple[str, Any]]:
    """The notes as they are stored in the old tables, moments as moments."""
    apps = MigrationExecutor(connection).loader.project_state(BEFORE).apps
    rows = apps.get_model("mailing", "Attempt").objects.order_by("pk").values_list("note", "note_params")
    return [(note, {name: as_moment(value) for name, value in params.items()}) for note, params in rows]


def as_moment(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else value
