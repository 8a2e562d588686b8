"""Staff are told: one letter per cause, mailing and day; kept until it could be sent. And the signs of health."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings
from django.core import mail
from django.test import Client as Browser

from mailing.choices import AttemptStatus, NoticeKind
from mailing.models import Attempt, Heartbeat, MailService, StaffNotice
from mailing.services.access import audit_log
from mailing.services.operations import health, monitoring, reconciler, staff_notices
from tests.factories import AttemptFactory, MailingFactory, UserFactory
from tests.queueing import drain

pytestmark = pytest.mark.django_db(transaction=True)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def ended(status: AttemptStatus, now: datetime, **fields: object) -> Attempt:
    author = UserFactory(email="author@example.com")
    mailing = MailingFactory(name="Новости", created_by=author, is_paused=True)
    return AttemptFactory(mailing=mailing, status=status, finished_at=now, audience=3, sent=2, failed=1, **fields)


def test_the_author_and_the_admins_learn_of_a_run_that_failed(now: datetime) -> None:
    attempt = ended(AttemptStatus.FAILED, now)

    reconciler.tick(now)
    drain()

    assert sorted(letter.to[0] for letter in mail.outbox) == ["admin@example.com", "author@example.com"]
    assert "Новости" in mail.outbox[0].subject
    assert f"attempt {attempt.pk}" in mail.outbox[0].body
    assert "2 of 3" in mail.outbox[0].body
    assert f"/admin/mailing/attempt/{attempt.pk}/change/" in mail.outbox[0].body


def test_there_is_one_letter_per_cause_and_day(now: datetime) -> None:
    first = ended(AttemptStatus.FAILED, now)
    reconciler.tick(now)
    AttemptFactory(mailing=first.mailing, status=AttemptStatus.FAILED, finished_at=now)

    reconciler.tick(now)
    drain()
    assert len(mail.outbox) == 2

    AttemptFactory(mailing=first.mailing, status=AttemptStatus.FAILED, finished_at=now + DAY)
    reconciler.tick(now + DAY)
    staff_notices.send_waiting(now + DAY)
    assert len(mail.outbox) == 4


def test_many_missed_runs_make_one_letter_per_reader(now: datetime) -> None:
    """Rule 6 of the calendar."""
    for _ in range(5):
        AttemptFactory(status=AttemptStatus.MISSED, finished_at=now, mailing__is_paused=True)

    reconciler.tick(now)
    drain()

    assert [letter.to for letter in mail.outbox] == [["admin@example.com"]]
    assert mail.outbox[0].body.count("was not sent at its planned time") == 5


def test_a_letter_that_could_not_be_sent_is_kept_and_leaves_later(now: datetime, settings: LazySettings) -> None:
    ended(AttemptStatus.FAILED, now)
    reconciler.tick(now)
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # port 1: nobody listens

    assert staff_notices.send_waiting(now) == 0
    assert StaffNotice.objects.filter(sent_at=None).count() == 2

    settings.EMAIL_BACKEND = working
    assert staff_notices.send_waiting(now) == 0  # not at once again
    assert staff_notices.send_waiting(now + HOUR) == 2
    assert staff_notices.send_waiting(now + 2 * HOUR) == 0


def test_while_the_mail_service_is_down_nobody_is_asked_to_send(now: datetime) -> None:
    ended(AttemptStatus.FAILED, now)
    MailService.objects.update_or_create(pk=1, defaults={"until": now + HOUR, "failures": 3})

    reconciler.tick(now)

    assert drain() == []


def test_history_is_no_news(now: datetime) -> None:
    ended(AttemptStatus.FAILED, now - 2 * DAY)

    reconciler.tick(now)

    assert not StaffNotice.objects.exists()


def test_a_run_that_waits_for_the_mail_server_for_an_hour_is_told(now: datetime) -> None:
    AttemptFactory(mailing__is_paused=True, resume_at=now + HOUR, waits_since=now - HOUR)

    reconciler.tick(now - timedelta(minutes=1))
    assert not StaffNotice.objects.exists()
    reconciler.tick(now)
    reconciler.tick(now)
    staff_notices.send_waiting(now)

    assert len(mail.outbox) == 1
    assert StaffNotice.objects.filter(kind=NoticeKind.WAITING).exists()
    assert audit_log.when(now - HOUR) in mail.outbox[0].body


def test_a_copy_writes_to_no_staff_either(now: datetime, settings: LazySettings) -> None:
    """Rule 13 of a run."""
    ended(AttemptStatus.FAILED, now)
    MailService.objects.update_or_create(pk=1, defaults={"site_url": "https://mail.example.com"})

    reconciler.tick(now)

    assert drain() == []


def test_old_letters_are_forgotten(now: datetime) -> None:
    ended(AttemptStatus.FAILED, now)
    reconciler.tick(now)

    reconciler.tick(now + 31 * DAY)

    assert not StaffNotice.objects.exists()


# --- Health ---------------------------------------------------------------------------------------


def alive(now: datetime) -> None:
    health.beat(host="one", pid=1, version="1", workers=4, worker_seen=now, now=now)


def kinds(now: datetime) -> list[str]:
    return [banner.kind for banner in health.banners(now)]


def test_without_a_heartbeat_for_three_minutes_every_page_warns(now: datetime) -> None:
    alive(now)
    assert kinds(now + timedelta(minutes=2)) == []

    assert kinds(now + timedelta(minutes=4)) == ["no_cluster"]


def test_workers_that_do_not_answer_are_noticed(now: datetime) -> None:
    health.beat(host="one", pid=1, version="1", workers=4, worker_seen=now - HOUR, now=now)

    assert kinds(now) == ["workers"]


def test_the_banner_says_when_the_mail_server_is_tried_again(now: datetime) -> None:
    alive(now)
    MailService.objects.update_or_create(pk=1, defaults={"until": now + HOUR, "failures": 3, "response": "535 no"})

    assert "535 no" in health.banners(now)[0].text


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question has its own answer, however slow the machine."""
    monkeypatch.setattr(monitoring, "MONITOR", monitoring.Monitor())
    monkeypatch.setattr(monitoring, "PATIENCE", 30)
    monkeypatch.setattr(monitoring, "AT_FIRST", 30)


@pytest.mark.usefixtures("patient")
def test_healthz_is_200_while_all_is_well_and_503_otherwise(client: Browser, now: datetime) -> None:
    assert client.get("/healthz").status_code == 503

    alive(now)
    answer = client.get("/healthz")

    assert answer.status_code == 200
    body = json.loads(answer.content)
    assert (body["status"], body["database"], body["overdue"], body["clusters"]) == ("ok", True, 0, 1)


@pytest.mark.usefixtures("patient")
def test_an_overdue_mailing_is_trouble(client: Browser, now: datetime) -> None:
    alive(now)
    MailingFactory(clients=1, next_run_at=now - HOUR, active_since=now - DAY)

    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()["overdue"]) == (503, 1)


def test_a_cluster_that_left_long_ago_is_forgotten(now: datetime) -> None:
    health.beat(host="two", pid=2, version="1", workers=4, worker_seen=now, now=now - 2 * DAY)

    alive(now)

    assert Heartbeat.objects.get().host == "one"
