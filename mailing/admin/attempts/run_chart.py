"""The runs of one mailing as a chart: what became of the letters of each, and which did not run."""

from __future__ import annotations

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from mailing.charts import Chart, Column, letters
from mailing.choices import AttemptStatus
from mailing.formatting import day_and_time
from mailing.models import Attempt, Mailing
from mailing.services import states
from mailing.services.reports import statistics
from mailing.services.states import Signs

RUNS = 30


def run_chart(mailing: Mailing, signs: Signs | None = None) -> Chart:
    """The latest runs, oldest first; one query, and that of `signs` while one of them is not over."""
    newest = list(statistics.latest_attempts([mailing.pk], RUNS))
    signs = signs or Signs()
    columns = [_column(attempt, mailing, signs) for attempt in reversed(newest)]
    return Chart(_("The latest runs"), _("Run"), letters(), columns, notes=_("Result"))


def _column(attempt: Attempt, mailing: Mailing, signs: Signs) -> Column:
    missed = attempt.status == AttemptStatus.MISSED
    moment = attempt.occurrence if missed and attempt.occurrence else attempt.started_at
    return Column(
        label=date_format(timezone.localtime(moment), "j M"),
        title=day_and_time(moment),
        values=(attempt.sent, attempt.unconfirmed, attempt.failed),
        url=reverse("admin:mailing_attempt_change", args=[attempt.pk]),
        note=states.of_run(attempt, signs, mailing=mailing).words,
        marked=missed,
    )
