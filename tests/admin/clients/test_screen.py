"""The list of clients and the card of one client."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing.choices import Audience, DeliveryStatus, SuppressionReason
from mailing.models import Client, Delivery, Mailing, Suppression
from tests.admin.people import somebody
from tests.factories import (
    AttemptFactory,
    ClientFactory,
    DeliveryFactory,
    MailingFactory,
    SuppressionFactory,
)
from tests.forms import filled

pytestmark = pytest.mark.django_db
LIST = "/admin/mailing/client/"


@pytest.fixture(autouse=True)
def _no_remembered_domains() -> None:
    cache.clear()


def shown(response: Any) -> list[str]:
    return [client.email for client in response.context["cl"].result_list]


def figures(response: Any) -> dict[str, int]:
    return {str(card.label): card.value for card in response.context["cards"]}


# --- the list ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["ЁЛКИН", "елкин", "анна@", "выставк", "ёлкин выставки"])
def test_search_knows_neither_case_nor_yo(browser: Browser, words: str) -> None:
    ClientFactory(email="anna@example.ru", full_name="Анна Ёлкина", comment="С выставки, анна@")
    ClientFactory(email="boris@example.ru")
    assert shown(browser.get(LIST, {"q": words})) == ["anna@example.ru"]


def test_filters_answer_who_receives_mail_and_why_not(browser: Browser) -> None:
    ClientFactory(email="yes@example.ru")
    ClientFactory(email="left@example.ru")
    ClientFactory(email="gone@example.ru")
    SuppressionFactory(email="left@example.ru", reason=SuppressionReason.UNSUBSCRIBED)
    SuppressionFactory(email="gone@example.ru", reason=SuppressionReason.HARD_BOUNCE)
    assert shown(browser.get(LIST, {"receives": "yes"})) == ["yes@example.ru"]
    assert sorted(shown(browser.get(LIST, {"receives": "no"}))) == ["gone@example.ru", "left@example.ru"]
    assert shown(browser.get(LIST, {"receives": "hard_bounce"})) == ["gone@example.ru"]


def test_filters_find_recipients_and_those_without_mailings(browser: Browser) -> None:
    mailing = MailingFactory(clients=[ClientFactory(email="in@example.ru")])
    MailingFactory(clients=list(Client.objects.all()))
    ClientFactory(email="out@example.ru")
    response = browser.get(LIST, {"mailing": mailing.pk})
    assert shown(response) == ["in@example.ru"]
    assert "Recipients of “Новости”" in response.content.decode()
    assert shown(browser.get(LIST, {"mailings": "none"})) == ["out@example.ru"]
    assert shown(browser.get(LIST, {"mailings": "some"})) == ["in@example.ru"]


def test_the_filter_by_a_mailing_to_everyone_shows_everyone(browser: Browser) -> None:
    ClientFactory()
    response = browser.get(LIST, {"mailing": MailingFactory(audience=Audience.EVERYONE).pk})
    assert len(shown(response)) == 1
    assert "goes to everyone who receives mail" in response.content.decode()


@pytest.mark.parametrize("value", ["abc", "0", "-1", "9" * 30, "4711"])
def test_a_broken_link_to_a_mailing_breaks_nothing(browser: Browser, value: str) -> None:
    MailingFactory()
    assert browser.get(LIST, {"mailing": value}, follow=True).status_code == 200


def test_the_range_of_days_includes_both_ends(browser: Browser) -> None:
    ClientFactory(email="old@example.ru")
    Client.objects.update(created_at=timezone.now() - timedelta(days=3))
    ClientFactory(email="new@example.ru")
    day, today = timezone.localdate() - timedelta(days=3), timezone.localdate()
    assert shown(browser.get(LIST, {"created_at__since": day, "created_at__until": day})) == ["old@example.ru"]
    assert shown(browser.get(LIST, {"created_at__since": today})) == ["new@example.ru"]
    no_such_day = browser.get(LIST, {"created_at__since": "2026-02-31"}, follow=True)
    assert len(shown(no_such_day)) == 2
    assert "Not understood and ignored: created_at__since=2026-02-31." in no_such_day.content.decode()


def test_the_biggest_mail_services_are_offered(browser: Browser) -> None:
    for number in range(3):
        ClientFactory(email=f"a{number}@mail.ru")
    ClientFactory(email="b@ya.ru")
    response = browser.get(LIST, {"domain": "mail.ru"})
    assert len(shown(response)) == 3
    assert "?domain=ya.ru" in response.content.decode()


def test_figures_follow_the_filter(browser: Browser) -> None:
    ClientFactory.create_batch(3, comment="наш")
    ClientFactory(email="gone@example.ru", comment="наш")
    ClientFactory(comment="чужой")
    SuppressionFactory(email="gone@example.ru")
    assert figures(browser.get(LIST, {"q": "наш"})) == {
        "Clients": 4,
        "Receive mail": 3,
        "Do not receive": 1,
        "Added in 30 days": 4,
    }


def test_every_declared_action_is_offered(browser: Browser) -> None:
    ClientFactory()
    offered = {name for name, _words in browser.get(LIST).context["action_form"].fields["action"].choices}
    expected = {"add_to_mailing", "remove_from_mailing", "stop_letters", "return_letters", "export_selected"}
    assert offered == {"", "delete_selected", *expected}


def queries(browser: Browser, url: str) -> int:
    browser.get(url)  # sessions, content types and caches are warm
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert browser.get(url).status_code == 200
    return len(captured)


def test_queries_of_the_list_do_not_grow_with_its_rows(browser: Browser) -> None:
    MailingFactory(clients=10)
    few = queries(browser, f"{LIST}?all=")
    MailingFactory(clients=190)
    for email in Client.objects.values_list("email", flat=True)[:50]:
        SuppressionFactory(email=email)
    assert queries(browser, f"{LIST}?all=") == few
    assert few <= 17


def test_queries_of_the_card_do_not_grow_with_what_the_client_got(browser: Browser) -> None:
    client = ClientFactory()
    url = f"{LIST}{client.pk}/change/"
    DeliveryFactory(client=client, attempt__mailing=MailingFactory(clients=[client]))
    few = queries(browser, url)
    for _number in range(30):
        DeliveryFactory(client=client, attempt__mailing=MailingFactory(clients=[client]))
    assert queries(browser, url) == few
    assert few <= 15


# --- the card --------------------------------------------------------------------------------------------


def test_the_card_answers_the_phone(browser: Browser) -> None:
    client = ClientFactory()
    later = timezone.now() + timedelta(days=3)
    mailing = MailingFactory(name="Прогрев", clients=[client], next_run_at=later)
    MailingFactory(name="Всем", audience=Audience.EVERYONE, next_run_at=later + timedelta(days=1))
    MailingFactory(name="Черновик", clients=[client], is_paused=True, next_run_at=later)
    attempt = AttemptFactory(mailing=mailing, subject="Скидка")
    DeliveryFactory(attempt=attempt, client=client, status=DeliveryStatus.FAILED, response="550 no such <b>user")
    page = browser.get(f"{LIST}{client.pk}/change/")
    text = page.content.decode()
    assert [row.name for row in page.context["summary"].coming] == ["Прогрев", "Всем"]
    assert "Скидка" in text
    assert "550 no such &lt;b&gt;user" in text


def test_the_card_of_who_was_chosen_nowhere_does_not_hide_what_goes_to_everyone(browser: Browser) -> None:
    url = f"{LIST}{ClientFactory().pk}/change/"
    assert "Not a recipient of any mailing yet" in browser.get(url).content.decode()

    mailing = MailingFactory(
        name="Всем <b>", audience=Audience.EVERYONE, next_run_at=timezone.now() + timedelta(days=1)
    )

    text = browser.get(url).content.decode()
    link = f'<a href="/admin/mailing/mailing/{mailing.pk}/change/">Всем &lt;b&gt;</a>'
    assert f"Not added anywhere by name. Gets what goes to everyone (1): {link}" in text


def test_the_list_says_no_zero_of_who_gets_letters(browser: Browser) -> None:
    gone, chosen, _other = ClientFactory.create_batch(3)
    MailingFactory(audience=Audience.EVERYONE, next_run_at=timezone.now() + timedelta(days=1))
    MailingFactory(clients=[chosen])
    SuppressionFactory(email=gone.email)
    shown = browser.get(LIST).context["cl"]
    words = [re.sub(r"<.*?>", "", shown.mailings_number(client)) for client in shown.result_list]
    assert words == ["0", "1", "to everyone: 1"]


def test_letters_are_stopped_and_returned_by_buttons_that_post(browser: Browser) -> None:
    client = ClientFactory()
    url = f"{LIST}{client.pk}/"
    assert "Stop letters" in browser.get(f"{url}change/").content.decode()
    assert browser.get(f"{url}stop/").status_code == 405
    browser.post(f"{url}stop/")
    assert Suppression.objects.get().email == client.email
    page = browser.get(f"{url}change/").content.decode()
    assert "No: added by hand, since" in page
    browser.post(f"{url}lift/")
    assert not Suppression.objects.exists()


def test_a_second_client_with_the_address_is_refused_with_a_link_to_the_first(browser: Browser) -> None:
    first = ClientFactory(email="ivanov@example.ru", full_name="Иванов & И.")
    page = browser.post(f"{LIST}add/", {"email": "Иванов <IVANOV@example.ru>"}).content.decode()
    assert "There is a client with this address already: <b>Иванов &amp; И.</b>" in page
    assert f'href="/admin/mailing/client/{first.pk}/change/"' in page
    assert Client.objects.count() == 1


def test_an_address_is_taken_as_people_paste_it(browser: Browser) -> None:
    browser.post(f"{LIST}add/", {"email": "Анна <Anna@Example.ru>", "full_name": " Анна\u00a0 Ёлкина "})
    client = Client.objects.get()
    assert (client.email, client.full_name) == ("anna@example.ru", "Анна Ёлкина")


def test_no_address_is_no_client(browser: Browser) -> None:
    assert "This is not an e-mail address." in browser.post(f"{LIST}add/", {"email": "anna@"}).content.decode()


# --- forgetting ----------------------------------------------------------------------------------------------


def test_forgetting_asks_first_and_says_what_stays(browser: Browser) -> None:
    client = ClientFactory()
    DeliveryFactory(client=client)
    page = browser.get(f"{LIST}{client.pk}/forget/").content.decode()
    assert "1 delivery stays in the statistics" in page
    assert Client.objects.exists()


def test_a_forgotten_client_is_gone_from_every_table(browser: Browser) -> None:
    client = ClientFactory(email="anna@example.ru", full_name="Анна Ёлкина")
    browser.post(
        f"{LIST}{client.pk}/change/", {"email": "anna@example.ru", "full_name": "Анна Ёлкина", "comment": "x"}
    )
    attempt = AttemptFactory(
        mailing__clients=[client],
        response="550 <Anna@example.ru> unknown",
        reasons=[{"text": "550", "examples": ["anna@example.ru"]}],
    )
    DeliveryFactory(attempt=attempt, client=client, response="550 anna@example.ru unknown")
    SuppressionFactory(email="anna@example.ru", note="550 anna@example.ru", attempt=attempt)
    browser.post(f"{LIST}{client.pk}/forget/")
    assert [table for table in tables() if holds(table, "anna@example.ru") or holds(table, "Анна Ёлкина")] == [
        "mailing_suppression"
    ]
    assert not Client.objects.search("anna@example").exists()
    assert Suppression.objects.values("note", "attempt").get() == {"note": "", "attempt": None}
    assert Delivery.objects.values_list("client", "response").get() == (None, "")


def tables() -> list[str]:
    """All but the index of SQLite's search, which cannot be read; the row below it is tested to be gone."""
    return [name for name in connection.introspection.table_names() if not name.startswith("mailing_client_search")]


