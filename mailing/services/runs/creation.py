"""The start of a run: a row under its unique constraints, what is sent, and to whom (rule 1 of a run).

All in one transaction.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from mailing import addresses, texts
from mailing.choices import (
    AttemptStatus,
    Audience,
    DeliveryReason,
    DeliveryStatus,
    MailingStatus,
    Trigger,
)
from mailing.delivery.letters.prepare import Judged, Prepared
from mailing.errors import AlreadyRunning, Refused
from mailing.models import Attempt, Delivery, Mailing
from mailing.services.runs import letters

NOTHING_TO_RETRY = _(
    "There is nobody to repeat attempt %(attempt)s for: everybody got the letter or is being served."
)
PURGED = _("The deliveries of attempt %(attempt)s are no longer kept, so it cannot be repeated.")

ANALYZE_FROM = 1000  # rows; below that a wrong plan does not matter

# One row per client of the audience; who must not be written to stands there too, so that nobody vanishes silently.
# "Everyone who receives mail" leaves them out: they do not belong to it.
AUDIENCE = """
INSERT INTO mailing_delivery
    (attempt_id, client_id, email, status, reason, response, tries, message_id, updated_at)
SELECT %s, c.id, c.email,
    CASE WHEN s.id IS NULL THEN 'queued' ELSE 'skipped' END,
    CASE WHEN s.id IS NULL THEN '' WHEN s.reason = 'unsubscribed' THEN 'unsubscribed' ELSE 'suppressed' END,
    '', 0, '<' || CAST(c.id AS varchar(20)) || %s, %s
FROM {whom} LEFT JOIN mailing_suppression s ON s.email = c.email
WHERE {chosen}
ORDER BY {order}
"""
# The members are read in the order of their index; as a condition on clients they were sorted first (10 % of it all).
SELECTED = AUDIENCE.format(
    whom="mailing_mailing_clients m JOIN mailing_client c ON c.id = m.client_id",
    chosen="m.mailing_id = %s",
    order="m.client_id",
)
EVERYONE = AUDIENCE.format(whom="mailing_client c", chosen="s.id IS NULL", order="c.id")

# The Message-ID stays (rule 3 of a run): a reader whose mail program got the letter after all sees it once.
AGAIN = """
INSERT INTO mailing_delivery
    (attempt_id, client_id, email, status, reason, response, tries, message_id, retry_of_id, updated_at)
