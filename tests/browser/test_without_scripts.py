"""Without JavaScript everything works but the suggesting boxes, the live progress and the preview while typing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from mailing.choices import MailingStatus, Periodicity
from mailing.models import Client, Mailing, Message, Suppression
from tests.browser.conftest import Login
from tests.factories import ClientFactory, MailingFactory, MessageFactory

pytestmark = pytest.mark.django_db(transaction=True)

FILE: Any = {"name": "clients.csv", "mimeType": "text/csv", "buffer": "email;ФИО\nanna@mail.example;Анна\n".encode()}


@pytest.fixture
def tab(login: Login) -> Tab:
    return login("Manager", language="en", java_script_enabled=False).new_page()


@pytest.fixture
def active(db: None) -> Mailing:
    now = timezone.now()
    shown = {"status": MailingStatus.RUNNING, "periodicity": Periodicity.WEEKLY, "active_since": now}
    begun = now - timedelta(days=3)
    return MailingFactory(name="Digest", start_at=begun, next_run_at=begun + timedelta(days=7), clients=2, **shown)


def test_a_file_is_chosen_with_the_browsers_own_control_checked_and_loaded(tab: Tab) -> None:
    tab.goto("/admin/mailing/client/import/")
    expect(tab.locator("input[type=file]")).to_have_css("opacity", "1")
    expect(tab.locator(".file-name")).to_be_hidden()
    tab.set_input_files("input[type=file]", FILE)
    tab.click("main form[enctype] .btn-primary")
    tab.click(".strip .btn-primary")
    assert Client.objects.get().full_name == "Анна"


def test_ticked_clients_are_put_into_a_mailing_and_on_the_stop_list(tab: Tab) -> None:
    client = ClientFactory()
    mailing = MailingFactory(name="Draft", is_paused=True, clients=0)
    for action, fill in (("add_to_mailing", True), ("stop_letters", False)):
        tab.goto("/admin/mailing/client/")
        tab.locator(".action-select").first.check()
        tab.select_option(".actions select", action)
        tab.click(".actions button")
        if fill:
            tab.select_option("#id_mailing", str(mailing.pk))
            tab.click("main .btn-primary")
        tab.click("main [name=apply]")
    assert list(mailing.clients.all()) == [client]
    assert Suppression.objects.filter(email=client.email).exists()


def test_a_message_is_written(tab: Tab) -> None:
    tab.goto("/admin/mailing/message/add/")
    tab.fill("#id_subject", "Tea")
    tab.fill("#id_body", "Hello, {{ greeting }}!")
    tab.click("[name=_save]")
    assert Message.objects.get().subject == "Tea"


def test_a_mailing_is_sent_paused_and_resumed(tab: Tab, active: Mailing) -> None:
    page = f"/admin/mailing/mailing/{active.pk}/change/"
    tab.goto(page)
    tab.click(".object-tools a[href$='/send/']")
    tab.click("main form button.btn-primary")
    assert active.attempts.count() == 1
    for action, paused in (("pause", True), ("resume", False)):
        tab.goto(page)
        tab.click(f"form[action$='/{action}/'] button")
        active.refresh_from_db()
        assert active.is_paused is paused


def test_the_tabs_of_a_mailing_are_walked_and_its_dates_moved(tab: Tab, active: Mailing) -> None:
    tab.goto(f"/admin/mailing/mailing/{active.pk}/change/")
    for name in ("letter", "recipients", "runs", "schedule"):
        tab.click(f".tabs a[href$='/{name}/']")
        expect(tab.locator(".tabs a[aria-current]")).to_have_attribute(
            "href", f"/admin/mailing/mailing/{active.pk}/{name}/"
        )
    tab.fill("[name=start_at_0]", "2040-01-02")
    tab.click("[name=_save]")
    active.refresh_from_db()
    assert timezone.localtime(active.start_at).date().isoformat() == "2040-01-02"


def test_the_menu_opens_and_switches_the_language_and_the_filters_open(tab: Tab) -> None:
    MessageFactory()
    tab.goto("/admin/mailing/message/")
    tab.locator("details.filter summary").first.click()
    expect(tab.locator("details.filter[open] li a").first).to_be_visible()
    tab.goto("/admin/")
    tab.click(".user-menu summary")
    tab.click(".user-menu button[lang=ru]")
    expect(tab.locator("html")).to_have_attribute("lang", "ru")