def holds(table: str, text: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table}"')
        return text.casefold() in str(cursor.fetchall()).casefold()


def test_two_clients_of_one_attempt_can_both_be_forgotten(browser: Browser) -> None:
    attempt = AttemptFactory()
    for _number in range(2):
        client = ClientFactory()
        DeliveryFactory(attempt=attempt, client=client)
        assert browser.post(f"{LIST}{client.pk}/forget/").status_code == 302
    assert Delivery.objects.filter(attempt=attempt).count() == 2


# --- who may ----------------------------------------------------------------------------------------------------


def test_whoever_only_looks_finds_no_buttons_and_no_doors() -> None:
    client = ClientFactory()
    viewer = somebody("view_client")
    page = viewer.get(f"{LIST}{client.pk}/change/").content.decode()
    assert "Stop letters" not in page
    assert "Forget" not in page
    for door in ("stop/", "lift/", "forget/"):
        assert viewer.post(f"{LIST}{client.pk}/{door}").status_code == 403
    assert Client.objects.exists()


def test_whoever_may_stop_letters_may_not_therefore_return_them() -> None:
    client = ClientFactory()
    editor = somebody("view_client", "add_suppression")
    assert editor.post(f"{LIST}{client.pk}/stop/").status_code == 302
    assert editor.post(f"{LIST}{client.pk}/lift/").status_code == 403
    assert Suppression.objects.exists()


