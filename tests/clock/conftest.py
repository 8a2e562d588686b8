"""The clock without processes: letters go into memory, time is an argument."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone

from mailing.delivery.transports.in_memory import MemoryTransport


@pytest.fixture
def now() -> datetime:
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> MemoryTransport:
    """The mail server in memory; `accepted` are its letters."""
    memory = MemoryTransport()
    monkeypatch.setattr("mailing.delivery.transports.configured.from_settings", lambda: memory)
    return memory
