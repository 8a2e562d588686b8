"""One mailing as flat JSON: its fields, when it is sent next, and its attempts, newest first."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _

from mailing import texts
from mailing.models import Mailing
from mailing.services import states

FIELDS = (
    *("id", "name", "message_id", "audience", "from_name", "reply_to", "start_at", "end_at", "periodicity", "status"),
    *("is_paused", "active_since", "next_run_at", "created_at", "updated_at"),
)
NAMES = {"message_id": "message"}


class Command(BaseCommand):
    help = "Shows a mailing as one JSON document."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("mailing", type=int, help="the number of the mailing")

    def handle(self, *args: object, mailing: int, **options: object) -> None:
        found = Mailing.objects.filter(pk=mailing).first()
        if found is None:
            raise CommandError(_(texts.NO_SUCH_MAILING) % {"number": mailing}, returncode=2)
        shown: dict[str, Any] = {NAMES.get(name, name): getattr(found, name) for name in FIELDS}
        open_run, last = found.attempts.running().first(), found.attempts.first()
        shown |= states.of_mailing(found, [run for run in (open_run, last) if run]).as_json()
        shown["clients"] = found.clients.count()
        shown["created_by"] = found.created_by.get_username() if found.created_by else None
        shown["attempts"] = list(found.attempts.order_by("-started_at", "-pk").values_list("pk", flat=True))
        self.stdout.write(json.dumps(shown, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
