"""A second mailing like the first."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import F
from django.utils.translation import gettext

from mailing.models import Mailing, Message
from mailing.models.bulk import insert_select
from mailing.services.access import audit_log

COPIED = ("message_id", "audience", "from_name", "reply_to", "start_at", "end_at", "periodicity")


def copy(mailing: Mailing, by: User | None) -> Mailing:
    """A draft with the same content, dates and recipients, and no history."""
    name = gettext("%(name)s (copy)") % {"name": mailing}
    same = {field: getattr(mailing, field) for field in COPIED}
    twin = Mailing.objects.create(name=name[:200], is_paused=True, created_by=by, **same)
    _copy_recipients(mailing, twin)
    return twin


def copy_message(message: Message, by: User | None) -> Message:
    """A message of its own with the same texts, in no mailing."""
    subject = gettext("%(name)s (copy)") % {"name": message.subject}
    texts = {"body": message.body, "is_html": message.is_html, "text_body": message.text_body}
    twin = Message.objects.create(subject=subject[:200], **texts)
    audit_log.added(twin, by)
    return twin


def _copy_recipients(source: Mailing, target: Mailing) -> None:
    links = Mailing.clients.through
    insert_select(links, links.objects.filter(mailing=source), mailing=target.pk, client=F("client"))
