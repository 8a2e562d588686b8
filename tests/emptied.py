"""The tables emptied after a test that commits: back to the rows that migrating left, without asking for them again.

Django's own way sends `post_migrate`, whose receivers look up every content type, permission and group: 0.1 seconds
for each of some six hundred tests, on each database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction
from django.test import TransactionTestCase

Rows = tuple[list[str], list[tuple[Any, ...]]]


@contextmanager
def quickly() -> Iterator[None]:
    """While it is open, every test that commits leaves the rows that are here now, under the same numbers."""
    kept = {table: rows for table in _tables() if (rows := _rows(table))[1]}

    def tidied(_test: TransactionTestCase) -> None:
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False, inhibit_post_migrate=True)
        with transaction.atomic(), connection.cursor() as cursor:
            for table, (columns, rows) in kept.items():
                cursor.executemany(_insert(table, columns), rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", tidied)
        yield


def _tables() -> Iterator[str]:
    """Those that django-admin's `flush` empties."""
    here = connection.introspection.django_table_names(only_existing=True, include_views=False)
    yield from (
        model._meta.db_table for model in apps.get_models(include_auto_created=True) if model._meta.db_table in here
    )


def _rows(table: str) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
        return [column[0] for column in cursor.description], cursor.fetchall()


def _insert(table: str, columns: list[str]) -> str:
    quote = connection.ops.quote_name
    names, places = ", ".join(map(quote, columns)), ", ".join(["%s"] * len(columns))
    return f"INSERT INTO {quote(table)} ({names}) VALUES ({places})"
