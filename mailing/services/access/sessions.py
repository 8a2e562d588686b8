"""Sessions that have ended are rows all the same, until somebody deletes them."""

from __future__ import annotations

from datetime import datetime

from django.contrib.sessions.models import Session


def purge(now: datetime) -> int:
    """Deletes the sessions that have ended."""
    return Session.objects.filter(expire_date__lt=now).delete()[0]
