"""The questions staff ask of the list of mailings; each is a named question of the QuerySet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Case, Exists, F, IntegerField, OuterRef, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from mailing.admin.common.filters import QuestionFilter, Questions
from mailing.choices import MailingStatus
from mailing.models import Attempt
from mailing.models.mailings import MailingQuerySet


class StateFilter(QuestionFilter):
    """The pill of the list: the status, and what overrides it."""

    title = gettext_lazy("status")
    parameter_name = "state"

    def questions(self) -> Questions:
        def with_status(status: str) -> Callable[[MailingQuerySet], MailingQuerySet]:
            return lambda mailings: mailings.filter(status=status)

        return {
            "sending": (_("with an open run"), MailingQuerySet.sending),
            **{str(value): (words, with_status(value)) for value, words in MailingStatus.choices},
            "paused": (_("paused or draft"), lambda mailings: mailings.unfinished().filter(is_paused=True)),
        }


class AttentionFilter(QuestionFilter):
    """What somebody should look at."""

    title = gettext_lazy("needs attention")
    parameter_name = "attention"

    def questions(self) -> Questions:
        now = timezone.now()
        week = now + timedelta(days=7)
        return {
            "overdue": (pgettext("mailings", "overdue"), lambda mailings: mailings.overdue(now)),
            "failing": (pgettext("mailings", "the last run failed"), MailingQuerySet.failing),
            "errors": (pgettext("mailings", "with errors"), MailingQuerySet.with_errors),
            "ending": (pgettext("mailings", "ends within a week"), lambda mailings: mailings.ending(now, week)),
            "empty": (pgettext("mailings", "no recipients"), MailingQuerySet.without_recipients),
        }


def by_urgency() -> tuple[Any, ...]:
    """Being sent first, then running, created and finished ones, each by their next send."""
    rank = Case(
        When(Exists(Attempt.objects.running().filter(mailing=OuterRef("pk"))), then=Value(0)),
        When(status=MailingStatus.RUNNING, then=Value(1)),
        When(status=MailingStatus.CREATED, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return (rank, F("next_run_at").asc(nulls_last=True), "-pk")
