"""How other pages name an attempt and lead to its deliveries."""

from __future__ import annotations

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from mailing.models import Attempt

ONE_ATTEMPT = "attempt__id__exact"  # how the list is narrowed to the deliveries of an attempt


def attempt_title(attempt: Attempt) -> str:
    return _("%(mailing)s: attempt %(number)s") % {"mailing": attempt.mailing, "number": attempt.pk}


def deliveries_url(attempt: Attempt, **filters: str) -> str:
    """The deliveries of the attempt, narrowed further by exact values."""
    query = {ONE_ATTEMPT: str(attempt.pk)} | {f"{key}__exact": value for key, value in filters.items()}
    return f"{reverse('admin:mailing_delivery_changelist')}?{urlencode(query)}"
