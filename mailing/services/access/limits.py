"""How often somebody may guess: counted from the access log, so that nothing is ever deleted to let a person in.

Three limits stand beside each other. One place (an address, or a known device) may fail few times at one account. All
strangers together may fail somewhat more often at one account, and one address at all accounts. Anybody could use up
the last two, to keep somebody out; so they do not hold for who is known: a device that the account was logged in with
before (a signed cookie says so) is counted by itself, and an address the account was logged in from lately is no
stranger's. What is refused while locked out is not counted, so that nobody can make a lock last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from mailing.choices import AccessKind
from mailing.models import AccessEvent
from mailing.models.access_events import AccessEventQuerySet
from mailing.services.access import trail
from mailing.services.access.origins import Origin


@dataclass(frozen=True)
class Limit:
    failures: int
    within: timedelta


ONE_PLACE = Limit(5, timedelta(minutes=15))
ONE_ACCOUNT = Limit(15, timedelta(hours=1))
ONE_ADDRESS = Limit(20, timedelta(hours=1))
# A code has six digits: twenty guesses a day are one in seventeen thousand.
CODES = Limit(20, timedelta(days=1))
LETTERS_TO_ONE = Limit(3, timedelta(hours=1))
LETTERS_FROM_ONE_ADDRESS = Limit(10, timedelta(hours=1))

FAMILIAR_FOR = timedelta(days=30)


def locked_until(name: str, origin: Origin, *, now: datetime | None = None) -> datetime | None:
    """When this place may try to log in as this user again; None: now."""
    moment = now or timezone.now()
    ends = (_end(rows, limit, moment) for rows, limit in _counted(name, origin, moment))
    return max((end for end in ends if end), default=None)


def locked_now(events: QuerySet[AccessEvent]) -> QuerySet[AccessEvent]:
    """The lock-outs that still hold, for the list: those after which nobody was let in or unlocked there."""
    since = timezone.now() - ONE_ACCOUNT.within
    ended = AccessEvent.objects.filter(kind__in=(AccessKind.LOGGED_IN, AccessKind.UNLOCKED), at__gt=OuterRef("at"))
    ended = ended.filter(Q(network=OuterRef("network")) | Q(network=""), name_key=OuterRef("name_key"))
    return events.filter(~Exists(ended), kind=AccessKind.LOCKED_OUT, at__gt=since)


def may_ask_for_letter(name: str, origin: Origin, *, now: datetime | None = None) -> tuple[bool, bool]:
    """Whether another letter may go to this user, and whether this address may ask at all."""
    moment = now or timezone.now()
    asked = AccessEvent.objects.filter(kind=AccessKind.RESET_ASKED)
    to_one = _end(asked.filter(name_key=trail.key(name)), LETTERS_TO_ONE, moment)
    from_one = _end(asked.filter(network=origin.network), LETTERS_FROM_ONE_ADDRESS, moment)
    return to_one is None, from_one is None or origin.is_shared


def _counted(name: str, origin: Origin, now: datetime) -> Iterator[tuple[AccessEventQuerySet, Limit]]:
    account = AccessEvent.objects.filter(name_key=trail.key(name))
    strangers = Q(device="")
    here = Q(device=origin.device) if origin.device else Q(network=origin.network) & strangers
    everywhere = Q(network="", kind=AccessKind.UNLOCKED)
    began = _last(account.filter(here | everywhere, kind__in=(AccessKind.LOGGED_IN, AccessKind.UNLOCKED)))
    codes = account.filter(kind=AccessKind.CODE_FAILED)
    unlocked = _last(account.filter(kind=AccessKind.UNLOCKED))
    yield _since(account.filter(here).failures(), began), ONE_PLACE
    if origin.device:
        yield _since(codes.filter(here), unlocked), CODES
        return
    if _is_familiar(account, origin, now):
        yield _since(codes.filter(here), unlocked), CODES
        return
    yield _since(codes.filter(strangers), unlocked), CODES
    yield _since(account.filter(strangers).failures(), unlocked), ONE_ACCOUNT
    if not origin.is_shared:
        at_all = AccessEvent.objects.filter(strangers, network=origin.network)
        yield _since(at_all.failures(), _last(at_all.filter(kind=AccessKind.UNLOCKED))), ONE_ADDRESS


def _is_familiar(account: AccessEventQuerySet, origin: Origin, now: datetime) -> bool:
    lately = account.filter(kind=AccessKind.LOGGED_IN, network=origin.network, at__gt=now - FAMILIAR_FOR)
    return not origin.is_shared and lately.exists()


def _last(rows: AccessEventQuerySet) -> datetime | None:
    return rows.order_by("-at").values_list("at", flat=True).first()


def _since(rows: AccessEventQuerySet, moment: datetime | None) -> AccessEventQuerySet:
    return rows.filter(at__gt=moment) if moment else rows


def _end(rows: AccessEventQuerySet, limit: Limit, now: datetime) -> datetime | None:
    """When the limit is no longer reached: as soon as the oldest of so many is old enough."""
    lately = rows.filter(at__gt=now - limit.within, at__lte=now).order_by("-at")
    times = list(lately.values_list("at", flat=True)[: limit.failures])
    return times[-1] + limit.within if len(times) == limit.failures else None
