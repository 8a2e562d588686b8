"""Fixtures of the services' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User

from mailing.delivery.transports.configured import DJANGO_SMTP
from tests.factories import UserFactory
from tests.smtp.server import Server, running


@pytest.fixture
def manager(db: None) -> User:
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="send_mailing"))
    return user


@pytest.fixture
def quick(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailing.delivery.engine.pool.RECONNECT_PAUSE", 0.01)
    settings.EMAIL_BACKEND = DJANGO_SMTP  # the test runner puts another one in its place
    settings.SMTP_CONNECTIONS = 3
    settings.SMTP_CONNECT_TIMEOUT = settings.SMTP_REPLY_TIMEOUT = settings.SMTP_DOT_TIMEOUT = 1.0
    settings.MAILING_RETRY_DELAYS = [0.1, 0.1]
    settings.MAILING_BREAKER_PAUSES = [60]


@pytest.fixture
def server(settings: LazySettings) -> Iterator[Server]:
    with running() as server:
        settings.EMAIL_PORT = server.port
        yield server
