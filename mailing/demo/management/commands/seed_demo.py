"""Fills the installation with a believable demo: clients, messages, mailings with a month of history, staff."""

from __future__ import annotations

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from mailing.demo import seeding


class Command(BaseCommand):
    help = (
        "Adds the demo data that is not there yet. Refuses when DEBUG is off: the passwords are known to everybody."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--clients", type=int, default=seeding.CLIENTS, help="how many clients there should be (600)"
        )

    def handle(self, *args: object, clients: int, **options: object) -> None:
        if not settings.DEBUG:
            raise CommandError(_("The demo is for DEBUG=true only: its passwords are known to everybody."))
        seeded = seeding.seed(clients=clients)
        self.stdout.write(
            _("%(clients)s clients, %(messages)s messages, %(mailings)s mailings.")
            % {"clients": seeded.clients, "messages": seeded.messages, "mailings": seeded.mailings}
        )
        for username, group, *_names in seeding.STAFF:
            line = _("Login %(username)s, password %(password)s") % {
                "username": username,
                "password": seeding.PASSWORD,
            }
            self.stdout.write(f"{line} ({group or 'superuser'})")
