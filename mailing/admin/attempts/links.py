"""How other pages name an attempt and lead to its deliveries."""

from __future__ import annotations

from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from mailing.formatting import spoken
from mailing.models import Attempt

ONE_ATTEMPT = "attempt__id__exact"  # how the list is narrowed to the deliveries of an attempt


def attempt_title(attempt: Attempt) -> str:
    """By its moment: the number counts the runs of all mailings."""
    return _("%(mailing)s: run %(when)s") % {"mailing": attempt.mailing, "when": attempt_moment(attempt)}


def attempt_moment(attempt: Attempt) -> str:
    return spoken(timezone.localtime(attempt.started_at))


def deliveries_url(attempt: Attempt, **filters: str) -> str:
    """The deliveries of the attempt, narrowed further by exact values."""
    query = {ONE_ATTEMPT: str(attempt.pk)} | {f"{key}__exact": value for key, value in filters.items()}
    return f"{reverse('admin:mailing_delivery_changelist')}?{urlencode(query)}"
