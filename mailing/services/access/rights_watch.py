"""What changes about users and their rights stands in the access log, whoever changes it: page, command or shell.

Signals, because commands of Django's own change users, too. They only write down; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import models
from django.db.models import QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from mailing.choices import AccessKind
from mailing.services.access import trail

Right = User | Group | Permission

FLAGS = ("is_superuser", "is_staff", "is_active")
NAMES = ("username", "email")
WATCHED = ("password", *FLAGS, *NAMES)
# What Django stores by itself at a log-in: the moment, and the same password under a newer hash.
BY_ITSELF = (frozenset({"last_login"}), frozenset({"password"}))


def watch() -> None:
    """Listens to whatever changes users, groups and their rights."""
    pre_save.connect(_look_before, sender=User, dispatch_uid="access_log.before")
    post_save.connect(_user_saved, sender=User, dispatch_uid="access_log.saved")
    post_delete.connect(_deleted, sender=User, dispatch_uid="access_log.user")
    post_delete.connect(_deleted, sender=Group, dispatch_uid="access_log.group")
    for through in (User.groups.through, User.user_permissions.through, Group.permissions.through):
        m2m_changed.connect(_rights_changed, sender=through, dispatch_uid=f"access_log.{through.__name__}")


def _look_before(
    *, instance: User, update_fields: frozenset[str] | None = None, raw: bool = False, **signal: object
) -> None:
    unwatched = update_fields in BY_ITSELF or (update_fields is not None and not update_fields & set(WATCHED))
    known = instance.pk and not raw and not unwatched
    instance.__dict__["_before"] = User.objects.filter(pk=instance.pk).values(*WATCHED).first() if known else None


def _user_saved(*, instance: User, created: bool, raw: bool = False, **signal: object) -> None:
    before = instance.__dict__.pop("_before", None)
    if raw:
        return
    given = [f"flag:{name}" for name in FLAGS if getattr(instance, name) and not (before or {}).get(name)]
    if created:
        trail.record(AccessKind.USER_ADDED, instance.username, details={"given": given})
    elif before:
        _changed(instance, before, given)


def _changed(user: User, before: dict[str, Any], given: list[str]) -> None:
    taken = [f"flag:{name}" for name in FLAGS if before[name] and not getattr(user, name)]
    if given or taken:
        trail.record(AccessKind.RIGHTS_CHANGED, user.username, details={"given": given, "taken": taken})
    if names := [
        f"{before[name] or '—'} → {getattr(user, name)}" for name in NAMES if before[name] != getattr(user, name)
    ]:
        trail.record(AccessKind.USER_CHANGED, user.username, details={"changed": names})
    if before["password"] != user.password:
        trail.record(AccessKind.PASSWORD_CHANGED, user.username)


def _deleted(*, instance: User | Group, **signal: object) -> None:
    if isinstance(instance, User):
        trail.record(AccessKind.USER_DELETED, instance.username)
    else:
        trail.record(AccessKind.RIGHTS_CHANGED, details={"taken": [f"group:{instance.name}"]})


def _rights_changed(
    *,
    sender: type[models.Model],
    instance: Right,
    action: str,
    model: type[models.Model],
    reverse: bool,
    pk_set: set[int] | None,
    **signal: object,
) -> None:
    """One entry for each user or group concerned; `clear` names what was there before it."""
    field = {"post_add": "given", "post_remove": "taken", "pre_clear": "taken"}.get(action)
    if field is None:
        return
    others = list(_found(model, _all_of(sender, instance, model) if action == "pre_clear" else pk_set or set()))
    if reverse:
        for holder in others:
            _write(holder, field, [instance])
    elif others:
        _write(instance, field, others)


def _found(model: type[models.Model], numbers: set[int]) -> Iterable[Right]:
    rows: QuerySet[Any] = model._default_manager.filter(pk__in=numbers)
    return rows.select_related("content_type") if model is Permission else rows


def _all_of(through: type[models.Model], instance: Right, model: type[models.Model]) -> set[int]:
    names = {field.related_model: field.name for field in through._meta.fields if field.related_model}
    rows = through._default_manager.filter(**{names[type(instance)]: instance})
    return set(rows.values_list(names[model], flat=True))


def _write(holder: Right, field: str, things: Sequence[Right]) -> None:
    name = holder.username if isinstance(holder, User) else ""
    group = {} if name else {"what": [_word(holder)]}
    words = {field: sorted(_word(thing) for thing in things)}
    trail.record(AccessKind.RIGHTS_CHANGED, name, details=group | words)


def _word(thing: Right) -> str:
    if isinstance(thing, Permission):
        return f"right:{thing.content_type.app_label}.{thing.codename}"
    return f"group:{thing.name}" if isinstance(thing, Group) else str(thing)
