"""The list of mailings: what each will do and has done lately, gathered once for a page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mailing.admin.common import pills
from mailing.admin.common.lists import SamovarList
from mailing.choices import AttemptStatus
from mailing.formatting import error_tone, num, percent, progress
from mailing.furniture import Card
from mailing.models import Mailing
from mailing.services import states
from mailing.services.reports import statistics
from mailing.services.states import Signs


class MailingList(SamovarList):
    numbers: dict[int, statistics.MailingNumbers]
    signs: Signs

    def apply_select_related(self, qs: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = qs.with_subject()
        return rows

    def get_results(self, request: HttpRequest) -> None:
        """The numbers of the rows on this page, in five queries however many they are."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        self.numbers, self.signs = statistics.numbers_of(self.result_list), Signs()

    def cards(self, request: HttpRequest) -> list[Card]:
        numbers = statistics.of_mailings(self.queryset)
        return [
            Card(_("Open runs"), numbers.sending, url="?state=sending"),
            Card(_("Letters accepted"), numbers.sent),
            Card(
                _("Errors"),
                numbers.errors,
                note=percent(numbers.errors, numbers.sent + numbers.errors),
                tone=error_tone(numbers.error_share),
                url="?attention=errors",
            ),
        ]

    # --- columns -------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, mailing: Mailing) -> SafeString:
        return pills.state(states.of_mailing(mailing, self.numbers[mailing.pk].runs, self.signs), in_list=True)

    @admin.display(description=gettext_lazy("recipients"))
    def recipients(self, mailing: Mailing) -> SafeString:
        return format_html('<span class="num">{}</span>', num(self.numbers[mailing.pk].recipients))

    @admin.display(description=gettext_lazy("last send"))
    def last_send(self, mailing: Mailing) -> SafeString | str:
        last = self.numbers[mailing.pk].last
        if last is None:
            return "—"
        if last.status == AttemptStatus.MISSED:
            return pills.state(states.of_run(last, self.signs, mailing=mailing))
        errors = last.failed + last.unconfirmed
        return progress(last.sent, last.audience, last.failed, last.unconfirmed, _errors(errors) if errors else "")

    @admin.display(description=gettext_lazy("reliability"))
    def trend(self, mailing: Mailing) -> SafeString | str:
        row = self.numbers[mailing.pk]
        if not row.results:
            return "—"
        marks = format_html_join("", '<i class="run run-{}"></i>', ((result,) for result in row.results))
        lines = format_html_join("", "<span>{}</span>", ((words,) for words in _reliability(row)))
        return format_html(
            '<span class="trend"><span class="runs" aria-hidden="true">{}</span>{}</span>', marks, lines
        )


def _reliability(row: statistics.MailingNumbers) -> list[str]:
    """Of runs and of letters: one refusal spoils a run, and is nothing among five thousand."""
    values = {"good": row.succeeded, "all": len(row.results), "letters": percent(row.accepted, row.handed_over)}
    runs, letters = _("without errors %(good)s of %(all)s"), _("accepted %(letters)s of the letters")
    return [words % values for words in ((runs, letters) if row.handed_over else (runs,))]


def _errors(number: int) -> str:
    return ngettext("%(n)s error", "%(n)s errors", number) % {"n": num(number)}
