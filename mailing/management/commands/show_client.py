"""All that is known of somebody as JSON: identifiers and ISO times, no labels. For a question that came by letter."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from mailing import texts
from mailing.services.clients import disclosure, persons


class Command(BaseCommand):
    help = "Shows all that is known of whoever has or had an address, as one JSON document."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="the present address or a former one; it need not be a client's")

    def handle(self, *args: object, address: str, **options: object) -> None:
        told = disclosure.about(persons.by_address(address), by=None)
        if disclosure.is_empty(told):
            raise CommandError(_(texts.NOBODY_KNOWN), returncode=2)
        self.stdout.write(disclosure.as_json(told))
