"""Queries, bytes and milliseconds of every page people open, at several sizes, as one table.

    python -m benchmarks.pages [--clients 1000 100000] [--years] [--postgresql]      (make pages)

The table goes to the output, what is being done to stderr: a million clients need some minutes. Each size gets a
database of its own (SQLite in a temporary folder, or a PostgreSQL server started for it), so many clients, one
mailing with half of them as recipients, and thirty attempts; with `--years` a thousand mailings more, each with 24
attempts that hold a letter of 40 KB, which makes a gigabyte. The pages are asked for in-process, and the median of
five is shown.
SQLite works in the same process, so the CPU time holds all of it and does not depend on what else the machine does;
PostgreSQL works in its own, so there only the time that passed says what a page costs.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from benchmarks import postgres

ROUNDS = 5
SIZES = (1_000, 100_000)
BATCH = 5_000  # rows of an INSERT
OLD_MAILINGS, RUNS_EACH = 1_000, 24  # of `--years`
HTML = "<p>Здравствуйте! Новости недели.</p>" * 520  # 30 KB
TEXT = "Здравствуйте! Новости недели. " * 160  # 9 KB
BUFFERS = "512MB"  # PostgreSQL's shared_buffers, as in compose.yaml
Row = TypeVar("Row")
Figures = dict[str, tuple[int, int, float, float]]  # page: queries, bytes, milliseconds of CPU and passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL instead of SQLite")
    parser.add_argument("--years", action="store_true", help="a thousand mailings and 24 000 attempts of 40 KB, too")
    parser.add_argument("--fill", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--visit", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill or options.visit:
        filling = options.fill
        say(json.dumps(filled(filling, years=options.years) if filling else visited(options.visit)))
        return
    found: dict[int, Figures] = {}
    for size in options.clients:
        tell(f"{size} clients, {'PostgreSQL' if options.postgresql else 'SQLite'}")
        with database(postgresql=options.postgresql) as url:
            ids = in_own_process(url, "--fill", str(size), *(["--years"] if options.years else []))
            figures = in_own_process(url, "--visit", json.dumps(ids))
            found[size] = {page: tuple(numbers) for page, numbers in figures.items()}
    show(found, "PostgreSQL" if options.postgresql else "SQLite")


@contextmanager
def database(*, postgresql: bool) -> Iterator[str]:
    """The DATABASE_URL of an empty database."""
    if not postgresql:
        with tempfile.TemporaryDirectory(prefix="samovar-pages-") as folder:
            yield f"sqlite:///{folder}/pages.sqlite3"
        return
    programs = postgres.binaries()
    if programs is None:
        raise SystemExit("No PostgreSQL here: apt-get install postgresql")
    with postgres.server(programs, buffers=BUFFERS) as url:
        yield url


def in_own_process(url: str, *options: str) -> Any:
    """What it says in its last line. One process fills and another is measured: web servers have held no million."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "backoffice.settings",
        "DATABASE_URL": url,
        "DEBUG": "true",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
    }
    command = [sys.executable, "-m", "benchmarks.pages", *options]
    answer = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout.splitlines()[-1])


def begin() -> None:
    import django

    django.setup()
    from django.conf import settings

    settings.DEBUG = False  # with it every query is formatted and kept
    logging.disable(logging.ERROR)  # /healthz answers 503: no cluster is running here


def filled(size: int, *, years: bool) -> dict[str, int]:
    begin()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from mailing.models import Attempt, Mailing

    with index_left_for_last():
        ids = fill(size)
        if years:
            fill_years()
    ids["last_attempts"], ids["last_mailings"] = pages_of(Attempt), pages_of(Mailing)
    settle()
    return ids


def visited(ids: dict[str, int]) -> Figures:
    begin()
    from django.test import Client as Browser

    browser = Browser(headers={"accept-language": "ru"}, SERVER_NAME="localhost")
    browser.force_login(superuser())
    figures = {}
    for name, address, post in pages(ids):
        tell(f"  {name}")
        figures[name] = visit(browser, address, post)
    return figures


