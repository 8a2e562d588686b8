"""The screens of mailings: what repeats, how dependably, and what happens next."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mailing.admin.common import pills
from mailing.admin.common.filters import DateRangeFilter, MessageFilter, Suggesting
from mailing.admin.common.pages import user_of
from mailing.admin.mailings.actions import MailingActions
from mailing.admin.mailings.filters import AttentionFilter, StateFilter, by_urgency
from mailing.choices import AttemptStatus
from mailing.formatting import error_tone, num, percent, progress, when
from mailing.furniture import Button, Card
from mailing.models import Client, ClientImport, Mailing, Message, searching
from mailing.services.mailings import recipients
from mailing.services.reports import statistics


class MailingList(ChangeList):
    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        return qs.select_related("message").defer("message__body", "message__text_body")

    def get_results(self, request: HttpRequest) -> None:
        """The numbers of the rows on this page, in five queries however many they are."""
        super().get_results(request)
        self.result_list: Any = list(self.result_list)
        numbers = statistics.numbers_of(self.result_list)
        for mailing in self.result_list:
            mailing.numbers = numbers[mailing.pk]


@admin.register(Mailing)
class MailingAdmin(Suggesting, MailingActions):
    list_title = gettext_lazy("Mailings")
    add_label = gettext_lazy("New mailing")
    empty_title = gettext_lazy("No mailings yet")
    empty_text = gettext_lazy("A mailing sends one message to many clients, once or again and again.")
    list_display = ("title", "state", "periodicity", "next_send", "recipients", "last_send", "trend")
    list_display_links = ("title",)
    list_filter = (StateFilter, "periodicity", AttentionFilter, ("next_run_at", DateRangeFilter), MessageFilter)
    search_fields = ("name", "message__subject")
    search_help_text = gettext_lazy("By name or subject")
    ordering = by_urgency()

    class Media:
        css = {"all": ["mailing/screens.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return MailingList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """For the list, and for boxes that search; one that puts clients into a mailing offers only open ones."""
        if request.GET.get("model_name") == ClientImport._meta.model_name:
            queryset = queryset.filter(pk__in=recipients.open_mailings(user_of(request)).order_by().values("pk"))
        found = queryset.select_related("message").defer("message__body", "message__text_body")
        return searching.among(found, search_term, "name", "message__subject"), False

    # --- columns -------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("mailing"), ordering="name")
    def title(self, mailing: Mailing) -> SafeString:
        return format_html('{}<span class="muted">{}</span>', mailing, mailing.message)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, mailing: Any) -> SafeString:
        last = mailing.numbers.last
        return pills.mailing(mailing, sending=bool(last and last.status == AttemptStatus.RUNNING))

    @admin.display(description=gettext_lazy("next send"), ordering="next_run_at")
    def next_send(self, mailing: Mailing) -> SafeString | str:
        return when(mailing.next_run_at)

    @admin.display(description=gettext_lazy("recipients"))
    def recipients(self, mailing: Any) -> SafeString:
        return format_html('<span class="num">{}</span>', num(mailing.numbers.recipients))

    @admin.display(description=gettext_lazy("last send"))
    def last_send(self, mailing: Any) -> SafeString | str:
        last = mailing.numbers.last
        if last is None:
            return "—"
        if last.status == AttemptStatus.MISSED:
            return pills.attempt(last)
        errors = last.failed + last.unconfirmed
        return progress(last.sent, last.audience, last.failed, last.unconfirmed, _errors(errors) if errors else "")

    @admin.display(description=gettext_lazy("reliability"))
    def trend(self, mailing: Any) -> SafeString | str:
        row: statistics.MailingNumbers = mailing.numbers
        if not row.results:
            return "—"
        words = ngettext("%(good)s of %(all)s", "%(good)s of the last %(all)s", len(row.results))
        words %= {"good": row.succeeded, "all": len(row.results)}
        marks = format_html_join("", '<i class="run run-{}"></i>', ((result,) for result in row.results))
        shape = '<span class="trend"><span class="runs" aria-hidden="true">{}</span>{}</span>'
        return format_html(shape, marks, words)

    def get_empty_buttons(self, request: HttpRequest) -> list[Button]:
        """Whoever has no clients or messages yet begins with them."""
        steps = [
            (Client, _("First load your clients"), "admin:mailing_client_changelist"),
            (Message, _("First write a message"), "admin:mailing_message_add"),
        ]
        missing = [
            Button(label, reverse(name), primary=True)
            for model, label, name in steps
            if not model._default_manager.exists()
        ]
        return missing[:1] or self.get_add_button(request)

    def get_cards(self, request: HttpRequest, queryset: QuerySet[Mailing]) -> list[Card]:
        numbers = statistics.of_mailings(queryset)
        return [
            Card(_("Mailings"), numbers.mailings),
            Card(_("Sending now"), numbers.sending, url="?state=sending"),
            Card(_("Letters accepted"), numbers.sent),
            Card(
                _("Errors"),
                numbers.errors,
                note=percent(numbers.errors, numbers.sent + numbers.errors),
                tone=error_tone(numbers.error_share),
                url="?attention=errors",
            ),
        ]


def _errors(number: int) -> str:
    return ngettext("%(n)s error", "%(n)s errors", number) % {"n": num(number)}
