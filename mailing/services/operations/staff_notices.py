"""Telling staff: the author of a mailing and ADMINS learn by letter what failed, was missed, or waits.

At most one letter per cause, mailing and day. A notice is a row until it could be sent: when the mail service is
down it leaves as soon as it is back. Nothing here ever breaks a run: sending is a task of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_noop as _

from mailing import scheduling
from mailing.choices import AttemptStatus, NoticeKind
from mailing.models import Attempt, MailService, StaffNotice
from mailing.services.access import audit_log, site_guard

logger = logging.getLogger(__name__)

OLD_NEWS = timedelta(days=1)  # what ended longer ago is history, no news
PATIENCE = timedelta(hours=1)  # how long a run may wait for the mail service before staff hear of it
TRY_AGAIN = timedelta(minutes=5)
KEPT = timedelta(days=30)
AT_ONCE = 500  # attempts looked at in one pass

SENTENCES = {
    NoticeKind.FAILED: _(
        "“%(mailing)s”: attempt %(attempt)s failed. Accepted by the server: %(sent)s of %(audience)s. %(note)s"
    ),
    NoticeKind.MISSED: _("“%(mailing)s” was not sent at its planned time %(planned)s. %(note)s"),
    NoticeKind.WAITING: _(
        "“%(mailing)s”: attempt %(attempt)s has been waiting for the mail server for more than an hour, "
        "since %(since)s. %(note)s It goes on by itself."
    ),
}


def collect(now: datetime) -> int:
    """Makes notices of what ended badly since the last pass, and of runs that wait; returns how many attempts."""
    ended = Attempt.objects.filter(
        status__in=(AttemptStatus.FAILED, AttemptStatus.MISSED), staff_told=False
    ).select_related("mailing__created_by")[:AT_ONCE]
    attempts = list(ended)
    for attempt in attempts:
        if attempt.finished_at is None or attempt.finished_at > now - OLD_NEWS:
            _note(NoticeKind(attempt.status), attempt, now)
    if attempts:
        Attempt.objects.filter(pk__in=[attempt.pk for attempt in attempts]).update(staff_told=True)
    return len(attempts)


def watch_waiting(now: datetime) -> int:
    """Makes notices of runs that have been waiting for the mail service for an hour; returns how many."""
    waiting = Attempt.objects.running().filter(waits_since__lte=now - PATIENCE).exclude(resume_at=None)
    attempts = list(waiting.select_related("mailing__created_by"))
    for attempt in attempts:
        _note(NoticeKind.WAITING, attempt, now)
    return len(attempts)


def _note(kind: NoticeKind, attempt: Attempt, now: datetime) -> None:
    day = timezone.localtime(now, timezone.get_default_timezone()).date()
    StaffNotice.objects.bulk_create(
        (
            StaffNotice(
                kind=kind,
                mailing=attempt.mailing,
                attempt=attempt,
                day=day,
                email=email,
                created_at=now,
                send_after=now,
            )
            for email in readers(attempt)
        ),
        ignore_conflicts=True,
    )


def readers(attempt: Attempt) -> list[str]:
    """The author, while an active member of staff, and ADMINS; each address once."""
    author = attempt.mailing.created_by
    addresses = [address for _name, address in settings.ADMINS]
    if author is not None and author.is_active and author.email:
        addresses.insert(0, author.email)
    return list({address.lower(): address for address in reversed(addresses)}.values())


def wake(now: datetime) -> bool:
    """Asks a worker to send what waits, unless the mail service is known to be down."""
    waiting = StaffNotice.objects.waiting(now).exists()
    ready = waiting and not MailService.objects.filter(until__gt=now).exists() and not site_guard.is_copy()
    if ready:
        scheduling.enqueue(scheduling.TELL_STAFF)
    return ready


def send_waiting(now: datetime) -> int:
    """One letter per reader with all that waits for them; returns how many letters the server accepted."""
    accepted = 0
    for email in sorted(set(StaffNotice.objects.waiting(now).values_list("email", flat=True))):
        claimed = _claim(email, now)
        if claimed and _send(email, claimed):
            StaffNotice.objects.filter(pk__in=[notice.pk for notice in claimed]).update(sent_at=now)
            accepted += 1
    return accepted


def _claim(email: str, now: datetime) -> list[StaffNotice]:
    """Each notice is taken by one worker only; when its letter does not get through it is free again later."""
    notices = StaffNotice.objects.waiting(now).filter(email=email)
    mine = [
        notice.pk
        for notice in notices
        if StaffNotice.objects.waiting(now).filter(pk=notice.pk).update(send_after=now + TRY_AGAIN)
    ]
    return list(StaffNotice.objects.filter(pk__in=mine).select_related("mailing__message", "attempt").order_by("pk"))


def _send(email: str, notices: Sequence[StaffNotice]) -> bool:
    with translation.override(settings.LANGUAGE_CODE), timezone.override(timezone.get_default_timezone()):
        subject, body = letter(notices)
    try:
        EmailMessage(subject, body, settings.SERVER_EMAIL, [email]).send()
    except (OSError, SMTPException, ValueError) as error:
        logger.warning("A letter to staff could not be sent and stays: %s", error)
        return False
    return True


def letter(notices: Sequence[StaffNotice]) -> tuple[str, str]:
    """Subject and body for one reader."""
    sentences = [_sentence(notice) for notice in notices]
    if len(notices) == 1:
        subject = gettext("Samovar: %(what)s") % {"what": notices[0]}
    else:
        subject = ngettext("Samovar: %(count)s report", "Samovar: %(count)s reports", len(notices))
        subject %= {"count": len(notices)}
    return " ".join(subject.split())[:200], "\n\n".join(_paragraphs(sentences))


def _paragraphs(sentences: Iterable[str]) -> Iterable[str]:
    yield from sentences
    yield gettext("All details: %(url)s") % {"url": settings.SITE_URL + reverse("admin:index")}


def _sentence(notice: StaffNotice) -> str:
    attempt = notice.attempt
    if attempt is None:
        return str(notice)
    values = {
        "mailing": notice.mailing,
        "attempt": attempt.pk,
        "sent": attempt.sent,
        "audience": attempt.audience,
        "note": attempt.note_text,
        "planned": audit_log.when(attempt.occurrence or attempt.started_at),
        "since": audit_log.when(attempt.waits_since or notice.created_at),
    }
    link = settings.SITE_URL + reverse("admin:mailing_attempt_change", args=[attempt.pk])
    return f"{(gettext(SENTENCES[NoticeKind(notice.kind)]) % values).strip()}\n{link}"


def purge(now: datetime) -> int:
    """Forgets notices of a month ago, and those whose attempt is gone before anybody was told."""
    old = Q(created_at__lt=now - KEPT) | Q(attempt=None, sent_at=None)
    return StaffNotice.objects.filter(old).delete()[0]
