"""Whose the data are: remembered once, by a command; asked as often as anybody likes."""

from __future__ import annotations

import pytest
from django.apps.registry import Apps
from django.conf import LazySettings
from django.core.management import call_command

from mailing.models import MailService
from mailing.services.access import site_guard
from mailing.services.mailings import lifecycle
from tests.factories import MailingFactory

pytestmark = pytest.mark.django_db

ELSEWHERE = "https://letters.example.com"


@pytest.fixture
def nobodys() -> None:
    """A database that no migrate of ours has looked at: a dump of data only."""
    MailService.objects.all().delete()


@pytest.mark.usefixtures("nobodys")
def test_data_that_belong_to_nobody_yet_are_no_copy() -> None:
    assert site_guard.remembered() == ""
    assert not site_guard.is_copy()
    assert site_guard.refusal() is None


@pytest.mark.usefixtures("nobodys")
def test_migrate_remembers_whose_the_data_are(settings: LazySettings) -> None:
    call_command("migrate", verbosity=0)
    assert site_guard.remembered() == settings.SITE_URL


def test_a_migrate_of_a_restored_copy_leaves_it_a_copy(settings: LazySettings) -> None:
    MailService.objects.update(site_url=ELSEWHERE)
    call_command("migrate", verbosity=0)
    site_guard.remember()
    assert site_guard.remembered() == ELSEWHERE
    assert site_guard.is_copy()


@pytest.mark.usefixtures("nobodys")
def test_a_migrate_without_our_tables_has_nothing_to_remember() -> None:
    site_guard.remember_after_migrate(apps=Apps())
    assert not MailService.objects.exists()


@pytest.mark.usefixtures("nobodys", "carrier")
def test_the_first_run_remembers_what_no_migrate_has(settings: LazySettings) -> None:
    lifecycle.send_now(MailingFactory(clients=1))
    assert site_guard.remembered() == settings.SITE_URL


@pytest.mark.usefixtures("nobodys")
def test_a_confirmation_needs_nothing_remembered_before(settings: LazySettings) -> None:
    site_guard.confirm_site(by=None)
    assert site_guard.remembered() == settings.SITE_URL
