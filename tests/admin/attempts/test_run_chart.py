"""The chart of one mailing's runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailing.admin.attempts.run_chart import run_chart
from mailing.choices import AttemptStatus
from mailing.models import Mailing
from tests.factories import AttemptFactory, MailingFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing() -> Mailing:
    """Forty runs, the newest of them missed."""
    mailing = MailingFactory(clients=0)
    now = timezone.now()
    for number in range(1, 41):
        status = AttemptStatus.MISSED if number == 1 else AttemptStatus.SUCCEEDED
        sent = 0 if number == 1 else 100 - number
        began = now - timedelta(days=number)
        AttemptFactory(mailing=mailing, status=status, occurrence=began, started_at=began, audience=sent, sent=sent)
    return mailing


def test_it_shows_the_latest_thirty_oldest_first_and_marks_the_missed(mailing: Mailing) -> None:
    columns = run_chart(mailing).columns
    assert [column.values[0] for column in columns] == [*range(70, 99), 0]
    assert [column.marked for column in columns] == [False] * 29 + [True]
    assert columns[-1].note == "missed"
    assert len({column.url for column in columns}) == 30


def test_it_takes_one_query_and_no_bodies(mailing: Mailing) -> None:
    with CaptureQueriesContext(connection) as asked:
        drawn = run_chart(mailing)
        assert len(list(drawn.bars)) == 29
    assert len(asked) == 1
    assert "html_body" not in asked[0]["sql"]


def test_a_mailing_that_never_ran_has_an_empty_chart() -> None:
    assert run_chart(MailingFactory(clients=0)).columns == []
