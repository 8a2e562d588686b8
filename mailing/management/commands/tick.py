"""One pass of the reconciler, for those who want it from cron beside the cluster, and for tests."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from mailing.services.operations import reconciler


class Command(BaseCommand):
    help = "One pass of the clock: starts what is due, records what was missed, wakes what stalled. Sends nothing."

    def handle(self, *args: object, **options: object) -> None:
        report = reconciler.tick()
        self.stdout.write(str(report))
        if report.troubled:
            raise CommandError("Not put right: " + "; ".join(report.troubled))
