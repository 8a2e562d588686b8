"""The only worker command staff need to know; django-q's own is replaced (the first app in INSTALLED_APPS wins)."""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Sends what is due: runs the workers and keeps the time until it is stopped (SIGTERM or Ctrl-C)."
    requires_system_checks = ("mailing",)  # all of them would load every screen of the admin into the workers

    def handle(self, *args: object, **options: object) -> None:
        from mailing import cluster

        sys.exit(cluster.run())
