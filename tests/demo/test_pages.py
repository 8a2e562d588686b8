from __future__ import annotations

from mailbox import Maildir
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client as Browser

from mailing.demo import faults
from mailing.demo.faults import Fault
from tests.factories import DeliveryFactory, MailingFactory, UserFactory

PAGE = "/admin/mailbox/"
LETTER = """Delivered-To: anna@mail.example
From: Samovar <news@samovar.example>
To: "Анна" <anna@mail.example>
Subject: {subject}
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b"

--b
Content-Type: text/plain; charset="utf-8"

plain <b>words</b>
--b
Content-Type: text/html; charset="utf-8"

<p>rich words</p><script>alert(1)</script>
--b--
"""


@pytest.fixture(autouse=True)
def directory(settings: LazySettings, tmp_path: Path) -> Path:
    settings.DEBUG, settings.VAR_DIR = True, tmp_path
    return tmp_path / "mailbox"


def arrive(directory: Path, subject: str = "Tea") -> str:
    directory.mkdir(exist_ok=True)
    return str(Maildir(directory / "letters").add(LETTER.format(subject=subject).encode()))


def member(group: str) -> Browser:
    user = UserFactory(username=group.lower())
    user.groups.add(Group.objects.get(name=group))
    browser = Browser()
    browser.force_login(user)
    return browser


def test_an_empty_mailbox_says_what_belongs_here(admin_client: Browser) -> None:
    assert "No letters yet" in admin_client.get(PAGE).content.decode()


def test_lists_letters_page_by_page(admin_client: Browser, directory: Path) -> None:
    for number in range(51):
        arrive(directory, f"Tea {number}")
    page = admin_client.get(PAGE).content.decode()
    assert page.count("anna@mail.example") == 50
    assert "51 letters" in page
    assert admin_client.get(f"{PAGE}?p=2").content.decode().count("anna@mail.example") == 1


def test_shows_text_and_source_escaped_and_html_in_a_sandbox(admin_client: Browser, directory: Path) -> None:
    key = arrive(directory)
    assert f'src="{PAGE}{key}/html/"' in admin_client.get(f"{PAGE}{key}/").content.decode()
    assert "plain &lt;b&gt;words" in admin_client.get(f"{PAGE}{key}/?tab=text").content.decode()
    assert "Delivered-To: anna" in admin_client.get(f"{PAGE}{key}/?tab=source").content.decode()
    letter = admin_client.get(f"{PAGE}{key}/html/")
    assert letter.content.decode().startswith("<p>rich words</p>")
    assert letter["Content-Security-Policy"].endswith("sandbox")


def test_a_letter_that_is_gone_is_not_found(admin_client: Browser) -> None:
    assert admin_client.get(f"{PAGE}nothing/").status_code == 404


def test_clearing_removes_the_letters_and_is_logged(directory: Path, db: None) -> None:
    arrive(directory)
    answer = member("Manager").post(f"{PAGE}clear/", follow=True)
    assert "1 letter removed." in answer.content.decode()
    assert LogEntry.objects.get().user == User.objects.get(username="manager")


def test_the_fault_knob_turns_the_running_server(directory: Path, db: None) -> None:
    member("Manager").post(f"{PAGE}fault/", {"fault": "greylist"})
    assert faults.current(directory) is Fault.GREYLIST


def test_who_may_not_send_may_look_but_not_touch(directory: Path, db: None) -> None:
    arrive(directory)
    viewer = member("Viewer")
    assert "Clear" not in viewer.get(PAGE).content.decode()
    assert viewer.post(f"{PAGE}clear/").status_code == 403
    assert viewer.post(f"{PAGE}fault/", {"fault": "drop"}).status_code == 403


def test_get_changes_nothing(admin_client: Browser, directory: Path) -> None:
    arrive(directory)
    assert admin_client.get(f"{PAGE}clear/").status_code == 405
    assert admin_client.get(f"{PAGE}fault/").status_code == 405


def test_outside_the_demo_there_is_no_such_page(admin_client: Browser, settings: LazySettings) -> None:
    settings.EMAIL_HOST = "smtp.example.com"
    assert admin_client.get(PAGE).status_code == 404


def test_an_unknown_fault_is_not_found(admin_client: Browser) -> None:
    assert admin_client.post(f"{PAGE}fault/", {"fault": "nonsense"}).status_code == 404


def test_a_letter_names_the_mailing_that_sent_it(admin_client: Browser, directory: Path) -> None:
    mailing = MailingFactory(name="Morning tea")
    sent = DeliveryFactory(attempt__mailing=mailing, email="anna@mail.example", message_id="<7.1@samovar.example>")
    directory.mkdir(exist_ok=True)
    letter = f"Message-ID: {sent.message_id}\n" + LETTER.format(subject="Tea")
    Maildir(directory / "letters").add(letter.encode())
    page = admin_client.get(PAGE).content.decode()
    assert f'<a href="/admin/mailing/mailing/{mailing.pk}/change/">Morning tea</a>' in page
