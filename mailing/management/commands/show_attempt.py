"""One attempt as flat JSON: identifiers and ISO times, no labels. Monitoring and scripts rely on the names."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _

from mailing.models import Attempt
from mailing.services import states

FIELDS = (
    *("id", "mailing_id", "occurrence", "trigger", "status", "started_at", "finished_at", "resume_at", "retry_of_id"),
    *("audience", "sent", "failed", "unconfirmed", "skipped", "open", "response", "note_text"),
)
NAMES = {"mailing_id": "mailing", "retry_of_id": "retry_of", "note_text": "note"}
DELIVERY_FIELDS = ("email", "status", "reason", "code", "response", "tries", "message_id")


class Command(BaseCommand):
    help = "Shows an attempt as one JSON document; with --deliveries also what became of each letter."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("attempt", type=int, help="the number of the attempt")
        parser.add_argument("--deliveries", action="store_true", help="with the list of deliveries")

    def handle(self, *args: object, attempt: int, deliveries: bool, **options: object) -> None:
        found = Attempt.objects.filter(pk=attempt).first()
        if found is None:
            raise CommandError(_("There is no attempt %(number)s.") % {"number": attempt}, returncode=2)
        shown: dict[str, Any] = {NAMES.get(name, name): getattr(found, name) for name in FIELDS}
        shown |= states.of_run(found).as_json()
        if deliveries:
            shown["deliveries"] = list(found.deliveries.order_by("pk").values(*DELIVERY_FIELDS))
        self.stdout.write(json.dumps(shown, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
