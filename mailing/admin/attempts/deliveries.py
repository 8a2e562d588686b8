"""Who got what: the deliveries behind the attempts. Read-only for everybody."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.fields import Field

from mailing import addresses, unchecked
from mailing.admin.attempts.change_page import balance
from mailing.admin.attempts.links import ONE_ATTEMPT, attempt_title
from mailing.admin.common import delivery_text, pills
from mailing.admin.common.base import Unchangeable
from mailing.admin.common.export import StreamedExport, StreamedResource
from mailing.admin.common.lists import SamovarList
from mailing.admin.common.pagination import CappedPaginator
from mailing.formatting import when
from mailing.furniture import Button, Card, ChangePage, Words
from mailing.models import Attempt, Delivery, light
from mailing.models.attempts import NUMBERS


class DeliveryList(SamovarList):
    names_clients: bool  # to whom it may be said whose address it is

    def get_results(self, request: HttpRequest) -> None:
        self.names_clients = request.user.has_perm("mailing.view_client")
        super().get_results(request)

    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        """The names of attempts only where the list shows them; bodies of letters stay where they are."""
        rows = qs.select_related("client").defer("client__comment", "client__search_text")
        if "sent_in" not in self.list_display:
            return rows
        return rows.select_related("client", "attempt__mailing__message").defer(*light.attempt("attempt"))

    @cached_property
    def attempt(self) -> Attempt | None:
        """The list is mostly opened from an attempt: it says of which, and leads back."""
        pk = unchecked.number(str(self.params.get(ONE_ATTEMPT, "")))
        if pk is None:
            return None
        found = Attempt.objects.select_related("mailing__message")
        names = ("mailing__name", "mailing__message__subject", "cut_short", "note_params")
        return found.only(*names, *NUMBERS).filter(pk=pk).first()

    @property
    def attempt_title(self) -> str:
        return attempt_title(self.attempt) if self.attempt else ""

    def cards(self, request: HttpRequest) -> list[Card]:
        """Of one attempt, from its own numbers: there may be a hundred million rows in all."""
        return balance(self.attempt) if self.attempt else []

    @admin.display(description=gettext_lazy("recipient"), ordering="email")
    def recipient(self, delivery: Delivery) -> SafeString | str:
        email = addresses.display(delivery.email)
        if not (self.names_clients and delivery.client and delivery.client.full_name):
            return email
        return format_html('{}<span class="muted">{}</span>', email, delivery.client.full_name)

    @admin.display(description=gettext_lazy("server response"))
    def first_words(self, delivery: Delivery) -> SafeString | str:
        attempt = self.attempt if ONE_ATTEMPT in self.params else delivery.attempt
        sentence = _sentence(delivery, attempt)
        words = Truncator(delivery.response.split("\n")[0]).chars(120)
        return format_html('{}<span class="muted">{}</span>', sentence, words) if sentence or words else "—"


def _sentence(delivery: Delivery, attempt: Attempt | None) -> Words:
    if not delivery.reason:
        return ""
    return delivery_text.about(delivery.reason, delivery.code, delivery.response, attempt=attempt)


class DeliveryResource(StreamedResource):
    email = Field("email", gettext_lazy("e-mail"))
    mailing = Field(column_name=gettext_lazy("mailing"))
    attempt = Field("attempt_id", gettext_lazy("attempt"))
    status = Field("get_status_display", gettext_lazy("status"))
    reason = Field("get_reason_display", gettext_lazy("reason"))
    code = Field("code", gettext_lazy("reply code"))
    response = Field("response", gettext_lazy("server response"))
    tries = Field("tries", gettext_lazy("tries"))
    updated_at = Field("updated_at", gettext_lazy("last changed"))

    class Meta:
        model = Delivery
        fields = ("email", "mailing", "attempt", "status", "reason", "code", "response", "tries", "updated_at")

    def filter_export(self, queryset: QuerySet[Any], **kwargs: object) -> QuerySet[Any]:
        related = queryset.select_related(None).select_related("attempt__mailing__message")
        return related.defer(*light.attempt("attempt"))

    def dehydrate_mailing(self, delivery: Delivery) -> str:
        return str(delivery.attempt.mailing)


@admin.register(Delivery)
class DeliveryAdmin(Unchangeable, StreamedExport[Delivery]):
    list_title = gettext_lazy("Deliveries")
    empty_title = gettext_lazy("No deliveries")
    empty_text = gettext_lazy(
        "What became of the letter to each client, run by run, stands here. After some months it is deleted; the "
        "numbers of the attempts stay."
    )
    list_terms = ("deferred", "refused", "unconfirmed", "skipped")
    changelist = DeliveryList
    link_parameters = (ONE_ATTEMPT,)
    actions = None
    has_history = False  # the runner writes no log
    export_resource = DeliveryResource
    import_export_change_list_template = "admin/mailing/delivery/change_list.html"
    list_display: Any = (DeliveryList.recipient, "state", DeliveryList.first_words, "changed")
    list_filter: ClassVar[Any] = ("status", "reason")
    search_fields = ("email",)
    search_help_text = gettext_lazy("By the beginning of the address")
    fields = ("sent_in", "client", "email", "reason", "code", "words", "tries", "next_try", "message_id", "changed")
    paginator = CappedPaginator
    show_full_result_count = False

    class Media:
        css = {"all": ["mailing/screens.css"]}

    def get_list_display(self, request: HttpRequest) -> Any:
        """Among those of all attempts each says its own."""
        columns = DeliveryAdmin.list_display
        return columns if ONE_ATTEMPT in request.GET else (columns[0], "sent_in", *columns[1:])

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whoever may take out the attempts may take out what they are made of, if they may look at it."""
        return request.user.has_perms(["mailing.export_attempt", "mailing.view_delivery"])

    def get_list_buttons(self, request: HttpRequest) -> list[Button]:
        return self.export_button(request)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("pk",) if ONE_ATTEMPT in request.GET else ("-pk",)

    def get_empty_buttons(self, request: HttpRequest) -> list[Button]:
        if not request.user.has_perm("mailing.view_attempt"):
            return []
        return [Button(_("To the attempts"), reverse("admin:mailing_attempt_changelist"), primary=True)]

    def get_change_page(self, request: HttpRequest, obj: Delivery) -> ChangePage:
        return ChangePage(str(obj), pill=pills.delivery(obj))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """By prefix: addresses are stored in one form, so an index of them can be used."""
        wanted = addresses.normalize(search_term)
        return (queryset.filter(email__startswith=wanted) if wanted else queryset), False

    @admin.display(description=gettext_lazy("attempt"))
    def sent_in(self, delivery: Delivery) -> SafeString:
        url = reverse("admin:mailing_attempt_change", args=[delivery.attempt_id])
        return format_html('<a href="{}">{}</a>', url, attempt_title(delivery.attempt))

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, delivery: Delivery) -> SafeString:
        reason = delivery.get_reason_display()
        pill = pills.delivery(delivery, in_list=True)
        return format_html('{}<span class="muted">{}</span>', pill, reason) if reason else pill

    @admin.display(description=gettext_lazy("next try"), ordering="retry_at")
    def next_try(self, delivery: Delivery) -> SafeString | str:
        return when(delivery.retry_at)

    @admin.display(description=gettext_lazy("last changed"), ordering="updated_at")
    def changed(self, delivery: Delivery) -> SafeString | str:
        """And when it is tried again, while it waits for that."""
        if delivery.retry_at is None:
            return when(delivery.updated_at)
        again = when(delivery.retry_at)
        return format_html('{}<span class="muted">{}: {}</span>', when(delivery.updated_at), _("next try"), again)

    @admin.display(description=gettext_lazy("server response"))
    def words(self, delivery: Delivery) -> SafeString | str:
        """All the server said, and above it what that means."""
        sentence = _sentence(delivery, delivery.attempt)
        said = format_html("<pre>{}</pre>", delivery.response) if delivery.response else ""
        return format_html("{}{}", sentence, said) if sentence or said else "—"
