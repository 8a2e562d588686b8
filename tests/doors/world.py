"""One small company, and one person of each kind who knocks at its doors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from mailbox import Maildir
from pathlib import Path
from typing import Any

from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models, transaction
from django.test import Client as Browser
from django.test import override_settings
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_q.models import Failure, Schedule

from mailing import demo, links
from mailing.choices import (
    AccessKind,
    AttemptStatus,
    DeliveryReason,
    DeliveryStatus,
    MailingStatus,
    Periodicity,
    SuppressionReason,
)
from mailing.models import (
    AccessEvent,
    Attempt,
    Client,
    Delivery,
    Mailing,
    MailService,
    Message,
    Suppression,
    TrialLetter,
)
from mailing.services.access import trail, undos
from mailing.services.clients import imports
from tests import factories

ROLES = {
    "S": "superuser",
    "M": "Manager",
    "E": "Editor",
    "V": "Viewer",
    "U": "may change users",
    "G": "may change groups",
    "N": "staff without a group",
    "A": "anonymous",
}

# Everything a door could change.
KINDS: tuple[type[models.Model], ...] = (
    Client, Message, Mailing, Attempt, Delivery, Suppression, Group, User,
    TrialLetter, MailService, Schedule, Failure, AccessEvent, TOTPDevice,
)  # fmt: skip


@dataclass
class World:
    """`ids` fill the addresses of the table: {client}, {draft}, {active} …"""

    users: dict[str, User | AnonymousUser] = field(default_factory=dict)
    ids: dict[str, Any] = field(default_factory=dict)

    def browser(self, role: str) -> Browser:
        browser, user = Browser(), self.users[role]
        if isinstance(user, User):
            browser.force_login(user)
        return browser

    def upload_of(self, role: str) -> None:
        """A file that waits for its owner to confirm it: one's own if one may import, else the superuser's."""
        user = self.users[role]
        owner = user if isinstance(user, User) and user.has_perm("mailing.import_client") else self.users["S"]
        assert isinstance(owner, User)
        file = SimpleUploadedFile("clients.csv", b"email\nnew@mail.example\n", "text/csv")
        self.ids["upload"] = imports.receive(file, by=owner, mailing=None).pk

    def undo_of(self, role: str) -> None:
        """A pause that this person could take back: one's own if there is one."""
        user = self.users[role]
        owner = user if isinstance(user, User) else self.users["S"]
        assert isinstance(owner, User)
        draft = Mailing.objects.get(pk=self.ids["draft"])
        undo = undos.of_pause([draft], by=owner)
        assert undo is not None
        self.ids["undo"] = undo.pk


