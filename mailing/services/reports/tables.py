"""Attempts and the report by mailing as files: CSV as Excel in Russia opens it, XLSX with real numbers and dates.

Names, subjects and server replies are other people's text: no cell of them may become a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from mailing.models import Attempt, light
from mailing.services import states
from mailing.services.reports import statistics
from mailing.services.states import Signs, Told
from mailing.tables import writing

CHUNK = 2000

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
Table = Iterable[list[Any]]


def attempts_table(attempts: QuerySet[Attempt]) -> Iterator[list[Any]]:
    """Header and one row per attempt; read in chunks, bodies left out."""
    columns = attempt_columns(Signs())
    yield [title for title, _value in columns]
    found = attempts.select_related("mailing__message", "started_by").defer(*light.LETTER)
    for attempt in found.iterator(chunk_size=CHUNK):
        yield [value(attempt) for _title, value in columns]


def attempt_columns(signs: Signs) -> list[tuple[str, Callable[[Attempt], Any]]]:
    """Titles in the reader's language, and where each value comes from."""
    return [
        (_("Number"), lambda attempt: attempt.pk),
        (_("Started"), lambda attempt: attempt.started_at),
        (_("Finished"), lambda attempt: attempt.finished_at),
        (_("Planned time"), lambda attempt: attempt.occurrence),
        (_("Mailing"), lambda attempt: str(attempt.mailing)),
        (_("Subject"), lambda attempt: attempt.subject),
        (_("Status"), lambda attempt: states.of_run(attempt, signs).words),
        (_("How it started"), lambda attempt: attempt.get_trigger_display()),
        (_("Who"), lambda attempt: attempt.started_by.get_username() if attempt.started_by else ""),
        (_("Recipients"), lambda attempt: attempt.audience),
        (_("Accepted"), lambda attempt: attempt.sent),
        (_("Refused"), lambda attempt: attempt.failed),
        (_("Unconfirmed"), lambda attempt: attempt.unconfirmed),
        (_("Skipped"), lambda attempt: attempt.skipped),
        (_("Not sent yet"), lambda attempt: attempt.open),
        (_("Server response"), lambda attempt: attempt.response),
        (_("Note"), lambda attempt: states.of_run(attempt, signs).why),
        (_("What to do"), lambda attempt: _step(states.of_run(attempt, signs))),
    ]


def _step(told: Told) -> str:
    return str(told.step.label) if told.step else ""


def mailings_table(attempts: QuerySet[Attempt]) -> Iterator[list[Any]]:
    """The report by mailing: one row per mailing, summed over the given attempts."""
    yield [
        *(_("Mailing"), _("Attempts"), _("Succeeded"), _("Partly"), _("Failed"), _("Missed")),
        *(_("Recipients"), _("Accepted")),
        *(_("Refused"), _("Unconfirmed"), _("Skipped"), _("Errors, %"), _("Last attempt")),
    ]
    for row in statistics.by_mailing(attempts):
        sums = row.totals
        share = None if sums.error_share is None else round(sums.error_share * 100, 1)
        yield [
            *(row.name, sums.attempts, sums.succeeded, sums.partly, sums.broken, sums.missed),
            *(sums.audience, sums.sent, sums.failed, sums.unconfirmed, sums.skipped, share, row.last_at),
        ]


def as_csv(table: Table) -> Iterator[bytes]:
    """Rows as Excel in Russia opens them by a double click: UTF-8 with a mark, semicolons, decimal comma."""
    return writing.as_csv([_text(value) for value in row] for row in table)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%d.%m.%Y %H:%M:%S")
    return str(value).replace(".", ",") if isinstance(value, float) else str(value)


def as_xlsx(table: Table) -> Iterator[bytes]:
    """Rows as a workbook; numbers stay numbers, dates are dates in the installation's time zone."""
    return writing.as_xlsx(([_moment(value) for value in row] for row in table), title=_("Report"))


def _moment(value: object) -> object:
    """A workbook knows no time zones; microseconds only confuse its reader."""
    return timezone.localtime(value).replace(tzinfo=None, microsecond=0) if isinstance(value, datetime) else value
