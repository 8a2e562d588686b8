"""May this installation write to its clients at all?

A copy of the database (a restore, a staging machine) must not (rule 13 of a run): the address of the site is
remembered in the database, and when the settings name another one, sending stays off until a superuser confirms. It
is remembered by the first `migrate`, or else by the first run; whoever asks only looks.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.apps import apps as global_apps
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DEFAULT_DB_ALIAS
from django.utils.translation import gettext_noop as _

from mailing.errors import NotAllowed, NotStarted, RefusalCode
from mailing.hosts import is_loopback
from mailing.models import MailService

DISABLED = _("Sending is switched off on this installation (MAILING_SENDING_ENABLED).")
COPY = _(
    "This looks like a copy: the data belong to %(remembered)s, but this installation is %(here)s. "
    "Nothing is sent until an administrator confirms that it may write to the clients."
)
SUPERUSERS_ONLY = _("Only an administrator may confirm that this installation writes to the clients.")

DEFAULT_PORTS = {"http": 80, "https": 443}
LOOPBACK = "loopback"


def identity(url: str) -> str:
    """What tells one site from another: host, port where it is unusual, path. All loopback addresses are one."""
    parts = urlsplit(url.strip().lower().rstrip("/"))
    host = parts.hostname or ""
    if is_loopback(host):
        return LOOPBACK
    port = "" if parts.port in {None, DEFAULT_PORTS.get(parts.scheme)} else f":{parts.port}"
    return f"{host}{port}{parts.path}"


def refusal() -> NotStarted | None:
    """Why nothing may be sent now, or None."""
    if not settings.MAILING_SENDING_ENABLED:
        return NotStarted(DISABLED, code=RefusalCode.DISABLED)
    known = remembered()
    if _is_another(known):
        return NotStarted(COPY, code=RefusalCode.COPY, remembered=known, here=settings.SITE_URL)
    return None


def closed() -> bool:
    return refusal() is not None


def is_copy() -> bool:
    """Whether the data belong to another installation (staff are not written to from a copy either)."""
    return _is_another(remembered())


def _is_another(known: str) -> bool:
    """Data that belong to nobody yet are no copy."""
    return bool(known) and identity(known) != identity(settings.SITE_URL)


def remembered() -> str:
    """The address of the installation the data belong to; empty before anybody has remembered one."""
    return MailService.load().site_url


def remember() -> None:
    """From now on the data belong to this installation, unless they belong to one already."""
    if not remembered():
        _remember(MailService.objects)


def remember_after_migrate(*, using: str = DEFAULT_DB_ALIAS, apps: Apps = global_apps, **signal: object) -> None:
    """Receiver of post_migrate: `remember`, with the tables as this migration leaves them."""
    try:
        service = apps.get_model("mailing", "MailService")
    except LookupError:
        return  # only other apps were migrated, or ours back to nothing
    _remember(service.objects.using(using))


def _remember(services: Any) -> None:
    services.get_or_create(pk=1)
    services.filter(pk=1, site_url="").update(site_url=settings.SITE_URL)


def confirm_site(*, by: User | None) -> None:
    """From now on the data belong to this installation; what fell due meanwhile stays missed."""
    if by is not None and not by.is_superuser:
        raise NotAllowed(SUPERUSERS_ONLY)
    MailService.objects.update_or_create(pk=1, defaults={"site_url": settings.SITE_URL})
