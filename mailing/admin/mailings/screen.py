"""The screen of mailings: what repeats, how dependably, and what happens next."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailing.admin.common.base import SamovarModelAdmin
from mailing.admin.common.filters import DateRangeFilter, MessageFilter, Suggesting
from mailing.admin.common.pages import user_of
from mailing.admin.mailings.actions import MailingActions
from mailing.admin.mailings.calendar import MailingCalendar
from mailing.admin.mailings.filters import AttentionFilter, StateFilter, by_urgency
from mailing.admin.mailings.form import MailingSaving
from mailing.admin.mailings.letter_tab import LetterTab
from mailing.admin.mailings.listing import MailingList
from mailing.admin.mailings.overview_tab import OverviewTab
from mailing.admin.mailings.pages import MailingPages
from mailing.admin.mailings.recipients_tab import RecipientsTab
from mailing.admin.mailings.runs_tab import RunsTab
from mailing.admin.mailings.schedule_tab import ScheduleTab
from mailing.admin.messages.trial_letter import TrialLetterPages
from mailing.formatting import when
from mailing.forms.mailings import MailingForm
from mailing.furniture import Button
from mailing.models import Client, ClientImport, Mailing, Message, searching
from mailing.services.mailings import recipients


@admin.register(Mailing)
class MailingAdmin(
    MailingActions,
    MailingSaving,
    OverviewTab,
    LetterTab,
    RecipientsTab,
    ScheduleTab,
    RunsTab,
    MailingPages,
    MailingCalendar,
    TrialLetterPages[Mailing],
    Suggesting[Mailing],
    SamovarModelAdmin[Mailing],
):
    list_title = gettext_lazy("Mailings")
    add_label = gettext_lazy("New mailing")
    empty_title = gettext_lazy("No mailings yet")
    empty_text = gettext_lazy("A mailing sends one message to many clients, once or again and again.")
    empty_text_for_lookers = gettext_lazy(
        "A mailing sends one message to many clients, once or again and again. A Manager or an Editor prepares it."
    )

    list_terms = ("draft", "paused", "stalled", "overdue", "partly")
    form_terms = ("audience", "periodicity")
    changelist = MailingList
    list_display = (
        *("title", MailingList.state, "periodicity", "next_send"),
        *(MailingList.recipients, MailingList.last_send, MailingList.trend),
    )
    list_display_links = ("title",)
    list_filter = (StateFilter, "periodicity", AttentionFilter, ("next_run_at", DateRangeFilter), MessageFilter)
    search_fields = ("name", "message__subject")
    search_help_text = gettext_lazy("By name or subject")
    ordering = by_urgency()

    form = MailingForm
    autocomplete_fields = ("message",)
    change_form_template = "admin/mailing/mailing/change_form.html"

    class Media:
        css = {"all": ["mailing/screens.css"]}

    @admin.display(description=gettext_lazy("mailing"), ordering="name")
    def title(self, mailing: Mailing) -> SafeString:
        return format_html('{}<span class="muted">{}</span>', mailing, mailing.message)

    @admin.display(description=gettext_lazy("next send"), ordering="next_run_at")
    def next_send(self, mailing: Mailing) -> SafeString | str:
        return when(mailing.next_run_at)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Mailing], bool]:
        """For the list, and for boxes that search; one that puts clients into a mailing offers only open ones."""
        if request.GET.get("model_name") == ClientImport._meta.model_name:
            queryset = queryset.filter(pk__in=recipients.open_mailings(user_of(request)).order_by().values("pk"))
        return searching.among(queryset.with_subject(), search_term, "name", "message__subject"), False

    def get_empty_buttons(self, request: HttpRequest) -> list[Button]:
        """Whoever has no clients or messages yet begins with them."""
        if not self.has_add_permission(request):
            return []
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
