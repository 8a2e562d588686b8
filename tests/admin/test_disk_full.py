"""The disk is full while staff work: a sentence, no crash; nothing half done, and the same step works later."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client as Browser

from mailing.models import Client, ClientImport, Message
from tests.factories import MailingFactory, MessageFactory
from tests.forms import filled
from tests.fulldisk import FullDisk
from tests.tables import files

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own limit"),
]

IMPORT, PROCESS = "/admin/mailing/client/import/", "/admin/mailing/client/process_import/"
ROWS = 2000


@pytest.fixture(autouse=True)
def _show_errors(browser: Browser) -> None:
    browser.raise_request_exception = False


def assert_told(response: Any) -> None:
    html = response.content.decode()
    assert response.status_code == 503
    assert "Perhaps its disk is full" in html
    assert "what you typed is still there" in html
    assert "Traceback" not in html
    assert 'aria-label="Sections"' in html  # reading goes on, so the way to the other pages is shown


def test_a_message_that_cannot_be_saved_stays_as_it_was(browser: Browser) -> None:
    message = MessageFactory.create()
    url = f"/admin/mailing/message/{message.pk}/change/"
    fields = filled(browser.get(url).content.decode(), "message_form", body="Новости. " * 2000)
    with FullDisk():
        assert_told(browser.post(url, fields))
    assert Message.objects.get().body == message.body

    assert browser.post(url, fields).status_code == 302
    assert Message.objects.get().body.startswith("Новости. Новости.")


def test_a_run_that_cannot_be_written_down_is_not_begun_by_the_button(browser: Browser) -> None:
    mailing = MailingFactory.create(clients=300)
    url = f"/admin/mailing/mailing/{mailing.pk}/send/"
    with FullDisk():
        assert_told(browser.post(url, {"seen_attempt": "0"}))
    assert not mailing.attempts.exists()

    assert browser.post(url, {"seen_attempt": "0"}).status_code == 302
    assert mailing.attempts.get().audience == 300


def test_a_file_that_cannot_be_kept_is_not_half_kept(browser: Browser) -> None:
    with FullDisk():
        assert_told(browser.post(IMPORT, {"import_file": clients_file()}))
    assert not ClientImport.objects.exists()


def test_a_loading_that_found_no_room_is_repeated_by_the_same_button(browser: Browser) -> None:
    checked = browser.post(IMPORT, {"import_file": clients_file()})
    fields = checked.context["confirm_form"].initial
    with FullDisk():
        assert_told(browser.post(PROCESS, fields))
    assert ClientImport.objects.get().loaded_at is None

    assert browser.post(PROCESS, fields).url.endswith("/result/")
    assert Client.objects.count() == ROWS


def clients_file() -> SimpleUploadedFile:
    data = files.csv([(f"c{number}@example.ru", "Имя", "") for number in range(ROWS)])
    return SimpleUploadedFile("clients.csv", data)
