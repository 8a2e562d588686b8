"""The ledger: claims and outcomes in one fenced transaction, the balance exact at every commit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from mailing.choices import Audience, DeliveryReason, DeliveryStatus, SuppressionReason
from mailing.delivery.engine.ledger import Ledger
from mailing.delivery.engine.records import Batch, Claim, DeliveryUpdate
from mailing.errors import LeaseLost
from mailing.models import Attempt, Client, Delivery, Mailing, Suppression
from mailing.services import runs
from tests.chaos.books import balance
from tests.factories import ClientFactory, MailingFactory, SuppressionFactory

pytestmark = pytest.mark.django_db

OWNER = "here:1:2:abc"
SENT, FAILED, SKIPPED = DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.SKIPPED


def started(mailing: Mailing) -> Attempt:
    attempt = runs.start(mailing, occurrence=None, trigger="manual")
    Attempt.objects.filter(pk=attempt.pk).update(lease_owner=OWNER)
    return Attempt.objects.select_related("mailing").get(pk=attempt.pk)


@pytest.fixture
def attempt() -> Attempt:
    return started(MailingFactory.create(clients=5))


def clients_of(attempt: Attempt) -> list[Client]:
    return list(attempt.mailing.clients.order_by("pk"))


def accepted(claims: list[Claim], *others: DeliveryUpdate) -> Batch:
    return Batch(others, accepted=((claim.id, f"250 queued as {claim.id}") for claim in claims))


def statuses(attempt: Attempt) -> list[str]:
    return list(attempt.deliveries.order_by("pk").values_list("status", flat=True))


def reason_of(attempt: Attempt, email: str) -> tuple[str, str]:
    row = attempt.deliveries.get(email=email)
    return row.status, row.reason


def test_claims_are_handed_out_once_and_in_order(attempt: Attempt) -> None:
    """Rule 4 of a run."""
    ledger = Ledger(attempt, OWNER)
    first, second = ledger.exchange(Batch(), 3), ledger.exchange(Batch(), 3)
    assert [claim.email for claim in first + second] == [client.email for client in clients_of(attempt)]
    assert statuses(attempt) == ["sending"] * 5
    assert ledger.exchange(Batch(), 3) == []
    assert ledger.queue.next_at is None


def test_a_claim_brings_what_composing_needs(attempt: Attempt) -> None:
    client = clients_of(attempt)[0]
    Client.objects.filter(pk=client.pk).update(greeting="Дорогой Пётр")
    claim = Ledger(attempt, OWNER).exchange(Batch(), 1)[0]
    row = attempt.deliveries.get(pk=claim.id)
    assert (claim.full_name, claim.greeting, claim.tries) == (client.full_name, "Дорогой Пётр", 0)
    assert claim.message_id == row.message_id
    assert claim.message_id.endswith("@example.com>")


def test_outcomes_and_counters_are_written_together(attempt: Attempt) -> None:
    """Rule 7 of a run."""
    ledger = Ledger(attempt, OWNER)
    one, two, three, *_ = ledger.exchange(Batch(), 4)
    ledger.exchange(
        accepted(
            [one],
            DeliveryUpdate(two.id, FAILED, DeliveryReason.REFUSED, 550, "550 no", 1),
            DeliveryUpdate(three.id, DeliveryStatus.UNCONFIRMED, DeliveryReason.LINE_LOST, tries=1),
        ),
        0,
    )
    assert statuses(attempt) == ["sent", "failed", "unconfirmed", "sending", "queued"]
    balance(attempt)
    assert (attempt.sent, attempt.failed, attempt.unconfirmed, attempt.open) == (1, 1, 1, 2)
    row = attempt.deliveries.get(pk=one.id)
    assert (row.response, row.code, row.tries) == (f"250 queued as {one.id}", 250, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite changes rows where they are")
def test_a_row_is_claimed_and_decided_in_the_page_where_it_was_made() -> None:
    """So no index learns of it, and PostgreSQL writes half as much."""
    attempt = started(MailingFactory.create(clients=100))
    ledger = Ledger(attempt, OWNER)
    made = pages_of(attempt)
    claims = ledger.exchange(Batch(), 100)
    assert pages_of(attempt) == made
    ledger.exchange(accepted(claims), 0)
    assert pages_of(attempt) == made
    assert len(set(made)) > 1


def pages_of(attempt: Attempt) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (ctid::text::point)[0]::int FROM mailing_delivery WHERE attempt_id = %s ORDER BY id", [attempt.pk]
        )
        return [page for (page,) in cursor.fetchall()]


def test_who_lost_the_lease_writes_nothing(attempt: Attempt) -> None:
    """Rule 8 of a run."""
    ledger = Ledger(attempt, OWNER)
    claims = ledger.exchange(Batch(), 2)
    Attempt.objects.filter(pk=attempt.pk).update(lease_owner="somebody else")
    for outcomes, want in ((accepted(claims), 0), (Batch(), 2)):
        with pytest.raises(LeaseLost), transaction.atomic():
            ledger.exchange(outcomes, want)
    assert statuses(attempt) == ["sending"] * 2 + ["queued"] * 3
    balance(attempt)


def test_an_outcome_of_a_row_somebody_else_wrote_is_not_forced(attempt: Attempt) -> None:
    ledger = Ledger(attempt, OWNER)
    claims = ledger.exchange(Batch(), 1)
    attempt.deliveries.update(status=DeliveryStatus.UNCONFIRMED)
    with pytest.raises(LeaseLost), transaction.atomic():
        ledger.exchange(accepted(claims), 0)


def test_the_same_outcomes_handed_in_again_after_a_doubtful_commit_count_once(attempt: Attempt) -> None:
    ledger = Ledger(attempt, OWNER)
    outcomes = accepted(ledger.exchange(Batch(), 2))
    ledger.exchange(outcomes, 0)
    ledger.exchange(outcomes, 0, doubtful=True)
    balance(attempt)
    assert attempt.sent == 2


def test_outcomes_that_were_not_written_are_written_by_the_second_try(attempt: Attempt) -> None:
    ledger = Ledger(attempt, OWNER)
    outcomes = accepted(ledger.exchange(Batch(), 2))
    ledger.exchange(outcomes, 0, doubtful=True)
    balance(attempt)
    assert attempt.sent == 2


class TestEachClientIsLookedAtAgain:
    def claimed(self, attempt: Attempt) -> list[str]:
        attempt.mailing.refresh_from_db()
        return [claim.email for claim in Ledger(attempt, OWNER).exchange(Batch(), 10)]

    def test_a_deleted_one_is_skipped(self, attempt: Attempt) -> None:
        """Rule 2 of a run."""
        gone = clients_of(attempt)[1]
        email = gone.email
        gone.delete()
        assert email not in self.claimed(attempt)
        assert reason_of(attempt, email) == ("skipped", "deleted")
        balance(attempt)

    def test_one_removed_from_the_mailing_is_skipped(self, attempt: Attempt) -> None:
        """Rule 2 of a run."""
        gone = clients_of(attempt)[1]
        attempt.mailing.clients.remove(gone)
        assert len(self.claimed(attempt)) == 4
        assert reason_of(attempt, gone.email) == ("skipped", "removed")

    @pytest.mark.parametrize(
        ("why", "reason"),
        [
            (SuppressionReason.UNSUBSCRIBED, DeliveryReason.UNSUBSCRIBED),
            (SuppressionReason.HARD_BOUNCE, DeliveryReason.SUPPRESSED),
            (SuppressionReason.COMPLAINT, DeliveryReason.SUPPRESSED),
        ],
    )
    def test_one_on_the_stop_list_is_skipped(self, attempt: Attempt, why: str, reason: str) -> None:
        """Rule 2 of a run."""
        client = clients_of(attempt)[2]
        SuppressionFactory.create(email=client.email, reason=why)
        assert client.email not in self.claimed(attempt)
        assert reason_of(attempt, client.email) == ("skipped", reason)

    def test_for_everyone_it_does_not_matter_who_is_selected(self) -> None:
        ClientFactory.create_batch(3)
        attempt = started(MailingFactory.create(audience=Audience.EVERYONE))
        assert len(self.claimed(attempt)) == 3

    def test_a_changed_address_is_used(self, attempt: Attempt) -> None:
        """Rule 2 of a run."""
        client = clients_of(attempt)[0]
        Client.objects.filter(pk=client.pk).update(email="new@example.ru")
        assert "new@example.ru" in self.claimed(attempt)
        assert attempt.deliveries.get(client=client).email == "new@example.ru"

    def test_a_new_address_on_the_stop_list_is_respected(self, attempt: Attempt) -> None:
        client = clients_of(attempt)[0]
        SuppressionFactory.create(email="new@example.ru")
        Client.objects.filter(pk=client.pk).update(email="new@example.ru")
        assert "new@example.ru" not in self.claimed(attempt)

    def test_two_clients_who_changed_addresses_get_one_letter_each(self, attempt: Attempt) -> None:
        one, two, *_ = clients_of(attempt)
        first, second = one.email, two.email
        for client, email in ((one, "between@example.ru"), (two, first), (one, second)):
            Client.objects.filter(pk=client.pk).update(email=email)
        ledger = Ledger(attempt, OWNER)
        claims = [claim for _ in range(4) for claim in ledger.exchange(Batch(), 10)]
        assert sorted(claim.email for claim in claims) == sorted(attempt.deliveries.values_list("email", flat=True))
        assert {claim.email: claim.full_name for claim in claims}[second] == one.full_name

    def test_an_address_that_got_its_letter_gets_no_second_one(self, attempt: Attempt) -> None:
        one, two, *_ = clients_of(attempt)
        ledger = Ledger(attempt, OWNER)
        ledger.exchange(accepted(ledger.exchange(Batch(), 1)), 0)
        email = one.email
        one.delete()
        Client.objects.filter(pk=two.pk).update(email=email)
        assert email not in [claim.email for claim in ledger.exchange(Batch(), 10)]
        assert reason_of(attempt, two.email) == ("skipped", "duplicate")

    def test_a_client_who_takes_over_the_address_of_a_deleted_one_gets_the_letter(self, attempt: Attempt) -> None:
        one, two, *_ = clients_of(attempt)
        ledger = Ledger(attempt, OWNER)
        email = one.email
        one.delete()
        assert ledger.exchange(Batch(), 1) == []
        Client.objects.filter(pk=two.pk).update(email=email)
        claims = [claim for _ in range(4) for claim in ledger.exchange(Batch(), 10)]
        assert {claim.email: claim.full_name for claim in claims}[email] == two.full_name
        assert len(claims) == 4
        balance(attempt)


def test_deferred_letters_come_after_all_others_and_not_before_their_time(attempt: Attempt) -> None:
    ledger = Ledger(attempt, OWNER)
    early, late = ledger.exchange(Batch(), 2)
    now = timezone.now()
    outcomes = [
        DeliveryUpdate(early.id, DeliveryStatus.DEFERRED, "", 451, "451 later", 1, now - timedelta(seconds=1)),
        DeliveryUpdate(late.id, DeliveryStatus.DEFERRED, "", 451, "451 later", 1, now + timedelta(hours=1)),
    ]
    ledger.exchange(Batch(outcomes), 0)
    assert [claim.id for claim in ledger.exchange(Batch(), 5) + ledger.exchange(Batch(), 5)][-1] == early.id
    assert ledger.queue.next_at is not None
    assert ledger.queue.next_at > now + timedelta(minutes=59)
    balance(attempt)


def test_letters_never_begun_return_to_the_queue_and_doubtful_ones_are_unconfirmed(attempt: Attempt) -> None:
    ledger = Ledger(attempt, OWNER)
    doubtful, *_ = ledger.exchange(Batch(), 3)
    ledger.release([doubtful.id])
    assert statuses(attempt) == ["unconfirmed"] + ["queued"] * 4
    balance(attempt)


def test_refusals_that_meant_the_sender_return_to_the_queue(attempt: Attempt) -> None:
    ledger = Ledger(attempt, OWNER)
    claim = ledger.exchange(Batch(), 1)[0]
    refused = DeliveryUpdate(claim.id, FAILED, DeliveryReason.REFUSED, 550, "550 5.7.1 no", 1)
    ledger.exchange(Batch([refused, DeliveryUpdate(claim.id, DeliveryStatus.QUEUED, before=FAILED)]), 0)
    assert statuses(attempt) == ["queued"] * 5
    balance(attempt)


def test_a_hard_bounce_puts_the_address_on_the_stop_list(attempt: Attempt) -> None:
    """Rule 5 of a run."""
    ledger = Ledger(attempt, OWNER)
    claim = ledger.exchange(Batch(), 1)[0]
    words = "550 5.1.1 no such user"
    bounced = DeliveryUpdate(
        claim.id, FAILED, DeliveryReason.NO_SUCH_MAILBOX, 550, words, 1, suppress_email=claim.email
    )
    ledger.exchange(Batch([bounced]), 0)
    entry = Suppression.objects.get(email=claim.email)
    assert (entry.reason, entry.attempt_id, entry.note) == ("hard_bounce", attempt.pk, words)


def test_rows_made_by_a_script_get_a_message_id_with_the_claim(attempt: Attempt) -> None:
    Delivery.objects.filter(attempt=attempt).update(message_id="")
    claims = Ledger(attempt, OWNER).exchange(Batch(), 5)
    assert len({claim.message_id for claim in claims}) == 5
    assert {claim.message_id for claim in claims} == set(attempt.deliveries.values_list("message_id", flat=True))


@pytest.mark.parametrize(
    "hostile", ["250 'quoted' \"twice\" \\ %s %%", "250 Привет 🎉", '250 {"a": [1]}', "250 \u2028"]
)
def test_what_the_server_says_is_stored_as_it_is(attempt: Attempt, hostile: str) -> None:
    ledger = Ledger(attempt, OWNER)
    one, two, *_ = ledger.exchange(Batch(), 2)
    refused = DeliveryUpdate(two.id, FAILED, DeliveryReason.REFUSED, 550, hostile, 1)
    ledger.exchange(Batch([refused], accepted=[(one.id, hostile)]), 0)
    assert set(attempt.deliveries.exclude(response="").values_list("response", flat=True)) == {hostile}
