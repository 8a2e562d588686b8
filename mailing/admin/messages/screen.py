"""The screens of messages: written on the left, seen on the right, checked on save."""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING, Any, TypedDict

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailing import placeholders
from mailing.admin.common import deletion
from mailing.admin.common.base import Context, SamovarModelAdmin
from mailing.admin.common.filters import DateRangeFilter, QuestionFilter, Questions
from mailing.admin.common.lists import SamovarList
from mailing.admin.common.pages import form_of, user_of
from mailing.admin.messages import letter_frame
from mailing.admin.messages.pages import MessagePages
from mailing.admin.messages.trial_letter import TrialLetterPages, TrialLimitPage
from mailing.formatting import num, when
from mailing.forms.messages import MessageForm
from mailing.furniture import Button, ChangePage, Notice
from mailing.models import Message, searching
from mailing.services.access import permissions
from mailing.services.reports import statistics
from mailing.services.runs import letters


class Beginning(TypedDict):
    """What the list knows of a message instead of its body."""

    beginning: str


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    UsedMessage = WithAnnotations[Message, statistics.Usage]
    ListedMessage = WithAnnotations[Message, Beginning]

BEGINNING = 80  # characters of the body under the subject
READ_AT_MOST = 4000  # of a body with long style sheets, to find its beginning


class UsedFilter(QuestionFilter):
    title = gettext_lazy("in use")
    parameter_name = "used"

    def questions(self) -> Questions:
        return {
            "yes": (_("in a mailing"), lambda found: found.filter(used__gt=0)),
            "no": (_("in no mailing"), lambda found: found.filter(used=0)),
        }


class MessageList(SamovarList):
    def get_results(self, request: HttpRequest) -> None:
        """The page with the beginnings of the bodies; actions get whole messages."""
        whole = self.queryset
        self.queryset = whole.defer("body", "text_body").annotate(beginning=Left("body", READ_AT_MOST))
        super().get_results(request)
        self.queryset = whole


@admin.register(Message)
class MessageAdmin(MessagePages, TrialLetterPages[Message], TrialLimitPage, SamovarModelAdmin[Message]):
    form = MessageForm
    list_title = gettext_lazy("Messages")
    add_label = gettext_lazy("New message")
    empty_title = gettext_lazy("No messages yet")
    empty_text = gettext_lazy(
        "A message is the subject and the body of a letter; one may stand in many mailings. Write the first, and "
        "send it to yourself."
    )
    empty_text_for_lookers = gettext_lazy(
        "A message is the subject and the body of a letter; one may stand in many mailings. A Manager or an Editor "
        "writes them."
    )
    form_terms = ("message", "letter", "test-letter")
    change_form_template = "admin/mailing/message/change_form.html"
    changelist = MessageList
    list_display = ("title", "usage", "changed", "kind")
    list_filter = (UsedFilter, ("updated_at", DateRangeFilter))
    search_fields = ("subject", "body")
    search_help_text = gettext_lazy("By subject and text")
    ordering = ("-updated_at", "-pk")
    actions = ("copy", deletion.delete_selected)
    fieldsets = (
        (None, {"fields": ("subject", "is_html", "body")}),
        (gettext_lazy("Text version"), {"fields": ("text_body",), "classes": ("collapse",)}),
    )

    class Media:
        css = {"all": ["mailing/screens.css"]}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return searching.among(queryset, search_term, *self.search_fields), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return statistics.with_usage(super().get_queryset(request))

    # --- columns -------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("subject"), ordering="subject")
    def title(self, message: ListedMessage) -> SafeString:
        beginning = first_words(message.beginning, as_html=message.is_html)
        return format_html('{}<span class="muted">{}</span>', message, beginning)

    @admin.display(description=gettext_lazy("used in mailings"), ordering="used")
    def usage(self, message: UsedMessage) -> SafeString:
        if not message.used:
            return format_html('<span class="num">{}</span>', "—")
        return format_html('<a class="num" href="{}">{}</a>', mailings_url(message), num(message.used))

    @admin.display(description=gettext_lazy("last changed"), ordering="updated_at")
    def changed(self, message: Message) -> SafeString | str:
        return when(message.updated_at)

    @admin.display(description=gettext_lazy("kind"), ordering="is_html")
    def kind(self, message: Message) -> str:
        return "HTML" if message.is_html else _("text")

    # --- form ----------------------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return super().has_change_permission(request, obj) and _free(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Message | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _free(request, obj)

    def get_form(
        self, request: HttpRequest, obj: Message | None = None, change: bool = False, **kwargs: object
    ) -> Any:
        return form_of(request, super().get_form(request, obj, change=change, **kwargs))

    def get_form_context(self, request: HttpRequest, form: ModelForm[Message], obj: Message | None) -> Context:
        return {"chips": [(f"{{{{ {name} }}}}", words) for name, words in placeholders.FIELDS.items()]}

    def get_change_page(self, request: HttpRequest, obj: Message) -> ChangePage:
        return ChangePage(str(obj), notices=_notices(request, obj), buttons=self._buttons(request, obj))

    def _buttons(self, request: HttpRequest, obj: Message) -> list[Button]:
        test = Button(_("Test to me"), self.url("test", obj.pk), icon="test")
        copy = Button(_("Copy"), self.url("copy", obj.pk), method="post", icon="copy")
        return [
            *([test] if self.has_change_permission(request) else []),
            *([copy] if self.has_add_permission(request) else []),
        ]

    def save_model(self, request: HttpRequest, obj: Message, form: MessageForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.judged is not None:
            letters.keep(obj, form.judged)
        for sentence in form.warnings:
            messages.warning(request, sentence)


def _notices(request: HttpRequest, obj: Message) -> list[Notice]:
    found = []
    if obj.mailings.sending().exists():
        words = _("This letter is being sent right now; changes reach only the next sends.")
        found.append(Notice(words, "amber", mailings_url(obj), _("Which mailings")))
    if not _free(request, obj):
        found.append(Notice(_("It stands in a mailing that sends by itself: only a Manager may change it.")))
    return found


def _free(request: HttpRequest, obj: Message | None) -> bool:
    return obj is None or permissions.may_change_message(user_of(request), obj)


def first_words(text: str, *, as_html: bool) -> str:
    """As the imaginary client of the preview reads them."""
    text = text[:READ_AT_MOST]
    if as_html:
        text = unescape(letter_frame.without_tags(text))
    text = placeholders.fill(placeholders.split(text), letter_frame.values_of(None))
    return Truncator(" ".join(text.split())).chars(BEGINNING)


def mailings_url(message: Message) -> str:
    return f"{reverse('admin:mailing_mailing_changelist')}?message={message.pk}"
