"""What the tick would put right, for a person: so that an operator sees why something is not sent."""

from __future__ import annotations

import sys

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from mailing.choices import State
from mailing.services import states
from mailing.services.operations import findings, health, reconciler
from mailing.services.states import Signs


class Command(BaseCommand):
    help = "Shows what is not as it should be (exit code 1 if anything is). With --fix it is put right."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fix", action="store_true", help="put right what is found, as the tick does")

    def handle(self, *args: object, fix: bool, **options: object) -> None:
        now = timezone.now()
        for banner in health.banners(now):
            self.stdout.write(f"! {banner.text}")
        for attempt, told in states.open_runs(Signs(now)):
            if told.state is State.STALLED:
                words = _("%(mailing)s, attempt %(attempt)s: %(state)s. %(why)s")
                values = {"mailing": attempt.mailing, "attempt": attempt.pk, "state": told.words, "why": told.why}
                self.stdout.write(f"! {words % values}")
        found = stuck = 0
        for finding in findings.find(now, thoroughly=True):
            found += 1
            self.stdout.write(str(finding))
            if fix:
                stuck += not reconciler.fix(finding)
        self.stdout.write(f"{found} found, {found - stuck if fix else 0} put right.")
        if stuck or (found and not fix):
            sys.exit(1)
