"""What staff did, in Django's own log of actions, which nobody else writes; and how a moment is written for them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import F, Model, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import formats, timezone
from django.utils.translation import gettext

PURGED_AT_ONCE = 5000


def changed(thing: Model, by: User | None, sentence: str, **params: object) -> None:
    """One entry about a row that was changed; `sentence` is an English msgid."""
    record(thing, by, CHANGE, gettext(sentence) % params if params else gettext(sentence))


def added(thing: Model, by: User | None) -> None:
    """One entry about a new row."""
    record(thing, by, ADDITION)


def record(thing: Model, by: User | None, flag: int, words: str = "") -> None:
    """One entry about one row; `words` are in the language of the person."""
    _write(by, flag, type(thing), str(thing), words, key=str(thing.pk))


def record_many(kind: type[Model] | None, by: User | None, flag: int, name: str, words: str = "") -> None:
    """One entry however many rows of a kind there are; `name` stands where the one row's own would."""
    _write(by, flag, kind, name, words)


def _write(
    by: User | None, flag: int, kind: type[Model] | None, name: str, words: str, *, key: str | None = None
) -> None:
    """Nothing when it was nobody: the system, or the command line."""
    if by is None:
        return
    LogEntry.objects.create(
        user_id=by.pk,
        content_type=ContentType.objects.get_for_model(kind) if kind else None,
        object_id=key,
        object_repr=name[:200],
        action_flag=flag,
        change_message=words,
    )


def about(kind: type[Model], keys: Collection[object]) -> QuerySet[LogEntry]:
    """The entries about these rows."""
    ids = [str(key) for key in keys]
    return LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(kind), object_id__in=ids)


def unname(kind: type[Model], keys: Collection[object]) -> None:
    """The rows are gone: what was done stays, with their numbers in the place of their names."""
    about(kind, keys).update(object_repr=Concat(Value("№ "), F("object_id")), change_message="")


def purge(now: datetime) -> int:
    """Deletes a batch of entries older than `JOURNAL_RETENTION_DAYS`; 0 keeps them for ever.

    They are numbered in the order of time, which has no index: only the oldest are looked at.
    """
    if not settings.JOURNAL_RETENTION_DAYS:
        return 0
    limit = now - timedelta(days=settings.JOURNAL_RETENTION_DAYS)
    oldest = LogEntry.objects.order_by("pk").values_list("pk", "action_time")[:PURGED_AT_ONCE]
    old = [pk for pk, moment in oldest if moment < limit]
    return LogEntry.objects.filter(pk__in=old).delete()[0] if old else 0


def when(moment: datetime) -> str:
    """A moment as staff read it, with the zone's name."""
    local = timezone.localtime(moment)
    return f"{formats.date_format(local, 'SHORT_DATETIME_FORMAT')} ({timezone.get_current_timezone_name()})"
