"""What staff did, in Django's own log of actions, which nobody else writes; and how a moment is written for them."""

from __future__ import annotations

from datetime import datetime

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import formats, timezone
from django.utils.translation import gettext


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


def when(moment: datetime) -> str:
    """A moment as staff read it, with the zone's name."""
    local = timezone.localtime(moment)
    return f"{formats.date_format(local, 'SHORT_DATETIME_FORMAT')} ({timezone.get_current_timezone_name()})"
