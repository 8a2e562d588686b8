"""Pictures of time in a real browser: by mouse and by keyboard, from a day or a column to what is behind it; axe."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from mailing.choices import AttemptStatus
from mailing.models import Mailing
from tests.browser.chromium import Watch
from tests.browser.conftest import Login
from tests.factories import AttemptFactory

pytestmark = pytest.mark.django_db(transaction=True)

CALENDAR, REPORT = "/admin/mailing/mailing/calendar/", "/admin/mailing/attempt/report/"
PAGES = (CALENDAR, f"{CALENDAR}?week={{today}}", f"{CALENDAR}?day={{today}}", REPORT, "/admin/", "{runs}")


def test_an_empty_day_leads_to_a_new_mailing_on_it_and_a_run_to_its_attempt(login: Login, host: str) -> None:
    attempt = AttemptFactory(status=AttemptStatus.SUCCEEDED, audience=3, sent=3)
    Mailing.objects.update(is_paused=True)
    day = timezone.localdate() + timedelta(days=9)
    tab = login(language="ru").new_page()
    watch = Watch(tab, host)

    tab.goto(f"{CALENDAR}?week={day}")
    tab.click(f"a.calendar-add[href$='start={day}']")
    expect(tab.locator("[name=start_at_0]")).to_have_value(f"{day:%d.%m.%Y}")

    tab.goto(CALENDAR)
    tab.click("a.send-succeeded >> nth=0")
    assert urlsplit(tab.url).path == f"/admin/mailing/attempt/{attempt.pk}/change/"
    assert watch.take() == []


def test_a_column_of_the_chart_is_reached_by_keyboard_says_its_numbers_and_opens(login: Login) -> None:
    AttemptFactory(status=AttemptStatus.PARTLY, audience=3, sent=2, failed=1)
    tab = login(language="en").new_page()
    tab.goto(f"{REPORT}?period=7")

    tab.focus(".presets + form button")
    while tab.evaluate("!document.activeElement.closest('.chart-place')"):
        tab.keyboard.press("Tab")
    words = tab.locator(".chart-place a:focus .chart-words")
    expect(words).to_contain_text("accepted 2, refused 1")
    box = words.bounding_box()
    assert box is not None
    assert box["width"] > 100  # it is seen, not only read out
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    query = parse_qs(urlsplit(tab.url).query)
    assert query["started_at__since"] == query["started_at__until"] == [str(timezone.localdate())]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_pages_themselves(login: Login, theme: str) -> None:
    now = timezone.now()
    for number, status in enumerate(AttemptStatus):
        began = now - timedelta(hours=number)
        AttemptFactory(status=status, started_at=began, audience=3, sent=1, failed=1, unconfirmed=1)
    runs = f"/admin/mailing/mailing/{Mailing.objects.order_by('pk')[0].pk}/runs/"
    tab = login(language="ru").new_page()
    tab.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    found = []
    for page in PAGES:
        tab.goto(page.format(today=timezone.localdate(), runs=runs))
        violations = Axe().run(tab, context="main").response["violations"]
        found += [f"{page}: {v['id']} {v['nodes'][0]['html'][:200]}" for v in violations]
    assert found == []
