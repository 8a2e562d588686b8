"""What a state depends on beside its row: the clock, whether anybody works, whether anything may be sent at all."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from functools import cached_property

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from mailing.errors import NotStarted
from mailing.models import Heartbeat
from mailing.models.heartbeats import WORKERS_SILENT_AFTER
from mailing.services.access import site_guard


class Workers(Enum):
    ANSWER = "answer"
    SILENT = "silent"  # a cluster lives, its workers do not answer
    NONE = "none"  # no cluster lives


WITHOUT = {
    Workers.NONE: _("Nothing is being sent: start “manage.py qcluster”."),
    Workers.SILENT: _("The workers do not answer: restart “manage.py qcluster”."),
}


class Signs:
    """Looked up when they are asked for, once: two small queries for a whole page."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or timezone.now()

    @cached_property
    def workers(self) -> Workers:
        alive = list(Heartbeat.objects.alive(self.now).values_list("worker_seen", flat=True))
        if not alive:
            return Workers.NONE
        heard = max((moment for moment in alive if moment is not None), default=None)
        is_silent = heard is None or heard < self.now - WORKERS_SILENT_AFTER
        return Workers.SILENT if is_silent else Workers.ANSWER

    @cached_property
    def refusal(self) -> NotStarted | None:
        """Why nothing may be sent: switched off, or a copy of another installation."""
        return site_guard.refusal()

    @property
    def hindrance(self) -> str:
        """Why nobody would take up a run now, in the reader's language; empty when somebody would."""
        if self.refusal:
            return str(self.refusal)
        return "" if self.workers is Workers.ANSWER else gettext(WITHOUT[self.workers])
