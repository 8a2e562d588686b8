"""What happened: attempts with their totals. Read-only for everybody."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mailing import formatting
from mailing.admin.attempts import files
from mailing.admin.attempts.change_page import AttemptChangePage
from mailing.admin.attempts.links import deliveries_url
from mailing.admin.attempts.listing import AttemptList
from mailing.admin.attempts.pages import AttemptPages
from mailing.admin.attempts.report import AttemptReport
from mailing.admin.common import delivery_text
from mailing.admin.common.base import SamovarModelAdmin, Unchangeable
from mailing.admin.common.filters import (
    DateRangeFilter,
    MailingFilter,
    QuestionFilter,
    Questions,
    Suggesting,
    Titled,
)
from mailing.admin.common.pagination import LongRowsPaginator
from mailing.choices import AttemptStatus, DeliveryStatus, Trigger
from mailing.formatting import duration, num, percent, person, when
from mailing.furniture import Button
from mailing.models import Attempt
from mailing.services.reports import statistics

ON_TIME = timedelta(minutes=2)  # the tick comes once a minute


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


def _plan(attempt: Attempt) -> str:
    """The planned time, where the run had one and did not begin then."""
    if attempt.occurrence is None:
        return "" if attempt.trigger == Trigger.RETRY else _("extra run")
    if timedelta() <= attempt.started_at - attempt.occurrence < ON_TIME:
        return ""
    return _("planned for %(when)s") % {"when": formatting.clock(attempt.occurrence)}


def _losses(attempt: Attempt) -> list[tuple[DeliveryStatus, str, str]]:
    refused, unsure, skipped = attempt.failed, attempt.unconfirmed, attempt.skipped
    found = [
        (DeliveryStatus.FAILED, "bad", refused, ngettext("%(n)s refused", "%(n)s refused", refused)),
        (DeliveryStatus.UNCONFIRMED, "unsure", unsure, ngettext("%(n)s unconfirmed", "%(n)s unconfirmed", unsure)),
        (DeliveryStatus.SKIPPED, "muted", skipped, ngettext("%(n)s skipped", "%(n)s skipped", skipped)),
    ]
    return [(status, tone, words % {"n": num(number)}) for status, tone, number, words in found if number]


def _who(attempt: Attempt) -> str:
    return person(attempt.started_by) if attempt.started_by else attempt.get_trigger_display()


@admin.register(Attempt)
class AttemptAdmin(
    AttemptChangePage, AttemptPages, AttemptReport, Suggesting[Attempt], Unchangeable, SamovarModelAdmin[Attempt]
):
    list_title = gettext_lazy("Attempts")
    empty_title = gettext_lazy("Nothing has been sent yet")
    empty_text = gettext_lazy("Every run of every mailing will stand here: who got a letter, who did not, and why.")
    empty_text_for_lookers = gettext_lazy(
        "Every run of every mailing will stand here: who got a letter, who did not, and why. A Manager sets a "
        "mailing going."
    )
    list_terms = ("partly", "failed", "missed", "unconfirmed", "skipped")
    changelist = AttemptList
    paginator = LongRowsPaginator
    actions = None
    list_display = (
        *("started", "mailing_name", AttemptList.state, "accepted", "not_reached", "took", "first_words"),
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
        """When, and by whom: the clock or a person; and the plan, where it was another one."""
        words = ", ".join(filter(None, (_who(attempt), _plan(attempt))))
        return format_html('{}<span class="muted">{}</span>', when(attempt.started_at), words)

    @admin.display(description=gettext_lazy("mailing"), ordering="mailing__name")
    def mailing_name(self, attempt: Attempt) -> str:
        return str(attempt.mailing)

    @admin.display(description=gettext_lazy("accepted"), ordering="sent")
    def accepted(self, attempt: Attempt) -> SafeString | str:
        if attempt.status == AttemptStatus.MISSED:
            return format_html('<span class="num">{}</span>', "—")
        of = format_html('<span class="of"> / {}</span>', num(attempt.audience))
        share = percent(attempt.sent, attempt.audience)
        return format_html('<span class="num">{}{}</span><span class="muted">{}</span>', num(attempt.sent), of, share)

    @admin.display(description=gettext_lazy("not reached"), ordering="failed")
    def not_reached(self, attempt: Attempt) -> SafeString | str:
        """Whom the letter did not reach, or may not have: each number leads to its rows."""
        lines = [(deliveries_url(attempt, status=status), tone, words) for status, tone, words in _losses(attempt)]
        return format_html_join("", '<a class="line {1}" href="{0}">{2}</a>', lines) or "—"

    @admin.display(description=gettext_lazy("took"))
    def took(self, attempt: Attempt) -> SafeString:
        return format_html('<span class="num">{}</span>', duration(statistics.length(attempt)))

    @admin.display(description=gettext_lazy("why"))
    def first_words(self, attempt: Attempt) -> SafeString | str:
        """What the trouble was, in our words; the server's own where the mouse rests."""
        told = delivery_text.in_short(attempt)
        return format_html('<span class="muted" title="{}">{}</span>', attempt.response, told) if told else "—"

    def get_empty_buttons(self, request: HttpRequest) -> list[Button]:
        if not request.user.has_perm("mailing.change_mailing"):
            return []
        return [Button(_("To the mailings"), reverse("admin:mailing_mailing_changelist"), primary=True)]

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
