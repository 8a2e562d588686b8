"""`manage.py unlock USERNAME`: somebody guessed at the account, and its owner may try again at once."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from mailing.management import users
from mailing.services.access import trail


class Command(BaseCommand):
    help = "Lets a user who is locked out try again at once, from everywhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: object, username: str, **options: object) -> None:
        user = users.find(username)
        trail.unlock_user(user, by=None)
        self.stdout.write(_("%(name)s may try again at once.") % {"name": username})
