"""Who got what: the deliveries behind the attempts. Read-only for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailing import addresses
from mailing.admin.common import delivery_text, pills
from mailing.admin.common.base import Context, SamovarModelAdmin, Unchangeable
from mailing.formatting import when
from mailing.furniture import Button
from mailing.models import Attempt, Delivery

if TYPE_CHECKING:
    PaginatorOfRows = Paginator[Any]
else:
    PaginatorOfRows = Paginator

ONE_ATTEMPT = "attempt__id__exact"  # how the list is narrowed to the deliveries of an attempt
COUNTED_AT_MOST = 100_000  # pages of deliveries; a count over ten million rows would take seconds


class ReadOnly(Unchangeable, SamovarModelAdmin):
    """The runner owns these rows."""

    actions = None


def attempt_title(attempt: Attempt) -> str:
    return _("%(mailing)s: attempt %(number)s") % {"mailing": attempt.mailing, "number": attempt.pk}


def deliveries_url(attempt: Attempt, **filters: str) -> str:
    """The deliveries of the attempt, narrowed further by exact values."""
    query = {ONE_ATTEMPT: str(attempt.pk)} | {f"{key}__exact": value for key, value in filters.items()}
    return f"{reverse('admin:mailing_delivery_changelist')}?{urlencode(query)}"


class CappedPaginator(PaginatorOfRows):
    """Counts no further than anybody pages: the deliveries of years are tens of millions of rows."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED_AT_MOST].count())


class DeliveryList(ChangeList):
    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        """The names of attempts only where the list shows them; bodies of letters stay where they are."""
        if "sent_in" not in self.list_display:
            return qs
        bodies = ("html_body", "text_body", "reasons", "mailing__message__body", "mailing__message__text_body")
        return qs.select_related("attempt__mailing__message").defer(*(f"attempt__{name}" for name in bodies))


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_title = gettext_lazy("Deliveries")
    empty_title = gettext_lazy("No deliveries")
    empty_text = gettext_lazy("The deliveries of an attempt are deleted some months after it; its numbers stay.")
    list_display = ("email", "state", "reason", "code", "first_words", "tries", "next_try", "changed")
    list_filter = ("status", "reason")
    search_fields = ("email",)
    search_help_text = gettext_lazy("By the beginning of the address")
    fields = ("sent_in", "client", "email", "reason", "code", "words", "tries", "next_try", "message_id", "changed")
    paginator = CappedPaginator
    show_full_result_count = False

    class Media:
        css = {"all": ["mailing/screens.css"]}

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        """Mostly opened from an attempt: the list says of which, and leads back."""
        pk = request.GET.get(ONE_ATTEMPT, "")
        attempts = Attempt.objects.select_related("mailing__message").only(
            "mailing__name", "mailing__message__subject"
        )
        attempt = attempts.filter(pk=pk).first() if pk.isdecimal() and len(pk) < 19 else None
        return super().changelist_view(request, {"attempt": attempt} | (extra_context or {}))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return DeliveryList

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Among those of all attempts each says its own."""
        columns = DeliveryAdmin.list_display
        return columns if ONE_ATTEMPT in request.GET else (columns[0], "sent_in", *columns[1:])

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("pk",) if ONE_ATTEMPT in request.GET else ("-pk",)

    def get_pill(self, request: HttpRequest, obj: Delivery) -> SafeString:
        return pills.delivery(obj)

    def get_history_button(self, obj: Delivery) -> list[Button]:
        return []  # the runner writes no log

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """By prefix: addresses are stored in one form, so an index of them can be used."""
        wanted = addresses.normalize(search_term)
        return (queryset.filter(email__startswith=wanted) if wanted else queryset), False

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        return lookup == ONE_ATTEMPT or super().lookup_allowed(lookup, value, request)

    @admin.display(description=gettext_lazy("attempt"))
    def sent_in(self, delivery: Delivery) -> SafeString:
        url = reverse("admin:mailing_attempt_change", args=[delivery.attempt_id])
        return format_html('<a href="{}">{}</a>', url, attempt_title(delivery.attempt))

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def state(self, delivery: Delivery) -> SafeString:
        return pills.delivery(delivery)

    @admin.display(description=gettext_lazy("next try"), ordering="retry_at")
    def next_try(self, delivery: Delivery) -> SafeString | str:
        return when(delivery.retry_at)

    @admin.display(description=gettext_lazy("last changed"), ordering="updated_at")
    def changed(self, delivery: Delivery) -> SafeString | str:
        return when(delivery.updated_at)

    @admin.display(description=gettext_lazy("server response"))
    def first_words(self, delivery: Delivery) -> SafeString | str:
        sentence = delivery_text.about(delivery.reason, delivery.code, delivery.response) if delivery.reason else ""
        words = Truncator(delivery.response.split("\n")[0]).chars(120)
        return format_html('{}<span class="muted">{}</span>', sentence, words) if sentence or words else "—"

    @admin.display(description=gettext_lazy("server response"))
    def words(self, delivery: Delivery) -> SafeString | str:
        """All the server said, and above it what that means."""
        sentence = delivery_text.about(delivery.reason, delivery.code, delivery.response) if delivery.reason else ""
        said = format_html("<pre>{}</pre>", delivery.response) if delivery.response else ""
        return format_html("{}{}", sentence, said) if sentence or said else "—"