def test_an_empty_list_offers_the_file_first(browser: Browser) -> None:
    page = browser.get(LIST).content.decode()
    assert "Your clients will be here" in page
    assert "Load from a file" in page
    assert not Mailing.objects.exists()


# --- another address -----------------------------------------------------------------------------------


def moved(browser: Browser, client: Client, email: str) -> str:
    page = f"{LIST}{client.pk}/change/"
    data = filled(browser.get(page).content.decode(), "client_form", email=email, comment="Kept")
    return browser.post(page, data, follow=True).content.decode()


def test_only_who_may_send_gives_a_recipient_of_an_active_mailing_another_address() -> None:
    client = ClientFactory(email="anna@example.ru")
    MailingFactory(clients=[client])
    editor = somebody("view_client", "change_client", "change_mailing", "view_mailing")

    answered = moved(editor, client, "attacker@example.com")
    client.refresh_from_db()
    assert client.email == "anna@example.ru"
    assert answered.count("only a Manager may change the address") >= 1
    assert "Kept" in answered  # nothing typed is lost

    moved(editor, client, " Anna@Example.RU ")  # the same address
    client.refresh_from_db()
    assert (client.email, client.comment) == ("anna@example.ru", "Kept")

    moved(somebody("view_client", "change_client", "send_mailing"), client, "anna.new@example.ru")
    client.refresh_from_db()
    assert client.email == "anna.new@example.ru"


