"""Start-up advice: settings with which the queue would lose, double or hold up mailings (`manage.py check`).

The settings file computes all of these; the checks are for installations that change it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.management import get_commands

from mailing import scheduling
from mailing.hosts import is_loopback

LETTER_RESERVE = 30  # seconds a slice needs beside its own time and the last letter
SQLITE = "django.db.backends.sqlite3"


@register("mailing")
def check_queue(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    queue: dict[str, Any] = settings.Q_CLUSTER
    return [*_times(queue), *_behaviour(queue), *_broker(queue), *_comfort(queue), *_command()]


@register(Tags.security, deploy=True)
def check_queue_key(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    if settings.QUEUE_KEY:
        return []
    hint = (
        "Put 40 random characters of its own into .env, for example the output of: "
        'python -c "import secrets; print(secrets.token_urlsafe(50))"'
    )
    return [Warning("QUEUE_KEY is empty: who gets hold of SECRET_KEY can sign tasks.", hint=hint, id="mailing.W007")]


@register(Tags.database, "mailing")
def check_hosts(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """SQLite holds one machine; two of them mean a file on a network disk."""
    if not databases or settings.DATABASES["default"]["ENGINE"] != SQLITE:
        return []
    from django.db import DatabaseError

    from mailing.models import Heartbeat

    try:
        hosts = set(Heartbeat.objects.alive().values_list("host", flat=True))
    except DatabaseError:  # before the first migrate
        return []
    if len(hosts) < 2:
        return []
    hint = "Use PostgreSQL (DATABASE_URL) for several machines; SQLite locks do not work over a network disk."
    return [Warning(f"SQLite, but qcluster runs on {len(hosts)} machines.", hint=hint, id="mailing.W005")]


@register("mailing", deploy=True)
def check_line_to_database(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """Without `sslmode` libpq encrypts when that is offered, and does without when somebody strips the offer."""
    database = settings.DATABASES[scheduling.alias()]
    host, said = str(database.get("HOST", "")), database.get("OPTIONS", {}).get("sslmode", "prefer")
    local = not host or host.startswith("/") or all(map(is_loopback, host.split(",")))
    if database["ENGINE"] == SQLITE or local or said not in {"allow", "prefer"}:
        return []
    hint = "End DATABASE_URL with ?sslmode=verify-full, or with ?sslmode=disable where nobody can listen."
    return [Warning("The database is on another machine and need not be encrypted.", hint=hint, id="mailing.W007")]


def _times(queue: dict[str, Any]) -> Iterator[CheckMessage]:
    timeout, retry = queue.get("timeout") or 0, queue.get("retry") or 0
    needed = settings.MAILING_SLICE_SECONDS + settings.SMTP_LETTER_BUDGET + LETTER_RESERVE
    if timeout < needed:
        hint = f"Set it to at least {needed:g}: MAILING_SLICE_SECONDS + SMTP_LETTER_BUDGET + {LETTER_RESERVE}."
        yield Error(
            "Q_CLUSTER['timeout'] would kill a slice in the middle of a letter.", hint=hint, id="mailing.E001"
        )
    if retry <= 2 * timeout:
        hint = f"Set it to more than {2 * timeout:g}: it counts from the prefetch, not from the start of a task."
        yield Error("Q_CLUSTER['retry'] would hand tasks out twice.", hint=hint, id="mailing.E002")
    if settings.MAILING_LEASE_SECONDS < 1 and settings.MAILING_SLICE_SECONDS > 60:
        hint = "A lease that is shorter than a pause of the database makes two workers take the same attempt."
        yield Warning("MAILING_LEASE_SECONDS is very short.", hint=hint, id="mailing.W006")


def _behaviour(queue: dict[str, Any]) -> Iterator[CheckMessage]:
    if queue.get("catch_up", True):
        hint = "Set it to False: our calendar decides what is made up for."
        yield Error("Q_CLUSTER['catch_up'] would queue one run per missed period.", hint=hint, id="mailing.E003")
    if queue.get("sync", False):
        hint = "Leave it out: a task would run inside the scheduler's transaction and lose its next date."
        yield Error("Q_CLUSTER['sync'] breaks the schedules.", hint=hint, id="mailing.E004")
    if queue.get("ack_failures") is not True:
        hint = "Set it to True: the ledger and the tick recover, not the broker."
        yield Error("Q_CLUSTER['ack_failures'] would re-run a failing task for ever.", hint=hint, id="mailing.E005")


def _broker(queue: dict[str, Any]) -> Iterator[CheckMessage]:
    alias = scheduling.alias()
    if queue.get("orm") not in {None, alias}:
        hint = f"Set it to {alias!r}: a second alias closes the first connection in mid-transaction."
        yield Error("Q_CLUSTER['orm'] is not the database of the data.", hint=hint, id="mailing.E006")
    database = settings.DATABASES[alias]
    options = database.get("OPTIONS", {})
    if database["ENGINE"] == SQLITE and options.get("transaction_mode") != "IMMEDIATE":
        hint = 'Set OPTIONS["transaction_mode"] to "IMMEDIATE": two clusters must not both read before they write.'
        yield Error("SQLite with deferred transactions starts mailings twice.", hint=hint, id="mailing.E007")
    if not database.get("CONN_MAX_AGE", 0) and database.get("CONN_MAX_AGE", 0) is not None:
        hint = "Set it to 60: at 0 an idle cluster opens five connections per second."
        yield Warning("CONN_MAX_AGE is 0.", hint=hint, id="mailing.W001")


def _comfort(queue: dict[str, Any]) -> Iterator[CheckMessage]:
    if queue.get("queue_limit", 0) > queue.get("workers", 0):
        hint = "Set it to 1: a busy machine hoards tasks while another idles."
        yield Warning("Q_CLUSTER['queue_limit'] is more than the workers.", hint=hint, id="mailing.W002")
    if queue.get("guard_cycle", 0.5) not in {0.5, 1}:
        hint = "Leave it at 0.5: with other values a task over its timeout was never killed."
        yield Warning("Q_CLUSTER['guard_cycle'] is neither 0.5 nor 1.", hint=hint, id="mailing.W003")
    if queue.get("save_limit", 250) >= 0:
        hint = "Set it to -1: saving successful tasks costs up to 10 ms each."
        yield Warning("Q_CLUSTER['save_limit'] keeps successful tasks.", hint=hint, id="mailing.W004")


def _command() -> Iterator[CheckMessage]:
    if get_commands().get("qcluster") != "mailing":
        hint = 'Put "mailing.apps.MailingConfig" before "django_q" in INSTALLED_APPS.'
        yield Error("manage.py qcluster is not ours: it would keep no time.", hint=hint, id="mailing.E008")
