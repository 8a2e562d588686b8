"""What happened: attempts with their totals. Read-only for everybody."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mailing import formatting
from mailing.admin.attempts.deliveries import ReadOnly, attempt_title, deliveries_url
from mailing.admin.attempts.pages import AttemptPages
from mailing.admin.common import delivery_text, pills
from mailing.admin.common.base import Context
from mailing.admin.common.filters import DateRangeFilter, MailingFilter, Suggesting
from mailing.admin.common.pages import user_of
from mailing.choices import AttemptStatus, DeliveryReason, DeliveryStatus
from mailing.formatting import Tone, duration, error_tone, num, percent, when
from mailing.furniture import Button, Card, Notice
from mailing.models import Attempt
from mailing.services.access import permissions
from mailing.services.clients import suppression
from mailing.services.reports import statistics

ON_TIME = timedelta(minutes=2)  # the tick comes once a minute
ADDRESS = re.compile(r"<[^<>\s]*@[^<>\s]*>:?\s*")  # one of many, and no part of the reason


class TriggerFilter(admin.ChoicesFieldListFilter):
    """By schedule, by hand, from the command line, a retry."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("how it started")


class AttemptList(ChangeList):
    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        """One query for the page; bodies of letters stay where they are."""
        related = qs.select_related("mailing__message", "started_by")
        bodies = ("html_body", "text_body", "reasons", "mailing__message__body", "mailing__message__text_body")
        return related.defer(*bodies)


def number(value: int | str, *, bad: bool = False) -> SafeString:
    """A figure of a column; red where it should be none."""
    return format_html('<span class="num{}">{}</span>', " bad" if bad and value else "", num(value))


def _who(attempt: Attempt) -> str:
    person = attempt.started_by
    return person.get_full_name() or person.get_username() if person else attempt.get_trigger_display()


def _share(share: float | None) -> str:
    return "—" if share is None else percent(round(share * 1000), 1000)


