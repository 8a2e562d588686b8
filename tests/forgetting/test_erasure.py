"""Deletion and retention leave no name behind, either; forgetting waits where it must, and can be repeated."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing.errors import Refused
from mailing.models import Attempt, Client, ClientImport, Delivery, Suppression
from mailing.services import runs
from mailing.services.access import audit_log
from mailing.services.clients import erasure, persons
from tests.factories import AttemptFactory, ClientFactory, DeliveryFactory, SuppressionFactory

pytestmark = pytest.mark.django_db

LIST = "/admin/mailing/client/"
DAY = timedelta(days=1)
AMONG = 3_000  # clients; among 100 000 the queries are the same


@pytest.fixture
def browser(superuser: User) -> Browser:
    browser = Browser()
    browser.force_login(superuser)
    return browser


@pytest.fixture
def anna(browser: Browser) -> Client:
    """With a journal of her own, as any client has that was made by hand."""
    browser.post(f"{LIST}add/", {"email": "anna@x.ru", "full_name": "Анна Ёлкина", "comment": ""})
    return Client.objects.get(email="anna@x.ru")


def journal() -> str:
    return " ".join(f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.order_by("pk"))


# --- Deletion ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_action", [False, True], ids=["the page", "the action"])
def test_deletion_leaves_a_number_in_the_journal_and_no_name(browser: Browser, anna: Client, by_action: bool) -> None:
    if by_action:
        chosen = {"action": "delete_selected", "_selected_action": [anna.pk], "post": "yes"}
        browser.post(LIST, chosen)
    else:
        browser.post(f"{LIST}{anna.pk}/delete/", {"post": "yes"})
    assert not Client.objects.exists()
    assert journal().split() == ["№", str(anna.pk), "№", str(anna.pk)]
    assert list(LogEntry.objects.order_by("pk").values_list("action_flag", flat=True)) == [1, 3]


# --- Retention --------------------------------------------------------------------------------------


def old_attempt(**values: Any) -> Attempt:
    ended = timezone.now() - 400 * DAY
    return AttemptFactory(started_at=ended, finished_at=ended, status="failed", **values)


def test_examples_and_quoted_addresses_go_with_the_last_of_the_deliveries() -> None:
    group = {"status": "failed", "reason": "refused", "code": 550, "count": 2}
    attempt = old_attempt(
        audience=2,
        failed=2,
        response="550 5.1.1 <anna@x.ru>: unknown",
        reasons=[group | {"response": "550 5.1.1 <anna@x.ru>: unknown", "examples": ["anna@x.ru", "boris@x.ru"]}],
    )
    for _number in range(2):
        DeliveryFactory(attempt=attempt, status="failed")
    runs.purge(batch=1)
    attempt.refresh_from_db()
    assert attempt.reasons[0]["examples"] == ["anna@x.ru", "boris@x.ru"], "a retry is still possible"

    runs.purge(batch=1)

    attempt.refresh_from_db()
    assert attempt.response == "550 5.1.1 <…>: unknown"
    assert attempt.reasons == [group | {"response": "550 5.1.1 <…>: unknown", "examples": []}]


def test_the_page_of_such_an_attempt_counts_without_examples(browser: Browser) -> None:
    group = {"status": "failed", "reason": "refused", "code": 550, "count": 2, "response": "550 no", "examples": []}
    attempt = old_attempt(audience=2, failed=2, reasons=[group])
    page = browser.get(f"/admin/mailing/attempt/{attempt.pk}/change/")
    assert page.status_code == 200
    assert "2 addresses" in page.content.decode()


def test_the_journal_is_kept_for_its_time(superuser: User, settings: LazySettings) -> None:
    for days in (10, 400, 2000, 0):
        entry = LogEntry.objects.create(user=superuser, object_repr=str(days), action_flag=2)
        LogEntry.objects.filter(pk=entry.pk).update(action_time=timezone.now() - days * DAY)
    settings.JOURNAL_RETENTION_DAYS = 0
    assert audit_log.purge(timezone.now()) == 0
    settings.JOURNAL_RETENTION_DAYS = 365
    assert audit_log.purge(timezone.now()) == 2
    assert sorted(LogEntry.objects.values_list("object_repr", flat=True)) == ["0", "10"]


# --- Not now ----------------------------------------------------------------------------------------


def test_a_letter_on_its_way_is_waited_for(browser: Browser, anna: Client) -> None:
    going = AttemptFactory(lease_owner="elsewhere:1:1:x", lease_until=timezone.now() + DAY)
    DeliveryFactory(attempt=going, client=anna, status="sending")
    with pytest.raises(Refused, match="on its way"):
        erasure.forget(anna, by=None)
    assert "Try again" in browser.post(f"{LIST}{anna.pk}/forget/", follow=True).content.decode()
    assert list(Delivery.objects.values_list("email", "client")) == [("anna@x.ru", anna.pk)]
    assert journal().count("Ёлкина") == 1


def test_one_that_a_dead_worker_left_is_not() -> None:
    anna = ClientFactory(email="anna@x.ru")
    left = AttemptFactory(lease_owner="elsewhere:1:1:x", lease_until=timezone.now() - DAY)
    DeliveryFactory(attempt=left, client=anna, status="sending")
    erasure.forget(anna, by=None)
    assert Delivery.objects.get().email.startswith("forgotten-")


def test_a_file_that_is_being_loaded_is_waited_for() -> None:
    """It is in the memory of whoever loads it, and would bring the client back."""
    anna = ClientFactory(email="anna@x.ru")
    upload = ClientImport.objects.create(
        file_name="a.csv", expires_at=timezone.now() + DAY, started_at=timezone.now()
    )
    with pytest.raises(Refused, match="being loaded"):
        erasure.forget(anna, by=None)
    ClientImport.objects.filter(pk=upload.pk).update(started_at=timezone.now() - DAY)
    erasure.forget(anna, by=None)
    assert not ClientImport.objects.exists()


# --- Former addresses ---------------------------------------------------------------------------------


def test_a_card_remembers_the_addresses_it_had(browser: Browser, anna: Client) -> None:
    for email in ("second@x.ru", "third@x.ru", "anna@x.ru", "ANNA@x.ru"):
        browser.post(f"{LIST}{anna.pk}/change/", {"email": email, "full_name": "Анна", "comment": ""})
    anna.refresh_from_db()
    assert persons.former(anna) == ["second@x.ru", "third@x.ru"]
    assert set(persons.of(anna).emails) == {"anna@x.ru", "second@x.ru", "third@x.ru"}


def test_what_another_client_has_by_now_is_left_to_them() -> None:
    """The office moves on: whoever has its address now keeps what is said of it."""
    first = ClientFactory(email="anna@x.ru", former_emails="office@x.ru")
    ClientFactory(email="office@x.ru", comment="answers at office@x.ru")
    SuppressionFactory(email="office@x.ru", note="asked so")
    DeliveryFactory(client=first, email="office@x.ru")
    erasure.forget(first, by=None)
    assert Client.objects.get().comment == "answers at office@x.ru"
    assert Suppression.objects.get().note == "asked so"
    assert Delivery.objects.get().email.startswith("forgotten-"), "the letter went to the first"


def test_a_client_called_like_our_own_words_takes_none_of_them_along(browser: Browser, superuser: User) -> None:
    client = ClientFactory(email="anna@x.ru", full_name="Clients imported")
    LogEntry.objects.create(user=superuser, object_repr="a.csv", action_flag=2, change_message="Clients imported (1)")
    other = ClientFactory(full_name="django contrib", email="x@y.ru")
    erasure.forget(client, by=None)
    erasure.forget(other, by=None)
    assert "Clients imported (1)" in journal()
    assert browser.get("/admin/").status_code == 200, "everybody was logged out"


def test_a_server_that_names_them_without_an_address_is_understood() -> None:
    anna = ClientFactory(email="anna@x.ru", full_name="Anna Elkina")
    theirs, others = AttemptFactory.create_batch(2, response="550 Anna Elkina: mailbox disabled")
    DeliveryFactory(attempt=theirs, client=anna)
    erasure.forget(anna, by=None)
    assert list(Attempt.objects.order_by("pk").values_list("response", flat=True)) == [
        "550 …: mailbox disabled",
        others.response,
    ]


def test_somebody_with_hundreds_of_addresses_can_be_forgotten() -> None:
    """Each has ten forms, and a database takes so many alternatives in one question."""
    former = [f"anna{n}@x{n}.ru" for n in range(300)]
    anna = ClientFactory(email="anna@x.ru", former_emails="\n".join(former))
    SuppressionFactory(email="boris@x.ru", note=f"is {former[250]}")
    erasure.forget(anna, by=None)
    assert Suppression.objects.get().note == "is …"


# --- By command, and again after a restore ---------------------------------------------------------------


def test_an_address_is_forgotten_that_is_no_clients() -> None:
    DeliveryFactory(client=None, email="gone@x.ru", response="550 <gone@x.ru>")
    DeliveryFactory(client=None, email="begone@x.ru", response="550 <begone@x.ru>")
    call_command("forget_client", "Gone@x.ru")
    kept = Delivery.objects.exclude(email__startswith="forgotten-")
    assert list(kept.values_list("email", "response")) == [("begone@x.ru", "550 <begone@x.ru>")]
    with pytest.raises(CommandError) as error:
        call_command("forget_client", "gone@x.ru")
    assert error.value.returncode == 2


def test_whoever_was_forgotten_is_forgotten_again_after_a_restore(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, settings: LazySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log outlives the database; it names nobody."""
    for _backup in range(2):
        ClientFactory(email="anna@x.ru", full_name="Анна Ёлкина", former_emails="old@x.ru")
        ClientFactory(email="boris@x.ru")
        if _backup == 0:
            with caplog.at_level("INFO", logger="mailing"):
                erasure.forget(Client.objects.get(email="anna@x.ru"), by=None)
            Client.objects.all().delete()
    log = tmp_path / "web.log"
    log.write_text("\n".join(f"2026-11-28 12:00:00,000 INFO {line}" for line in caplog.messages))
    assert "x.ru" not in log.read_text()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another " * 9, [settings.SECRET_KEY]

    call_command("forget_client", "--marks", str(log))

    assert list(Client.objects.values_list("email", flat=True)) == ["boris@x.ru"]
    assert capsys.readouterr().out == "1 address forgotten.\n"


