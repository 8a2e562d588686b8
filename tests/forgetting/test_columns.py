"""Every text column of every table is either searched when somebody is forgotten, or stands here with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import models
from django.test import Client as Browser
from django.utils import timezone
from picklefield import PickledObjectField

from mailing.choices import UndoKind
from mailing.models import Client, ClientImport, ClientImportPiece, MailService, UndoEntry
from mailing.services.access import undos
from mailing.services.clients import erasure
from tests.doors import world as doors
from tests.factories import ClientFactory, SuppressionFactory

pytestmark = pytest.mark.django_db

THEM = "eva@x.example"
WHOLE_TABLES = {
    "auth.User": "the people who work here; their accounts are theirs",
    "auth.Group": "the rights of staff",
    "auth.Permission": "the rights of staff",
    "contenttypes.ContentType": "the names of our own tables",
    "django_q.Schedule": "the clock's rows: numbers of mailings",
    "django_q.OrmQ": "tasks carry numbers only, signed: a changed one would be thrown away",
    "mailing.Heartbeat": "machines",
    "mailing.StaffNotice": "letters to staff, at their own addresses",
    "mailing.AccessEvent": "staff and who knocked at their door: goes after its own time",
    "mailing.RecoveryCode": "of staff, and only digests",
    "otp_totp.TOTPDevice": "of staff",
    "mailing.PreparedBody": "made from a message, which staff write to everybody",
    "mailing.Message": "what staff write to everybody: the page of forgetting says where the person is named in it",
    "mailing.Mailing": "what staff write to everybody: the page of forgetting says where the person is named in it",
}
COLUMNS = {
    "mailing.Client.email": "the key of somebody else",
    "mailing.Client.search_text": "made from the other columns of its row",
    "mailing.Suppression.email": "by contract: so that nobody writes to them by mistake",
    "mailing.Attempt.subject": "what was sent to everybody, word for word",
    "mailing.Attempt.html_body": "what was sent to everybody, word for word",
    "mailing.Attempt.text_body": "what was sent to everybody, word for word",
    "mailing.Attempt.from_email": "the sender",
    "mailing.Attempt.reply_to": "the sender",
    "mailing.Attempt.lease_owner": "a machine and a process",
    "mailing.Delivery.message_id": "random; of their own letters it goes",
    "mailing.Attempt.limited": "three numbers",
    "mailing.MailService.site_url": "the installation",
    "mailing.MailService.deleted_runs": "numbers",
    "mailing.MailService.without_chunking": "a mail server",
    "mailing.ClientImport.counters": "five numbers",
    "mailing.TrialLetter.outcome": "identifiers of ours, without the server's words",
    "mailing.Undo.mailings": "numbers and moments",
    "sessions.Session.session_key": "random",
    "admin.LogEntry.object_id": "a number",
    "django_q.Task.id": "random",
    "django_q.Task.name": "four random words",
    "django_q.Task.func": "a function of ours",
    "django_q.Task.hook": "a function of ours",
    "django_q.Task.group": "no task of ours has one",
    "django_q.Task.cluster": "the name of the queue",
    **{
        f"axes.{kind}.{column}": "who tried to log in, and with what: goes after its own time"
        for kind in ("AccessAttempt", "AccessLog", "AccessFailureLog")
        for column in ("username", "user_agent", "http_accept")
    },
    "axes.AccessLog.path_info": "the page of the log-in",
    "axes.AccessFailureLog.path_info": "the page of the log-in",
    "axes.AccessLog.session_hash": "random",
}
TEXTS = (models.CharField, models.TextField, models.JSONField, models.BinaryField, PickledObjectField)


def text_columns() -> Iterator[tuple[type[models.Model], models.Field[Any, Any]]]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.proxy or model._meta.label in WHOLE_TABLES:
            continue
        for field in model._meta.concrete_fields:
            room = field.max_length is None or field.max_length >= len(THEM)
            if isinstance(field, TEXTS) and not field.choices and room:
                yield model, field


def named(model: type[models.Model], field: models.Field[Any, Any]) -> str:
    return f"{model._meta.label}.{field.name}"


PLANTED = [(model, field) for model, field in text_columns() if named(model, field) not in COLUMNS]


@pytest.fixture
def eva(settings: LazySettings, tmp_path: Path) -> Client:
    """A world with a row in every table, and one person more."""
    settings.VAR_DIR = tmp_path
    (tmp_path / "mailbox").mkdir()
    boss = doors.build().users["S"]
    assert isinstance(boss, User)
    Browser().force_login(boss)
    MailService.objects.get_or_create(pk=1)
    client = Client.objects.get(email="anna@mail.example")
    LogEntry.objects.create(
        user_id=boss.pk,
        content_type=ContentType.objects.get_for_model(Client),
        object_id=str(client.pk),
        object_repr="Anna",
        action_flag=2,
    )
    LogEntry.objects.create(user_id=boss.pk, object_repr="-", action_flag=2)
    ClientImport.objects.create(file_name="a.csv", expires_at=timezone.now(), loaded_at=timezone.now())
    waiting = ClientImport.objects.create(file_name="b.csv", expires_at=timezone.now())
    ClientImportPiece.objects.create(upload=waiting, number=0, data=b"-")
    AccessAttempt.objects.bulk_create([AccessAttempt(username="-", failures_since_start=1)])  # as axes did in 0.1.0
    undo = undos.begin(UndoKind.LIFT, by=boss)
    UndoEntry.objects.create(undo=undo, email="-@mail.example", note="-", manual_note="-")
    SuppressionFactory(email="somebody@mail.example", note="-", manual_note="-")
    return ClientFactory(email=THEM, full_name="")


def plant(model: type[models.Model], field: models.Field[Any, Any]) -> None:
    rows = model._base_manager.exclude(**({"email": THEM} if model is Client else {}))
    assert rows.exists(), f"there is no row of {model._meta.label} to plant somebody in"
    words = f"so said <{THEM}>."
    if isinstance(field, PickledObjectField | models.BinaryField):
        rows.update(**{field.name: words if isinstance(field, PickledObjectField) else words.encode()})
    elif isinstance(field, models.JSONField):
        rows.update(**{field.name: [{"deep": [words]}]})
    elif model is Session:
        for row in rows:
            model._base_manager.filter(pk=row.pk).update(session_data=Session.objects.encode({"_messages": words}))
    else:
        text = THEM if isinstance(field, models.EmailField) or (field.max_length or 999) < len(words) else words
        for number, row in enumerate(rows):  # a unique column takes it once
            if not (number and (field.unique or field.name == "email")):
                model._base_manager.filter(pk=row.pk).update(**{field.name: text})


def told(model: type[models.Model], field: models.Field[Any, Any]) -> list[str]:
    values = model._base_manager.exclude(**({"email": THEM} if model is Client else {}))
    if model is Session:
        return [str(session.get_decoded()) for session in Session.objects.all() if THEM in str(session.get_decoded())]
    found = map(as_text, values.values_list(field.name, flat=True))
    return [value for value in found if THEM in value]


def as_text(value: object) -> str:
    return bytes(value).decode() if isinstance(value, bytes | memoryview) else str(value)


@pytest.mark.parametrize(("model", "field"), PLANTED, ids=[named(*one) for one in PLANTED])
def test_a_column_in_which_somebody_may_stand_is_cleaned(
    eva: Client, model: type[models.Model], field: models.Field[Any, Any]
) -> None:
    plant(model, field)
    assert told(model, field), "nothing was planted"

    erasure.forget(eva, by=None)

    assert told(model, field) == []


def test_every_exception_is_a_column_that_is_there() -> None:
    labels = {model._meta.label for model in apps.get_models()}
    assert WHOLE_TABLES.keys() - labels == set()
    there = {named(model, field) for model, field in text_columns()}
    assert COLUMNS.keys() - there == set()
