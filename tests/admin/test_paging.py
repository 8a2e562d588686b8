"""Pages of a long list: every row once, in order, whichever way the page was found."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from mailing.admin import paging
from mailing.admin.paging import ChoicePaginator, FarPaginator, SearchPaginator
from mailing.models import Client
from tests.factories import ClientFactory

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
    monkeypatch.setattr(paging, "MANY", 5)
    monkeypatch.setattr(paging, "LOOKED_THROUGH", looked_through)
    found = Client.objects.order_by(*order).search("анна")
    pages = SearchPaginator(found, 4)
    pages.term = "анна"
    assert walked(pages) == [client.pk for client in found]


def test_the_box_of_choices_counts_no_further_than_needed(clients: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MANY", 5)
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
    monkeypatch.setattr("mailing.admin.clients.BROAD_SEARCH", 5)
    cards = client.get("/admin/mailing/client/?q=анна").context["cards"]
    assert [card["value"] for card in cards] == [15]
    assert len(client.get("/admin/mailing/client/").context["cards"]) == 4


def test_more_than_anybody_counts_is_said_in_words(
    client: Browser, superuser: User, clients: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(superuser)
    monkeypatch.setattr("mailing.admin.clients.COUNTED", 20)
    cards = client.get("/admin/mailing/client/").context["cards"]
    assert [card["value"] for card in cards] == [23, 23, 0, "more than 20"]


def test_only_a_search_says_how_many_it_found(client: Browser, superuser: User, clients: None) -> None:
    client.force_login(superuser)
    assert "15 found" in client.get("/admin/mailing/client/?q=анна").content.decode()
    assert "found" not in client.get("/admin/mailing/client/").content.decode()
