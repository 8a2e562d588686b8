"""What monitoring reads: true, without names, never falling."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from mailing.choices import AttemptStatus, WaitsFor
from mailing.models import Attempt, ClientImport, Heartbeat, MailService
from mailing.services.mailings import lifecycle
from mailing.services.operations import metrics
from tests.factories import MailingFactory

pytestmark = pytest.mark.django_db(transaction=True)

ALERTS = Path(__file__).resolve().parents[3] / "docs/how-to/alerts.yaml"
QUERIES = 15


def read() -> dict[tuple[str, str], float]:
    """(name, the value of its only label) -> number."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in families
        for sample in family.samples
    }


def ran(status: str = AttemptStatus.SUCCEEDED, **values: object) -> Attempt:
    moment = timezone.now()
    given = {"started_at": moment - timedelta(seconds=90), "finished_at": moment, "audience": 10} | values
    return Attempt.objects.create(mailing=MailingFactory(is_paused=True), status=status, **given)


def test_an_empty_installation_has_every_number() -> None:
    found = read()

    assert found["samovar_letters_total", "sent"] == 0
    assert found["samovar_runs_total", "failed"] == 0
    assert found["samovar_open_attempts", "none"] == 0
    assert found["samovar_clusters", ""] == 0
    assert ("samovar_heartbeat_age_seconds", "worker") not in found


def test_letters_and_runs_are_counted() -> None:
    ran(sent=7, failed=2, unconfirmed=1)
    ran(AttemptStatus.FAILED, failed=10)
    ran(AttemptStatus.MISSED, stands_for=4, audience=0)

    found = read()

    assert found["samovar_letters_total", "sent"] == 7
    assert found["samovar_letters_total", "failed"] == 12
    assert found["samovar_runs_total", "succeeded"] == 1
    assert found["samovar_runs_total", "missed"] == 4
    assert found["samovar_run_duration_seconds_count", ""] == 2
    assert found["samovar_run_duration_seconds_sum", ""] == 180


def test_no_counter_falls_when_a_mailing_is_deleted() -> None:
    attempt = ran(sent=7, failed=3)
    ran(AttemptStatus.MISSED, stands_for=4, audience=0)
    before = read()

    for mailing in (attempt.mailing, Attempt.objects.get(status=AttemptStatus.MISSED).mailing):
        lifecycle.delete(mailing)

    assert not Attempt.objects.exists()
    assert {key: value for key, value in read().items() if "_total" in key[0] or "duration" in key[0]} == {
        key: value for key, value in before.items() if "_total" in key[0] or "duration" in key[0]
    }


def test_what_a_run_waits_for_and_how_long() -> None:
    ran(
        AttemptStatus.RUNNING,
        finished_at=None,
        waits_for=WaitsFor.NO_ANSWER,
        waits_since=timezone.now() - timedelta(hours=2),
    )

    found = read()

    assert found["samovar_open_attempts", "no_answer"] == 1
    assert 7200 <= found["samovar_waiting_seconds", ""] < 7300
    assert 90 <= found["samovar_oldest_open_attempt_seconds", ""] < 190


def test_the_breaker_the_workers_and_imports() -> None:
    now = timezone.now()
    MailService.objects.update_or_create(pk=1, defaults={"until": now + timedelta(minutes=5), "failures": 4})
    Heartbeat.objects.create(host="a", pid=1, seen=now, worker_seen=now - timedelta(seconds=30))
    ClientImport.objects.create(file_name="a.csv", counters={"new": 3, "problems": 1}, expires_at=now, loaded_at=now)
    ClientImport.objects.create(file_name="b.csv", counters={"new": 9}, expires_at=now)

    found = read()

    assert found["samovar_breaker_open", ""] == 1
    assert found["samovar_breaker_failures", ""] == 4
    assert found["samovar_clusters", ""] == 1
    assert 30 <= found["samovar_heartbeat_age_seconds", "worker"] < 130
    assert found["samovar_import_rows_total", "new"] == 3
    assert found["samovar_import_rows_total", "problems"] == 1


def test_nothing_that_names_anybody() -> None:
    mailing = MailingFactory(clients=2, name="Секретная рассылка")
    Attempt.objects.create(mailing=mailing, audience=2, subject="Секрет", response="550 anna@example.ru")

    text = metrics.text().decode()

    assert "Секрет" not in text
    assert "@" not in text


def test_the_number_of_queries_does_not_grow() -> None:
    with CaptureQueriesContext(
        connection,
    ) as empty:
        metrics.text()
    for _number in range(5):
        ran(sent=1)
    with CaptureQueriesContext(connection) as full:
        metrics.text()

    assert len(full) == len(empty) <= QUERIES


def test_a_queue_that_is_away_costs_one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("mailing.scheduling.get_broker", away)

    found = read()

    assert ("samovar_queued_tasks", "") not in found
    assert found["samovar_queue_failures", ""] == 0


def test_the_alert_rules_ask_for_what_is_there() -> None:
    Heartbeat.objects.create(host="a", pid=1, worker_seen=timezone.now())
    known = {name for name, _label in read()}
    asked = set(re.findall(r"\bsamovar_\w+", ALERTS.read_text()))

    assert asked
    assert asked <= known


def test_a_run_that_an_upgrade_judged_anew_moves_no_counter_and_a_new_one_does() -> None:
    """It was counted as failed when it ended: `deleted_runs` holds the difference."""
    old = [ran(AttemptStatus.PARTLY, sent=9, failed=1) for _ in range(3)]
    MailService.objects.update_or_create(pk=1, defaults={"deleted_runs": {"run_failed": 3, "run_partly": -3}})
    assert (read()["samovar_runs_total", "failed"], read()["samovar_runs_total", "partly"]) == (3, 0)

    lifecycle.delete(old[0].mailing)
    assert (read()["samovar_runs_total", "failed"], read()["samovar_runs_total", "partly"]) == (3, 0)

    ran(AttemptStatus.PARTLY, sent=9, failed=1)
    assert (read()["samovar_runs_total", "failed"], read()["samovar_runs_total", "partly"]) == (3, 1)
