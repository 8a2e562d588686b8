"""How far somebody reaches who looks after accounts or groups and is no superuser.

Only a superuser makes superusers, touches them, or gives rights. Whoever else may change users reaches the accounts
that may do nothing they may not do themselves: who sets a Manager's password or e-mail address is a Manager a minute
later. They hand on the groups they hold, and no single right. `by=None` is the system or the command line.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet

from mailing.services.access import groups


def may_give_rights(by: User | None) -> bool:
    """Whether the person makes superusers, and decides what a group or an account may do."""
    return by is None or (by.is_active and by.is_superuser)


def reaches(by: User | None, user: User) -> bool:
    """Whether the person may change this account at all: password and e-mail address are the account."""
    return may_give_rights(by) or not beyond(by, [user])


def beyond(by: User | None, users: Iterable[User]) -> list[User]:
    """Those of the accounts that the person must leave alone. One that is switched off counts like one that is on."""
    if by is None or may_give_rights(by):
        return []
    own = _rights(Q(user=by) | Q(group__user=by))
    found = list(users)
    return [user for user in found if user.is_superuser or _rights(Q(user=user) | Q(group__user=user)) - own]


def reaches_group(by: User | None, group: Group) -> bool:
    """Whether the person may rename or delete this group."""
    return may_give_rights(by) or not groups_beyond(by, [group])


def groups_beyond(by: User | None, found: Iterable[Group]) -> list[Group]:
    """Those of the groups that may do something the person may not."""
    if by is None or may_give_rights(by):
        return []
    own = _rights(Q(user=by) | Q(group__user=by))
    return [group for group in found if _rights(Q(group=group)) - own]


def to_hand_on(by: User) -> QuerySet[Group]:
    """The groups the person may put others into, or take them out of."""
    everybody = Group.objects.order_by("name")
    return everybody if may_give_rights(by) else everybody.filter(user=by)


def may_name(by: User | None, name: str) -> bool:
    """The names of our own groups bring rights: `migrate` and `sync_groups` fill whatever is called so."""
    return may_give_rights(by) or name not in groups.PERMISSIONS


def _rights(held: Q) -> set[int]:
    """Asked of the tables: Django's own answer for an account that is switched off is “none”."""
    return set(Permission.objects.filter(held).values_list("pk", flat=True))
