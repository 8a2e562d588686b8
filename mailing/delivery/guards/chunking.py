"""Which server offers CHUNKING and fails at it: served by DATA for a week, then tried again (decision 25)."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings

from mailing.models.installation import CLOCKS_DIFFER, MailService

logger = logging.getLogger(__name__)

WITHOUT = timedelta(days=7)


def fails(now: datetime) -> bool:
    """Whether the server of the settings is to be served without."""
    row = MailService.load()
    if row.without_chunking != _server() or row.without_chunking_until is None:
        return False
    return now < row.without_chunking_until <= now + WITHOUT + CLOCKS_DIFFER


def failed(now: datetime) -> None:
    """It was caught; every worker knows from its next slice on."""
    until = now + WITHOUT
    MailService.objects.update_or_create(
        pk=1, defaults={"without_chunking": _server(), "without_chunking_until": until}
    )
    logger.warning("%s offers CHUNKING and fails at it: served without until %s", _server(), until)


def _server() -> str:
    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
