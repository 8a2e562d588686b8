"""What the tick would put right, for a person: so that an operator sees why something is not sent."""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from mailing.services.operations import findings, health, reconciler


class Command(BaseCommand):
    help = "Shows what is not as it should be (exit code 1 if anything is). With --fix it is put right."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fix", action="store_true", help="put right what is found, as the tick does")

    def handle(self, *args: object, fix: bool, **options: object) -> None:
        now = timezone.now()
        for banner in health.banners(now):
            self.stdout.write(f"! {banner.text}")
        found = stuck = 0
        for finding in findings.find(now, thoroughly=True):
            found += 1
            self.stdout.write(str(finding))
            if fix:
                stuck += not reconciler.fix(finding)
        self.stdout.write(f"{found} found, {found - stuck if fix else 0} put right.")
        if stuck or (found and not fix):
            sys.exit(1)
