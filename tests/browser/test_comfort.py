"""What makes the admin pleasant to use all day: keyboard, menus, no double posts, no lost input; axe."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from openpyxl import load_workbook
from playwright.sync_api import Page as Tab
from playwright.sync_api import Route, expect

from mailing.choices import AttemptStatus
from mailing.models import Attempt, Client, Mailing, Suppression
from tests.browser import world
from tests.browser.chromium import PHONE, find_action
from tests.browser.conftest import Login
from tests.browser.pages import Page
from tests.factories import AttemptFactory, ClientFactory

pytestmark = pytest.mark.django_db(transaction=True)

MAIN_PAGES = (
    "/admin/",
    "/admin/mailing/mailing/",
    *(f"/admin/mailing/mailing/{{mailing}}/{tab}/" for tab in ("change", "letter", "recipients", "schedule", "runs")),
    *(f"/admin/mailing/mailing/{{mailing}}/{way}-recipients/" for way in ("add", "paste")),
    "/admin/mailing/message/{message}/change/",
    "/admin/mailing/client/",
    "/admin/mailing/client/import/",
    "/admin/mailing/attempt/",
    "/admin/mailing/attempt/{attempt}/change/",
)


@pytest.fixture
def sending(db: None) -> Mailing:
    return world.build()


def addresses(sending: Mailing) -> list[str]:
    attempt = sending.attempts.get()
    return [url.format(mailing=sending.pk, message=sending.message_id, attempt=attempt.pk) for url in MAIN_PAGES]


def violations(tab: Tab, rules: list[str] | None) -> list[str]:
    found = Axe().run(tab, options={"runOnly": rules} if rules else None).response["violations"]
    return [f"{v['id']} ({v['impact']}): {node['html'][:200]}" for v in found for node in v["nodes"]]


@pytest.mark.parametrize(("theme", "rules"), [("light", None), ("dark", ["color-contrast"])], ids=["light", "dark"])
def test_axe_finds_nothing_on_any_page(pages: list[Page], login: Login, theme: str, rules: list[str] | None) -> None:
    """The dark theme differs in its colours alone."""
    sending = Mailing.objects.get(attempts__status=AttemptStatus.RUNNING)
    tab = login(theme=theme, bypass_csp=True).new_page()
    found = []
    for url in [*(page.url for page in pages), *addresses(sending)]:
        tab.goto(url)
        tab.wait_for_timeout(200)  # autocomplete boxes are built after the page has loaded
        found += [f"{url} {violation}" for violation in violations(tab, rules)]
    assert found == []


@pytest.mark.parametrize("number", range(len(MAIN_PAGES)), ids=MAIN_PAGES)
def test_tab_walks_the_page_in_the_order_the_eye_does(sending: Mailing, login: Login, number: int) -> None:
    tab = login().new_page()
    tab.goto(addresses(sending)[number], wait_until="networkidle")
    tab.evaluate("document.activeElement.blur()")
    places = []
    for _step in range(60):
        tab.keyboard.press("Tab")
        place = tab.evaluate(
            """() => { const e = document.activeElement, b = e.getBoundingClientRect();
            return e === document.body ? null : {where: e.closest("#header") ? 0 : e.closest(".topbar") ? 1 : 2,
            top: b.top + scrollY, left: b.left, right: b.right, seen: !!b.width, html: e.outerHTML.slice(0, 80)} }"""
        )
        if place is None:
            break
        places.append(place)
    assert len(places) > 10
    zones = [place["where"] for place in places[1:]]  # the first is "skip to the content"
    assert zones == sorted(zones)
    page = [place for place in places if place["where"] == 2 and place["seen"]]
    assert [(one["html"], two["html"]) for one, two in pairwise(page) if goes_back(one, two)] == []


def goes_back(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Up the page, and not to the top of the next column either."""
    return bool(two["top"] <= one["top"] - 60 and two["left"] < one["right"])


def test_slash_finds_the_search_and_escape_closes_a_filter(sending: Mailing, login: Login) -> None:
    tab = login().new_page()
    tab.goto("/admin/mailing/client/")
    tab.keyboard.press("Slash")
    expect(tab.locator("#searchbar")).to_be_focused()
    first = tab.locator("details.filter").first
    first.locator("summary").click()
    assert first.evaluate("e => e.open")
    tab.keyboard.press("Escape")
    assert not first.evaluate("e => e.open")


