"""`manage.py reset_second_factor USERNAME`: the phone is gone, and with it the recovery codes."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from mailing.management import users
from mailing.services.access import second_factor


class Command(BaseCommand):
    help = "Takes the second factor of a user away: the password is enough until a new one is set up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: object, username: str, **options: object) -> None:
        user = users.find(username)
        if not second_factor.remove(user, by=None):
            raise CommandError(_("%(name)s has no second factor.") % {"name": username})
        self.stdout.write(_("The second factor of %(name)s is removed.") % {"name": username})
