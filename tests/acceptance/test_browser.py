from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from mailing.demo.maildir import StoredLetters
from mailing.models import Client, Mailing
from tests.acceptance.conftest import NAMES, greeted
from tests.browser.chromium import launched
from tests.processes import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture
def page(live_server: LiveServer, kept: StoredLetters, settings: LazySettings) -> Iterator[Page]:
    """A manager's browser, in Russian, at the login page of the demo."""
    settings.DEBUG = True  # as after `make run`; the test runner turns it off
    manager = User.objects.create_user("anna", "anna@samovar.example", "secret", is_staff=True)
    manager.groups.add(Group.objects.get(name="Manager"))
    with launched() as chromium:
        context = chromium.new_context(locale="ru-RU", base_url=live_server.url)
        context.set_default_timeout(15_000)
        yield context.new_page()


def log_in(page: Page) -> None:
    page.goto("/admin/")
    page.fill("[name=username]", "anna")
    page.fill("[name=password]", "secret")
    page.click("[type=submit]")
    expect(page.locator("#user-tools, .user-menu").first).to_be_attached()


@pytest.mark.usefixtures("qcluster")
def test_from_a_file_of_excel_to_letters_with_the_right_names(
    page: Page, kept: StoredLetters, file_of_excel: Path
) -> None:
    log_in(page)
    import_clients(page, file_of_excel)
    write_message(page)
    create_mailing(page)

    mailing = wait_for(lambda: Mailing.objects.filter(name="Чай").first(), what="the mailing")
    wait_for(lambda: len(kept) == 3, seconds=60, what="three letters")
    attempt = wait_for(lambda: mailing.attempts.exclude(status="running").first(), what="the end of the attempt")
    assert greeted(kept) == NAMES
    assert (attempt.audience, attempt.sent, attempt.status) == (3, 3, "succeeded")
    see_the_attempt(page)
    find_the_letters(page)


def import_clients(page: Page, file: Path) -> None:
    """Two of its five rows cannot be used: both are named, by their number in Excel, and block nobody."""
    page.goto("/admin/mailing/client/import/")
    page.set_input_files("[type=file]", file)
    page.get_by_role("button", name="Проверить файл").click()
    problems = page.locator("#content table").first.locator("tbody tr")
    expect(problems).to_have_count(2)
    for row, (line, said) in enumerate([("4", "борис на почте"), ("6", "уже есть в строке 2")]):
        expect(problems.nth(row).locator("td").first).to_have_text(line)
        expect(problems.nth(row)).to_contain_text(said)
    assert not Client.objects.exists(), "the preview stores nothing"
    page.get_by_role("button", name=re.compile("^Загрузить 3")).click()
    wait_for(lambda: Client.objects.count() == 3, what="three clients")


def write_message(page: Page) -> None:
    page.goto("/admin/mailing/message/add/")
    page.fill("[name=subject]", "Чай дня")
    page.fill("[name=body]", "Здравствуйте, {{ greeting }}!")
    page.click("[name=_save]")
    page.wait_for_url("**/mailing/message/")


def create_mailing(page: Page) -> None:
    """A start an hour ago, for everybody who receives mail: saving is sending."""
    page.goto("/admin/mailing/mailing/add/")
    page.fill("[name=name]", "Чай")
    page.locator("#id_message + .select2, .field-message .select2").first.click()
    page.get_by_role("option", name="Чай дня").click()
    page.check("[name=audience][value=everyone]")
    start = timezone.localtime() - timedelta(hours=1)
    page.fill("[name=start_at_0]", f"{start:%Y-%m-%d}")
    page.fill("[name=start_at_1]", f"{start:%H:%M}")
    page.get_by_role("button", name="Сохранить и отправить 3 клиентам").click()
    page.wait_for_url("**/change/")


def see_the_attempt(page: Page) -> None:
    page.goto("/admin/mailing/attempt/")
    row = page.locator("#result_list tbody tr")
    expect(row).to_have_count(1)
    expect(row.locator(".field-state")).to_have_text("успешно")
    expect(row.locator(".field-mailing_name")).to_have_text("Чай")
    expect(row.locator(".field-accepted .num")).to_have_text("3 / 3")
    expect(row.locator(".field-not_reached")).to_have_text("—")
    row.get_by_role("link").first.click()
    labels, numbers = page.locator(".card-label"), page.locator(".card-value")
    expect(labels).to_have_text(["Получатели", "Принято", "Отказов", "Не подтверждено"])
    expect(numbers).to_have_text(["3", "3", "0", "0"])


def find_the_letters(page: Page) -> None:
    """In the mailbox of the demo, as a person looks for them: one each, to nobody else, by the right name."""
    page.goto("/admin/mailbox/")
    rows = page.locator(".letters-list li")
    expect(rows).to_have_count(len(NAMES))
    assert sorted(rows.locator(".letters-to").all_inner_texts()) == sorted(NAMES)
    facts = page.locator(".reading-facts")
    for email, name in NAMES.items():
        page.goto("/admin/mailbox/")
        rows.filter(has_text=email).get_by_role("link", name="Чай дня").click()
        expect(facts.get_by_role("link", name="Чай", exact=True)).to_be_visible()
        expect(facts.locator("dd").nth(1)).to_have_text(re.compile(rf"^[^@,]+ <{re.escape(email)}>$"))
        page.locator(".letter-tabs").get_by_role("link", name="Текст").click()
        expect(page.locator("article.reading")).to_contain_text(f"Здравствуйте, {name}!")