@admin.register(Attempt)
class AttemptAdmin(Suggesting, AttemptPages, ReadOnly):
    list_title = gettext_lazy("Attempts")
    empty_title = gettext_lazy("Nothing has been sent yet")
    empty_text = gettext_lazy("Every run of every mailing will stand here: who got a letter, who did not, and why.")
    list_display = (
        *("started", "mailing_name", "state", "planned", "recipients", "accepted", "refused", "doubtful"),
        *("skipped_number", "took", "first_words"),
    )
    list_filter = ("status", ("trigger", TriggerFilter), ("started_at", DateRangeFilter), MailingFilter)
    search_fields = ("subject", "mailing__name")
    search_help_text = gettext_lazy("By subject or name of the mailing")
    ordering = ("-started_at", "-pk")
    fields = ("mailing",)

    class Media:
        css = {"all": ["mailing/screens.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AttemptList

    # --- columns -------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("started"), ordering="started_at")
    def started(self, attempt: Attempt) -> SafeString | str:
        """When, and by whom: the clock or a person."""
        return format_html('{}<span class="muted">{}</span>', when(attempt.started_at), _who(attempt))

    @admin.display(description=gettext_lazy("mailing"), ordering="mailing__name")
    def mailing_name(self, attempt: Attempt) -> str:
        return str(attempt.mailing)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, attempt: Attempt) -> SafeString:
        return pills.attempt(attempt)

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

    # --- numbers of the filtered set -------------------------------------------------------------------

    def get_cards(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> list[Card]:
        sums = self.totals_of(request, queryset)
        share, errors = sums.success_share, sums.error_share
        return [
            Card(_("Attempts"), sums.attempts),
            Card(_("Succeeded"), _share(share), note=_("of the runs that ended")),
            Card(_("Letters accepted"), sums.sent),
            Card(_("Errors"), _share(errors), tone=error_tone(errors)),
            Card(_("Mean duration"), duration(sums.duration)),
        ]

    def totals_of(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> statistics.Totals:
        """Computed once per request: cards and the foot of the list show the same numbers."""
        if not hasattr(request, "attempt_totals"):
            request.attempt_totals = statistics.totals(queryset)  # type: ignore[attr-defined]
        return request.attempt_totals  # type: ignore[attr-defined,no-any-return]

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context and "cl" in context and context["cl"].result_count:
            context["totals"] = self.totals_of(request, context["cl"].queryset)
        return response

    def get_list_buttons(self, request: HttpRequest) -> list[Button]:
        query = request.GET.urlencode()
        report = Button(_("Report by mailing"), f"{self.url('report')}?{query}", icon="chart")
        if not self.has_export_permission(request):
            return [report]
        export = f"{self.url('export')}?{query}{'&' if query else ''}format="
        return [
            report,
            Button(_("Export CSV"), f"{export}csv", icon="download"),
            Button(_("Export XLSX"), f"{export}xlsx", icon="download"),
        ]

    # --- one attempt -----------------------------------------------------------------------------------

    def get_change_title(self, request: HttpRequest, obj: Attempt) -> str:
        return attempt_title(obj)

    def get_pill(self, request: HttpRequest, obj: Attempt) -> SafeString:
        return pills.attempt(obj)

    def get_buttons(self, request: HttpRequest, obj: Attempt) -> list[Button]:
        items = retry_buttons(self, request, obj)
        items.append(Button(_("Deliveries"), deliveries_url(obj), icon="list"))
        stopped = suppression.of_attempt(obj).count() if permissions.may_send(user_of(request)) else 0
        if stopped:
            words = ngettext(
                "Take %(n)s address off the stop list", "Take %(n)s addresses off the stop list", stopped
            )
            label, url = words % {"n": num(stopped)}, self.url("lift", obj.pk)
            items.append(Button(label, url, method="post", icon="stop", more=True))
        return items

    def get_object_cards(self, request: HttpRequest, obj: Attempt) -> list[Card]:
        if obj.status == AttemptStatus.MISSED:
            return []
        return [
            Card(_("Recipients"), obj.audience),
            _card(obj, _("Accepted"), DeliveryStatus.SENT, "green"),
            _card(obj, _("Refused"), DeliveryStatus.FAILED, "red"),
            _card(obj, _("Unconfirmed"), DeliveryStatus.UNCONFIRMED, "amber"),
            _card(obj, _("Skipped"), DeliveryStatus.SKIPPED),
            Card(_("Not sent yet"), obj.open),
        ]

    def get_notices(self, request: HttpRequest, obj: Attempt) -> list[Notice]:
        note = obj.note_text if obj.status != AttemptStatus.RUNNING else ""  # there the live panel says it
        if not note:
            return []
        return [Notice(note, tone="amber" if obj.status != AttemptStatus.SUCCEEDED else "")]

    def render_change_form(self, request: HttpRequest, context: Context, *args: Any, **kwargs: Any) -> HttpResponse:
        obj: Attempt = kwargs["obj"]
        context |= {
            "took": duration(statistics.length(obj)),
            "retries": obj.retries.only("pk"),
            "sentence": delivery_text.about_attempt(obj.reasons, obj.response),
            "groups": [_group(obj, group) for group in obj.reasons],
            "letter": self.url("letter", obj.pk),
        }
        return super().render_change_form(request, context, *args, **kwargs)


def _card(obj: Attempt, label: str, status: DeliveryStatus, tone: Tone = "") -> Card:
    value = getattr(obj, status)
    return Card(
        label,
        value,
        tone=tone if value else "",
        url=deliveries_url(obj, status=status) if value else "",
        note=percent(value, obj.audience) if value else "",
    )


def _group(obj: Attempt, group: Context) -> Context:
    """One group of refusals, in words: "451 greylisting: 12 addresses"."""
    status, reason = DeliveryStatus(group["status"]), group["reason"]
    number, examples = group["count"], group.get("examples", [])
    return {
        "status": status.label,
        "tone": pills.DELIVERY_TONES.get(status, "grey"),
        "code": group.get("code"),
        "reason": dict(DeliveryReason.choices).get(reason, reason),
        "addresses": ngettext("%(n)s address", "%(n)s addresses", number) % {"n": num(number)},
        "sentence": delivery_text.about(reason, group.get("code"), group.get("response", "")),
        "response": group.get("response", ""),
        "examples": examples,
        "more": number - len(examples),
        "url": deliveries_url(obj, status=status, reason=reason),
    }


def retry_buttons(screen: AttemptAdmin, request: HttpRequest, obj: Attempt) -> list[Button]:
    """For the failed and unsent; and, asked for separately, also for those nobody knows about."""
    if obj.status != AttemptStatus.FAILED or not permissions.may_send(user_of(request)):
        return []
    unsent, unconfirmed = statistics.retryable(obj)
    url = screen.url("retry", obj.pk)
    items: list[Button] = []
    if unsent:
        words = ngettext("Retry for %(n)s unsent", "Retry for %(n)s unsent", unsent) % {"n": num(unsent)}
        items.append(Button(words, url, method="post", primary=True, icon="refresh"))
    if unconfirmed:
        words = ngettext("…and for %(n)s unconfirmed", "…and for %(n)s unconfirmed", unconfirmed)
        if not unsent:
            words = ngettext("Retry for %(n)s unconfirmed", "Retry for %(n)s unconfirmed", unconfirmed)
        items.append(
            Button(words % {"n": num(unconfirmed)}, url, method="post", hidden={"unconfirmed": "1"}, icon="refresh")
        )
    return items