@dataclass
class Company:
    """A world that many tests look at in turn: made once, and each of them begins with it as it was made."""

    world: World
    folder: Path
    rows: dict[str, Any]

    def moved_to(self, folder: Path) -> World:
        """The world for one test, whose VAR_DIR is this folder; its rows are rolled back by the test's `db`."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return deepcopy(self.world)


@contextmanager
def founded(folder: Path) -> Iterator[Company]:
    """The company in a transaction around those of the tests. Building it takes longer than most tests do."""
    (folder / "mailbox").mkdir()
    with transaction.atomic(), override_settings(VAR_DIR=folder):
        world = build()
        yield Company(world, folder, fingerprint())
        transaction.set_rollback(True)


def build() -> World:
    world = World(users=_users())
    now = timezone.now()
    client = factories.ClientFactory(email="anna@mail.example", full_name="Анна")
    loose = factories.ClientFactory(email="boris@mail.example", full_name="Борис")
    free, used = factories.MessageFactory(subject="Free"), factories.MessageFactory(subject="Used")
    draft = factories.MailingFactory(name="Draft", message=free, is_paused=True, clients=[client])
    active = _weekly(now, used, client)
    attempt = _attempt(active, client)
    stopped = factories.ClientFactory(email="stopped@mail.example", full_name="Вера")
    factories.SuppressionFactory(email=stopped.email)
    suppression = factories.SuppressionFactory(
        email="gone@mail.example", attempt=attempt, reason=SuppressionReason.HARD_BOUNCE
    )
    key = Maildir(demo.mailbox_directory() / "letters").add(b"Subject: Tea\r\n\r\nHello\r\n")
    world.ids = {
        "client": client.pk,
        "loose": loose.pk,
        "stopped": stopped.pk,
        "free": free.pk,
        "used": used.pk,
        "spare": factories.MessageFactory(subject="Spare").pk,
        "draft": draft.pk,
        "active": active.pk,
        "attempt": attempt.pk,
        "delivery": attempt.deliveries.get().pk,
        "suppression": suppression.pk,
        "letter": key,
        "token": links.unsubscribe_url(client.email).rstrip("/").rsplit("/", 1)[-1],
        "group": Group.objects.get(name="Viewer").pk,
        "custom": Group.objects.create(name="Guests").pk,
        "boss": factories.UserFactory(username="chief", is_superuser=True).pk,
        "user": User.objects.get(username="viewer").pk,
        "nobody": User.objects.get(username="nobody").pk,
        "send": Permission.objects.get(codename="send_mailing").pk,
        "phoned": TOTPDevice.objects.create(user=factories.UserFactory(username="phoned")).user_id,
        **_system(now),
    }
    return world


def _weekly(now: datetime, message: Message, client: Client) -> Mailing:
    began = now - timedelta(days=3)
    return factories.MailingFactory(
        name="Active",
        message=message,
        periodicity=Periodicity.WEEKLY,
        status=MailingStatus.RUNNING,
        start_at=began,
        active_since=began,
        next_run_at=now + timedelta(days=4),
        clients=[client],
    )


def _system(now: datetime) -> dict[str, Any]:
    """A row for each screen of the packages around us."""
    failure = Failure.objects.create(
        id="f" * 32, name="alpha-beta", func="mailing.tasks.run_due", started=now, stopped=now, success=False
    )
    return {
        "schedule": Schedule.objects.create(func="mailing.tasks.ping", name="somebody else's", next_run=None).pk,
        "failure": failure.pk,
        "accessevent": AccessEvent.objects.create(
            kind=AccessKind.LOCKED_OUT, username="boss", name_key=trail.key("boss"), address="203.0.113.7"
        ).pk,
    }


def _users() -> dict[str, User | AnonymousUser]:
    users: dict[str, User | AnonymousUser] = {"A": AnonymousUser(), "N": factories.UserFactory(username="nobody")}
    users["S"] = factories.UserFactory(username="boss", is_superuser=True)
    for role, name in (("M", "Manager"), ("E", "Editor"), ("V", "Viewer")):
        user = factories.UserFactory(username=name.lower())
        user.groups.add(Group.objects.get(name=name))
        users[role] = user
    for role, model in (("U", "user"), ("G", "group")):
        users[role] = factories.UserFactory(username=f"{model}s")
        rights = Permission.objects.filter(content_type__app_label="auth", content_type__model=model)
        users[role].user_permissions.set(rights)
    return users


def _attempt(mailing: Mailing, client: Client) -> Attempt:
    """A run whose only letter was refused: there is something to retry."""
    begun = mailing.start_at
    attempt = factories.AttemptFactory(
        mailing=mailing,
        occurrence=begun,
        status=AttemptStatus.FAILED,
        subject="Used",
        text_body="Hello",
        started_at=begun,
        finished_at=begun + timedelta(minutes=1),
        audience=1,
        failed=1,
    )
    factories.DeliveryFactory(
        attempt=attempt,
        client=client,
        status=DeliveryStatus.FAILED,
        reason=DeliveryReason.REFUSED,
        code=552,
        response="552 5.2.2 Mailbox full",
    )
    return attempt


def differences(before: dict[str, Any]) -> list[str]:
    """Which kinds of rows are others than before."""
    after = fingerprint()
    return [kind for kind in before if after[kind] != before[kind]]


def fingerprint() -> dict[str, Any]:
    """The rows, as plain values."""
    rows: dict[str, Any] = {kind.__name__: list(kind._default_manager.order_by("pk").values()) for kind in KINDS}
    for user in rows["User"]:
        user.pop("last_login")
    through = Mailing.clients.through._default_manager
    # Whoever knocks at a door came in before.
    came_and_went = {AccessKind.LOGGED_IN, AccessKind.LOGGED_OUT, AccessKind.FAILED, AccessKind.RESET_ASKED}
    rows["AccessEvent"] = [row for row in rows["AccessEvent"] if row["kind"] not in came_and_went]
    rows["recipients"] = sorted(through.values_list("mailing_id", "client_id"))
    for table in (User.groups.through, User.user_permissions.through, Group.permissions.through):
        # A form that is saved unchanged writes its rows anew.
        rows[table.__name__] = sorted(tuple(row.values())[1:] for row in table._default_manager.values())
    return rows
