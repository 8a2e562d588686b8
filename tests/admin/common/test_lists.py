"""Columns of the list itself: gathered for the page, and otherwise like any other column."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from mailing.choices import MailingStatus
from tests.factories import MailingFactory

LIST = "/admin/mailing/mailing/"


@pytest.fixture
def staff(admin_client: Browser) -> Browser:
    return admin_client


def test_a_column_of_the_list_is_sorted_by_its_heading(staff: Browser) -> None:
    MailingFactory(name="Late", status=MailingStatus.RUNNING)
    MailingFactory(name="Early", status=MailingStatus.CREATED)

    shown = staff.get(f"{LIST}?o=2")

    assert [mailing.name for mailing in shown.context["cl"].result_list] == ["Early", "Late"]
    assert 'class="sortable column-state sorted ascending"' in shown.content.decode()


def test_two_lists_at_a_time_do_not_mix_their_columns(staff: Browser) -> None:
    first, second = MailingFactory(), MailingFactory()

    lists = [staff.get(f"{LIST}?q={mailing.name}").context["cl"] for mailing in (first, second)]

    for shown in lists:
        columns = [column for column in shown.list_display if callable(column)]
        assert {column.__self__ for column in columns} == {shown}
