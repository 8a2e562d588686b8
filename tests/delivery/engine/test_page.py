"""Rows read ahead on SQLite: one statement an exchange, and nobody's change is overlooked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from mailing.choices import DeliveryReason, SuppressionReason
from mailing.delivery.engine import page
from mailing.delivery.engine.ledger import Ledger
from mailing.delivery.engine.records import Batch, Claim, DeliveryUpdate
from mailing.errors import LeaseLost
from mailing.models import Attempt, Client, Mailing
from tests.chaos.books import balance
from tests.delivery.engine.test_ledger import OWNER, accepted, clients_of, reason_of, started
from tests.factories import MailingFactory, SuppressionFactory

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads with each exchange"),
]


@pytest.fixture
def attempt() -> Attempt:
    return started(MailingFactory.create(clients=12))


@pytest.fixture
def ledger(attempt: Attempt) -> Ledger:
    """It has read ahead."""
    ledger = Ledger(attempt, OWNER)
    ledger.exchange(Batch(), 2)
    ledger.exchange(Batch(), 1)
    return ledger


def somebody_else(work: Callable[[], object]) -> None:
    """Does it on a connection of their own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def traced(work: Callable[[], object]) -> list[str]:
    """The statements SQLite was given; for each step of a trigger it tells the same one again."""
    told: list[str] = []
    connection.connection.set_trace_callback(told.append)
    try:
        work()
    finally:
        connection.connection.set_trace_callback(None)
    return sorted({one for one in told if not one.startswith("--")})


def test_an_ordinary_exchange_is_one_statement(ledger: Ledger) -> None:
    claims = ledger.exchange(Batch(), 2)
    (statement,) = traced(lambda: ledger.exchange(accepted(claims), 1))  # the last row of a page of four
    assert statement.startswith("INSERT INTO exchange")
    assert len(traced(lambda: ledger.exchange(Batch(), 1))) > 1


def test_a_page_grows_and_everybody_is_claimed_once_in_order(attempt: Attempt, ledger: Ledger) -> None:
    emails = []
    claims = ledger.exchange(Batch(), 2)
    while claims:
        emails += [claim.email for claim in claims]
        claims = ledger.exchange(accepted(claims), 2)
    assert emails == [client.email for client in clients_of(attempt)][3:]
    balance(attempt)
    assert attempt.sent == 9


CHANGES: dict[str, tuple[Callable[[Client, Mailing], object], str]] = {
    "unsubscribes": (
        lambda client, mailing: SuppressionFactory.create(email=client.email, reason=SuppressionReason.UNSUBSCRIBED),
        DeliveryReason.UNSUBSCRIBED,
    ),
    "is removed": (lambda client, mailing: mailing.clients.remove(client), DeliveryReason.REMOVED),
    "is deleted": (lambda client, mailing: client.delete(), DeliveryReason.DELETED),
}


@pytest.mark.parametrize("where", ["elsewhere", "here"])
@pytest.mark.parametrize("change", CHANGES)
def test_who_changes_after_the_page_was_read_is_seen(
    attempt: Attempt, ledger: Ledger, change: str, where: str
) -> None:
    """Rule 2 of a run."""
    change_it, reason = CHANGES[change]
    client, mailing = clients_of(attempt)[7], attempt.mailing
    email = client.email
    (somebody_else if where == "elsewhere" else lambda work: work())(lambda: change_it(client, mailing))
    assert email not in [claim.email for claim in ledger.exchange(Batch(), 9)]
    assert reason_of(attempt, email) == ("skipped", reason)
    balance(attempt)


def test_a_changed_name_and_address_are_used(attempt: Attempt, ledger: Ledger) -> None:
    client = clients_of(attempt)[5]
    new = {"email": "new@example.ru", "full_name": "Новое Имя"}
    somebody_else(lambda: Client.objects.filter(pk=client.pk).update(**new))
    claims = {claim.email: claim.full_name for claim in ledger.exchange(Batch(), 9)}
    assert claims["new@example.ru"] == "Новое Имя"


