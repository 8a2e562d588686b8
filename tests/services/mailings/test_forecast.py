"""What the next run will be like."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from mailing.choices import (
    AttemptStatus,
    Audience,
    DeliveryReason,
    DeliveryStatus,
    MailingStatus,
    Periodicity,
    SuppressionReason,
)
from mailing.models import Attempt, Client, Mailing
from mailing.services.clients import suppression
from mailing.services.mailings import audiences, forecast, occurrences
from tests.factories import AttemptFactory, ClientFactory, DeliveryFactory, MailingFactory

pytestmark = pytest.mark.django_db


def sent_to_all(mailing: Mailing) -> Attempt:
    clients = list(mailing.clients.all())
    attempt = AttemptFactory(
        mailing=mailing,
        status=AttemptStatus.SUCCEEDED,
        audience=len(clients),
        sent=len(clients),
        finished_at=timezone.now(),
        started_at=timezone.now() + timedelta(seconds=1),
    )
    for client in clients:
        DeliveryFactory(attempt=attempt, client=client, status=DeliveryStatus.SENT)
    return attempt


def daily(**fields: object) -> Mailing:
    start = timezone.now() + timedelta(hours=1)
    fields = {"status": MailingStatus.RUNNING, "active_since": timezone.now(), "next_run_at": start} | fields
    return MailingFactory(periodicity=Periodicity.DAILY, start_at=start, **fields)


def test_nothing_is_compared_before_the_first_run() -> None:
    assert forecast.changes(MailingFactory(clients=2)) is None


def test_who_came_and_who_left_since_the_last_run_is_counted() -> None:
    mailing = MailingFactory(clients=5)
    sent_to_all(mailing)
    mailing.clients.remove(*mailing.clients.all()[:2])
    mailing.clients.add(*ClientFactory.create_batch(3))

    found = forecast.changes(mailing)

    assert found is not None
    assert (found.added, found.removed, found.message_changed_at) == (3, 2, None)


def test_a_message_rewritten_since_the_last_run_is_named() -> None:
    mailing = MailingFactory(clients=1)
    attempt = sent_to_all(mailing)
    Attempt.objects.filter(pk=attempt.pk).update(started_at=timezone.now() - timedelta(days=1))
    mailing.message.save()

    found = forecast.changes(mailing)

    assert found is not None
    assert found.message_changed_at == mailing.message.updated_at


def test_who_was_on_the_stop_list_already_did_not_leave() -> None:
    mailing = MailingFactory(clients=3)
    gone, late, _stays = mailing.clients.order_by("pk")
    attempt = sent_to_all(mailing)
    Attempt.objects.filter(pk=attempt.pk).update(sent=2, skipped=1)
    attempt.deliveries.filter(client=gone).update(status=DeliveryStatus.SKIPPED, reason=DeliveryReason.SUPPRESSED)
    suppression.suppress(gone.email, SuppressionReason.MANUAL, by=None)
    found = forecast.changes(mailing)
    assert found is not None
    assert (found.added, found.removed) == (0, 0)
    suppression.suppress(late.email, SuppressionReason.MANUAL, by=None)
    found = forecast.changes(mailing)
    assert found is not None
    assert (found.added, found.removed) == (0, 1)


@pytest.mark.parametrize("audience", Audience.values)
def test_of_very_many_only_the_difference_of_the_numbers_is_told(
    audience: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiences, "COMPARED", 4)
    mailing = MailingFactory(clients=5, audience=audience)
    sent_to_all(mailing)
    mailing.clients.add(*ClientFactory.create_batch(3))

    found = forecast.changes(mailing)
    assert found is not None
    assert (found.added, found.removed, found.more) == (0, 0, 3)

    Client.objects.filter(pk__in=[client.pk for client in mailing.clients.all()[:4]]).delete()
    found = forecast.changes(mailing)
    assert found is not None
    assert found.more == -1


def test_after_the_purge_nothing_is_claimed() -> None:
    mailing = MailingFactory(clients=2)
    sent_to_all(mailing).deliveries.all().delete()

    assert forecast.changes(mailing) is None


def test_a_day_with_three_letters_for_many_clients_is_found() -> None:
    clients = ClientFactory.create_batch(12)
    mailing, *others = [daily(clients=clients) for _ in range(3)]

    found = forecast.crowd(mailing, occurrences.plan(mailing, timezone.now()).dates)

    assert found is not None
    assert found.clients == 12
    assert {other.pk for other in found.mailings} == {other.pk for other in others}


def test_two_letters_a_day_are_no_crowd() -> None:
    clients = ClientFactory.create_batch(12)
    mailing, _other = [daily(clients=clients) for _ in range(2)]

    assert forecast.crowd(mailing, occurrences.plan(mailing, timezone.now()).dates) is None


def test_paused_and_other_peoples_mailings_are_no_crowd() -> None:
    clients = ClientFactory.create_batch(12)
    mailing = daily(clients=clients)
    daily(clients=clients, is_paused=True)
    daily(clients=ClientFactory.create_batch(12))
    daily(clients=clients)

    assert forecast.crowd(mailing, occurrences.plan(mailing, timezone.now()).dates) is None


def test_mailings_to_everyone_count_for_everybody() -> None:
    clients = ClientFactory.create_batch(11)
    mailing = daily(clients=clients)
    daily(audience=Audience.EVERYONE)
    daily(audience=Audience.EVERYONE)

    found = forecast.crowd(mailing, occurrences.plan(mailing, timezone.now()).dates)

    assert found is not None
    assert found.clients == 11
