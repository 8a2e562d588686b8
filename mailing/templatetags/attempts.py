"""How an attempt and its deliveries look inside a table of ours."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from mailing.admin.common import pills
from mailing.formatting import duration
from mailing.models import Attempt, Delivery
from mailing.services import states
from mailing.services.reports import statistics
from mailing.services.states import Told

register = template.Library()


@register.filter
def attempt_pill(attempt: Attempt) -> SafeString:
    return pills.state(states.of_run(attempt))


@register.filter
def state_pill(told: Told) -> SafeString:
    return pills.state(told)


@register.filter
def delivery_pill(delivery: Delivery) -> SafeString:
    return pills.delivery(delivery, in_list=True)


@register.filter
def took(attempt: Attempt) -> str:
    """How long the run took; a dash while it goes on."""
    return duration(statistics.length(attempt))


@register.filter
def said(attempt: Attempt) -> str:
    """The first line of what the server said, else of our own note."""
    words = (attempt.response or attempt.note_text).strip()
    return words.split("\n")[0] if words else "—"
