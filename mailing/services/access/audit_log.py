"""What staff did, in Django's own log of actions; and how a moment is written for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import formats, timezone
from django.utils.translation import gettext


def changed(thing: Model, by: User | None, sentence: str, **params: Any) -> None:
    """One entry when a person acted; `sentence` is an English msgid."""
    _write(thing, by, CHANGE, gettext(sentence) % params if params else gettext(sentence))


def added(thing: Model, by: User | None) -> None:
    _write(thing, by, ADDITION, "")


def _write(thing: Model, by: User | None, flag: int, sentence: str) -> None:
    if by is None:
        return
    LogEntry.objects.create(
        user_id=by.pk,
        content_type=ContentType.objects.get_for_model(thing),
        object_id=str(thing.pk),
        object_repr=str(thing)[:200],
        action_flag=flag,
        change_message=sentence,
    )


def when(moment: datetime) -> str:
    """A moment as staff read it, with the zone's name."""
    local = timezone.localtime(moment)
    return f"{formats.date_format(local, 'SHORT_DATETIME_FORMAT')} ({timezone.get_current_timezone_name()})"
