"""What is known of somebody is told where it is erased: to be read, as a file, on the command line."""

from __future__ import annotations

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from mailing.models import Attempt, Client
from mailing.services.clients import disclosure, persons
from tests.factories import (
    AttemptFactory,
    ClientFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
    SuppressionFactory,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/mailing/client/"
QUERIES = 35  # of the page, whatever is known


@pytest.fixture
def anna(db: None) -> Client:
    anna = ClientFactory(
        email="anna@x.ru", full_name="Анна Ёлкина", comment="rang", former_emails="old@x.ru", source="import a.csv"
    )
    attempt = AttemptFactory(
        mailing=MailingFactory(name="News", clients=[anna]),
        subject="Tea",
        status="failed",
        reasons=[{"response": "550 <anna@x.ru>", "examples": ["anna@x.ru", "boris@x.ru"], "count": 2}],
    )
    DeliveryFactory(
        attempt=attempt, client=anna, email="old@x.ru", status="failed", reason="refused", code=550,
        response="550 <boris@x.ru> forwards to <old@x.ru>",
    )  # fmt: skip
    SuppressionFactory(email="old@x.ru", note="she said so")
    ClientFactory(email="boris@x.ru", comment="married to anna@x.ru, rang twice")
    return anna


@pytest.fixture
def browser(superuser: User) -> Browser:
    browser = Browser()
    browser.force_login(superuser)
    return browser


def test_the_page_shows_what_is_known_and_looking_is_written_down(browser: Browser, anna: Client) -> None:
    page = browser.post(f"{LIST}{anna.pk}/known/").content.decode()
    for told in ("anna@x.ru", "old@x.ru", "Анна Ёлкина", "rang", "import a.csv", "News", "Tea", "550", "she said so"):
        assert told in page
    assert "boris" not in page
    entry = LogEntry.objects.get(object_id=str(anna.pk))
    assert entry.change_message == "All that is known of the client was looked at."


def test_the_file_holds_all_of_it_and_nobody_else(browser: Browser, anna: Client) -> None:
    response = browser.post(f"{LIST}{anna.pk}/known/", {"file": "1"})
    assert response["Content-Disposition"] == f'attachment; filename="client-{anna.pk}.json"'
    told = json.loads(response.content)
    assert told["addresses"] == ["anna@x.ru", "old@x.ru"]
    assert told["client"]["full_name"] == "Анна Ёлкина"
    assert [row["name"] for row in told["mailings"]] == ["News"]
    assert [(row["email"], row["response"]) for row in told["deliveries"]] == [
        ("old@x.ru", "550 <…> forwards to <old@x.ru>")
    ]
    assert [row["note"] for row in told["stop_list"]] == ["she said so"]
    assert sorted((row["kind"], row["column"]) for row in told["elsewhere"]) == [
        ("attempt", "reasons"),
        ("client", "comment"),
    ]
    assert "boris" not in response.content.decode()
    assert "rang twice" not in response.content.decode()


def test_every_column_of_the_card_is_told() -> None:
    ours = {"search_text": "made from the others", "former_emails": "told as addresses"}
    assert {field.name for field in Client._meta.concrete_fields} == {*disclosure.CARD, *ours}


def test_a_link_does_not_look(browser: Browser, anna: Client) -> None:
    assert browser.get(f"{LIST}{anna.pk}/known/").status_code == 405
    assert "What is known of them" in browser.get(f"{LIST}{anna.pk}/change/").content.decode()


def test_the_page_costs_a_fixed_number_of_queries(browser: Browser, anna: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.post(f"{LIST}{anna.pk}/known/")
        return len(captured)

    queries()  # from now on its own entry in the journal is found
    few = queries()
    for number in range(30):
        attempt = AttemptFactory(reasons=[{"examples": ["anna@x.ru"]}])
        DeliveryFactory(attempt=attempt, client=anna, response=f"550 {number} anna@x.ru")
        ClientFactory(comment=f"{number} anna@x.ru")
    assert queries() == few <= QUERIES


@pytest.mark.parametrize("address", ["anna@x.ru", "Old@X.ru", "Anna <anna@x.ru>"])
def test_the_command_knows_them_by_any_address_they_had(
    anna: Client, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    call_command("show_client", address)
    assert json.loads(capsys.readouterr().out)["client"]["id"] == anna.pk


def test_the_command_knows_an_address_without_a_client(capsys: pytest.CaptureFixture[str]) -> None:
    DeliveryFactory(client=None, email="gone@x.ru")
    call_command("show_client", "gone@x.ru")
    told = json.loads(capsys.readouterr().out)
    assert (told["client"], len(told["deliveries"])) == (None, 1)


@pytest.mark.parametrize("address", ["nobody@x.ru", "nonsense", ""])
def test_of_whom_nothing_is_known_that_is_said(db: None, address: str) -> None:
    with pytest.raises(CommandError) as error:
        call_command("show_client", address)
    assert error.value.returncode == 2


def test_the_page_of_forgetting_says_in_what_is_written_to_everybody_they_are_named(
    browser: Browser, anna: Client
) -> None:
    MessageFactory(subject="Ask Anna", body="Write to Anna@x.ru")
    MessageFactory(subject="Ask Joanna", body="Write to joanna@x.ru")
    page = browser.get(f"{LIST}{anna.pk}/forget/").content.decode()
    assert "Ask Anna" in page
    assert "Ask Joanna" not in page


def test_an_address_that_is_somebody_elses_by_now_is_theirs(anna: Client) -> None:
    ClientFactory(email="old@x.ru")
    assert persons.of(anna).emails == ("anna@x.ru",)
    assert disclosure.about(persons.of(anna), by=None)["stop_list"] == []
    assert Attempt.objects.exists()