def test_a_log_that_cannot_be_read_is_told() -> None:
    with pytest.raises(CommandError, match="nowhere") as error:
        call_command("forget_client", "--marks", "/nowhere")
    assert error.value.returncode == 2


# --- Among many -----------------------------------------------------------------------------------------


def test_one_among_many_costs_a_fixed_number_of_queries(superuser: User) -> None:
    Client.objects.bulk_create(Client(email=f"client{n}@x.ru", full_name=f"Клиент {n}") for n in range(AMONG))
    attempt = AttemptFactory(audience=AMONG)
    Delivery.objects.bulk_create(
        Delivery(attempt=attempt, client=client, email=client.email, response=f"250 2.0.0 Ok <{client.email}> queued")
        for client in Client.objects.iterator()
    )
    LogEntry.objects.bulk_create(
        LogEntry(user=superuser, object_repr=f"client{n}@x.ru", action_flag=2) for n in range(AMONG)
    )
    begun = time.monotonic()
    with CaptureQueriesContext(connection) as captured:
        erasure.forget(Client.objects.get(email="client77@x.ru"), by=None)
    assert len(captured) < 60
    assert time.monotonic() - begun < 20  # measured: below a second
    assert Delivery.objects.filter(email__startswith="forgotten-").count() == 1
    assert LogEntry.objects.filter(object_repr__contains="…").count() == 1
    assert Delivery.objects.filter(response__contains="…").count() == 0
