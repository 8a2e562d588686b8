"""The plan of a mailing, as its form shows it before anything is saved."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mailing.choices import Periodicity
from mailing.services.mailings import occurrences
from tests.factories import MailingFactory

pytestmark = pytest.mark.django_db(transaction=True)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def test_the_plan_says_that_a_run_starts_now_and_when_the_next_are(now: datetime) -> None:
    mailing = MailingFactory.build(start_at=now - timedelta(hours=1), periodicity=Periodicity.DAILY)

    plan = occurrences.plan(mailing, now)

    assert plan.starts_now
    assert plan.remaining is None
    assert plan.dates == tuple(mailing.start_at + n * DAY for n in range(5))


def test_the_plan_counts_what_is_left_until_the_end(now: datetime) -> None:
    mailing = MailingFactory.build(start_at=now + DAY, end_at=now + 3 * DAY, periodicity=Periodicity.DAILY)

    plan = occurrences.plan(mailing, now)

    assert (plan.starts_now, plan.remaining, len(plan.dates)) == (False, 3, 3)


def test_the_plan_of_a_mailing_without_a_send_left_says_that_it_will_be_finished(now: datetime) -> None:
    mailing = MailingFactory.build(start_at=now - 3 * DAY, end_at=now - DAY)

    assert occurrences.plan(mailing, now).will_finish