@pytest.mark.parametrize("state", [{"is_paused": True}, {"status": "finished"}, {"audience": Audience.EVERYONE}])
def test_the_address_is_free_where_no_active_mailing_names_the_client(state: dict[str, Any]) -> None:
    client = ClientFactory(email="anna@example.ru")
    MailingFactory(clients=[] if "audience" in state else [client], **state)
    moved(somebody("view_client", "change_client"), client, "anna.new@example.ru")
    client.refresh_from_db()
    assert client.email == "anna.new@example.ru"


def test_a_client_who_asked_for_no_letters_gets_none_at_another_address_either(browser: Browser) -> None:
    client = ClientFactory(email="name@example.ru")
    SuppressionFactory(email="name@example.ru", reason=SuppressionReason.UNSUBSCRIBED)
    assert "No letters go to the new address either" in moved(browser, client, "name+x@example.ru")
    assert not Client.objects.receiving().exists()


def test_a_new_address_mends_one_that_does_not_exist(browser: Browser) -> None:
    client = ClientFactory(email="nmae@example.ru")
    SuppressionFactory(email="nmae@example.ru", reason=SuppressionReason.HARD_BOUNCE)
    assert "either" not in moved(browser, client, "name@example.ru")
    assert Client.objects.receiving().count() == 1
