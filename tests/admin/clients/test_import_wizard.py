"""The import wizard as staff see it: File → Check → Done."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from mailing.models import Client, ClientImport
from mailing.tables import reading
from tests.admin.people import somebody
from tests.factories import ClientFactory, MailingFactory
from tests.tables import files

pytestmark = pytest.mark.django_db
IMPORT = "/admin/mailing/client/import/"
PROCESS = "/admin/mailing/client/process_import/"


def choose(browser: Browser, data: bytes, name: str = "clients.csv", **fields: Any) -> Any:
    return browser.post(IMPORT, {"import_file": SimpleUploadedFile(name, data), **fields})


def confirm(browser: Browser, checked: Any) -> Any:
    return browser.post(PROCESS, checked.context["confirm_form"].initial, follow=True)


def figures(response: Any) -> list[int]:
    return [card.value for card in response.context["cards"]]


@pytest.mark.parametrize("kind", files.KINDS)
def test_every_kind_of_file_goes_through_the_wizard(browser: Browser, kind: str) -> None:
    checked = choose(browser, files.KINDS[kind])
    assert figures(checked) == [3, 0, 0, 3]
    assert "Load 3" in checked.content.decode()
    assert not Client.objects.exists()
    done = confirm(browser, checked)
    assert figures(done) == [3, 0, 0, 3]
    assert sorted(Client.objects.values_list("email", flat=True)) == files.LOADED


def test_the_preview_names_bad_rows_by_the_number_excel_shows(browser: Browser) -> None:
    page = choose(browser, files.csv()).content.decode()
    assert ">5</td><td>anna@example.ru</td><td>Repeated: this address is already in row 2.</td>" in page
    assert ">6</td><td>—</td><td>There is no address in this row.</td>" in page


def test_the_preview_shows_what_changes(browser: Browser) -> None:
    ClientFactory(email="dina@example.ru", full_name="Дарья <i>")
    page = choose(browser, files.csv()).content.decode()
    assert "<del>Дарья &lt;i&gt;</del> <ins>Дина</ins>" in page
    assert "style=" not in page.partition('id="content"')[2]


def test_the_preview_stays_small_whatever_the_file(browser: Browser) -> None:
    bad = [(f"bad-{number}", "x", "") for number in range(3000)]
    good = [(f"c{number}@example.ru", "x", "") for number in range(3000)]
    checked = choose(browser, files.csv([*bad, *good]))
    assert figures(checked) == [3000, 0, 0, 3000]
    assert len(checked.content) < 100_000
    page = checked.content.decode()
    assert "The first 100 of 3\u202f000 are shown." in page
    problems = b"".join(browser.get(checked.context["problems_url"]).streaming_content).decode("utf-8-sig")
    assert len(problems.splitlines()) == 3001


def test_the_preview_says_how_the_file_was_read(browser: Browser) -> None:
    page = choose(browser, files.csv(encoding="cp1251", headings=("Почта", "ФИО", "Телефон"))).content.decode()
    for words in ("Windows-1251", "semicolon", "Телефон"):
        assert words in page


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "This is an old Excel file (.xls)."),
        (b"", "The file is empty."),
        ("имя;телефон\nА;1\n".encode("cp1251"), "No column with e-mail addresses was found."),
        (b"email\n" + b"a" * (20 * 2**20), "The file is larger than 20 MB."),
        (b"email\n" + b"a@b.ru\n" * 100_001, "The file has more than 100000 rows."),
        (b"email\n" + b"\n" * 6_000_000, "The file has more than 100000 rows."),
        (b"PK\x03\x04" + b"\0" * 100, "The workbook is damaged"),
    ],
    ids=["xls", "empty", "no address", "20 MB", "100 001 rows", "6 million rows", "broken"],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence_and_not_kept(
    browser: Browser, data: bytes, words: str
) -> None:
    page = choose(browser, data)
    assert words in page.content.decode()
    assert "Traceback" not in page.content.decode()
    assert not ClientImport.objects.exists()


def test_no_file_is_asked_for(browser: Browser) -> None:
    assert "Choose a file." in browser.post(IMPORT, {"mailing": ""}).content.decode()


def test_a_file_without_anything_new_has_no_button(browser: Browser) -> None:
    confirm(browser, choose(browser, files.csv()))
    checked = choose(browser, files.csv())
    assert figures(checked) == [0, 0, 3, 3]
    assert "There is nothing to load from this file." in checked.content.decode()
    assert PROCESS not in checked.content.decode()


def test_clients_go_into_the_mailing_at_once_also_the_unchanged(browser: Browser) -> None:
    confirm(browser, choose(browser, files.csv()))
    mailing = MailingFactory(name="Прогрев")
    checked = choose(browser, files.csv(), mailing=mailing.pk)
    assert "Add to the mailing" in checked.content.decode()
    done = confirm(browser, checked)
    assert "Its clients are recipients of “Прогрев” now." in done.content.decode()
    assert mailing.clients.count() == 3


def test_the_loaded_clients_can_be_shown_and_added_afterwards(browser: Browser) -> None:
    ClientFactory()
    mailing = MailingFactory()
    done = confirm(browser, choose(browser, files.csv()))
    url = done.context["show_url"]
    assert sorted(client.email for client in browser.get(url).context["cl"].result_list) == files.LOADED
    data = {"action": "add_to_mailing", "select_across": "1", "_selected_action": "0"}
    assert "3 clients are chosen." in browser.post(url, data).content.decode()
    browser.post(url, data | {"mailing": mailing.pk, "apply": "1"})
    assert mailing.clients.count() == 3


def test_the_second_press_shows_the_result_of_the_first(browser: Browser) -> None:
    checked = choose(browser, files.csv())
    confirm(browser, checked)
    again = confirm(browser, checked)
    assert figures(again) == [3, 0, 0, 3]
    assert "The file is no longer stored" in again.content.decode()
    assert LogEntry.objects.count() == 1


def test_somebody_elses_file_does_not_exist(browser: Browser) -> None:
    checked = choose(browser, files.csv())
    other = somebody("import_client")
    assert other.get(checked.context["problems_url"]).status_code == 404
    assert other.post(checked.context["cancel_url"]).status_code == 404
    assert "no longer stored" in confirm(other, checked).content.decode()
    assert not Client.objects.exists()


def test_giving_up_drops_the_file(browser: Browser) -> None:
    checked = choose(browser, files.csv())
    assert browser.get(checked.context["cancel_url"]).status_code == 405
    browser.post(checked.context["cancel_url"])
    assert not ClientImport.objects.exists()


def test_no_door_of_the_wizard_opens_without_the_permission(browser: Browser) -> None:
    checked = choose(browser, files.csv())
    viewer = somebody("view_client", "add_client", "change_client")
    assert viewer.get(IMPORT).status_code == 403
    assert choose(viewer, files.csv()).status_code == 403
    assert viewer.post(PROCESS, checked.context["confirm_form"].initial).status_code == 403
    assert viewer.get(f"{IMPORT}sample/").status_code == 403
    assert viewer.get(checked.context["problems_url"]).status_code == 403
    assert browser.get(PROCESS).status_code == 405
    assert not Client.objects.exists()


def test_without_the_right_to_send_only_drafts_are_offered() -> None:
    editor = somebody("import_client", "view_client", "change_mailing")
    active, draft = MailingFactory(name="Действует"), MailingFactory(name="Проба", is_paused=True)
    page = editor.get(IMPORT).content.decode()
    assert "Проба (draft)" in page
    assert "Действует" not in page
    refused = choose(editor, files.csv(), mailing=active.pk)
    assert refused.context["step"] == 1
    confirm(editor, choose(editor, files.csv(), mailing=draft.pk))
    assert (active.clients.count(), draft.clients.count()) == (0, 3)


def test_the_sample_is_a_file_the_wizard_reads(browser: Browser) -> None:
    assert len(list(reading.read(b"".join(browser.get(f"{IMPORT}sample/").streaming_content)))) == 2


@pytest.mark.parametrize("name", ["", "abc", "9" * 40, "../../etc/passwd"])
def test_a_made_up_file_name_is_answered_in_words(browser: Browser, name: str) -> None:
    answer = browser.post(PROCESS, {"import_file_name": name, "original_file_name": "x", "format": "0"}, follow=True)
    assert "no longer stored" in answer.content.decode()
