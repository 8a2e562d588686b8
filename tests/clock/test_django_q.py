"""django-q's own scheduler and queue turn over simulated time: its dates go astray, ours do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import LazySettings
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import Failure
from django_q.scheduler import scheduler

from mailing.choices import AttemptStatus, Periodicity
from mailing.models import Attempt, Mailing
from mailing.services.mailings import lifecycle
from mailing.services.operations import reconciler
from tests.clock import oracle
from tests.delivery.transports.in_memory import MemoryTransport
from tests.factories import ClientFactory, MailingFactory
from tests.queueing import drain

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

BEGIN = datetime(2027, 1, 30, tzinfo=UTC)
END = BEGIN + timedelta(days=75)  # February, and the change of the clocks on 28 March
ZONE = "Europe/Berlin"
STARTS = {
    Periodicity.DAILY: "2027-01-31 02:30",
    Periodicity.WEEKLY: "2027-01-31 02:30",
    Periodicity.MONTHLY: "2027-01-31 00:30",  # in UTC still the 30th: where django-q counts months
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What everybody takes for the time; django-q included."""
    moments = [BEGIN]
    monkeypatch.setattr(timezone, "now", lambda: moments[0])
    monkeypatch.setattr("django_q.scheduler.close_old_django_connections", lambda: None)
    return moments


@pytest.mark.parametrize("ticking", [True, False], ids=["with the tick", "django-q alone"])
def test_every_occurrence_runs_once_while_the_real_scheduler_rings(
    clock: list[datetime], settings: LazySettings, carrier: MemoryTransport, ticking: bool
) -> None:
    """Rules 1 and 3 of the calendar."""
    settings.TIME_ZONE = ZONE
    client = ClientFactory()
    mailings = [
        lifecycle.launch(MailingFactory(clients=[client], periodicity=periodicity, start_at=local(text)))
        for periodicity, text in STARTS.items()
    ]

    for moment in moments_of(mailings):
        clock[0] = moment
        scheduler(broker=get_broker())
        drain()
        if ticking:
            reconciler.tick(moment, purge=False)
            drain()

    for mailing in mailings:
        expected = occurrences(mailing)
        ran = mailing.attempts.filter(status=AttemptStatus.SUCCEEDED).order_by("occurrence")
        assert list(ran.values_list("occurrence", flat=True)) == expected
    assert Attempt.objects.count() == len(carrier.accepted)
    assert not Failure.objects.exists()


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE))


def occurrences(mailing: Mailing) -> list[datetime]:
    return oracle.occurrences(mailing.start_at, mailing.periodicity, None, END, ZONE)


def moments_of(mailings: list[Mailing]) -> list[datetime]:
    """A few seconds after each occurrence, and every eight hours in between."""
    planned = {moment + timedelta(seconds=7) for mailing in mailings for moment in occurrences(mailing)}
    between = {BEGIN + timedelta(hours=8 * n) for n in range(1, 75 * 3)}
    return sorted(planned | between)
