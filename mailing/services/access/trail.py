"""The access log: one entry for each thing that happened at the door. Entries are added here, and go by age alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.admin.models import CHANGE
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext, gettext_noop

from mailing.choices import AccessKind
from mailing.models import AccessEvent
from mailing.models.access_events import UNFRIENDLY
from mailing.services.access import audit_log
from mailing.services.access.origins import Origin

logger = logging.getLogger(__name__)

NOBODY = Origin()
UNLOCKED = gettext_noop("unlocked")
KEPT_OF_A_STRANGER = 2  # characters of a name that no user has: it may be a password
BATCH = 5000
REFUSALS_APART = timedelta(minutes=1)

Caller = Callable[[], tuple[str, Origin]]
_silent: ContextVar[bool] = ContextVar("access_log_silent", default=False)
_caller: ContextVar[Caller] = ContextVar("access_log_caller", default=lambda: ("", NOBODY))


@contextmanager
def on_behalf_of(caller: Caller) -> Iterator[None]:
    """Within it, what changes is written down as done by this caller; asked only when there is something to write."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


@contextmanager
def silent() -> Iterator[None]:
    """Within it nothing is written down."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


def key(name: str) -> str:
    """What a name is counted by, whether or not there is such a user."""
    return salted_hmac("samovar.access", name).hexdigest()[:32]


def record(
    kind: AccessKind,
    name: str = "",
    *,
    origin: Origin | None = None,
    by: str | None = None,
    details: Mapping[str, object] | None = None,
) -> int:
    """One entry about the user of this name; returns its number. Who did it and from where is asked of the caller."""
    if _silent.get():
        return 0
    if by is None or origin is None:
        actor, from_where = _caller.get()()
        by, origin = actor if by is None else by, origin or from_where
    shown = _shown(name) if kind in {*UNFRIENDLY, AccessKind.RESET_ASKED} else name
    if origin.address:  # for whoever blocks addresses by the log of the process
        logger.info("access: %s name=%s by=%s address=%s", kind.value, ascii(shown), ascii(by), origin.address)
    event = AccessEvent.objects.create(
        kind=kind,
        username=shown[:150],
        name_key=key(name) if name else "",
        by="" if by == name else by[:150],
        address=origin.address or None,
        network=origin.network,
        device=origin.device,
        browser=origin.browser[:255],
        details=details or {},
    )
    return int(event.pk)


def _shown(name: str) -> str:
    """The name, if somebody has it: what nobody is called may be a password in the wrong field."""
    if not name or User.objects.filter(username=name).exists():
        return name
    return f"{name[:KEPT_OF_A_STRANGER]}…"


def refused(name: str, origin: Origin) -> None:
    """Somebody knocked while locked out: one entry a minute says so, however often they do."""
    since = timezone.now() - REFUSALS_APART
    again = AccessEvent.objects.filter(kind=AccessKind.REFUSED, network=origin.network, at__gt=since)
    if not again.exists():
        record(AccessKind.REFUSED, name, origin=origin)


def unlock(events: QuerySet[AccessEvent], *, by: User | None) -> int:
    """Whoever these entries are about may try again at once, from there; returns how many. Nothing is deleted."""
    places = set(events.exclude(name_key="").values_list("username", "name_key", "address", "network"))
    for username, name_key, address, network in places:
        _unlocked(username, name_key, by, address=address, network=network)
    names = ", ".join(sorted({username for username, *_place in places}))
    audit_log.record_many(AccessEvent, by, CHANGE, names, gettext(UNLOCKED))
    return len(places)


def unlock_user(user: User, *, by: User | None) -> None:
    """The user may try again at once, from everywhere."""
    name = user.get_username()
    _unlocked(name, key(name), by)
    audit_log.changed(user, by, UNLOCKED)


def _unlocked(
    username: str, name_key: str, by: User | None, *, address: str | None = None, network: str = ""
) -> None:
    actor = by.get_username() if by else ""
    AccessEvent.objects.create(
        kind=AccessKind.UNLOCKED, username=username, name_key=name_key, by=actor, address=address, network=network
    )


def purge(now: datetime) -> int:
    """Deletes what is too old: failures after FAILED_LOGIN_RETENTION_DAYS, the rest after JOURNAL_RETENTION_DAYS."""
    failures = now - timedelta(days=settings.FAILED_LOGIN_RETENTION_DAYS)
    old = Q(at__lt=failures, kind__in=UNFRIENDLY)
    if settings.JOURNAL_RETENTION_DAYS:  # 0: for ever
        old |= Q(at__lt=now - timedelta(days=settings.JOURNAL_RETENTION_DAYS))
    before_this_log = (AccessAttempt, AccessFailureLog, AccessLog)  # where axes wrote until 0.1.0
    theirs = [model.objects.filter(attempt_time__lt=failures) for model in before_this_log]
    return sum(_some(rows) for rows in (AccessEvent.objects.filter(old), *theirs))


def _some(rows: QuerySet[Any]) -> int:
    doomed = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    return int(rows.model._default_manager.filter(pk__in=doomed).delete()[0]) if doomed else 0
