"""Pages of a long list: every row once, in order, whichever way the page was found."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from mailing.admin.clients.screen import ClientAdmin
from mailing.admin.common import pagination
from mailing.admin.common.pagination import ChoicePaginator, FarPaginator, SearchPaginator
from mailing.models import Client, Mailing, searching
from tests.factories import ClientFactory, MailingFactory

pytestmark = pytest.mark.django_db
ORDERS = (("full_name", "pk"), ("-full_name", "-pk"), ("email",), ("-created_at", "-pk"))


@pytest.fixture
def clients() -> None:
    for number in range(23):
        ClientFactory(email=f"c{number:02}@example.ru", full_name="Анна" if number % 3 else "Яна")


def walked(pages: Any) -> list[int]:
    return [row.pk for number in pages.page_range for row in pages.page(number)]


@pytest.mark.parametrize("order", ORDERS)
def test_pages_counted_from_either_end_hold_every_row_once(clients: None, order: tuple[str, ...]) -> None:
    everybody = Client.objects.order_by(*order)
    assert walked(FarPaginator(everybody, 4)) == [client.pk for client in everybody]


@pytest.mark.parametrize("looked_through", [0, 7, 100])
@pytest.mark.parametrize("order", ORDERS)
def test_a_search_that_finds_many_is_paged_as_one_that_finds_few(
    clients: None, order: tuple[str, ...], looked_through: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MANY", 5)
    monkeypatch.setattr(pagination, "LOOKED_THROUGH", looked_through)
    found = Client.objects.order_by(*order).search("анна")
    pages = SearchPaginator(found, 4)
    pages.term, pages.wanted = "анна", 9  # as far as PostgreSQL has to count to know all of them
    assert walked(pages) == [client.pk for client in found]


@pytest.mark.parametrize("looked_through", [0, 3, 7, 100])
def test_the_recipients_of_a_large_mailing_are_paged_as_those_of_a_small_one(
    clients: None, looked_through: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MANY", 5)
    monkeypatch.setattr(pagination, "LOOKED_THROUGH", looked_through)
    mailing = MailingFactory(clients=0)
    mailing.clients.set(Client.objects.order_by("pk")[3:18])
    links = Mailing.clients.through.objects.filter(mailing=mailing)
    found = Client.objects.order_by("full_name", "pk").filter(pk__in=links.values("client_id"))
    pages = SearchPaginator(found, 4)
    pages.links = links
    assert walked(pages) == [client.pk for client in found]


@pytest.fixture
def no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As PostgreSQL: the index cannot count."""
    monkeypatch.setattr(searching, "number", lambda *args, **options: None)
    monkeypatch.setattr(pagination, "MANY", 8)


def test_every_page_is_reached_where_the_count_ends_early(clients: None, no_number: None) -> None:
    found = Client.objects.order_by("full_name", "pk").search("анна")
    walk, number = [], 1
    while True:
        pages = SearchPaginator(found, 4)
        pages.term, pages.wanted = "анна", number
        page = pages.page(number)
        walk += [row.pk for row in page]
        assert pages.is_open == (pages.bound < 15)
        if not page.has_next():
            break
        number += 1
    assert walk == [client.pk for client in found]


def test_a_number_that_was_not_counted_to_its_end_is_no_number(
    client: Browser, superuser: User, clients: None, no_number: None
) -> None:
    client.force_login(superuser)
    response = client.get("/admin/mailing/client/?q=анна")
    page = response.content.decode()
    assert "more than 8 found" in page
    assert "Total: more than 8" in page
    assert [card.value for card in response.context["cards"]] == ["more than 8"]
    assert "8 found" in (page := client.get("/admin/mailing/client/?q=яна").content.decode())
    assert "more than" not in page


def test_an_action_on_all_takes_all_that_were_found(
    client: Browser, superuser: User, clients: None, no_number: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClientAdmin, "list_per_page", 4)
    client.force_login(superuser)
    listed = client.get("/admin/mailing/client/?q=анна").content.decode()
    assert "Select everything found" in listed
    assert "Everything found is selected" in listed
    asked = client.post(
        "/admin/mailing/client/?q=анна",
        {"action": "stop_letters", "select_across": "1", "index": "0", "_selected_action": "1"},
    )
    assert asked.context["number"] == 15


@pytest.mark.parametrize("page", ["0", "-1", "99999999999999999999", "x", "²"])
def test_a_page_that_does_not_exist_is_no_error(
    client: Browser, superuser: User, clients: None, no_number: None, page: str
) -> None:
    client.force_login(superuser)
    response = client.get("/admin/mailing/client/", {"q": "анна", "p": page}, follow=True)
    assert response.status_code == 200


def test_the_box_of_choices_counts_no_further_than_needed(clients: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "MANY", 5)
    pages = ChoicePaginator(Client.objects.order_by("full_name", "pk").search("анна"), 2)
    pages.term = "анна"
    assert (pages.count, pages.page(1).has_next()) == (6, True)
    assert walked(pages) == [client.pk for client in Client.objects.order_by("pk").search("анна")[:6]]


def test_the_list_counts_its_rows_once(client: Browser, superuser: User, clients: None) -> None:
    client.force_login(superuser)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        client.get("/admin/mailing/client/?q=анна")
    counts = [query["sql"] for query in asked if "COUNT(*)" in query["sql"] and "mailing_client" in query["sql"]]
    assert len(counts) == 1


def test_figures_of_a_broad_search_are_left_out_rather_than_late(
    client: Browser, superuser: User, clients: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(superuser)
    monkeypatch.setattr("mailing.admin.clients.listing.BROAD_SEARCH", 5)
    cards = client.get("/admin/mailing/client/?q=анна").context["cards"]
    assert [card.value for card in cards] == [15]
    assert len(client.get("/admin/mailing/client/").context["cards"]) == 4


def test_more_than_anybody_counts_is_said_in_words(
    client: Browser, superuser: User, clients: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(superuser)
    monkeypatch.setattr("mailing.admin.clients.listing.COUNTED", 20)
    cards = client.get("/admin/mailing/client/").context["cards"]
    assert [card.value for card in cards] == [23, 23, 0, "more than 20"]


def test_only_a_search_says_how_many_it_found(client: Browser, superuser: User, clients: None) -> None:
    client.force_login(superuser)
    assert "15 found" in client.get("/admin/mailing/client/?q=анна").content.decode()
    assert not re.search(r"\d found", client.get("/admin/mailing/client/").content.decode())
