"""Rows an upgrade must keep, beside the demo and the runs of `scenes`: every choice, and what each table may hold.

Mailings, by name:

    every ending            a run with a delivery for each reason, and one refusal grouped
    purged                  a run whose deliveries are no longer kept
    missed: many            130 planned times while sending was switched off: 100 rows, and one for the others
    missed: a copy          missed because the data belonged to another site
    held                    due, and paused before its first run
    finished by staff       with its Schedule row gone
    of a script             only the obvious fields; the calendar never saw it

Clients and stop-list entries end in @example.com; the demo's in .example.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone
from django_q.models import Failure, Schedule

from mailing import tasks
from mailing.choices import (
    HARMLESS_SKIPS,
    AttemptStatus,
    Audience,
    DeliveryReason,
    DeliveryStatus,
    MailingStatus,
    NoticeKind,
    Periodicity,
    SuppressionReason,
    Trigger,
)
from mailing.models import (
    Attempt,
    Client,
    ClientImport,
    Delivery,
    Heartbeat,
    Mailing,
    Message,
    StaffNotice,
    Suppression,
)

START = datetime(2024, 1, 15, 7, 0, tzinfo=UTC)
CLIENTS = 45
SKIPPED = (*HARMLESS_SKIPS, DeliveryReason.ENDED, DeliveryReason.FINISHED)
UNCONFIRMED = (DeliveryReason.LINE_LOST, DeliveryReason.UNINTELLIGIBLE, DeliveryReason.WORKER_DIED)
NO_SUCH_MAILBOX = "550 5.1.1 no such mailbox"
REFUSED = {
    "status": "failed",
    "reason": "no_such_mailbox",
    "code": 550,
    "response": NO_SUCH_MAILBOX,
    "count": 1,
    "examples": ["client09@example.com"],
}


def fill() -> None:
    _clients()
    _every_ending()
    _purged()
    _missed()
    _held_and_finished()
    _stop_list()
    _imports()
    _notices()
    _edited_by_staff()
    _of_the_packages()


def mailing(name: str, clients: int = 3, **values: Any) -> Mailing:
    """A mailing that is due once, to so many of our clients."""
    message, _ = Message.objects.get_or_create(subject="News", body="Hello {{ greeting }}!\n{{ unsubscribe_url }}\n")
    made = Mailing.objects.create(**{"name": name, "message": message, "start_at": START} | values)
    made.clients.set(Client.objects.filter(email__startswith="client").order_by("pk")[:clients])
    return made


def press(username: str, page: str, **data: Any) -> None:
    """A member of staff presses the button of a page, below /admin/mailing/."""
    with override_settings(ALLOWED_HOSTS=["testserver"]):
        browser = Browser()
        browser.force_login(User.objects.get(username=username))
        answer = browser.post(f"/admin/mailing/{page}", data)
    assert answer.status_code == 302, f"{page} answered {answer.status_code}: {answer.content.decode()[:2000]}"
    Session.objects.all().delete()


# --- Clients ----------------------------------------------------------------------------------------


def _clients() -> None:
    for n in range(1, CLIENTS + 1):
        Client.objects.create(email=f"client{n:02}@example.com", full_name=f"Client {n:02}", greeting=f"C. {n:02}")
    Client.objects.create(
        email="yozhik@example.com",
        full_name="Ёжиков Пётр «Ё»",
        comment="Ждёт писем; 100 % \\ 'quoted' \"quoted\"\nsecond line",
        source="import clients.csv",
    )


def _stop_list() -> None:
    boss, attempt = User.objects.get(username="admin"), Attempt.objects.get(mailing__name="every ending")
    for reason in SuppressionReason:
        values = {"note": f"why: {reason}", "attempt": attempt, "created_by": boss}
        Suppression.objects.create(email=f"{reason}@example.com", reason=reason, **values)
    Suppression.objects.create(email="bare@example.com")
    left = {"reason": SuppressionReason.UNSUBSCRIBED, "manual_note": "rang us before"}
    Suppression.objects.create(email="left-and-listed@example.com", **left)


def _imports() -> None:
    boss = User.objects.get(username="manager")
    counters = {"new": 1, "changed": 0, "unchanged": 0, "problems": 1}
    values = {"created_by": boss, "counters": counters, "expires_at": timezone.now() + timedelta(days=1)}
    waits = ClientImport.objects.create(file_name="waits.csv", **values)
    waits.pieces.create(number=0, data=b"email\nnew@example.com\nnobody\n")
    loaded = ClientImport.objects.create(
        file_name="loaded.csv", problems=b"Row,Address,Why\n3,nobody,no\n", loaded_at=timezone.now(), **values
    )
    loaded.clients.set(Client.objects.filter(email="yozhik@example.com"))


# --- Runs that are over -----------------------------------------------------------------------------


def _status(reason: str) -> DeliveryStatus:
    if reason in SKIPPED:
        return DeliveryStatus.SKIPPED
    return DeliveryStatus.UNCONFIRMED if reason in UNCONFIRMED else DeliveryStatus.FAILED


def _run(name: str, **values: Any) -> Attempt:
    """A run that is over, of a mailing of its own."""
    made = mailing(name, CLIENTS, from_name="Shop, the", reply_to="answers@example.com", active_since=START)
    over = {"status": AttemptStatus.FAILED, "finished_at": START + timedelta(minutes=5), "staff_told": True}
    letter = {"subject": "News", "from_email": '"Shop, the" <samovar@example.com>', "text_body": "Hello!"}
    Mailing.objects.filter(pk=made.pk).update(status=MailingStatus.RUNNING)
    return Attempt.objects.create(mailing=made, occurrence=START, started_at=START, **over, **letter, **values)


def _every_ending() -> None:
    attempt = _run("every ending")
    clients = list(attempt.mailing.clients.order_by("pk"))
    rows = [_delivery(attempt, clients.pop(0), _status(reason), reason) for reason in DeliveryReason]
    rows += [_delivery(attempt, client, DeliveryStatus.SENT, "") for client in clients]
    Delivery.objects.bulk_create(rows)
    statuses = [row.status for row in rows]
    for name in ("sent", "failed", "unconfirmed", "skipped"):
        setattr(attempt, name, statuses.count(DeliveryStatus(name)))
    attempt.audience, attempt.response, attempt.reasons = len(rows), NO_SUCH_MAILBOX, [REFUSED]
    attempt.save()


def _purged() -> None:
    _run(
        "purged", trigger=Trigger.COMMAND, audience=10, sent=9, failed=1, response=NO_SUCH_MAILBOX, reasons=[REFUSED]
    )


def _delivery(attempt: Attempt, client: Client, status: DeliveryStatus, reason: str) -> Delivery:
    words = {DeliveryStatus.SENT: (250, "250 2.0.0 Ok"), DeliveryStatus.FAILED: (550, NO_SUCH_MAILBOX)}
    code, response = words.get(status, (None, ""))
    return Delivery(
        attempt=attempt,
        client=None if reason == DeliveryReason.DELETED else client,
        email=client.email,
        status=status,
        reason=reason,
        code=code,
        response=response,
        tries=0 if status == DeliveryStatus.SKIPPED else 1,
        message_id=f"<{client.pk}.{attempt.pk}@example.com>",
        updated_at=START,
    )


def _missed() -> None:
    began = timezone.now() - timedelta(days=130)
    many = mailing("missed: many", start_at=began, active_since=began, periodicity=Periodicity.DAILY)
    with override_settings(MAILING_SENDING_ENABLED=False):
        tasks.run_due(many.pk)
    with override_settings(SITE_URL="https://elsewhere.example.com"):
        tasks.run_due(mailing("missed: a copy").pk)
    assert many.attempts.filter(stands_for=30).count() == 1
    assert Attempt.objects.get(mailing__name="missed: a copy").note_params


def _held_and_finished() -> None:
    due: dict[str, Any] = {"periodicity": Periodicity.MONTHLY, "active_since": START, "next_run_at": START}
    press("manager", f"mailing/{mailing('held', **due).pk}/pause/")
    assert Mailing.objects.get(name="held").held_at
    coming = timezone.now() + timedelta(days=30)
    finished = mailing("finished by staff", start_at=coming, end_at=coming + timedelta(days=365))
    tasks.run_due(finished.pk)
    press("manager", f"mailing/{finished.pk}/finish/")
    mailing("of a script", start_at=coming, audience=Audience.EVERYONE)


# --- Staff, and the packages around us --------------------------------------------------------------


def _notices() -> None:
    attempt = Attempt.objects.get(mailing__name="every ending")
    for kind in NoticeKind:
        for email, sent_at in (("told@example.com", START), ("waits@example.com", None)):
            values = {"mailing": attempt.mailing, "attempt": attempt, "day": START.date(), "sent_at": sent_at}
            StaffNotice.objects.create(kind=kind, email=email, **values)


def _edited_by_staff() -> None:
    """Each kind of entry of the journal of actions, as the pages write it."""
    words = {"subject": "Written by staff", "body": "Hello {{ greeting }}!", "is_html": "", "text_body": ""}
    press("editor", "message/add/", **words)
    written = Message.objects.get(subject=words["subject"])
    press("editor", f"message/{written.pk}/change/", **words | {"body": "Good day, {{ greeting }}!"})
    press("editor", f"message/{written.pk}/delete/", post="yes")
    retired = User.objects.create(username="retired", email="retired@example.com", is_staff=True, is_active=False)
    retired.groups.set(Group.objects.all())


def _of_the_packages() -> None:
    Heartbeat.objects.create(host="host.example.com", pid=4711, version="0", workers=4, seen=START, worker_seen=START)
    Schedule.objects.create(func="mailing.tasks.ping", name="somebody else's", args="(", next_run=None)
    failed = {"func": "mailing.tasks.ping", "started": START, "stopped": START, "result": "no", "success": False}
    Failure.objects.create(id="f" * 32, name="alpha-beta", **failed)
    tried = {"username": "boss", "ip_address": "203.0.113.7", "path_info": "/admin/login/"}
    AccessAttempt.objects.create(failures_since_start=1, **tried)
    AccessLog.objects.create(**tried)
    AccessFailureLog.objects.create(**tried)