def test_a_commit_between_the_reading_and_the_exchange_voids_the_page(
    attempt: Attempt, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice in a row even: then it goes the long way."""
    clients, read = clients_of(attempt), page.Page.claims
    gone: list[str] = []

    def disturbed(self: page.Page, want: int, cursor: int) -> list[Claim]:
        claims = read(self, want, cursor)
        if len(gone) < 2 and not connection.in_atomic_block:
            email = clients[6 + len(gone)].email
            gone.append(email)
            somebody_else(lambda: SuppressionFactory.create(email=email))
        return claims

    monkeypatch.setattr(page.Page, "claims", disturbed)
    claims = ledger.exchange(Batch(), 9)
    assert len(gone) == 2
    assert len(claims) == 7
    assert not {claim.email for claim in claims} & set(gone)
    balance(attempt)


@pytest.mark.parametrize("how", ["is_paused", "end_at"])
def test_a_pause_and_the_end_are_seen_by_the_next_exchange(attempt: Attempt, ledger: Ledger, how: str) -> None:
    """Rule 9 of a run."""
    wish = timezone.now() if how == "end_at" else True
    claims = ledger.exchange(Batch(), 2)
    assert not ledger.called_off
    somebody_else(lambda: Mailing.objects.filter(pk=attempt.mailing_id).update(**{how: wish}))
    ledger.exchange(accepted(claims), 0)
    assert ledger.called_off


def test_an_end_that_comes_while_nobody_writes_is_seen(attempt: Attempt) -> None:
    """Rule 9 of a run."""
    end = timezone.now() + timedelta(seconds=0.5)
    Mailing.objects.filter(pk=attempt.mailing_id).update(end_at=end)
    ledger = Ledger(attempt, OWNER)
    ledger.exchange(Batch(), 1)
    ledger.exchange(Batch(), 1)
    assert ledger.called_off == (timezone.now() >= end)
    threading.Event().wait((end - timezone.now()).total_seconds() + 0.01)
    ledger.exchange(Batch(), 1)
    assert ledger.called_off


def test_who_lost_the_lease_to_somebody_else_writes_nothing(attempt: Attempt, ledger: Ledger) -> None:
    """Rule 8 of a run."""
    claims = ledger.exchange(Batch(), 2)
    somebody_else(lambda: Attempt.objects.filter(pk=attempt.pk).update(lease_owner="somebody else"))
    for outcomes, want in ((accepted(claims), 0), (Batch(), 2), (accepted(claims), 2)):
        with pytest.raises(LeaseLost):
            ledger.exchange(outcomes, want)
    assert attempt.deliveries.filter(status="sending").count() == 5
    balance(attempt)


def test_a_row_that_was_claimed_by_nobody_of_ours_is_not_claimed_again(attempt: Attempt, ledger: Ledger) -> None:
    """Whatever wrote it: each claim counts the rows it changed."""
    row = attempt.deliveries.order_by("pk")[5]
    ledger.queue.page.look()  # type: ignore[union-attr]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mailing_delivery SET status = 'sending' WHERE id = %s", [row.pk])
    ledger.queue.page.keep()  # type: ignore[union-attr]
    ledger.queue.page.claims(9, ledger.queue.place.cursor)  # type: ignore[union-attr]
    claimed = [claim.id for claim in ledger.exchange(Batch(), 9)]
    assert row.pk not in claimed


def test_refused_letters_do_not_void_the_page(ledger: Ledger) -> None:
    claims = ledger.exchange(Batch(), 2)
    refused = DeliveryUpdate(claims[0].id, "failed", DeliveryReason.REFUSED, 550, "550 no", 1)
    more = ledger.exchange(accepted(claims[1:], refused), 2)
    assert len(more) == 2
    assert len(traced(lambda: ledger.exchange(accepted(more), 2))) == 1


def test_a_connection_that_was_closed_reads_again(attempt: Attempt, ledger: Ledger) -> None:
    claims = ledger.exchange(Batch(), 2)
    connection.close()
    more = ledger.exchange(accepted(claims), 4)
    assert [claim.email for claim in more] == [client.email for client in clients_of(attempt)][5:9]
    balance(attempt)
