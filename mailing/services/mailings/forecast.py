"""What the next run will be like: who comes and goes, what was rewritten, whether a day gets crowded. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Q
from django.utils import timezone

from mailing import recurrence
from mailing.choices import Audience
from mailing.formatting import person
from mailing.models import Attempt, Client, Mailing, Message
from mailing.services.mailings import audiences, occurrences
from mailing.services.reports import statistics

MANY_LETTERS = 3  # to one client on one day
MANY_CLIENTS = 10  # concerned, before a warning is worth reading


@dataclass(frozen=True)
class Changes:
    """The next run compared with the latest one."""

    since: Attempt
    added: int
    removed: int
    more: int  # recipients than then, or fewer; instead of the two above, where there are too many to compare
    message_changed_at: datetime | None
    message_changed_by: str


def changes(mailing: Mailing, *, recipients: int | None = None) -> Changes | None:
    """The next run compared with the latest; `recipients` where they were counted already.

    None while nothing was sent yet, and after the purge of the latest run's deliveries."""
    latest = audiences.latest_run(mailing)
    if latest is None:
        return None
    last = latest.attempt
    number = statistics.recipients(mailing) if recipients is None else recipients
    added = removed = more = 0
    if max(number, last.audience) > audiences.COMPARED:
        more = _audience(mailing, number) - last.audience
    else:
        added, removed = audiences.came_and_left(mailing, latest, number)
    rewritten = mailing.message.updated_at > last.started_at
    return Changes(
        since=last,
        added=added,
        removed=removed,
        more=more,
        message_changed_at=mailing.message.updated_at if rewritten else None,
        message_changed_by=_last_editor(mailing.message) if rewritten else "",
    )


def _audience(mailing: Mailing, recipients: int) -> int:
    """What `audience` of an attempt would be now: with those of a list who are on the stop list."""
    if mailing.audience == Audience.EVERYONE:
        return recipients
    return Mailing.clients.through.objects.filter(mailing=mailing.pk).count()


def _last_editor(message: Message) -> str:
    kind = ContentType.objects.get_for_model(Message)
    entries = LogEntry.objects.filter(content_type=kind, object_id=str(message.pk), action_flag=CHANGE)
    entry = entries.select_related("user").order_by("-action_time").first()
    return person(entry.user) if entry else ""


@dataclass(frozen=True)
class Crowd:
    """A day on which many clients of a mailing get three letters or more."""

    day: date
    clients: int
    mailings: list[Mailing]


def crowd(mailing: Mailing, dates: Iterable[datetime]) -> Crowd | None:
    """The first of the dates that is too full; None if none is."""
    others = list(
        Mailing.objects.active()
        .exclude(pk=mailing.pk)
        .only("name", "audience", "start_at", "end_at", "periodicity", "next_run_at")
    )
    for day in dict.fromkeys(timezone.localtime(moment).date() for moment in dates):
        same_day = [other for other in others if _runs_on(other, day)]
        clients = _concerned(mailing, same_day) if len(same_day) >= MANY_LETTERS - 1 else 0
        if clients >= MANY_CLIENTS:
            return Crowd(day, clients, same_day)
    return None


def _runs_on(mailing: Mailing, day: date) -> bool:
    zone = occurrences.zone()
    begin = datetime.combine(day, time.min, tzinfo=zone)
    until = begin + timedelta(days=1) - timedelta(microseconds=1)
    before = begin - timedelta(microseconds=1)
    found = recurrence.next_after(mailing.start_at, mailing.periodicity, before, zone, end=mailing.end_at)
    return found is not None and found <= until


def _concerned(mailing: Mailing, others: list[Mailing]) -> int:
    """How many clients of the mailing are in enough of the others, too."""
    to_everyone = sum(other.audience == Audience.EVERYONE for other in others)
    needed = MANY_LETTERS - 1 - to_everyone
    if needed <= 0:
        return statistics.recipients(mailing)
    chosen = [other.pk for other in others if other.audience == Audience.SELECTED]
    often = Mailing.clients.through.objects.filter(mailing__in=chosen).order_by().values_list("client")
    busy = often.annotate(number=Count("pk")).filter(number__gte=needed).values_list("client")  # type: ignore[misc]
    if mailing.audience == Audience.EVERYONE:
        return Client.objects.receiving().filter(pk__in=busy).count()
    return Mailing.clients.through.objects.filter(Q(mailing=mailing.pk), client__in=busy).count()
