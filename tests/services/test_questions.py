"""Questions do not act: whoever asks changes nothing, in the database as in what was handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from mailing.models import MailService
from mailing.services.access import site_guard
from mailing.services.operations import health

pytestmark = pytest.mark.django_db


@contextmanager
def only_reading() -> Iterator[None]:
    with CaptureQueriesContext(connection) as queries:
        yield
    assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []


@pytest.mark.parametrize(
    "ask",
    [site_guard.remembered, site_guard.is_copy, site_guard.refusal, site_guard.closed, health.banners, health.report],
    ids=lambda ask: ask.__name__,
)
def test_asking_about_the_installation_writes_nothing(ask: Callable[[], object]) -> None:
    MailService.objects.all().delete()

    with only_reading():
        ask()


def test_the_first_page_of_an_installation_writes_nothing(superuser: User) -> None:
    MailService.objects.all().delete()
    browser = Browser()
    browser.force_login(superuser)

    with only_reading():
        assert browser.get("/admin/").status_code == 200
