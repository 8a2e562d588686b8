from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from pytest_django import DjangoAssertNumQueries

from mailing.models import Client, Mailing, Suppression
from mailing.models.bulk import insert_select
from tests.factories import ClientFactory, MailingFactory, SuppressionFactory

pytestmark = pytest.mark.django_db


def suppressed(by: User | None, now: datetime) -> int:
    values = {"reason": "manual", "note": "", "created_at": now, "created_by": by.pk if by else None}
    return insert_select(Suppression, Client.objects.all(), email=F("email"), **values)


@pytest.mark.parametrize("is_by_somebody", [True, False])
def test_rows_are_made_from_rows_in_one_statement(
    superuser: User, now: datetime, is_by_somebody: bool, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ClientFactory.create_batch(3)
    by = superuser if is_by_somebody else None
    with django_assert_num_queries(1):
        assert suppressed(by, now) == 3
    found = Suppression.objects.values_list("reason", "note", "created_by", "created_at")
    assert set(found) == {("manual", "", by.pk if by else None, now)}


def test_rows_that_are_there_already_stay_as_they_are(now: datetime) -> None:
    SuppressionFactory(email="old@example.ru", reason="complaint")
    ClientFactory(email="old@example.ru")
    ClientFactory(email="new@example.ru")
    assert suppressed(None, now) == 1
    assert set(Suppression.objects.values_list("email", "reason")) == {
        ("old@example.ru", "complaint"),
        ("new@example.ru", "manual"),
    }


def test_of_nothing_nothing_is_made(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    mailing = MailingFactory()
    with django_assert_num_queries(0):
        assert insert_select(Mailing.clients.through, Client.objects.none(), mailing=mailing.pk, client=F("pk")) == 0
