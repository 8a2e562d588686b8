"""The small company behind the doors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from pytest_django import DjangoDbBlocker

from tests.doors.world import Company, World, founded


@pytest.fixture(scope="module")
def company(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    with django_db_blocker.unblock(), founded(tmp_path_factory.mktemp("company")) as company:
        yield company


@pytest.fixture
def world(
    company: Company, db: None, settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> World:
    settings.VAR_DIR, settings.SECOND_FACTOR = tmp_path, "optional"
    # The demo's mailbox is a door, too. (DEBUG would open it as well, but who sets it has all templates parsed anew.)
    monkeypatch.setattr("mailing.demo.is_on", lambda: True)
    return company.moved_to(tmp_path)
