"""The letter to somebody who forgot their password. Who asks learns nothing about who there is: a worker looks."""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from mailing import scheduling
from mailing.choices import AccessKind
from mailing.models import AccessEvent
from mailing.services.access import site_guard, trail
from mailing.services.access.origins import Origin

logger = logging.getLogger(__name__)

OLD = timedelta(hours=1)  # whoever asked has gone, or asked again
SUBJECT = _("Samovar: a new password")
BODY = _(
    "Somebody, probably you, asked for a new password for “%(name)s” (from %(address)s).\n\n"
    "Set it here, within an hour:\n%(link)s\n\n"
    "If it was not you, do nothing: the password stays as it is."
)


def can_be_sent() -> bool:
    """Whether there is a mail server to send such letters by; a copy of an installation writes to nobody."""
    return bool(settings.PASSWORD_BY_LETTER) and settings.MAILING_SENDING_ENABLED and not site_guard.is_copy()


def may_have_one(user: User) -> bool:
    """Members of staff who log in with a password and have an address."""
    return bool(user.is_active and user.is_staff and user.email and user.has_usable_password())


def whose(name: str) -> str:
    """The name of the user who is meant, by name or by address; what was typed when there is none."""
    return next(iter(_meant(name).values_list("username", flat=True)), name)


def ask(name: str, *, origin: Origin, language: str) -> None:
    """Somebody asks for a letter: written down, and left to a worker, whoever they mean."""
    users = list(_meant(name).values_list("pk", "username"))
    details = {"users": [pk for pk, _username in users], "language": language}
    shown = users[0][1] if users else name
    event = trail.record(AccessKind.RESET_ASKED, shown, origin=origin, by="", details=details)
    scheduling.enqueue(scheduling.SEND_PASSWORD_LETTER, event)


def send(event_id: int) -> int:
    """What the worker does; returns how many letters the server accepted."""
    now = timezone.now()
    event = AccessEvent.objects.filter(pk=event_id, kind=AccessKind.RESET_ASKED, at__gt=now - OLD).first()
    if event is None or not can_be_sent():
        return 0
    users = User.objects.filter(pk__in=event.details.get("users", []))
    return sum(_send(user, event) for user in users if may_have_one(user))


def _meant(name: str) -> QuerySet[User]:
    return User.objects.filter(Q(username=name) | Q(email__iexact=name)).order_by("pk")


def _send(user: User, event: AccessEvent) -> bool:
    mark = urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)
    link = settings.SITE_URL + reverse("admin:password_reset_confirm", args=mark)
    with translation.override(event.details.get("language") or settings.LANGUAGE_CODE):
        subject = gettext(SUBJECT)
        body = gettext(BODY) % {"name": user.get_username(), "address": event.address or "—", "link": link}
    try:
        return bool(EmailMessage(subject, body, settings.SERVER_EMAIL, [user.email]).send())
    except (OSError, SMTPException, ValueError) as error:
        logger.warning("The letter for a new password could not be sent: %s", error)
        return False