@contextmanager
def index_left_for_last() -> Iterator[None]:
    """The trigrams of a million clients are sorted once instead of being looked up one by one, as pg_restore does."""
    from django.db import connection

    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'client_search_trigram'")
        (definition,) = cursor.fetchone()
        cursor.execute("DROP INDEX client_search_trigram")
        yield
        tell("  the index of the search")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(definition)
        cursor.execute("RESET maintenance_work_mem")


def settle() -> None:
    """What autovacuum does on PostgreSQL within minutes of such a load."""
    from django.db import connection

    if connection.vendor == "postgresql":
        tell("  VACUUM ANALYZE")
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def superuser() -> Any:
    from django.contrib.auth.models import User

    return User.objects.create_superuser("boss", "boss@example.com", "secret")


def fill(size: int) -> dict[str, int]:
    """The rows behind the pages; returns the ids the addresses need."""
    from mailing.choices import MailingStatus, Periodicity
    from mailing.demo import people
    from mailing.models import Client, Mailing, Message

    store(Client.objects, people.clients(size), size, "clients")
    message = Message.objects.create(subject="Новости", body="Здравствуйте, {{ greeting }}!")
    start = datetime.now(UTC) - timedelta(days=30)
    mailing = Mailing.objects.create(
        name="Большая рассылка",
        message=message,
        start_at=start,
        periodicity=Periodicity.DAILY,
        status=MailingStatus.RUNNING,
        active_since=datetime.now(UTC),
        next_run_at=datetime.now(UTC) + timedelta(days=1),
    )
    chosen = list(Client.objects.order_by("pk").values_list("pk", flat=True)[: size // 2])
    links = Mailing.clients.through
    store(links.objects, (links(mailing=mailing, client_id=pk) for pk in chosen), len(chosen), "recipients")
    attempt = history(mailing, chosen)
    return {
        "last_page": pages_of(Client),
        "client": chosen[0],
        "message": message.pk,
        "mailing": mailing.pk,
        "attempt": attempt,
    }


def pages_of(model: Any) -> int:
    return int((model.objects.count() + 49) // 50)


def history(mailing: Any, clients: list[int]) -> int:
    """Thirty attempts; the newest has a delivery for each recipient. Returns its id."""
    from mailing.choices import AttemptStatus, DeliveryStatus
    from mailing.models import Attempt, Client, Delivery

    attempts = [
        Attempt(
            mailing=mailing,
            occurrence=mailing.start_at + timedelta(days=day),
            started_at=mailing.start_at + timedelta(days=day),
            finished_at=mailing.start_at + timedelta(days=day, minutes=1),
            status=AttemptStatus.SUCCEEDED,
            subject="Новости",
            text_body="Здравствуйте!",
            audience=len(clients),
            sent=len(clients),
        )
        for day in range(30)
    ]
    Attempt.objects.bulk_create(attempts)
    addresses = Client.objects.filter(pk__lte=max(clients)).values_list("pk", "email").iterator()
    rows = (
        Delivery(attempt=attempts[-1], client_id=pk, email=email, status=DeliveryStatus.SENT)
        for pk, email in addresses
    )
    store(Delivery.objects, rows, len(clients), "deliveries")
    return attempts[-1].pk


def fill_years() -> None:
    """A thousand mailings that ran once a month for two years, or still do; one of twenty runs came to a bad end."""
    from mailing.choices import MailingStatus, Periodicity
    from mailing.models import Attempt, Mailing, Message

    now = datetime.now(UTC)
    start = now - timedelta(days=30 * RUNS_EACH)
    messages = [Message(subject=f"Тема {n}", is_html=True, body=HTML, text_body=TEXT) for n in range(OLD_MAILINGS)]
    store(Message.objects, iter(messages), OLD_MAILINGS, "messages")
    mailings = [
        Mailing(
            name=f"Рассылка {n}",
            message=message,
            start_at=start,
            periodicity=Periodicity.MONTHLY,
            status=MailingStatus.FINISHED if n % 3 else MailingStatus.RUNNING,
            active_since=start,
            next_run_at=None if n % 3 else now + timedelta(days=n % 30, hours=1),
        )
        for n, message in enumerate(messages)
    ]
    store(Mailing.objects, iter(mailings), OLD_MAILINGS, "mailings")
    runs = (past_run(mailing, run, n) for run in range(RUNS_EACH) for n, mailing in enumerate(mailings))
    store(Attempt.objects, runs, OLD_MAILINGS * RUNS_EACH, "attempts", batch=500)


def past_run(mailing: Any, run: int, n: int) -> Any:
    from mailing.choices import AttemptStatus
    from mailing.models import Attempt

    begun = mailing.start_at + timedelta(days=30 * run, minutes=n)
    odd = (run * 7 + n) % 20
    ends = {0: AttemptStatus.FAILED, 1: AttemptStatus.MISSED, 2: AttemptStatus.PARTLY}
    status = ends.get(odd, AttemptStatus.SUCCEEDED)
    audience = 0 if status == AttemptStatus.MISSED else 5_000
    refused = {AttemptStatus.FAILED: audience, AttemptStatus.PARTLY: 7}.get(status, 0)
    groups = [
        {"status": "failed", "reason": "refused", "code": 552, "count": 1, "response": "552 5.2.2 Mailbox full",
         "examples": [f"client{number}@pochta.example" for number in range(5)]}
        for _group in range(4)
    ]  # fmt: skip
    return Attempt(
        mailing=mailing,
        occurrence=begun,
        started_at=begun,
        finished_at=begun + timedelta(minutes=3),
        status=status,
        subject=mailing.message.subject,
        html_body=HTML,
        text_body=TEXT,
        reasons=groups if refused else [],
        audience=audience,
        failed=refused,
        sent=audience - refused,
        staff_told=True,
    )


def store(manager: Any, rows: Iterator[Row], number: int, words: str, *, batch: int = BATCH) -> None:
    """`bulk_create` would make a list of all of them first."""
    done = 0
    while some := list(islice(rows, batch)):
        manager.bulk_create(some)
        done += len(some)
        if done % (20 * BATCH) == 0 or done == number:
            tell(f"  {words}: {done} of {number}")


def pages(ids: dict[str, int]) -> Iterator[tuple[str, str, dict[str, str] | None]]:
    """(what people call it, its address, the form to post or None)"""
    client, mailing = "/admin/mailing/client/", "/admin/mailing/mailing/"
    yield "Overview", "/admin/", None
    yield "Clients", client, None
    yield "Clients, middle page", f"{client}?p={ids['last_page'] // 2 or 1}", None
    yield "Clients, last page", f"{client}?p={ids['last_page']}", None
    yield "Search: name and surname (0.14 %)", f"{client}?q=Чернышёва+ольга", None
    yield "Search: part of a surname (4 %)", f"{client}?q=мор", None
    yield "Search: mail service (42 %)", f"{client}?q=pochta", None
    yield "Search: nothing found", f"{client}?q=Цветаева", None
    yield "Clients who receive nothing", f"{client}?receives=no", None
    yield "Clients of the mailing", f"{client}?mailing={ids['mailing']}", None
    yield "Client", f"{client}{ids['client']}/change/", None
    yield "Import, first step", f"{client}import/", None
    yield "Autocomplete: one letter", autocomplete("м"), None
    yield "Autocomplete: part of a surname", autocomplete("мор"), None
    yield "Autocomplete: name and surname", autocomplete("морозова анна"), None
    yield "Stop list", "/admin/mailing/suppression/", None
    yield "Messages", "/admin/mailing/message/", None
    yield "Message", f"/admin/mailing/message/{ids['message']}/change/", None
    yield "Mailings", mailing, None
    yield "Mailings, last page", f"{mailing}?p={ids['last_mailings']}", None
    yield "Mailings that need attention", f"{mailing}?attention=failing", None
    yield "Mailings, search", f"{mailing}?q=Рассылка", None
    yield "New mailing", f"{mailing}add/", None
    for tab in ("change", "letter", "recipients", "schedule", "runs"):
        yield f"Mailing: {'overview' if tab == 'change' else tab}", f"{mailing}{ids['mailing']}/{tab}/", None
    for words, query in ((", new", "?part=new"), (", got it", "?part=got"), (", search", "?q=мор")):
        yield f"Recipients of the mailing{words}", f"{mailing}{ids['mailing']}/recipients/{query}", None
    yield "Recipients to add", f"{mailing}{ids['mailing']}/add-recipients/", None
    yield "Send now, question", f"{mailing}{ids['mailing']}/send/", None
    yield "Delete mailing, question", f"{mailing}{ids['mailing']}/delete/", None
    yield "Attempts", "/admin/mailing/attempt/", None
    yield "Attempt", f"/admin/mailing/attempt/{ids['attempt']}/change/", None
    yield "Attempts, middle page", f"/admin/mailing/attempt/?p={ids['last_attempts'] // 2 or 1}", None
    yield "Attempts, those with errors", "/admin/mailing/attempt/?letters=errors", None
    yield "Attempts of the mailing", f"/admin/mailing/attempt/?mailing={ids['mailing']}", None
    yield "Attempts, search", "/admin/mailing/attempt/?q=Новости", None
    yield "Report, 30 days", "/admin/mailing/attempt/report/", None
    yield "Report, a year", "/admin/mailing/attempt/report/?period=year", None
    yield "Calendar, a month", "/admin/mailing/mailing/calendar/", None
    yield "Calendar, a day", f"/admin/mailing/mailing/calendar/?day={datetime.now(UTC).date()}", None
    yield "Deliveries", f"/admin/mailing/delivery/?attempt__id__exact={ids['attempt']}", None
    yield "Deliveries, all", "/admin/mailing/delivery/", None
    yield "History of the mailing", f"{mailing}{ids['mailing']}/history/", None
    yield "History of the client", f"{client}{ids['client']}/history/", None
    yield "Health", "/healthz", None


def autocomplete(term: str) -> str:
    return f"/admin/autocomplete/?app_label=mailing&model_name=mailing&field_name=clients&term={term}"


def visit(browser: Any, address: str, post: dict[str, str] | None) -> tuple[int, int, float, float]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    ask: Callable[[], Any] = lambda: browser.post(address, post) if post else browser.get(address)  # noqa: E731
    response = ask()  # warms caches; the answer must be the page itself
    if response.status_code not in {200, 503}:
        raise SystemExit(f"{address} answers {response.status_code}")
    worked, passed = [], []
    for _ in range(ROUNDS):
        begun, begun_at = time.process_time(), time.perf_counter()
        response = ask()
        worked.append((time.process_time() - begun) * 1000)
        passed.append((time.perf_counter() - begun_at) * 1000)
    with CaptureQueriesContext(connection) as captured:
        ask()
    return len(captured), len(response.content), statistics.median(worked), statistics.median(passed)


def show(results: dict[int, Figures], kind: str) -> None:
    sizes = list(results)
    heads = "".join(f" {size:,} clients: queries | KB | CPU ms | ms |".replace(",", " ") for size in sizes)
    say(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, {kind}\n")
    say(f"| Page |{heads}")
    say("|---|" + "--:|" * 4 * len(sizes))
    for page in results[sizes[0]]:
        figures = "".join(
            f" {queries} | {size / 1000:.0f} | {worked:.0f} | {passed:.0f} |"
            for queries, size, worked, passed in (results[size][page] for size in sizes)
        )
        say(f"| {page} |{figures}")


def tell(line: str) -> None:
    """Progress, with the time of day (UTC)."""
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {line}\n")
    sys.stderr.flush()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
