"""`manage.py check` tells who changed the queue's settings what they would lose."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.core.checks import run_checks

from mailing import checks


def found(settings: LazySettings, **changes: Any) -> set[str | None]:
    settings.Q_CLUSTER = settings.Q_CLUSTER | changes
    return {message.id for message in run_checks(tags=["mailing"])}


def test_our_own_settings_are_in_order(settings: LazySettings) -> None:
    assert found(settings) == set()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"timeout": 60}, "mailing.E001"),
        ({"retry": 1000}, "mailing.E002"),
        ({"catch_up": True}, "mailing.E003"),
        ({"sync": True}, "mailing.E004"),
        ({"ack_failures": False}, "mailing.E005"),
        ({"orm": "other"}, "mailing.E006"),
        ({"queue_limit": 50}, "mailing.W002"),
        ({"guard_cycle": 0.2}, "mailing.W003"),
        ({"save_limit": 250}, "mailing.W004"),
    ],
)
def test_a_setting_that_would_lose_or_double_something_is_named(
    changes: dict[str, Any], expected: str, settings: LazySettings
) -> None:
    assert expected in found(settings, **changes)


def test_sqlite_with_deferred_transactions_is_an_error(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"ENGINE": checks.SQLITE, "OPTIONS": {}, "CONN_MAX_AGE": 0}.items():
        monkeypatch.setitem(settings.DATABASES["default"], name, value)

    assert {message.id for message in checks.check_queue(None)} >= {"mailing.E007", "mailing.W001"}


@pytest.mark.parametrize(
    ("host", "options", "expected"),
    [
        ("db.example.com", {}, {"mailing.W007"}),
        ("127.0.0.1,10.0.0.7", {"sslmode": "prefer"}, {"mailing.W007"}),
        ("db.example.com", {"sslmode": "verify-full"}, set()),
        ("db", {"sslmode": "disable"}, set()),  # somebody meant it
        ("127.0.0.1", {}, set()),
        ("/run/postgresql", {}, set()),
        ("", {}, set()),
    ],
)
def test_a_line_to_the_database_that_anybody_may_strip_is_named(
    host: str, options: dict[str, str], expected: set[str], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"ENGINE": "django.db.backends.postgresql", "HOST": host, "OPTIONS": options}.items():
        monkeypatch.setitem(settings.DATABASES["default"], name, value)
    assert {message.id for message in checks.check_line_to_database(None)} == expected
