"""The breaker: while the mail service is in trouble nobody knocks at its door, and then one probe at a time.

Rule 6 of a run. Its state is one row of `MailService`, shared by all workers and moved by conditional updates.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from mailing.models.installation import CLOCKS_DIFFER, MailService

JITTER = 0.1  # of the pause: workers of several machines do not come back at the same instant


class Admission(NamedTuple):
    until: datetime | None = None  # the breaker is open: come back then
    probe: bool = False  # the pause is over and we are the first who knocks again


def admit(now: datetime) -> Admission:
    """Whether letters may be tried. Who comes first after a pause moves its end on, so that the others wait."""
    row = MailService.load()
    if row.until is None:
        return Admission()
    if now < row.until <= now + longest_pause() + CLOCKS_DIFFER:
        return Admission(until=row.until)
    if MailService.objects.filter(pk=row.pk, until=row.until).update(until=now + _pause(0)):
        return Admission(probe=True)
    return Admission(until=MailService.objects.values_list("until", flat=True).get(pk=row.pk))


def waits_for_a_probe(now: datetime) -> bool:
    """Open, and its pause is over."""
    return MailService.objects.filter(pk=1, until__lte=now).exists()


def failed(response: str, now: datetime, *, at_once: bool, probing: bool) -> datetime | None:
    """The service failed once more; returns until when the breaker is open, if it is.

    `at_once`: no use trying again (a wrong password). `probing`: this was the probe, so an open breaker is our own.
    """
    with transaction.atomic():
        row = MailService.objects.select_for_update().get_or_create(pk=1)[0]
        if row.until is not None and row.until > now and not probing:
            return row.until  # another worker found out before
        failures = row.failures + 1
        if at_once:
            failures = max(failures, settings.MAILING_BREAKER_THRESHOLD)
        beyond = failures - settings.MAILING_BREAKER_THRESHOLD
        until = now + _pause(beyond) if beyond >= 0 else None
        MailService.objects.filter(pk=row.pk).update(failures=failures, until=until, response=response)
        return until


def succeeded() -> None:
    """The service took a letter, or said no to one recipient: it works. Writes only after trouble."""
    in_trouble = Q(failures__gt=0) | Q(until__isnull=False)
    MailService.objects.filter(in_trouble, pk=1).update(failures=0, until=None, response="")


def probe_now(now: datetime) -> None:
    """Somebody asks: the pause is over, and the next who comes probes."""
    MailService.objects.filter(pk=1, until__gt=now).update(until=now)


def longest_pause() -> timedelta:
    return timedelta(seconds=max(settings.MAILING_BREAKER_PAUSES) * (1 + JITTER))


def _pause(beyond: int) -> timedelta:
    pauses = settings.MAILING_BREAKER_PAUSES
    seconds = pauses[min(beyond, len(pauses) - 1)]
    return timedelta(seconds=seconds * (1 + JITTER * random.random()))
