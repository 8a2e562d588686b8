"""The calendar page: what leads where, what each role sees, and what an address may ask for."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing.choices import AttemptStatus, MailingStatus, Periodicity
from mailing.models import Attempt, Mailing
from tests.factories import AttemptFactory, MailingFactory, MessageFactory, UserFactory

pytestmark = pytest.mark.django_db

PAGE = "/admin/mailing/mailing/calendar/"
DAY = timedelta(days=1)


def login(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.fixture
def boss(superuser: User) -> Browser:
    return login(superuser)


@pytest.fixture
def viewer() -> Browser:
    user = UserFactory()
    user.groups.set(Group.objects.filter(name="Viewer"))
    return login(user)


def daily(**fields: Any) -> Mailing:
    start = timezone.now() + timedelta(minutes=1)
    shown = {"status": MailingStatus.RUNNING, "start_at": start, "periodicity": Periodicity.DAILY, "clients": 0}
    return MailingFactory(**shown | fields)


def text(browser: Browser, query: str = "") -> str:
    response = browser.get(PAGE + query)
    assert response.status_code == 200
    return response.content.decode()


def test_a_run_leads_to_its_attempt_and_a_coming_one_to_its_mailing(boss: Browser) -> None:
    mailing = daily(name="Чай <b>дня</b>")
    attempt = AttemptFactory(
        mailing=mailing, started_at=timezone.now(), status=AttemptStatus.PARTLY, audience=9, sent=8, failed=1
    )
    html = text(boss, f"?week={timezone.localdate()}")
    assert f'href="/admin/mailing/attempt/{attempt.pk}/change/" title="Чай &lt;b&gt;дня&lt;/b&gt;: partly: 1' in html
    assert f'href="/admin/mailing/mailing/{mailing.pk}/change/"' in html
    assert "Чай &lt;b&gt;дня&lt;/b&gt;" in html
    assert "style=" not in html


def test_missed_ones_are_named(boss: Browser) -> None:
    AttemptFactory(started_at=timezone.now(), occurrence=timezone.now(), status=AttemptStatus.MISSED)
    assert '<span class="visually-hidden">, missed</span>' in text(boss)


def test_weeks_begin_on_monday_and_hold_the_month(boss: Browser) -> None:
    page = boss.get(f"{PAGE}?month=2026-11")
    weeks = page.context["weeks"]
    assert [str(week[0].date) for week in weeks] == [
        *("2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23", "2026-11-30")
    ]
    assert [cell.is_outside for cell in weeks[0]] == [True] * 6 + [False]
    assert (page.context["shown"].before, page.context["shown"].after) == ("?month=2026-10", "?month=2026-12")


def test_a_day_to_come_leads_to_a_new_mailing_on_that_day(boss: Browser, viewer: Browser) -> None:
    day = timezone.localdate() + 3 * DAY
    link = f"/admin/mailing/mailing/add/?start={day}"
    assert link in text(boss, f"?week={day}")
    assert "?start=" not in text(viewer, f"?week={day}")
    form = boss.get(link).context["adminform"].form
    assert timezone.localtime(form.initial["start_at"]).date() == day


@pytest.mark.parametrize("start", ["", "x", "2026-02-30", "1999-01-01", "99999-99-99", "0001-01-01", "9999-12-31"])
def test_a_day_nobody_can_begin_on_is_refused(boss: Browser, start: str) -> None:
    assert boss.get(f"/admin/mailing/mailing/add/?start={start}").status_code == 400


def test_a_mailing_that_begins_today_begins_in_the_future(boss: Browser) -> None:
    form = boss.get(f"/admin/mailing/mailing/add/?start={timezone.localdate()}").context["adminform"].form
    assert form.initial["start_at"] > timezone.now()


@pytest.mark.parametrize(
    "query",
    [
        *("month=99999-99", "month=2026-13", "month=2026-1", "month=0001-01", "month=9999-12", "month=", "month=x"),
        *(
            "week=2026-02-30",
            "week=0001-01-01",
            "week=9999-12-31",
            "day=x",
            "day=2026-11-28&p=0",
            "day=2026-11-28&p=-1",
        ),
        *("month=2026-11&week=2026-11-23", "month=2026-11&p=2", "q=x", "month=%00", "month=٢٠٢٦-١١"),
    ],
)
def test_what_no_link_makes_is_refused(boss: Browser, query: str) -> None:
    assert boss.get(f"{PAGE}?{query}").status_code == 400


@pytest.mark.parametrize(
    "query", ["month=1900-01", "month=2999-12", "week=1900-01-01", "week=2999-12-31", "day=2999-12-31"]
)
def test_the_ends_of_time_can_be_looked_at(boss: Browser, query: str) -> None:
    daily()
    html = text(boss, f"?{query}")
    followed = re.findall(r'href="(\?(?:month|week|day)=[^"]+)"', html)
    assert {boss.get(PAGE + link).status_code for link in followed} == {200}


def test_many_of_a_day_are_counted_and_their_list_is_paged(boss: Browser) -> None:
    message, start = MessageFactory(), timezone.now() + timedelta(minutes=1)
    Mailing.objects.bulk_create(
        Mailing(message=message, name=f"{n}", start_at=start, periodicity=Periodicity.DAILY) for n in range(120)
    )
    day = timezone.localdate() + DAY
    assert "117 more" in text(boss, f"?month={day:%Y-%m}")
    first = boss.get(f"{PAGE}?day={day}")
    assert len(first.context["sends"]) == 50
    assert "1–50 of 120" in first.content.decode()
    assert len(boss.get(f"{PAGE}?day={day}&p=3").context["sends"]) == 20


def test_who_may_not_look_at_attempts_sees_what_comes_only(db: None) -> None:
    user = UserFactory()
    user.user_permissions.set(Permission.objects.filter(codename="view_mailing"))
    daily(name="Coming")
    AttemptFactory(mailing=MailingFactory(name="Gone", clients=0, is_paused=True), status=AttemptStatus.SUCCEEDED)
    html = text(login(user), f"?week={timezone.localdate()}")
    assert "Coming" in html
    assert "Gone" not in html


def test_a_full_month_is_light_and_asks_as_often_as_an_empty_one(boss: Browser) -> None:
    def asked() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            page = boss.get(PAGE)
        return len(queries), len(page.content)

    daily()
    AttemptFactory(status=AttemptStatus.SUCCEEDED)
    before, _bytes = asked()
    message, now = MessageFactory(), timezone.now()
    many = Mailing.objects.bulk_create(
        Mailing(
            message=message, name=f"Mailing {n}", start_at=now + timedelta(minutes=n), periodicity=Periodicity.DAILY
        )
        for n in range(300)
    )
    Attempt.objects.bulk_create(
        Attempt(mailing=mailing, started_at=now - n * DAY, status=AttemptStatus.FAILED, audience=3, failed=3)
        for mailing in many[:20]
        for n in range(40)
    )
    after, size = asked()
    assert after == before <= 20
    assert size < 60_000
