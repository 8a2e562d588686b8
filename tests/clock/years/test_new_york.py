from __future__ import annotations

import pytest
from django.conf import LazySettings

from tests.clock.years.world import two_years
from tests.delivery.transports.in_memory import MemoryTransport

# Zones are Python's matter: over PostgreSQL, Berlin stands for all of them.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.once]


def test_each_occurrence_of_two_years_ran_once_or_stands_as_missed(
    settings: LazySettings, carrier: MemoryTransport
) -> None:
    """Rule 6 of the calendar."""
    two_years("America/New_York", settings, carrier)
