"""The only worker command staff need to know; django-q's own is replaced (the first app in INSTALLED_APPS wins)."""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand
from django.db import Error as AnyDatabaseError

from mailing.errors import lacks_tables


class Command(BaseCommand):
    help = "Sends what is due: runs the workers and keeps the time until it is stopped (SIGTERM or Ctrl-C)."
    requires_system_checks = ("mailing",)  # all of them would load every screen of the admin into the workers

    def handle(self, *args: object, **options: object) -> None:
        from mailing import cluster

        self._require_tables()
        sys.exit(cluster.run())

    def _require_tables(self) -> None:
        """Without tables each job would fail for ever. A database that is away is waited for."""
        from mailing.models import Heartbeat

        try:
            Heartbeat.objects.exists()
        except AnyDatabaseError as error:
            if lacks_tables(error):
                raise
