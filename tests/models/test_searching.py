"""How clients are found, and the index that has to say the same as the table at every moment."""

from __future__ import annotations

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import connection
from django.db.models import F

from mailing.models import Client, searching
from mailing.services.clients import erasure, merge
from tests.factories import ClientFactory, from_file

pytestmark = pytest.mark.django_db
only_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's index is its own business")


def found(text: str) -> list[str]:
    """By the database; and what was read already must be judged alike."""
    emails = [str(client.email) for client in Client.objects.search(text).order_by("email")]
    fits = searching.fits(text)
    assert emails == sorted(client.email for client in Client.objects.all() if fits(client.search_text))
    return emails


@pytest.mark.parametrize("text", ["ли", "Ли", "ли ан", "а ли", "л", "анна ли", "ли anna"])
def test_one_or_two_letters_are_found_where_a_word_begins(text: str) -> None:
    ClientFactory(email="anna@example.ru", full_name="Ли Анна")
    ClientFactory(email="petr@example.ru", full_name="Пётр Малинин")
    assert found(text) == ["anna@example.ru"]


@pytest.mark.parametrize(
    "text", ['"', 'ООО "Ромашка"', "100%", "a_b", "x' OR 1", "(опт)", "AND", "ром*", "-скидка", "\\"]
)
def test_signs_that_mean_something_to_a_database_are_looked_for_as_they_are(text: str) -> None:
    ClientFactory(email="right@example.ru", comment=f"до {text} после")
    ClientFactory(email="wrong@example.ru", comment="ромб 1000 aXb x OR 1 опт скидка")
    assert found(text) == ["right@example.ru"]


@pytest.mark.parametrize("text", ["", "   ", "\0"])
def test_a_search_for_nothing_finds_everybody(text: str) -> None:
    ClientFactory.create_batch(2)
    assert len(found(text)) == 2


def test_a_nul_in_a_search_is_a_blank() -> None:
    ClientFactory(email="anna@example.ru", full_name="Анна")
    assert found("анна\0") == ["anna@example.ru"]


def test_a_whole_page_pasted_into_the_box_is_no_error() -> None:
    ClientFactory(full_name="слово")
    assert len(found("слово " * 2000)) == 1


def test_a_client_is_found_by_what_is_stored_now() -> None:
    client = ClientFactory(full_name="Анна Белова")
    client.full_name = "Анна Зимина"
    client.save()
    assert (len(found("белова")), len(found("зимина"))) == (0, 1)
    Client.objects.update(comment="ни при чём", search_text=F("search_text"))
    assert len(found("зимина")) == 1
    client.delete()
    assert found("зимина") == []


def test_loading_a_file_and_deleting_many_keep_the_index() -> None:
    rows = [from_file(f"c{number}@example.ru", f"Клиент {number}") for number in range(50)]
    merge.upsert(rows, source="test")
    merge.upsert([from_file("c7@example.ru", "Другое Имя", stored=rows[7].texts)], source="test")
    assert (len(found("клиент")), found("другое")) == (49, ["c7@example.ru"])
    erasure.delete(Client.objects.search("клиент"), by=None)
    assert (found("клиент"), found("имя")) == ([], ["c7@example.ru"])


def test_a_fixture_is_found() -> None:
    text = serializers.serialize("json", [ClientFactory(full_name="Из Копии")])
    Client.objects.all().delete()
    for entry in serializers.deserialize("json", text):
        entry.save()
    assert len(found("копии")) == 1


@only_sqlite
def test_a_lost_part_of_the_index_is_made_again_after_migrate() -> None:
    ClientFactory(full_name="Анна Белова")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER mailing_client_search_add")
    ClientFactory(full_name="Анна Зимина")
    assert not Client.objects.search("зимина").exists()
    searching.keep_index()
    assert (len(found("зимина")), len(found("белова"))) == (1, 1)


@only_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_migration_that_builds_the_table_anew_leaves_the_search_right() -> None:
    ClientFactory(full_name="Анна Белова")
    with connection.schema_editor() as editor:
        editor._remake_table(Client)  # type: ignore[attr-defined]  # altering a field; the old triggers go with it
    searching.keep_index()
    ClientFactory(full_name="Анна Зимина")
    assert (len(found("зимина")), len(found("белова"))) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_an_emptied_database_finds_nobody() -> None:
    ClientFactory(full_name="Анна Белова")
    call_command("flush", interactive=False, verbosity=0)
    assert found("белова") == []
    ClientFactory(full_name="Анна Белова")
    assert len(found("белова")) == 1
