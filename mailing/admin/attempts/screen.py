"""What happened: attempts with their totals. Read-only for everybody."""

from __future__ import annotations

import re
from datetime import timedelta

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailing import formatting
from mailing.admin.attempts import files
from mailing.admin.attempts.change_page import AttemptChangePage
from mailing.admin.attempts.listing import AttemptList
from mailing.admin.attempts.pages import AttemptPages
from mailing.admin.attempts.report import AttemptReport
from mailing.admin.common.base import SamovarModelAdmin, Unchangeable
from mailing.admin.common.filters import (
    DateRangeFilter,
    MailingFilter,
    QuestionFilter,
    Questions,
    Suggesting,
    Titled,
)
from mailing.choices import AttemptStatus
from mailing.formatting import duration, num, percent, person, when
from mailing.furniture import Button
from mailing.models import Attempt
from mailing.services.reports import statistics

ON_TIME = timedelta(minutes=2)  # the tick comes once a minute
ADDRESS = re.compile(r"<[^<>\s]*@[^<>\s]*>:?\s*")  # one of many, and no part of the reason


class TriggerFilter(Titled, admin.ChoicesFieldListFilter):
    """By schedule, by hand, from the command line, a retry."""

    own_title = gettext_lazy("how it started")


class LettersFilter(QuestionFilter):
    """What became of the letters, whatever the run came to."""

    title = gettext_lazy("letters")
    parameter_name = "letters"

    def questions(self) -> Questions:
        return {
            "accepted": (_("accepted"), lambda attempts: attempts.filter(sent__gt=0)),
            "errors": (_("with errors"), lambda attempts: attempts.filter(Q(failed__gt=0) | Q(unconfirmed__gt=0))),
            "refused": (_("refused"), lambda attempts: attempts.filter(failed__gt=0)),
            "unconfirmed": (_("unconfirmed"), lambda attempts: attempts.filter(unconfirmed__gt=0)),
            "skipped": (_("skipped"), lambda attempts: attempts.filter(skipped__gt=0)),
        }


def number(value: int | str, *, bad: bool = False) -> SafeString:
    """A figure of a column; red where it should be none."""
    return format_html('<span class="num{}">{}</span>', " bad" if bad and value else "", num(value))


def _who(attempt: Attempt) -> str:
    return person(attempt.started_by) if attempt.started_by else attempt.get_trigger_display()


@admin.register(Attempt)
class AttemptAdmin(
    AttemptChangePage, AttemptPages, AttemptReport, Suggesting[Attempt], Unchangeable, SamovarModelAdmin[Attempt]
):
    list_title = gettext_lazy("Attempts")
    empty_title = gettext_lazy("Nothing has been sent yet")
    empty_text = gettext_lazy("Every run of every mailing will stand here: who got a letter, who did not, and why.")
    changelist = AttemptList
    actions = None
    list_display = (
        *("started", "mailing_name", AttemptList.state, "planned", "recipients", "accepted", "refused", "doubtful"),
        *("skipped_number", "took", "first_words"),
    )
    list_filter = (
        "status",
        LettersFilter,
        ("trigger", TriggerFilter),
        ("started_at", DateRangeFilter),
        MailingFilter,
    )
    search_fields = ("subject", "mailing__name")
    search_help_text = gettext_lazy("By subject or name of the mailing")
    ordering = ("-started_at", "-pk")
    fields = ("mailing",)

    class Media:
        css = {"all": ["mailing/screens.css"]}

    # --- columns -------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("started"), ordering="started_at")
    def started(self, attempt: Attempt) -> SafeString | str:
        """When, and by whom: the clock or a person."""
        return format_html('{}<span class="muted">{}</span>', when(attempt.started_at), _who(attempt))

    @admin.display(description=gettext_lazy("mailing"), ordering="mailing__name")
    def mailing_name(self, attempt: Attempt) -> str:
        return str(attempt.mailing)

    @admin.display(description=gettext_lazy("planned time"), ordering="occurrence")
    def planned(self, attempt: Attempt) -> SafeString | str:
        if attempt.occurrence is None:
            return _("extra run")
        if attempt.status == AttemptStatus.MISSED:
            return when(attempt.occurrence)
        if timedelta() <= attempt.started_at - attempt.occurrence < ON_TIME:
            return format_html(
                '<span title="{}">{}</span>', formatting.day_and_time(attempt.occurrence), _("on time")
            )
        return when(attempt.occurrence)

    @admin.display(description=gettext_lazy("recipients"), ordering="audience")
    def recipients(self, attempt: Attempt) -> SafeString:
        return number(attempt.audience)

    @admin.display(description=gettext_lazy("accepted"), ordering="sent")
    def accepted(self, attempt: Attempt) -> SafeString:
        share = percent(attempt.sent, attempt.audience) if attempt.audience else ""
        return format_html('{}<span class="muted">{}</span>', number(attempt.sent), share)

    @admin.display(description=gettext_lazy("refused"), ordering="failed")
    def refused(self, attempt: Attempt) -> SafeString:
        return number(attempt.failed, bad=True)

    @admin.display(description=gettext_lazy("unconfirmed"), ordering="unconfirmed")
    def doubtful(self, attempt: Attempt) -> SafeString:
        return number(attempt.unconfirmed, bad=True)

    @admin.display(description=gettext_lazy("skipped"), ordering="skipped")
    def skipped_number(self, attempt: Attempt) -> SafeString:
        return number(attempt.skipped)

    @admin.display(description=gettext_lazy("took"))
    def took(self, attempt: Attempt) -> SafeString:
        return number(duration(statistics.length(attempt)))

    @admin.display(description=gettext_lazy("server response"))
    def first_words(self, attempt: Attempt) -> SafeString | str:
        words = (attempt.response or attempt.note_text).strip()
        first = Truncator(ADDRESS.sub("", words.split("\n")[0])).chars(70)
        return format_html('<span class="muted" title="{}">{}</span>', words, first) if words else "—"

    # --- above the list ---------------------------------------------------------------------------------

    def get_list_buttons(self, request: HttpRequest) -> list[Button]:
        query = request.GET.urlencode()
        report = Button(_("Report by mailing"), f"{self.url('report')}?{query}", icon="chart")
        if not files.may_export(request):
            return [report]
        export = f"{self.url('export')}?{query}{'&' if query else ''}format="
        return [
            report,
            Button(_("Export CSV"), f"{export}csv", icon="download"),
            Button(_("Export XLSX"), f"{export}xlsx", icon="download"),
        ]
