"""What is done with many clients at once: asked first, counted, done in the database."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from mailing.choices import SuppressionReason
from mailing.models import Client, Delivery, Suppression
from mailing.services.clients import erasure
from mailing.tables import reading
from tests.admin.people import somebody
from tests.factories import ClientFactory, DeliveryFactory, MailingFactory, SuppressionFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/mailing/client/"


def act(browser: Browser, action: str, *, on: list[Client] | None = None, url: str = LIST, **data: Any) -> Any:
    """The action with these clients ticked; without any: "select all" across the pages of the list."""
    ticked = (
        {"_selected_action": [client.pk for client in on]} if on else {"_selected_action": "0", "select_across": 1}
    )
    return browser.post(url, {"action": action, **ticked, **data})


def test_adding_says_what_will_happen_before_it_happens(browser: Browser) -> None:
    clients = ClientFactory.create_batch(5)
    SuppressionFactory(email=clients[0].email)
    mailing = MailingFactory(clients=clients[:2])
    assert "5 clients are chosen." in act(browser, "add_to_mailing").content.decode()
    page = act(browser, "add_to_mailing", mailing=mailing.pk).content.decode()
    assert "<b>3 clients</b> will be added" in page
    assert "2 are there already." in page
    assert "1 of them is on the stop list" in page
    assert mailing.clients.count() == 2
    act(browser, "add_to_mailing", mailing=mailing.pk, apply=1)
    assert mailing.clients.count() == 5
    assert LogEntry.objects.get().get_change_message() == "3 recipients added"


@pytest.mark.parametrize("action", ["add_to_mailing", "remove_from_mailing"])
def test_another_mailing_than_was_counted_is_counted_first(browser: Browser, action: str) -> None:
    clients = ClientFactory.create_batch(2)
    counted, chosen = MailingFactory(clients=clients[:1]), MailingFactory(clients=clients[:1])
    page = act(browser, action, on=clients, mailing=chosen.pk, apply=1, counted=counted.pk).content.decode()
    assert f'name="counted" value="{chosen.pk}"' in page
    assert (counted.clients.count(), chosen.clients.count()) == (1, 1)
    act(browser, action, on=clients, mailing=chosen.pk, apply=1, counted=chosen.pk)
    assert chosen.clients.count() == (2 if action == "add_to_mailing" else 0)


def test_select_all_follows_search_and_filter(browser: Browser) -> None:
    ClientFactory.create_batch(3, comment="наш")
    ClientFactory.create_batch(2)
    mailing = MailingFactory()
    act(browser, "add_to_mailing", url=f"{LIST}?q=НАШ&receives=yes", mailing=mailing.pk, apply=1)
    assert mailing.clients.count() == 3


def test_the_page_that_asks_carries_one_field_for_all_rows(browser: Browser) -> None:
    ClientFactory.create_batch(250)
    page = act(browser, "add_to_mailing").content.decode()
    assert page.count('name="_selected_action"') == 1
    assert 'name="select_across" value="1"' in page


def test_ticked_rows_alone_are_taken(browser: Browser) -> None:
    clients = ClientFactory.create_batch(3)
    mailing = MailingFactory(clients=clients)
    page = act(browser, "remove_from_mailing", on=clients[:2], mailing=mailing.pk).content.decode()
    assert "<b>2 clients</b> will be removed" in page
    act(browser, "remove_from_mailing", on=clients[:2], mailing=mailing.pk, apply=1)
    assert list(mailing.clients.all()) == clients[2:]


def test_the_mailing_the_list_is_filtered_by_is_already_chosen(browser: Browser) -> None:
    mailing = MailingFactory(clients=3)
    page = act(browser, "remove_from_mailing", url=f"{LIST}?mailing={mailing.pk}").content.decode()
    assert "<b>3 clients</b> will be removed" in page
    act(browser, "remove_from_mailing", url=f"{LIST}?mailing={mailing.pk}", mailing=mailing.pk, apply=1)
    assert not mailing.clients.exists()


def test_without_the_right_to_send_only_drafts_are_offered_and_taken() -> None:
    ClientFactory()
    editor = somebody("view_client", "change_mailing")
    active, draft = MailingFactory(name="Действует"), MailingFactory(name="Проба", is_paused=True)
    page = act(editor, "add_to_mailing").content.decode()
    assert "Проба (draft)" in page
    assert "Действует" not in page.partition('id="id_mailing"')[2].partition("</select>")[0]
    act(editor, "add_to_mailing", mailing=active.pk, apply=1)
    act(editor, "add_to_mailing", mailing=draft.pk, apply=1)
    assert (active.clients.count(), draft.clients.count()) == (0, 1)


def test_letters_are_stopped_for_all_and_returned_to_those_who_may_have_them(browser: Browser) -> None:
    clients = ClientFactory.create_batch(4)
    SuppressionFactory(email=clients[0].email, reason=SuppressionReason.UNSUBSCRIBED)
    SuppressionFactory(email=clients[1].email, reason=SuppressionReason.HARD_BOUNCE)
    assert "2 of them are on it already." in act(browser, "stop_letters").content.decode()
    act(browser, "stop_letters", apply=1)
    reasons = dict(Suppression.objects.values_list("email", "reason"))
    assert [reasons[client.email] for client in clients] == ["unsubscribed", "manual", "manual", "manual"]
    page = act(browser, "return_letters").content.decode()
    assert "4 of the chosen clients get no letters now" in page
    assert "1 of them asked for no more letters." in page
    act(browser, "return_letters", apply=1)
    assert not Suppression.objects.exists()


def test_nothing_happens_on_the_page_that_asks(browser: Browser) -> None:
    ClientFactory()
    for action in ("stop_letters", "return_letters", "delete_selected", "export_selected"):
        assert act(browser, action).status_code == 200
    assert Client.objects.count() == 1
    assert not Suppression.objects.exists()


def test_actions_are_offered_to_those_who_may() -> None:
    ClientFactory()

    def offered(*codenames: str) -> set[str]:
        form = somebody("view_client", *codenames).get(LIST).context["action_form"]
        return {name for name, _words in form.fields["action"].choices if name} if form else set()

    assert offered() == set()
    assert offered("add_suppression") == {"stop_letters"}
    assert offered("delete_suppression") == set()
    assert offered("delete_suppression", "send_mailing") == {"return_letters"}
    assert offered("export_client") == {"export_selected"}
    assert offered("change_mailing") == {"add_to_mailing", "remove_from_mailing"}


def test_an_action_that_is_not_offered_does_nothing() -> None:
    ClientFactory()
    act(somebody("view_client", "add_suppression"), "return_letters", apply=1)
    act(somebody("view_client"), "stop_letters", apply=1)
    assert not Suppression.objects.exists()


# --- deletion -----------------------------------------------------------------------------------------


def test_deleting_many_keeps_what_was_sent_to_them(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "SLICE", 2)
    mailing = MailingFactory(clients=5)
    delivery = DeliveryFactory(client=mailing.clients.first())
    page = act(browser, "delete_selected", url=f"{LIST}?mailing={mailing.pk}").content.decode()
    assert "Places in mailings" in page
    act(browser, "delete_selected", url=f"{LIST}?mailing={mailing.pk}", post="yes")
    assert not Client.objects.exists()
    assert not mailing.clients.through.objects.exists()
    assert Delivery.objects.values_list("client", "email").get() == (None, delivery.email)


def test_queries_of_an_action_do_not_grow_with_the_clients(browser: Browser) -> None:
    mailing = MailingFactory()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert act(browser, "add_to_mailing", mailing=mailing.pk, apply=1).status_code == 302
        return len(captured)

    ClientFactory.create_batch(60)  # more than a page
    few = queries()
    ClientFactory.create_batch(200)
    assert queries() == few
    assert mailing.clients.count() == 260


# --- export -------------------------------------------------------------------------------------------------


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_the_export_follows_the_filter(browser: Browser) -> None:
    ClientFactory(email="anna@example.ru", full_name="Анна", comment="наш")
    SuppressionFactory(email="anna@example.ru")
    ClientFactory()
    assert "1 row will be exported" in browser.get(f"{LIST}export/", {"q": "наш"}).content.decode()
    response = browser.post(f"{LIST}export/?q=наш", {"format": "0", "resource": "0"})
    data = body(response)
    assert data.startswith(b"\xef\xbb\xbf")
    [headings, row] = csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=";")
    assert headings == ["e-mail", "full name", "greeting", "comment", "receives mail", "added"]
    assert row[:5] == ["anna@example.ru", "Анна", "", "наш", "added by hand"]
    assert response["Content-Disposition"].startswith('attachment; filename="client-')


def test_the_chosen_clients_are_exported(browser: Browser) -> None:
    clients = ClientFactory.create_batch(3)
    rows = body(act(browser, "export_selected", on=clients[:2], apply=1, format="0")).decode().splitlines()
    assert len(rows) == 3


HOSTILE = [
    "=1+1",
    "+7 916",
    "-5",
    "@me",
    "'=1",
    "''+x",
    "a;b",
    'quo"te',
    "line\nbreak",
    "O'Hara",
    "#N/A",
    "79161234567",
]


@pytest.mark.parametrize("file_format", ["0", "1"])
def test_no_cell_becomes_a_formula_and_a_round_trip_loses_nothing(browser: Browser, file_format: str) -> None:
    for number, text in enumerate(HOSTILE):
        ClientFactory(email=f"c{number}@example.ru", full_name=" ".join(text.split()), comment=text)
    data = body(browser.post(f"{LIST}export/", {"format": file_format, "resource": "0"}))
    stored = dict(Client.objects.values_list("email", "comment"))
    assert {row.email: row.comment for row in reading.read(data)} == stored
    if file_format == "1":
        cells = [cell for row in load_workbook(io.BytesIO(data)).active for cell in row if cell.value is not None]
        assert {cell.data_type for cell in cells} == {"s"}
        raw = [cell.value for cell in cells]
    else:
        raw = [cell for row in csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=";") for cell in row]
    assert not [text for text in raw if text.startswith(("=", "+", "-", "@"))]


def test_headings_of_an_export_are_read_in_both_languages(browser: Browser) -> None:
    ClientFactory(email="a@example.ru", full_name="А", greeting="Б", comment="В")
    for language in ("ru", "en"):
        data = body(browser.post(f"{LIST}export/", {"format": "0"}, headers={"accept-language": language}))
        [row] = reading.read(data)
        assert (row.email, row.full_name, row.greeting, row.comment) == ("a@example.ru", "А", "Б", "В")


def test_nobody_exports_without_the_permission() -> None:
    ClientFactory()
    for browser in (somebody("view_client"), somebody("view_client", "change_client", "import_client")):
        assert browser.get(f"{LIST}export/").status_code == 403
        assert browser.post(f"{LIST}export/", {"format": "0"}).status_code == 403


def test_an_export_is_written_to_the_log(browser: Browser) -> None:
    ClientFactory.create_batch(2)
    body(browser.post(f"{LIST}export/", {"format": "0"}))
    assert LogEntry.objects.get().get_change_message() == "2 rows exported"
