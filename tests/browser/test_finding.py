"""Ctrl-K: anything is found and opened by the keyboard alone, in either layout; and nothing is lost on the way."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Route, expect
from playwright.sync_api import Page as Tab

from mailing.models import Client, Mailing
from tests.browser import world
from tests.browser.chromium import PHONE, Watch
from tests.browser.conftest import Login
from tests.factories import ClientFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sending(db: None) -> Mailing:
    return world.build()


def opened(tab: Tab, url: str = "/admin/") -> Tab:
    tab.goto(url)
    tab.keyboard.press("Control+k")
    expect(tab.locator("#finder [role=option]").first).to_be_visible()
    return tab


def test_what_a_client_gets_is_two_presses_away(sending: Mailing, login: Login) -> None:
    client = ClientFactory(full_name="Единственная Зинаида")
    tab = login().new_page()
    tab.goto("/admin/")
    tab.keyboard.press("Control+k")  # one
    tab.keyboard.type("зинаида")
    with tab.expect_navigation():
        tab.keyboard.press("Enter")  # two: before the answer is there
    assert f"/client/{client.pk}/change/" in tab.url


def test_arrows_choose_the_focus_stays_and_escape_gives_it_back(sending: Mailing, login: Login) -> None:
    for number in range(3):
        ClientFactory(full_name=f"Тёзкина {number}")
    tab = login().new_page()
    tab.goto("/admin/mailing/mailing/")
    tab.focus("#searchbar")
    tab.keyboard.press("Control+k")
    box = tab.get_by_role("combobox")
    expect(box).to_be_focused()
    tab.keyboard.type("тезкина")
    options = tab.locator("#finder [role=option]")
    expect(options).to_have_count(3)
    expect(options.nth(0)).to_have_attribute("aria-selected", "true")
    tab.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowUp")
    expect(options.nth(2)).to_have_attribute("aria-selected", "true")
    expect(box).to_be_focused()
    assert box.get_attribute("aria-activedescendant") == options.nth(2).get_attribute("id")
    expect(tab.locator("#finder [role=status]")).to_have_text(re.compile("3"))
    tab.keyboard.press("Escape")
    expect(tab.locator("#finder")).to_be_hidden()
    expect(tab.locator("#searchbar")).to_be_focused()


def test_the_wrong_layout_is_understood_and_a_mac_is_told_its_own_key(sending: Mailing, login: Login) -> None:
    client = ClientFactory(full_name="Привет Иванов")
    context = login()
    context.add_init_script("Object.defineProperty(navigator, 'platform', {get: () => 'MacIntel'})")
    tab = context.new_page()
    tab.goto("/admin/")
    expect(tab.locator(".find-link kbd")).to_have_text("⌘ K")
    tab.keyboard.press("Meta+k")
    tab.keyboard.type("ghbdtn")
    expect(tab.locator("#finder .found-instead")).to_contain_text("привет")
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    assert f"/client/{client.pk}/change/" in tab.url


def test_an_action_leads_to_the_page_that_asks(sending: Mailing, login: Login) -> None:
    Mailing.objects.filter(pk=sending.pk).update(name="Утренний чай", is_paused=False)
    tab = opened(login().new_page())
    tab.keyboard.type("приостановить утренний")
    expect(tab.locator("#finder [role=option]").first).to_contain_text("Приостановить")
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    assert tab.url.endswith(f"/{sending.pk}/pause/")
    assert not Mailing.objects.get(pk=sending.pk).is_paused


def test_a_late_answer_never_replaces_a_newer_one(sending: Mailing, login: Login) -> None:
    ClientFactory(full_name="Первый Первый")
    late = ClientFactory(full_name="Второй Второй")
    tab = login().new_page()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    tab.route(re.compile(r"q=%D0%BF%D0%B5%D1%80%D0%B2"), hold)
    opened(tab)
    tab.keyboard.type("перв")
    tab.wait_for_timeout(600)
    tab.fill("#finder input", "второй")
    expect(tab.locator("#finder [role=option]").first).to_contain_text(late.full_name)
    assert held
    with suppress(Error):  # the browser has given the request up
        held[0].continue_()
    expect(tab.locator("#finder [role=option]").first).to_contain_text(late.full_name)


def test_a_server_that_does_not_answer_is_said_and_the_words_stay(sending: Mailing, login: Login) -> None:
    tab = opened(login().new_page())
    tab.route("**/admin/find/?part*", lambda route: route.abort())
    tab.keyboard.type("анна")
    expect(tab.locator("#finder .found-none")).to_be_visible()
    assert tab.input_value("#finder input") == "анна"


def test_the_keys_are_told_by_a_question_mark_and_not_while_one_types(sending: Mailing, login: Login) -> None:
    tab = login().new_page()
    tab.goto("/admin/mailing/client/")
    tab.focus("#searchbar")
    tab.keyboard.type("?")
    expect(tab.locator("#keys")).to_be_hidden()
    assert tab.input_value("#searchbar") == "?"
    tab.evaluate("document.activeElement.blur()")
    tab.keyboard.press("?")
    expect(tab.locator("#keys")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.locator("#keys")).to_be_hidden()
    tab.keyboard.press("/")
    expect(tab.locator("#searchbar")).to_be_focused()


def test_without_scripts_the_link_leads_to_a_page_that_finds(sending: Mailing, login: Login) -> None:
    client = Client.objects.exclude(full_name="").earliest("pk")
    tab = login(java_script_enabled=False).new_page()
    tab.goto("/admin/")
    tab.click(".find-link")
    tab.fill("main input[name=q]", client.email)
    tab.keyboard.press("Enter")
    tab.click("main .found a")
    assert f"/client/{client.pk}/change/" in tab.url


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [None, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_in_the_open_boxes(sending: Mailing, login: Login, theme: str, size: Any) -> None:
    tab = login(theme=theme, bypass_csp=True, **({"viewport": size} if size else {})).new_page()
    tab.goto("/admin/")
    tab.click(".find-link")
    expect(tab.locator("#finder [role=option]").first).to_be_visible()
    found = []
    for words in ("", "а", "xyzzy"):
        tab.fill("#finder input", words)
        tab.wait_for_timeout(600)
        found += Axe().run(tab).response["violations"]
    tab.keyboard.press("Escape")
    tab.evaluate("document.activeElement.blur()")
    tab.keyboard.press("?")
    found += Axe().run(tab).response["violations"]
    tab.goto("/admin/find/?q=а")
    found += Axe().run(tab).response["violations"]
    assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found] == []


def test_the_box_breaks_no_rule_of_the_policy(sending: Mailing, login: Login, host: str) -> None:
    tab = login().new_page()
    watch = Watch(tab, host)
    opened(tab)
    tab.keyboard.type("чай")
    tab.wait_for_timeout(600)
    assert watch.take() == []
