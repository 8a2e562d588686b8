"""Help in place, and the mailbox of the demo: by the keyboard, and without scripts."""

from __future__ import annotations

from mailbox import Maildir
from pathlib import Path

import pytest
from django.conf import LazySettings
from playwright.sync_api import expect

from mailing.choices import AttemptStatus
from tests.browser.conftest import Login
from tests.factories import AttemptFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_word_is_explained_beside_it_and_escape_closes_that(login: Login, scripts: bool) -> None:
    attempt = AttemptFactory(status=AttemptStatus.PARTLY, audience=2, sent=1, unconfirmed=1)
    tab = login("Viewer", language="en", java_script_enabled=scripts).new_page()
    tab.goto(f"/admin/mailing/attempt/{attempt.pk}/change/")
    mark = tab.get_by_role("button", name="What is “unconfirmed”?")
    mark.focus()
    tab.keyboard.press("Enter")
    told = tab.locator("#term-unconfirmed")
    expect(told).to_be_visible()
    expect(told).to_contain_text("never resent by itself")
    inside = told.bounding_box()
    assert inside is not None
    assert inside["x"] >= 0
    assert inside["x"] + inside["width"] <= 1440
    tab.keyboard.press("Escape")
    expect(told).to_be_hidden()


def test_the_question_mark_leads_to_the_page_about_the_screen(login: Login) -> None:
    tab = login("Viewer", language="ru", java_script_enabled=False).new_page()
    tab.goto("/admin/mailing/suppression/")
    tab.click(".help-link")
    expect(tab.locator("h1")).to_have_text("Стоп-лист")
    tab.click(".guide-text a[href$='#unconfirmed'], .guide-nav li:last-child a")
    expect(tab.locator("#unconfirmed dt")).to_have_text("Не подтверждено")


@pytest.fixture
def letters(settings: LazySettings, tmp_path: Path) -> None:
    settings.DEBUG, settings.VAR_DIR = True, tmp_path
    (tmp_path / "mailbox").mkdir()
    for number in range(3):
        text = f"Delivered-To: c{number}@mail.example\nSubject: Tea {number}\n\nHello {number}\n"
        Maildir(tmp_path / "mailbox" / "letters").add(text.encode())


def test_the_arrows_go_from_letter_to_letter(letters: None, login: Login) -> None:
    tab = login("Manager", language="en").new_page()
    tab.goto("/admin/mailbox/")
    tab.locator(".letters-list a").first.focus()
    tab.keyboard.press("ArrowDown")
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    expect(tab.locator("#letter-subject")).to_have_text("Tea 1")
    expect(tab.locator(".letters-list a[aria-current]")).to_be_focused()
    tab.keyboard.press("ArrowDown")
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    expect(tab.locator("#letter-subject")).to_have_text("Tea 0")


def test_a_letter_is_searched_opened_and_left_without_scripts_on_a_phone(letters: None, login: Login) -> None:
    phone = {"width": 390, "height": 844}
    tab = login("Viewer", language="en", java_script_enabled=False, viewport=phone).new_page()
    tab.goto("/admin/mailbox/")
    tab.fill("#searchbar", "tea hello 2")
    tab.keyboard.press("Enter")
    expect(tab.locator(".letters-list a")).to_have_count(1)
    tab.click(".letters-list a")
    expect(tab.locator(".letters-list")).to_be_hidden()
    expect(tab.locator(".reading pre")).to_contain_text("Hello 2")
    tab.click(".reading-back")
    expect(tab.locator(".letters-list a")).to_have_count(1)
    expect(tab.locator("#searchbar")).to_have_value("tea hello 2")
