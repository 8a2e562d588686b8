"""The small company behind the doors, as an installation shows it: without Django's own pages of errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from pytest_django import DjangoDbBlocker

from tests.doors.world import Company, World, founded

FEW = 20  # clients of the demo: it is filled some twenty times, and 600 take three seconds


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
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr("mailing.demo.is_on", lambda: True)  # its pages are asked, too
    monkeypatch.setattr("mailing.demo.seeding.CLIENTS", FEW)
    return company.moved_to(tmp_path)
