"""Uses the database of DATABASE_URL as people, scripts and workers do, and prints what goes wrong, a line each.

`python -m tests.upgrade.using look` changes nothing; with `work` instead, runs that are open go on. `notes` prints
what each attempt says.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client as Browser
from django.test import override_settings

from mailing.models import Attempt, Client
from tests import queueing
from tests.chaos import books
from tests.smtp.server import Server, running

LISTS = ("client", "message", "mailing", "attempt", "delivery", "suppression")


def migrations() -> Iterator[str]:
    executor = MigrationExecutor(connection)
    for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
        yield f"{migration} is not applied"


def books_balance() -> Iterator[str]:
    """All counters against the rows, but where these are no longer kept."""
    for attempt in Attempt.objects.all():
        if attempt.open or attempt.deliveries.exists():
            try:
                books.balance(attempt)
            except AssertionError as error:
                yield f"attempt {attempt.pk} does not balance: {error}"


def search() -> Iterator[str]:
    for client in Client.objects.order_by("-pk")[:10]:
        for words in (client.email, client.full_name.lower(), client.comment[:20]):
            if not Client.objects.search(words).filter(pk=client.pk).exists():
                yield f"a search for {words!r} does not find {client.email}"


def pages() -> Iterator[str]:
    with override_settings(ALLOWED_HOSTS=["testserver"]):
        browser = Browser()
        browser.force_login(User.objects.filter(is_superuser=True)[0])
        for page in _pages():
            try:
                status = browser.get(page).status_code
            except Exception as error:  # as in `troubles`
                yield f"{page}: {type(error).__name__}: {error}"
            else:
                if status != 200:
                    yield f"{page} answered {status}"


def _pages() -> Iterator[str]:
    yield from ("/admin/", "/admin/mailing/client/?q=client", "/admin/mailing/attempt/report/")
    yield from (f"/admin/mailing/{name}/" for name in LISTS)
    yield from (f"/admin/mailing/attempt/{attempt.pk}/change/" for attempt in Attempt.objects.running()[:5])


def commands() -> Iterator[str]:
    code, said = _command("check_mailings")
    if code not in {0, 1}:
        yield f"check_mailings ended with {code}: {said}"
    for attempt in Attempt.objects.running():
        _, said = _command("show_attempt", attempt.pk, "--deliveries")
        shown = json.loads(said)
        if (shown["status"], shown["audience"]) != ("running", len(shown["deliveries"])):
            yield f"show_attempt {attempt.pk} says {said}"


def notes() -> Iterator[str]:
    yield from (f"{attempt.pk} {attempt.note_text}" for attempt in Attempt.objects.order_by("pk"))


def open_runs() -> Iterator[str]:
    """What waited is sent, to nobody twice; what has ended is closed by the tick, and only what is paused stays."""
    opened = Attempt.objects.running().exclude(mailing__is_paused=True)
    every = list(opened.values_list("pk", flat=True))
    lasting = list(opened.filter(mailing__end_at=None).values_list("pk", "mailing_id"))
    with running() as server, override_settings(EMAIL_PORT=server.port):
        queueing.drain()  # tasks that the older version put there are dropped or done
        for number, mailing in lasting + lasting:  # who was refused lets the others go first
            if Attempt.objects.running().filter(pk=number).exists():
                _command("run_mailing", mailing, "--no-wait")
        yield from _twice(server)
    call_command("tick", stdout=io.StringIO())
    for attempt in Attempt.objects.running().filter(pk__in=every):
        yield f"attempt {attempt.pk} ({attempt.mailing}) does not go on: {attempt.note_text}"
    yield from books_balance()


def _twice(server: Server) -> Iterator[str]:
    letters = [letter["message_id"] for letter in server.accepted]
    yield from (f"{one} was sent twice" for one in sorted(set(letters)) if letters.count(one) > 1)
    if not letters:
        yield "nobody got a letter"


def _command(*words: Any) -> tuple[int, str]:
    said = io.StringIO()
    try:
        call_command(*map(str, words), stdout=said, stderr=said)
    except SystemExit as left:
        return int(left.code or 0), said.getvalue()
    return 0, said.getvalue()


CHECKS: dict[str, tuple[Callable[[], Iterator[str]], ...]] = {
    "look": (migrations, books_balance, search, pages, commands),
    "work": (open_runs,),
    "notes": (notes,),
}


def troubles(check: Callable[[], Iterator[str]]) -> Iterator[str]:
    try:
        yield from check()
    except Exception as error:  # whatever an old row makes the product stumble over
        yield f"{check.__name__}: {type(error).__name__}: {error}"


if __name__ == "__main__":
    for asked in CHECKS[sys.argv[1]]:
        for trouble in troubles(asked):
            sys.stdout.write(trouble.replace("\n", " ") + "\n")
