"""What the tick would put right, for a person: so that an operator sees why something is not sent."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from mailing.services import health, reconciling


class Command(BaseCommand):
    help = "Shows what is not as it should be (exit code 1 if anything is). With --fix it is put right."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fix", action="store_true", help="put right what is found, as the tick does")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        for banner in health.banners(now):
            self.stdout.write(f"! {banner.text}")
        found = 0
        for finding in reconciling.look(now, thoroughly=True):
            found += 1
            self.stdout.write(str(finding))
            if options["fix"]:
                finding.remedy()
        self._summary(found, fixed=options["fix"])

    def _summary(self, found: int, *, fixed: bool) -> None:
        self.stdout.write(f"{found} found" + (", put right." if fixed and found else "."))
        if found and not fixed:
            sys.exit(1)
