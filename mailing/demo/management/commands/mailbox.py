"""The demo mail server: keeps every letter under var/ instead of delivering it."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from mailing.demo import faults, mailbox_directory
from mailing.demo.faults import Fault
from mailing.demo.management import packages


class Command(BaseCommand):
    help = "Runs the demo mail server on 127.0.0.1:EMAIL_PORT. It delivers nothing; Ctrl-C stops it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fault", choices=Fault.values, help="trouble to play (the admin page changes it later)")
        parser.add_argument("--port", type=int, help="another port than EMAIL_PORT; 0 takes any free one")
        parser.add_argument("--directory", type=Path, help="where letters are kept (var/mailbox)")

    def handle(
        self, *args: object, fault: str | None, port: int | None, directory: Path | None, **options: object
    ) -> None:
        packages.require("aiosmtpd")
        from mailing.demo.server import serve

        directory = directory or mailbox_directory()
        port = settings.EMAIL_PORT if port is None else port
        if fault:
            faults.choose(directory, Fault(fault))
        try:
            asyncio.run(serve(directory, port, started=self._started))
        except OSError as error:
            raise CommandError(
                _("Port %(port)s cannot be opened: %(reason)s. Choose another one with EMAIL_PORT.")
                % {"port": port, "reason": error.strerror}
            ) from error

    def _started(self, port: int) -> None:
        self.stdout.write(_("The demo mail server listens on 127.0.0.1:%(port)s.") % {"port": port})
        self.stdout.flush()
