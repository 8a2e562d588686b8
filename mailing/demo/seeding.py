"""Fills an empty installation with the demo. Whatever is there already stays as it is, so it may run again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone

from mailing import recurrence
from mailing.choices import Audience, MailingStatus, Periodicity, SuppressionReason
from mailing.demo import history, letters, people
from mailing.models import Client, Mailing, Message, Suppression
from mailing.services.mailings import lifecycle

CLIENTS = 600
PASSWORD = "demo"  # for a machine of one's own only: settings refuse DEBUG anywhere but on loopback
STAFF = (
    ("admin", "", "Администратор", ""),
    ("manager", "Manager", "Анна", "Соколова"),
    ("editor", "Editor", "Егор", "Лапин"),
    ("viewer", "Viewer", "Вера", "Тарасова"),
)
DUE_IN = timedelta(seconds=40)
FOUNDED_DAYS_AGO = 40
CAME_DAYS_AGO = (400, 310, 220, 160, 120, 90, 75, 60, 50, 42, 21, 6)  # each a twelfth of the clients


@dataclass(frozen=True)
class Example:
    """One mailing of the demo. Days count back from now; `hour` is local time; `every` takes each nth client."""

    name: str
    subject: str
    periodicity: str
    days_ago: int
    hour: int
    every: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    missed: int = -1
    given_up: int = -1


MAILINGS = (
    Example("Утренний чай дня", letters.DIGEST, Periodicity.DAILY, 30, 10, every=4, missed=11, given_up=17),
    Example("Новинки недели", letters.NEWS, Periodicity.WEEKLY, 29, 12),
    Example("Счета", letters.BILL, Periodicity.MONTHLY, 35, 9, every=9),
    Example(
        "Дегустация улунов",
        letters.TASTING,
        Periodicity.ONCE,
        17,
        15,
        every=13,
        state={"status": MailingStatus.FINISHED},
    ),
    Example(
        "Осенняя распродажа",
        letters.NEWS,
        Periodicity.WEEKLY,
        16,
        11,
        every=2,
        state={"is_paused": True},
    ),
)
WELCOME = "Знакомство с новыми клиентами"


@dataclass(frozen=True)
class Seeded:
    clients: int
    messages: int
    mailings: int


def is_seeded() -> bool:
    return Mailing.objects.filter(name=MAILINGS[0].name).exists()


@transaction.atomic
def seed(*, clients: int, now: datetime | None = None) -> Seeded:
    """Makes what is missing; returns what there is now."""
    moment = now or timezone.now()
    author = _staff()
    Client.objects.bulk_create(people.clients(clients), batch_size=1000, ignore_conflicts=True)
    _stop_list()
    messages = letters.messages()
    for plan in MAILINGS:
        if not Mailing.objects.filter(name=plan.name).exists():
            _mailing(plan, moment, message=messages[plan.subject], created_by=author)
    if not Mailing.objects.filter(name=WELCOME).exists():
        _due_soon(moment, message=messages[letters.WELCOME], created_by=author)
    _age(moment)
    return Seeded(Client.objects.count(), len(messages), Mailing.objects.count())


def _age(now: datetime) -> None:
    """What the history speaks of was there before it began."""
    before = now - timedelta(days=FOUNDED_DAYS_AGO)
    made_now = {"created_at__gte": now}
    Message.objects.filter(**made_now).update(created_at=before, updated_at=before)
    clients = list(Client.objects.filter(source=people.SOURCE, **made_now).values_list("pk", flat=True))
    for share, days in enumerate(CAME_DAYS_AGO):
        came = now - timedelta(days=days)
        Client.objects.filter(pk__in=clients[share :: len(CAME_DAYS_AGO)]).update(created_at=came, updated_at=came)
    for entry in Suppression.objects.filter(**made_now).select_related("attempt"):
        since = entry.attempt.started_at if entry.attempt else now - timedelta(days=entry.pk % 25 + 1)
        Suppression.objects.filter(pk=entry.pk).update(created_at=since)


def _staff() -> User:
    users = {}
    for username, group, first_name, last_name in STAFF:
        names = {"first_name": first_name, "last_name": last_name, "email": f"{username}@u-samovara.example"}
        rights = {"is_staff": True, "is_superuser": not group}
        user, created = User.objects.get_or_create(username=username, defaults=names | rights)
        if created:
            user.set_password(PASSWORD)
            user.save()
            user.groups.set(Group.objects.filter(name=group))
        users[username] = user
    return users["manager"]


def _stop_list() -> None:
    reasons = (SuppressionReason.UNSUBSCRIBED, SuppressionReason.UNSUBSCRIBED, SuppressionReason.MANUAL)
    for index, client in enumerate(people.clients(120)):
        if index % 14 == 5:
            reason = reasons[index % 3]
            Suppression.objects.get_or_create(email=client.email, defaults={"reason": reason})


def _mailing(plan: Example, now: datetime, **values: Any) -> None:
    start = _local(now - timedelta(days=plan.days_ago), plan.hour)
    is_paused = plan.state.get("is_paused", False)
    mailing = Mailing.objects.create(
        name=plan.name,
        start_at=start,
        periodicity=plan.periodicity,
        audience=Audience.SELECTED if plan.every else Audience.EVERYONE,
        active_since=None if is_paused else now,
        **({"status": MailingStatus.RUNNING} | plan.state | values),
    )
    if plan.every:
        mailing.clients.set(_every(plan.every))
    past = recurrence.between(start, plan.periodicity, start - timedelta(seconds=1), now, _zone())
    history.write(mailing, list(past)[: 1 if is_paused else None], missed=plan.missed, given_up=plan.given_up)
    if mailing.is_active:
        coming = recurrence.next_after(start, plan.periodicity, now, _zone())
        Mailing.objects.filter(pk=mailing.pk).update(next_run_at=coming)


def _due_soon(now: datetime, **values: Any) -> None:
    """A mailing that starts by itself within the minute."""
    mailing = Mailing.objects.create(name=WELCOME, start_at=now + DUE_IN, **values)
    mailing.clients.set(_every(20))
    lifecycle.launch(mailing, now=now)


def _every(nth: int) -> Iterable[Client]:
    return list(Client.objects.order_by("pk"))[::nth]


def _local(day: datetime, hour: int) -> datetime:
    return day.astimezone(_zone()).replace(hour=hour, minute=0, second=0, microsecond=0)


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.TIME_ZONE)
