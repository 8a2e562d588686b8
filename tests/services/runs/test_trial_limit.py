"""Test letters are counted by person and hour, whichever process sends them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, connections
from django.utils import timezone

from mailing.errors import NotAllowed, RefusalCode, Refused
from mailing.models import MailService, TrialLetter
from mailing.services.access import audit_log
from mailing.services.runs import trial_letters, trial_limit
from tests.delivery.transports.in_memory import MemoryTransport
from tests.factories import MessageFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_a_person_may_send_twenty_within_an_hour_and_is_told_when_the_next_is_possible() -> None:
    anna, boris = UserFactory(), UserFactory()
    for _press in range(6):
        trial_limit.take(anna, 3)
    first = TrialLetter.objects.order_by("pk")[0]
    TrialLetter.objects.filter(pk=first.pk).update(sent_at=first.sent_at - timedelta(minutes=50))

    with pytest.raises(Refused) as refused:
        trial_limit.take(anna, 3)

    assert refused.value.code is RefusalCode.TOO_OFTEN
    first.refresh_from_db()
    assert audit_log.when(first.sent_at + timedelta(hours=1)) in str(refused.value)
    assert "18 of the 20" in str(refused.value)
    trial_limit.take(anna, 2)  # all or none: the two that were left still are
    trial_limit.take(boris, 3)
    trial_limit.take(None, 100)


def test_an_hour_later_they_may_again_and_what_is_older_is_gone() -> None:
    anna = UserFactory()
    trial_limit.take(anna, 20)
    TrialLetter.objects.update(sent_at=timezone.now() - timedelta(hours=1))
    trial_limit.take(anna, 1)
    assert TrialLetter.objects.count() == 1


def test_more_at_once_than_an_hour_allows_is_said_so() -> None:
    trial_limit.change(2, by=None)
    with pytest.raises(Refused, match="give fewer addresses"):
        trial_limit.take(UserFactory(), 3)


@pytest.mark.django_db(transaction=True)
def test_presses_at_the_same_moment_are_counted_one_after_the_other() -> None:
    anna = UserFactory()

    def press(_number: int) -> bool:
        try:
            trial_limit.take(anna, 3)
        except Refused:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(press, range(16))) == 6
    assert TrialLetter.objects.count() == 18
    connection.close()


def test_a_refused_press_sends_nothing(carrier: MemoryTransport) -> None:
    anna, message = UserFactory(), MessageFactory()
    trial_limit.change(3, by=None)
    trial_letters.send(message, to=["a@example.com", "b@example.com"], sample=None, by=anna)
    with pytest.raises(Refused):
        trial_letters.send(message, to=["c@example.com", "d@example.com"], sample=None, by=anna)
    assert len(carrier.accepted) == 2
    assert LogEntry.objects.get(user=anna).change_message == "Test letters sent: 2"


def test_what_cannot_be_composed_takes_nothing_off_the_hour() -> None:
    with pytest.raises(Refused):
        trial_letters.send(MessageFactory(body="{{ nmae }}"), to=["a@example.com"], sample=None, by=UserFactory())
    assert not TrialLetter.objects.exists()


def test_only_a_superuser_sets_how_many() -> None:
    boss = UserFactory(is_superuser=True)
    with pytest.raises(NotAllowed):
        trial_limit.change(1000, by=UserFactory())
    for wrong in (0, 1001):
        with pytest.raises(Refused, match="from 1 to 1000"):
            trial_limit.change(wrong, by=boss)
    assert trial_limit.per_hour() == 20
    trial_limit.change(50, by=boss)
    assert trial_limit.per_hour() == MailService.load().trial_letters_per_hour == 50
    assert LogEntry.objects.get(user=boss).change_message == "Test letters an hour and person: 50"
