"""The data of clients and the stop list."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from mailing.models import Client
from tests.factories import ClientFactory, SuppressionFactory

pytestmark = pytest.mark.django_db


def test_an_address_is_stored_in_lower_case_and_found_in_any() -> None:
    ClientFactory(email=" Anna@Example.RU ")
    assert Client.objects.get(email="ANNA@example.ru").email == "anna@example.ru"


def test_the_same_address_in_other_letters_is_not_a_second_client() -> None:
    ClientFactory(email="anna@example.ru")
    with pytest.raises(IntegrityError):
        ClientFactory(email="ANNA@example.ru")


def test_bulk_create_keeps_address_and_search_text_tidy() -> None:
    Client.objects.bulk_create([Client(email="Anna@Example.ru", full_name="Алёна  ИВАНОВА")])
    client = Client.objects.get()
    assert (client.email, client.search_text) == ("anna@example.ru", "алена иванова anna@example.ru")


@pytest.mark.parametrize("text", ["ИВАНОВА", "алена иванова", "Алёна", "anna@", "vip"])
def test_search_finds_by_name_address_and_comment_in_any_case(text: str) -> None:
    ClientFactory(email="anna@example.ru", full_name="Алёна Иванова", comment="VIP")
    ClientFactory(email="petr@example.ru", full_name="Пётр Сидоров")
    assert [client.email for client in Client.objects.search(text)] == ["anna@example.ru"]


def test_a_suppressed_address_does_not_receive() -> None:
    ClientFactory(email="on@example.ru")
    ClientFactory(email="off@example.ru")
    SuppressionFactory(email="OFF@example.ru")
    assert [client.email for client in Client.objects.receiving()] == ["on@example.ru"]


def test_a_client_knows_the_entry_of_its_address_on_the_stop_list() -> None:
    entry = SuppressionFactory(email="anna@example.ru")
    assert ClientFactory(email="Anna@Example.ru").suppression == entry
    assert ClientFactory(email="oleg@example.ru").suppression is None
