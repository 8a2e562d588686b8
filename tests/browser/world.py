"""A small installation in every state that has a look of its own."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from mailing.choices import (
    AttemptStatus,
    Audience,
    DeliveryReason,
    DeliveryStatus,
    MailingStatus,
    Periodicity,
    Trigger,
)
from mailing.models import Mailing
from tests.factories import (
    AttemptFactory,
    ClientFactory,
    DeliveryFactory,
    MailingFactory,
    MessageFactory,
    SuppressionFactory,
)


def build() -> Mailing:
    """Clients, messages, mailings of every kind, attempts of every result; returns the mailing that is being sent."""
    now = timezone.now()
    clients = ClientFactory.create_batch(6, comment="Пришёл с выставки, просил писать по вторникам")
    SuppressionFactory(email=clients[0].email)
    SuppressionFactory()
    letter = MessageFactory(subject="Новости недели: скидки, события и одна очень длинная тема письма")
    html = MessageFactory(subject="Добро пожаловать!", is_html=True, body="<h1>Здравствуйте, {{ greeting }}!</h1>")
    shown = {"status": MailingStatus.RUNNING, "active_since": now - timedelta(days=40)}
    sending = MailingFactory(
        name="Еженедельный дайджест", message=letter, clients=clients, periodicity=Periodicity.WEEKLY,
        start_at=now - timedelta(days=35), next_run_at=now + timedelta(days=1), **shown,
    )  # fmt: skip
    AttemptFactory(mailing=sending, audience=1415, sent=676, failed=2, subject=letter.subject, trigger=Trigger.MANUAL)
    MailingFactory(name="Всем по утрам", message=html, audience=Audience.EVERYONE, periodicity=Periodicity.DAILY,
                   next_run_at=now + timedelta(hours=5), **shown)  # fmt: skip
    MailingFactory(name="Черновик", message=html, is_paused=True, start_at=now + timedelta(days=3))
    failing = MailingFactory(name="Приглашения", message=html, clients=clients[:2], **shown)
    failed = AttemptFactory(
        mailing=failing, status=AttemptStatus.FAILED, audience=3, sent=1, failed=1, unconfirmed=1,
        started_at=now - timedelta(days=2), finished_at=now - timedelta(days=2), occurrence=now - timedelta(days=2),
        response="550 5.1.1 <client1@example.ru>: Recipient address rejected: User unknown", subject=html.subject,
    )  # fmt: skip
    for client, status, reason in zip(
        clients,
        (DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.UNCONFIRMED),
        ("", DeliveryReason.NO_SUCH_MAILBOX, DeliveryReason.LINE_LOST),
        strict=False,
    ):
        DeliveryFactory(attempt=failed, client=client, status=status, reason=reason, tries=1)
    for number in range(12):
        day = now - timedelta(days=3 + number)
        done = {"audience": 120 + number, "sent": 120 + number, "started_at": day, "finished_at": day}
        AttemptFactory(mailing=failing, status=AttemptStatus.SUCCEEDED, **done)
    return sending


def remember_a_change(user: User, mailing: Mailing) -> None:
    """A line in the history of the mailing."""
    kind = ContentType.objects.get_for_model(Mailing)
    LogEntry.objects.create(user=user, content_type=kind, object_id=mailing.pk, object_repr="x", action_flag=CHANGE)