def test_ctrl_s_saves_and_stays(sending: Mailing, login: Login) -> None:
    client = ClientFactory(full_name="Было")
    tab = login().new_page()
    tab.goto(f"/admin/mailing/client/{client.pk}/change/")
    tab.fill("#id_full_name", "Стало")
    with tab.expect_navigation():
        tab.keyboard.press("Control+s")
    assert Client.objects.get(pk=client.pk).full_name == "Стало"
    assert tab.url.endswith(f"/{client.pk}/change/")


def test_leaving_a_changed_form_asks_and_an_untouched_one_does_not(sending: Mailing, login: Login) -> None:
    tab = login().new_page()
    asked: list[str] = []

    def answer(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.accept()

    tab.on("dialog", answer)
    for url in (
        f"/admin/mailing/mailing/{sending.pk}/schedule/",
        f"/admin/mailing/mailing/{sending.pk}/letter/",
        f"/admin/mailing/message/{sending.message_id}/change/",
    ):
        tab.goto(url)
        tab.wait_for_timeout(300)
        tab.click("a.brand")
        tab.wait_for_url("**/admin/")
        assert asked == [], f"nothing was changed on {url}"
    tab.goto(f"/admin/mailing/message/{sending.message_id}/change/")
    tab.wait_for_timeout(300)
    tab.fill("#id_subject", "Другая тема")
    tab.click("a.brand")
    tab.wait_for_url("**/admin/")
    assert asked == ["beforeunload"]


def test_a_file_that_is_being_checked_says_so(login: Login) -> None:
    tab = login(language="en").new_page()
    tab.goto("/admin/mailing/client/import/")
    said = tab.locator("form .busy")
    expect(said).to_be_hidden()
    held: list[Route] = []
    tab.route("**/import/", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks the function
    tab.set_input_files(
        "#id_import_file", {"name": "c.csv", "mimeType": "text/csv", "buffer": b"email\na@example.ru"}
    )
    shown = tab.evaluate(
        """() => new Promise((done) => {
          const button = document.querySelector("form .btn-primary"), said = document.querySelector("form .busy");
          button.click();
          setTimeout(() => done([said.textContent, said.offsetHeight > 0, button.disabled]), 200);
        })"""
    )  # in the page: Playwright itself would wait for the answer to the form
    held[0].abort()
    assert shown == ["The check of a large file takes some seconds; the next page shows what was found.", True, True]


def test_without_scripts_the_page_says_beforehand_that_a_check_takes_time(login: Login) -> None:
    tab = login(language="en", java_script_enabled=False).new_page()
    tab.goto("/admin/mailing/client/import/")
    expect(tab.locator("noscript p")).to_contain_text("takes some seconds")


def test_the_download_of_a_workbook_begins_while_it_is_written(sending: Mailing, login: Login) -> None:
    AttemptFactory.create_batch(3, mailing=sending, status=AttemptStatus.SUCCEEDED)
    tab = login(language="en", accept_downloads=True).new_page()
    tab.goto("/admin/mailing/attempt/")
    with tab.expect_download() as begun:
        tab.click("text=Export XLSX")
    sheet = load_workbook(begun.value.path().open("rb")).active
    assert sheet is not None
    assert sheet.max_row == 1 + Attempt.objects.count()


def test_a_double_click_on_save_makes_one_client(login: Login) -> None:
    tab = login().new_page()
    tab.goto("/admin/mailing/client/add/")
    tab.fill("#id_email", "twice@example.ru")
    posts = []
    tab.on("request", lambda request: posts.append(request.post_data or "") if request.method == "POST" else None)
    tab.click(".saving summary")
    tab.locator("[name=_continue]").dblclick()
    tab.wait_for_url("**/change/")
    assert len(posts) == 1
    assert "_continue" in posts[0], "the button that was pressed is posted although it is disabled now"


@pytest.mark.parametrize("language", ["ru", "en"])
def test_without_javascript_a_client_is_made_found_filtered_and_deleted(login: Login, language: str) -> None:
    tab = login("Manager", language=language, java_script_enabled=False).new_page()
    tab.goto("/admin/mailing/client/")
    tab.click(".empty a[href$='/add/']")
    tab.fill("#id_email", "plain@example.ru")
    tab.click("[name=_save]")
    tab.fill("#searchbar", "plain")
    tab.press("#searchbar", "Enter")
    tab.locator("details.filter summary").first.click()
    tab.locator("details.filter li a").first.click()
    tab.click("#result_list tbody th a, #result_list tbody td a")
    tab.click("a.deletelink")
    tab.click("main button.btn-danger")
    assert not Client.objects.exists()


def test_actions_appear_with_the_first_ticked_row(sending: Mailing, login: Login) -> None:
    tab = login().new_page()
    tab.goto("/admin/mailing/client/")
    assert not tab.locator(".actions").is_visible()
    tab.locator(".action-select").first.check()
    assert tab.locator(".actions").is_visible()


def test_the_other_ways_to_save_stand_behind_the_arrow_and_enter_saves(sending: Mailing, login: Login) -> None:
    tab = login().new_page()
    tab.goto("/admin/mailing/client/add/")
    assert not tab.locator("[name=_addanother]").is_visible()
    tab.press(".saving summary", "Enter")
    assert tab.locator("[name=_addanother]").is_visible()
    tab.keyboard.press("Escape")
    assert not tab.locator("[name=_addanother]").is_visible()
    tab.fill("#id_email", "enter@example.ru")
    tab.press("#id_email", "Enter")
    tab.wait_for_url("**/mailing/client/")
    assert Client.objects.filter(email="enter@example.ru").exists()


def test_enter_in_a_tick_sends_nothing(sending: Mailing, login: Login) -> None:
    tab = login().new_page()
    tab.goto("/admin/mailing/mailing/")
    tick = tab.locator(".action-select").first
    tick.check()
    with tab.expect_navigation():
        tick.press("Enter")
    assert tab.url.endswith("/admin/mailing/mailing/")
    assert tab.locator(".messagelist .warning").inner_text() == "Выберите действие. Ничего не изменено."


def test_all_rows_are_chosen_across_pages_also_without_scripts(login: Login) -> None:
    ClientFactory.create_batch(51)
    tab = login("Manager", java_script_enabled=False).new_page()
    tab.goto("/admin/mailing/client/")
    tab.locator(".action-select").first.check()
    tab.check(".actions [name=select_across][type=checkbox]")
    find_action(tab, "stop_letters").click()
    tab.click("main [name=apply]")
    assert Suppression.objects.count() == 51


def test_the_language_is_switched_in_the_menu_and_the_page_stays(sending: Mailing, login: Login) -> None:
    tab = login(language="ru").new_page()
    tab.goto("/admin/mailing/client/?q=example")
    tab.click(".user-menu summary")
    tab.click(".user-menu button[lang=en]")
    tab.wait_for_load_state()
    assert tab.locator("html").get_attribute("lang") == "en"
    assert tab.url.endswith("/admin/mailing/client/?q=example")


def test_the_theme_is_switched_in_the_menu_and_kept(sending: Mailing, login: Login) -> None:
    tab = login(theme="light").new_page()
    tab.goto("/admin/")
    before = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.click(".user-menu summary")
    tab.click(".user-menu .theme-toggle")
    tab.goto("/admin/mailing/client/")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_on_the_phone_five_sections_stand_at_the_bottom_and_a_row_is_a_card(sending: Mailing, login: Login) -> None:
    tab = login(viewport=PHONE).new_page()
    tab.goto("/admin/mailing/mailing/")
    links = tab.locator("nav.sections a:visible")
    assert links.count() == 5
    assert all(box["y"] > PHONE["height"] - 70 for box in (link.bounding_box() for link in links.all()) if box)
    assert tab.locator("#result_list thead").is_hidden()
    cell = tab.locator("#result_list td.field-recipients").first
    assert cell.get_attribute("data-label"), "the cell says what its number is"


def test_on_the_phone_without_javascript_the_list_stays_a_table_under_its_headings(
    sending: Mailing, login: Login
) -> None:
    tab = login(viewport=PHONE, java_script_enabled=False).new_page()
    tab.goto("/admin/mailing/mailing/")
    heading = tab.locator("#result_list thead th.column-recipients")
    assert heading.is_visible()
    column, cell = heading.bounding_box(), tab.locator("#result_list td.field-recipients").first.bounding_box()
    assert column is not None
    assert cell is not None
    assert abs(column["x"] - cell["x"]) < 1, "a number stands under its heading"
    assert cell["y"] > column["y"]


def test_a_new_message_begins_with_its_subject(login: Login) -> None:
    tab = login().new_page()
    tab.goto("/admin/mailing/message/add/")
    expect(tab.locator("#id_subject")).to_be_focused()


def test_no_list_is_wider_than_its_frame_on_a_desk(sending: Mailing, login: Login) -> None:
    tab = login(language="ru").new_page()
    for model in ("mailing", "message", "client", "suppression", "attempt", "delivery"):
        tab.goto(f"/admin/mailing/{model}/")
        hidden = tab.evaluate(
            "(e => e.scrollWidth - e.clientWidth)(document.querySelector('#changelist-form .results'))"
        )
        assert hidden <= 0, f"{model}: {hidden} pixels are out of sight"
