"""Clients put into a mailing and taken out."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from mailing.errors import Refused
from mailing.models import Client
from mailing.services.mailings import recipients
from tests.factories import ClientFactory, MailingFactory

pytestmark = pytest.mark.django_db


def test_whoever_is_not_in_it_is_not_removed(superuser: User) -> None:
    mailing = MailingFactory(clients=3)
    stranger = ClientFactory()
    gone = list(mailing.clients.order_by("pk")[:2])
    asked = Client.objects.filter(pk__in=[*(client.pk for client in gone), stranger.pk])

    assert recipients.remove_from_mailing(mailing, asked, by=superuser) == 2

    assert mailing.clients.count() == 1
    assert LogEntry.objects.get().get_change_message() == "2 recipients removed"
    assert recipients.remove_from_mailing(mailing, asked, by=superuser) == 0
    assert LogEntry.objects.count() == 1


def test_who_could_be_added_is_whoever_is_not_in_yet() -> None:
    mailing, other = MailingFactory(clients=2), MailingFactory(clients=3)
    assert set(recipients.not_in(mailing)) == set(other.clients.all())


@pytest.mark.parametrize(
    "text",
    [
        "anna@mail.example\nboris@mail.example",
        "anna@mail.example, boris@mail.example;",
        "anna@mail.example boris@mail.example",
        "Анна <ANNA@mail.example>\r\n\r\n  «boris@mail.example»,",
        "Anna\tanna@mail.example\n".partition("\t")[2] + "mailto:boris@mail.example",
        "anna@mail.example\u200b\nboris@mail.example\nAnna@Mail.Example",
    ],
)
def test_a_list_is_read_as_people_paste_it(text: str) -> None:
    anna, boris = (ClientFactory(email=f"{name}@mail.example") for name in ("anna", "boris"))
    found = recipients.pasted(text)
    assert found == recipients.Pasted((anna.pk, boris.pk), (), ())
    assert found.is_clean


def test_what_nobody_knows_and_what_is_no_address_are_told_apart() -> None:
    anna = ClientFactory(email="anna@mail.example")
    found = recipients.pasted("anna@mail.example\nvera@mail.example\nИван Петров\nvera@mail.example\n<b>\"'\n,;")
    assert found == recipients.Pasted((anna.pk,), ("vera@mail.example",), ("Иван Петров", "<b>\"'"))
    assert not found.is_clean
    assert not recipients.pasted(" \n;").is_clean


def test_a_list_that_is_a_file_is_refused() -> None:
    text = "\n".join(f"a{number}@mail.example" for number in range(recipients.PASTED_AT_ONCE + 1))
    with pytest.raises(Refused, match="more than 5000 addresses"):
        recipients.pasted(text)
    assert len(recipients.pasted(text.partition("\n")[2]).unknown) == recipients.PASTED_AT_ONCE
