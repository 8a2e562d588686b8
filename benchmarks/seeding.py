"""Fills a scratch database: `python -m benchmarks.seeding CLIENTS MAILINGS active|draft LETTER`; prints the ids.

Each mailing gets an equal share of the clients. A draft sends nothing until the measurement resumes it.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import django

from benchmarks import letters

BATCH = 5000


def make_clients(count: int) -> None:
    from mailing.models import Client

    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        Client.objects.bulk_create(
            Client(email=letters.recipient(number), full_name=letters.greeting(number)) for number in numbers
        )


def make_mailings(count: int, letter: str, *, draft: bool) -> list[int]:
    from django.db.models import F
    from django.db.models.functions import Mod
    from django.utils import timezone

    from mailing.models import Client, Mailing, Message
    from mailing.services import runs

    subject, text, html = letters.LETTERS[letter]
    message = Message.objects.create(
        subject=subject,
        is_html=True,
        body=html.replace("{greeting}", letters.FIELD),
        text_body=text.replace("{greeting}", letters.FIELD),
    )
    runs.letters.keep(message, runs.letters.judge(message))  # as a save does
    start = timezone.now() - timedelta(seconds=5)
    made = []
    for share in range(count):
        mailing = Mailing.objects.create(name=f"Benchmark {share}", message=message, start_at=start, is_paused=draft)
        clients = Client.objects.annotate(share=Mod(F("pk"), count)).filter(share=share)
        links = (
            Mailing.clients.through(mailing_id=mailing.pk, client_id=pk)
            for pk in clients.values_list("pk", flat=True).iterator(chunk_size=BATCH)
        )
        Mailing.clients.through.objects.bulk_create(links, batch_size=BATCH)
        made.append(mailing.pk)
    return made


def main(clients: int, mailings: int, letter: str, *, draft: bool) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    make_clients(clients)
    sys.stdout.write(" ".join(str(pk) for pk in make_mailings(mailings, letter, draft=draft)) + "\n")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[4], draft=sys.argv[3] == "draft")
