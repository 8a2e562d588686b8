"""`make run`: prepares the demo on this machine and starts web, qcluster and the mail server together."""

from __future__ import annotations

import os
import socket
import sys
from argparse import ArgumentParser

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from mailing import demo
from mailing.demo import seeding
from mailing.demo.management import packages


class Command(BaseCommand):
    help = "Migrates, seeds the demo once, prints the address and the logins, and starts all processes. Ctrl-C stops."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the web server (8000)")

    def handle(self, *args: object, port: int, **options: object) -> None:
        if not demo.is_on():
            raise CommandError(
                _("make run is a demo: DEBUG=true, mail server on this machine. See docs/how-to/install.md.")
            )
        packages.require("aiosmtpd", "honcho")
        self._require_free(port, _("Choose another one: make run PORT=%(other)s") % {"other": port + 1})
        other = settings.EMAIL_PORT + 1
        self._require_free(settings.EMAIL_PORT, _("Choose another one: EMAIL_PORT=%(n)s make run") % {"n": other})
        self._prepare()
        self._greet(port)
        self._start(port)

    def _require_free(self, port: int, advice: str) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError) as error:
                problem = _("Port %(port)s is taken, perhaps by a demo that is running already.") % {"port": port}
                raise CommandError(f"{problem} {advice}") from error

    def _prepare(self) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("sync_groups", stdout=open(os.devnull, "w"))  # noqa: SIM115 (replaced by exec in a moment)
        if not seeding.is_seeded():
            self.stdout.write(_("Preparing the demo…"))
            seeding.seed(clients=seeding.CLIENTS)

    def _greet(self, port: int) -> None:
        logins = ", ".join(username for username, *_rest in seeding.STAFF)
        self.stdout.write("")
        self.stdout.write(_("Samovar: %(url)s") % {"url": f"http://127.0.0.1:{port}/admin/"})
        self.stdout.write(
            _("Logins: %(logins)s; the password of each is %(password)s")
            % {"logins": logins, "password": seeding.PASSWORD}
        )
        self.stdout.write(_("Letters go to the demo mail server only. Ctrl-C stops everything."))
        self.stdout.write("")
        self.stdout.flush()

    def _start(self, port: int) -> None:
        os.environ.setdefault("SITE_URL", f"http://127.0.0.1:{port}")
        # Our settings read .env themselves; honcho must not read it a second time by rules of its own.
        arguments = ["-m", "honcho", "--env", os.devnull, "start", "--port", str(port)]
        os.chdir(settings.BASE_DIR)
        os.execv(sys.executable, [sys.executable, *arguments])
