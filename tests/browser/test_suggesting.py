"""The boxes that search mailings, under the production CSP; and the same without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Watch, find_action
from tests.browser.conftest import Login
from tests.factories import ClientFactory, MailingFactory

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = "/admin/mailing/client/"


def pick(tab: Page, within: str, term: str, name: str) -> None:
    tab.click(f"{within} .select2-selection")
    tab.fill(".select2-search__field", term)
    tab.click(f".select2-results__option:has-text('{name}')")


@pytest.mark.parametrize("width", [1440, 390])
def test_the_list_is_narrowed_to_a_mailing_that_was_searched_for(login: Login, host: str, width: int) -> None:
    ClientFactory()
    mailing = MailingFactory(name="Зимние ёлки", clients=2)
    tab = login(language="en", viewport={"width": width, "height": 900}).new_page()
    watch = Watch(tab, host)
    tab.goto(CLIENTS)

    tab.click("details.filter:has(#filter-mailing) summary")
    pick(tab, "#filter-mailing", "ЕЛКИ", "Зимние ёлки")
    expect(tab.locator("#filter-mailing")).to_be_visible()
    tab.click("#filter-mailing button[type=submit]")

    tab.wait_for_url(f"**{CLIENTS}?mailing={mailing.pk}")
    expect(tab.locator("#result_list tbody tr")).to_have_count(2)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert watch.take() == []


def test_clients_are_put_into_a_mailing_that_was_searched_for(login: Login, host: str) -> None:
    ClientFactory()
    mailing = MailingFactory(name="Зимние ёлки")
    tab = login(language="en").new_page()
    watch = Watch(tab, host)
    tab.goto(CLIENTS)
    tab.check("#action-toggle")
    find_action(tab, "add_to_mailing").click()

    pick(tab, "form", "елки", "Зимние ёлки")
    tab.click("button[name=apply]")  # which is there as soon as a mailing is picked

    expect(tab.locator(".messagelist")).to_contain_text("added to “Зимние ёлки”")
    assert mailing.clients.count() == 1
    assert watch.take() == []


def test_without_scripts_the_box_is_a_select(login: Login) -> None:
    mailing = MailingFactory(name="Зимние ёлки", clients=2)
    ClientFactory()
    tab = login(language="en", java_script_enabled=False).new_page()
    tab.goto(CLIENTS)

    tab.click("details.filter:has(#filter-mailing) summary")
    tab.select_option("#filter-mailing select", str(mailing.pk))
    tab.click("#filter-mailing button[type=submit]")

    expect(tab.locator("#result_list tbody tr")).to_have_count(2)
