"""The first page: numbers from the counters, sentences for what needs somebody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing.admin.site import overview as screen
from mailing.choices import AttemptStatus, Audience, MailingStatus, Periodicity
from mailing.formatting import time_left
from mailing.models import Mailing
from mailing.services.reports import overview
from mailing.services.reports.overview import Day, Need
from tests.factories import AttemptFactory, ClientFactory, MailingFactory, SuppressionFactory

pytestmark = pytest.mark.django_db

NOW = timezone.now


@pytest.fixture
def browser(superuser: User) -> Browser:
    browser = Browser()
    browser.force_login(superuser, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def running_mailing(**fields: Any) -> Mailing:
    shown = {"status": MailingStatus.RUNNING, "active_since": NOW(), "clients": 2, "periodicity": Periodicity.DAILY}
    return MailingFactory(**shown | fields)


def run(mailing: Mailing, *, days_ago: int, **fields: Any) -> None:
    moment = NOW() - timedelta(days=days_ago)
    shown = {"status": AttemptStatus.SUCCEEDED, "started_at": moment, "finished_at": moment}
    AttemptFactory(mailing=mailing, **shown | fields)


def needs() -> list[tuple[Need, str]]:
    return [(item.need, item.mailing.name) for item in overview.attention(NOW())]


def test_letters_are_summed_by_local_day_and_days_without_letters_are_there() -> None:
    mailing = running_mailing()
    run(mailing, days_ago=0, audience=10, sent=7, failed=2, unconfirmed=1)
    run(mailing, days_ago=0, audience=5, sent=5)
    run(mailing, days_ago=29, audience=3, sent=3)
    run(mailing, days_ago=45, audience=4, sent=4)
    run(mailing, days_ago=70, audience=99, sent=99)
    seen = overview.overview()
    assert len(seen.days) == 30
    assert seen.days[-1] == Day(timezone.localdate(), sent=12, failed=2, unconfirmed=1)
    assert (seen.now.sent, seen.now.failed, seen.before.sent) == (15, 3, 4)
    assert seen.now.error_share == 3 / 18


def test_the_coming_week_shows_who_sends_when_to_how_many() -> None:
    clients = ClientFactory.create_batch(3)
    SuppressionFactory(email=clients[0].email)
    soon = running_mailing(name="Скоро", clients=clients, next_run_at=NOW() + timedelta(hours=2))
    later = running_mailing(name="Всем", audience=Audience.EVERYONE, clients=0, next_run_at=NOW() + timedelta(days=6))
    running_mailing(name="Через месяц", next_run_at=NOW() + timedelta(days=30), clients=0)
    running_mailing(name="Пауза", next_run_at=NOW() + timedelta(days=1), is_paused=True, clients=0)
    seen = overview.upcoming(NOW())
    assert [(item.mailing, item.recipients) for item in seen] == [(soon, 2), (later, 2)]


def test_every_kind_of_trouble_is_named_once_and_a_healthy_mailing_never() -> None:
    run(running_mailing(name="Здорова"), days_ago=1)
    run(running_mailing(name="Не удалась"), days_ago=1, status=AttemptStatus.FAILED)
    run(running_mailing(name="Пропущена"), days_ago=1, status=AttemptStatus.MISSED)
    running_mailing(name="Опоздала", next_run_at=NOW() - timedelta(hours=1))
    running_mailing(name="Пустая", clients=0)
    forgotten = running_mailing(name="Забыта", is_paused=True)
    Mailing.objects.filter(pk=forgotten.pk).update(updated_at=NOW() - timedelta(days=8))
    assert needs() == [
        (Need.OVERDUE, "Опоздала"),
        (Need.FAILED, "Не удалась"),
        (Need.MISSED, "Пропущена"),
        (Need.NO_RECIPIENTS, "Пустая"),
        (Need.FORGOTTEN, "Забыта"),
    ]


def test_an_old_failure_of_a_finished_mailing_is_left_in_peace() -> None:
    run(running_mailing(name="x", status=MailingStatus.FINISHED), days_ago=20, status=AttemptStatus.FAILED)
    assert needs() == []


def test_the_page_asks_a_constant_number_of_questions(browser: Browser) -> None:
    def fill() -> int:
        for number in range(4):
            mailing = running_mailing(next_run_at=NOW() + timedelta(days=number), clients=1)
            run(mailing, days_ago=number, status=AttemptStatus.FAILED, audience=1, failed=1)
            AttemptFactory(mailing=mailing, audience=2, sent=1)
        with CaptureQueriesContext(connection) as asked:
            assert browser.get("/admin/").status_code == 200
        return len(asked)

    fill()
    assert fill() == fill() <= 40


def test_a_day_of_the_chart_leads_to_its_attempts_and_the_table_has_the_same_numbers(browser: Browser) -> None:
    run(running_mailing(), days_ago=0, audience=15, sent=9, failed=3, unconfirmed=2)
    page = browser.get("/admin/")
    html = page.content.decode()
    assert "accepted 9, unconfirmed 2, refused 3" in html
    assert '<td class="num">9</td><td class="num">2</td><td class="num">3</td>' in html
    assert "style=" not in html
    urls = [column.url for column in page.context["chart"].columns if column.url]
    assert [browser.get(url).context["cl"].result_count for url in urls] == [1]


def test_the_share_of_errors_turns_amber_and_red() -> None:
    mailing = running_mailing()
    run(mailing, days_ago=1, audience=100, sent=97, failed=3)
    assert screen.cards(overview.overview())[1].tone == "amber"
    run(mailing, days_ago=1, audience=100, sent=80, failed=20)
    assert screen.cards(overview.overview())[1].tone == "red"


def test_cards_lead_to_the_rows_they_count(browser: Browser) -> None:
    run(running_mailing(), days_ago=40, audience=2, failed=2, status=AttemptStatus.FAILED)
    run(running_mailing(), days_ago=2, audience=2, sent=1, failed=1, status=AttemptStatus.FAILED)
    run(running_mailing(), days_ago=1, audience=2, sent=2)
    sent, errors, now, clients = browser.get("/admin/").context["cards"]
    assert browser.get(sent.url).context["cl"].result_count == 2
    assert browser.get(errors.url).context["cl"].result_count == 1
    assert now.url.endswith("?state=sending")
    assert browser.get(clients.url).status_code == 200


@pytest.mark.parametrize(
    ("audience", "sent", "minutes_ago", "words"),
    [(100, 0, 5, ""), (100, 50, 5, "about 5 min left"), (100, 99, 1, "less than a minute left")],
)
def test_a_run_says_about_how_long_it_still_takes(audience: int, sent: int, minutes_ago: int, words: str) -> None:
    started = NOW() - timedelta(minutes=minutes_ago)
    attempt = AttemptFactory(started_at=started, audience=audience, sent=sent)
    assert time_left(attempt) == words
