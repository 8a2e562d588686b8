"""How many test letters a person may send within an hour. A superuser sets it, for the whole installation.

Counted in the database, so that it holds for all web workers and over their restarts. The system and the command line
are nobody, and not counted.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from mailing.errors import NotAllowed, RefusalCode, Refused
from mailing.models import MailService, TrialLetter
from mailing.services.access import audit_log

HOUR = timedelta(hours=1)
MOST = 1000  # that a superuser may allow: whoever wants more wants a mailing

TOO_OFTEN = _(
    "You have sent %(sent)s of the %(limit)s test letters a person may send within an hour. "
    "The next is possible at %(moment)s."
)
TOO_MANY_AT_ONCE = _("A person may send %(limit)s test letters within an hour: give fewer addresses.")
SUPERUSERS_ONLY = _("Only an administrator decides how many test letters a person may send.")
OUT_OF_RANGE = _("Give a number from 1 to %(most)s.")


def per_hour() -> int:
    return MailService.load().trial_letters_per_hour


def take(by: User | None, letters: int) -> list[TrialLetter]:
    """Takes so many off what the person may send within an hour. Raises Refused: all or none."""
    if by is None:
        return []
    limit, now = per_hour(), timezone.now()
    if letters > limit:
        raise Refused(TOO_MANY_AT_ONCE, code=RefusalCode.TOO_OFTEN, limit=limit)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=by.pk)  # two presses at once are counted one after the other
        mine = TrialLetter.objects.filter(sent_by=by)
        mine.filter(sent_at__lte=now - HOUR).delete()
        sent = list(mine.order_by("sent_at").values_list("sent_at", flat=True))
        over = len(sent) + letters - limit
        if over <= 0:
            return TrialLetter.objects.bulk_create(TrialLetter(sent_by=by, sent_at=now) for _ in range(letters))
    moment = audit_log.when(sent[over - 1] + HOUR)
    raise Refused(TOO_OFTEN, code=RefusalCode.TOO_OFTEN, sent=len(sent), limit=limit, moment=moment)


def change(limit: int, *, by: User | None) -> None:
    """From now on a person may send so many. Raises Refused."""
    if by is not None and not by.is_superuser:
        raise NotAllowed(SUPERUSERS_ONLY)
    if not 1 <= limit <= MOST:
        raise Refused(OUT_OF_RANGE, most=MOST)
    MailService.objects.update_or_create(pk=1, defaults={"trial_letters_per_hour": limit})
    audit_log.changed(MailService.load(), by, _("Test letters an hour and person: %(limit)s"), limit=limit)