SELECT %s, d.client_id, d.email, 'queued', '', '', 0, d.message_id, d.id, %s
FROM mailing_delivery d
WHERE d.attempt_id = %s AND (
    d.status = 'failed' OR (d.status = 'skipped' AND d.reason IN ('ended', 'finished')) OR (d.status = %s)
)
ORDER BY d.id
ON CONFLICT DO NOTHING
"""


def start(
    mailing: Mailing,
    *,
    occurrence: datetime | None,
    trigger: str,
    by: User | None = None,
    asked: Judged | None = None,
) -> Attempt:
    """A new run with its audience. Raises AlreadyRunning, and Refused for a message that cannot be sent.

    A scheduled run of such a message stands as a failed attempt: nobody is there to read a refusal. `asked` is what
    `letters.ahead` said of the message.
    """
    attempt = Attempt(
        mailing=mailing,
        occurrence=occurrence,
        trigger=trigger,
        started_by=by,
        subject=mailing.message.subject,
        from_email=sender(mailing),
        reply_to=mailing.reply_to,
        started_at=timezone.now(),
    )
    try:
        _keep(attempt, letters.prepared(mailing.message, remember=True, asked=asked))
    except letters.BROKEN as error:
        if trigger != Trigger.SCHEDULE:
            raise letters.refusal(error) from error
        attempt.status, attempt.finished_at = AttemptStatus.FAILED, attempt.started_at
        attempt.hindered_by, attempt.note_params = letters.hindrance(error)
    with transaction.atomic():
        _insert(attempt)
        if attempt.status == AttemptStatus.RUNNING:
            _gather(attempt)
        Mailing.objects.filter(pk=mailing.pk, status=MailingStatus.CREATED).update(status=MailingStatus.RUNNING)
    return attempt


def start_retry(attempt: Attempt, *, by: User | None, unconfirmed: bool = False) -> Attempt:
    """Rule 10 of a run: a new attempt for those whom this one did not reach, the unconfirmed only when asked for.

    Raises AlreadyRunning, and Refused when there is nobody (or nothing is known any more).
    """
    again = Attempt(
        mailing_id=attempt.mailing_id,
        trigger=Trigger.RETRY,
        started_by=by,
        retry_of=attempt,
        subject=attempt.subject,
        html_body=attempt.html_body,
        text_body=attempt.text_body,
        from_email=attempt.from_email,
        reply_to=attempt.reply_to,
        started_at=timezone.now(),
    )
    if attempt.audience and not attempt.deliveries.exists():
        raise Refused(PURGED, attempt=attempt.pk)
    also = DeliveryStatus.UNCONFIRMED if unconfirmed else DeliveryStatus.FAILED
    with transaction.atomic():
        _insert(again)
        again.audience = _run(AGAIN, again.pk, timezone.now(), attempt.pk, also)
        if not again.audience:
            raise Refused(NOTHING_TO_RETRY, attempt=attempt.pk)
        again.save(update_fields=["audience"])
    return again


def sender(mailing: Mailing) -> str:
    """The From of its letters: the installation's address under the mailing's own name."""
    name, address = addresses.split(settings.DEFAULT_FROM_EMAIL)
    name = mailing.from_name or name
    if re.search(r"[^\w -]", name):
        name = '"{}"'.format(re.sub(r'(["\\])', r"\\\1", name))
    return f"{name} <{address}>" if name else address


# --- Steps ------------------------------------------------------------------------------------------


def _keep(attempt: Attempt, prepared: Prepared) -> None:
    attempt.subject, attempt.html_body, attempt.text_body = prepared


def _insert(attempt: Attempt) -> None:
    """The constraints decide who runs (rule 4 of the calendar)."""
    try:
        with transaction.atomic():
            attempt.save(force_insert=True)
    except IntegrityError:
        attempt.pk = None
        rival = _rival(attempt)
        if rival is None:
            raise
        raise AlreadyRunning(texts.ALREADY_BEGUN, attempt=rival) from None


def _rival(attempt: Attempt) -> Attempt | None:
    same = Q(status=AttemptStatus.RUNNING)
    if attempt.occurrence is not None:
        same |= Q(occurrence=attempt.occurrence)
    return Attempt.objects.filter(same, mailing_id=attempt.mailing_id).order_by("-started_at").first()


def _gather(attempt: Attempt) -> None:
    """The audience, fixed now: one delivery per client, each with the Message-ID it keeps."""
    tail = f".{attempt.pk}.{secrets.token_hex(6)}@{addresses.domain(addresses.split(attempt.from_email)[1])}>"
    selected = attempt.mailing.audience == Audience.SELECTED
    sql = SELECTED if selected else EVERYONE
    chosen = [attempt.mailing_id] if selected else []
    attempt.audience = _run(sql, attempt.pk, tail, timezone.now(), *chosen)
    if selected:
        unwanted = (DeliveryReason.UNSUBSCRIBED, DeliveryReason.SUPPRESSED)
        attempt.skipped = Delivery.objects.filter(attempt=attempt, reason__in=unwanted).count()
    attempt.save(update_fields=["audience", "skipped"])


def _run(sql: str, *params: int | str | datetime | None) -> int:
    adapt = connection.ops.adapt_datetimefield_value
    values = [adapt(value) if isinstance(value, datetime) else value for value in params]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        count = int(cursor.rowcount)
    if connection.vendor == "postgresql" and count >= ANALYZE_FROM:
        transaction.on_commit(_analyze, robust=True)
    return count


def _analyze() -> None:
    """Without it PostgreSQL reads all deliveries for every batch of claims.

    All columns would take 0.11 s instead of 0.05; autovacuum still counts the rest soon.
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE mailing_delivery (id, attempt_id, status)")
