"""The three groups of staff and what each may do.

Stored under English names, shown translated. `create_missing` runs after every migrate and leaves a group that
exists alone, so what an administrator changed by hand stays; `sync` (the command sync_groups) sets our own
permissions of these three groups back to this table. Other groups, and permissions of other apps, are never touched.
"""

from __future__ import annotations

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext_noop

from mailing.services.access import trail

MANAGER = gettext_noop("Manager")
EDITOR = gettext_noop("Editor")
VIEWER = gettext_noop("Viewer")

_LOOK = {f"view_{model}" for model in ("client", "suppression", "message", "mailing", "attempt", "delivery")}
_PREPARE = {f"{verb}_{model}" for verb in ("add", "change", "delete") for model in ("client", "message", "mailing")}
_EXCHANGE = {"import_client", "export_client", "export_attempt"}

PERMISSIONS: dict[str, set[str]] = {
    MANAGER: _LOOK
    | _PREPARE
    | _EXCHANGE
    | {f"{verb}_suppression" for verb in ("add", "change", "delete")}
    # The one right that lets anything reach clients.
    | {"send_mailing"},
    # An editor may put an address on the stop list (somebody rang), but not take it off: that would send letters.
    EDITOR: _LOOK | _PREPARE | _EXCHANGE | {"add_suppression"},
    VIEWER: _LOOK,
}


def create_missing(*, using: str = DEFAULT_DB_ALIAS, **signal: object) -> None:
    """Receiver of post_migrate: makes the groups that are not there yet."""
    for name in PERMISSIONS:
        group, created = Group.objects.using(using).get_or_create(name=name)
        if created:
            with trail.silent():  # of a database being made; its table may not be there yet
                group.permissions.set(_permissions(name, using))


def sync() -> dict[str, int]:
    """Sets our permissions of the three groups to the table above; returns how many each group has."""
    for name in PERMISSIONS:
        group, _ = Group.objects.get_or_create(name=name)
        foreign = group.permissions.exclude(content_type__app_label="mailing")
        group.permissions.set([*foreign, *_permissions(name, DEFAULT_DB_ALIAS)])
    return {name: len(codenames) for name, codenames in PERMISSIONS.items()}


def _permissions(name: str, using: str) -> list[Permission]:
    # Our app stands before django.contrib.auth, so after the first migrate its permissions do not exist yet.
    create_permissions(apps.get_app_config("mailing"), verbosity=0, using=using)
    wanted = PERMISSIONS[name]
    found = Permission.objects.using(using).filter(content_type__app_label="mailing", codename__in=wanted)
    return list(found)
