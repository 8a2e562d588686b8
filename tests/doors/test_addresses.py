"""Doors nobody wrote down are closed: every address of the installation stands in the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver

from tests.doors.table import DOORS, NOT_DOORS


def named(resolver: Any) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            yield from named(pattern)
        elif pattern.name:
            yield pattern.name


def test_every_address_is_in_the_table_of_doors() -> None:
    written = {door.name.split(":")[-1] for door in DOORS}
    assert set(named(get_resolver())) - written - NOT_DOORS.keys() == set()


def test_the_table_names_no_address_that_is_gone() -> None:
    written = {door.name.split(":")[-1] for door in DOORS}
    assert written - set(named(get_resolver())) == set()
