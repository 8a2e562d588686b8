"""Somebody is forgotten: by their address, also when they are no client (any more); or by the marks in a log."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailing import texts
from mailing.errors import Refused
from mailing.services.clients import erasure

MARK = re.compile(r"\b[0-9a-f]{32}\b", re.IGNORECASE)


class Command(BaseCommand):
    help = "Forgets whoever has or had an address; after a restore, also those whom a log says were forgotten."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("address", nargs="?", help="the present address or a former one; it need not be a client's")
        what.add_argument("--marks", metavar="FILE", help="a log with lines “Forgotten: …”; - reads what is piped in")

    def handle(self, *args: object, address: str | None, marks: str | None, **options: object) -> None:
        try:
            if marks is not None:
                self._forget_again(marks)
            elif not erasure.forget_address(address or ""):
                raise CommandError(_(texts.NOBODY_KNOWN), returncode=2)
        except Refused as refusal:
            raise CommandError(str(refusal), returncode=75) from refusal
        except OSError as error:
            raise CommandError(str(error), returncode=2) from error

    def _forget_again(self, file: str) -> None:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(errors="replace")
        number = erasure.forget_again(MARK.findall(text))
        self.stdout.write(ngettext("%(n)s address forgotten.", "%(n)s addresses forgotten.", number) % {"n": number})
