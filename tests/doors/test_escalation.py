"""Nobody comes by more than they were given: a person with one single right tries every way up there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q
from django.test import Client as Browser
from django.urls import reverse

from mailing.models import Attempt, Client, Mailing, MailService, Message, Suppression
from mailing.services.access import groups
from tests.doors.table import PASSWORDS
from tests.doors.world import World
from tests.factories import UserFactory

ONE = "Climbers"  # the group that gives the one right
TAKEN = "Editor"  # one of ours, that an administrator has thrown away


def every_right() -> Iterator[str]:
    for model in apps.get_models():
        about = model._meta
        own = [codename for codename, _name in about.permissions]
        stock = [get_permission_codename(action, about) for action in about.default_permissions]
        yield from (f"{about.app_label}.{codename}" for codename in (*stock, *own))


RIGHTS = sorted(every_right())
OURS = [right for right in RIGHTS if right.startswith(("mailing.", "auth."))]
OTHERS = sorted(set(RIGHTS) - set(OURS))  # of the packages, whose screens are for superusers: all of them at once


def somebody_who_may(given: list[str]) -> User:
    """A person with the rights, through a group they are in."""
    group = Group.objects.create(name=ONE)
    for right in given:
        app, codename = right.split(".")
        group.permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    user = UserFactory(username="climber")
    user.groups.add(group)
    return user


def raw(user: User, **changed: Any) -> dict[str, Any]:
    """All fields of the form of an account as a script would send them, every box ticked."""
    ids = {"groups": list(Group.objects.values_list("pk", flat=True)), "user_permissions": [_send().pk]}
    return {"username": user.username, "email": user.email} | dict.fromkeys(
        ("is_active", "is_staff", "is_superuser"), "on"
    ) | ids | changed  # fmt: skip


def _send() -> Permission:
    return Permission.objects.get(codename="send_mailing")


def climb(browser: Browser, me: User, world: World) -> Iterator[int]:
    """Every way up; the answers. What takes something away from oneself comes last."""

    def post(page: str, /, *args: Any, **data: Any) -> int:
        return browser.post(reverse(f"admin:{page}", args=args), data).status_code

    ids = world.ids
    stronger = [User.objects.get(pk=ids[who]) for who in ("boss", "user")] + [User.objects.get(username="manager")]
    yield post("auth_user_add", **raw(UserFactory.build(username="twin")), **PASSWORDS)
    for user in (me, *stronger, User.objects.get(pk=ids["nobody"])):
        yield post("auth_user_change", user.pk, **raw(user, email="climber@mail.example"))
    for user in stronger:
        yield post("auth_user_password_change", user.pk, **PASSWORDS)
        yield post("auth_user_change", user.pk, username=user.username)  # every box empty: switched off
        yield post("auth_user_delete", user.pk, post="yes")
        act = {"action": "delete_selected", ACTION_CHECKBOX_NAME: str(user.pk), "post": "yes"}
        yield post("auth_user_changelist", **act)
        yield post("auth_user_changelist", **act, select_across="1")
    for group in Group.objects.all():
        yield post("auth_group_change", group.pk, name=group.name, permissions=[_send().pk])
    yield post("auth_group_add", name="New", permissions=[_send().pk])
    yield post("auth_group_add", name=TAKEN)
    yield post("auth_group_change", Group.objects.get(name=ONE).pk, name=TAKEN)
    yield post("confirm_site")
    yield post("fill_with_examples")
    yield from reach(post, ids)
    for group in Group.objects.exclude(user=me):
        yield post("auth_group_delete", group.pk, post="yes")


def reach(post: Any, ids: dict[str, Any]) -> Iterator[int]:
    """What lets anything get to clients."""
    yield post("mailing_client_change", ids["client"], email="climber@mail.example")
    yield post("mailing_message_change", ids["used"], subject="Mine", body="Mine")
    for page in ("send", "pause", "resume", "finish", "dry-run"):
        yield post(f"mailing_mailing_{page}", ids["active"])
    yield post("mailing_mailing_resume", ids["draft"])
    yield post("mailing_mailing_add", message=ids["free"], audience="everyone", start_at_0="2026-01-01",
               start_at_1="10:00", periodicity="daily")  # fmt: skip
    yield post("mailing_attempt_retry", ids["attempt"])
    yield post("mailing_suppression_lift", ids["suppression"])
    yield post("mailing_suppression_delete", ids["suppression"], post="yes")
    for action, row, mailing in (("add_to_mailing", "loose", "active"), ("remove_from_mailing", "client", "active"),
                                 ("delete_selected", "client", "draft")):  # fmt: skip
        picked = {ACTION_CHECKBOX_NAME: ids[row], "mailing": ids[mailing], "apply": "1", "post": "yes"}
        yield post("mailing_client_changelist", action=action, **picked)


def rights_of(user: User) -> set[str]:
    held = Permission.objects.filter(Q(user=user) | Q(group__user=user)).select_related("content_type")
    return {f"{right.content_type.app_label}.{right.codename}" for right in held}


def accounts() -> dict[str, Any]:
    """Every account with what it is and may do."""
    fields = ("pk", "username", "email", "password", "is_active", "is_staff", "is_superuser")
    return {user.pk: ([getattr(user, name) for name in fields], rights_of(user)) for user in User.objects.all()}


def audience() -> Any:
    """Whom letters reach by themselves, and with what."""
    active = Mailing.objects.active().order_by("pk")
    return (
        list(active.values("pk", "message", "start_at", "end_at", "next_run_at", "clients__email")),
        list(Message.objects.filter(mailings__in=active).values("subject", "body")),
        list(Suppression.objects.order_by("pk").values_list("email", flat=True)),
        Attempt.objects.count(),
        Client.objects.filter(mailings__in=active).count(),
    )


@pytest.mark.parametrize("held", [*([right] for right in OURS), OTHERS], ids=lambda held: held[0])
def test_one_right_is_no_ladder(world: World, held: list[str]) -> None:
    Group.objects.filter(name=TAKEN).delete()
    MailService.objects.update_or_create(pk=1, defaults={"site_url": "https://letters.example.com"})
    me = somebody_who_may(held)
    before, reached, browser = accounts(), audience(), Browser()
    given = {group.name: set(group.permissions.values_list("pk", flat=True)) for group in Group.objects.all()}
    browser.force_login(me)

    answers = list(climb(browser, me, world))

    assert not [code for code in answers if code >= 500]
    kept = {name for name, rights in given.items() if rights and name != ONE}
    assert kept <= set(Group.objects.values_list("name", flat=True))
    groups.sync()  # an administrator follows the notes of the next release
    after = accounts()
    for pk, (account, rights) in before.items():
        if pk != me.pk and (account[-1] or rights.difference(held)):
            assert after[pk][0] == account, "somebody stronger was touched"
    for account, rights in (now for pk, now in after.items() if now != before.get(pk)):
        assert not account[-1], f"{account[1]} is a superuser now"
        assert rights <= set(held), f"{account[1]} may do more than the person who changed them"
    assert {name for name, rights in given.items() if rights and name != ONE} <= {
        str(g.name) for g in Group.objects.all()
    }
    for group in Group.objects.exclude(name=TAKEN):
        assert set(group.permissions.values_list("pk", flat=True)) == given.get(group.name, set())
    assert audience() == reached
    assert MailService.load().site_url == "https://letters.example.com"
