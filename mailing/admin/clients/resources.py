"""What a file of clients or of the stop list is: its format and its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.fields import Field
from import_export.formats.base_formats import Format

from mailing.admin.common.export import StreamedResource
from mailing.choices import SuppressionReason
from mailing.models import Client, Suppression


class Stopped(TypedDict):
    """What the export annotates."""

    stopped: str | None  # the reason of the stop-list entry


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    StoppedClient = WithAnnotations[Client, Stopped]


class Spreadsheet(Format):
    """The one format of imports: CSV of any kind or XLSX, recognised by its content."""

    def get_title(self) -> str:
        return "CSV, XLSX"

    def can_import(self) -> bool:
        return True


class ClientResource(StreamedResource):
    """The first four columns read back unchanged; the others are for people."""

    email = Field("email", gettext_lazy("e-mail"))
    full_name = Field("full_name", gettext_lazy("full name"))
    greeting = Field("greeting", gettext_lazy("greeting"))
    comment = Field("comment", gettext_lazy("comment"))
    receives = Field(column_name=gettext_lazy("receives mail"))
    created_at = Field("created_at", gettext_lazy("added"))

    class Meta:
        model = Client
        fields = ("email", "full_name", "greeting", "comment", "receives", "created_at")

    def filter_export(self, queryset: QuerySet[Any], **kwargs: object) -> QuerySet[Any]:
        reason = Suppression.objects.filter(email=OuterRef("email")).values("reason")
        found: QuerySet[Any] = queryset.annotate(stopped=Subquery(reason[:1]))
        return found

    def dehydrate_receives(self, client: StoppedClient) -> str:
        return str(SuppressionReason(client.stopped).label) if client.stopped else _("yes")

    def dehydrate_created_at(self, client: Client) -> str:
        return date_format(timezone.localtime(client.created_at), "SHORT_DATE_FORMAT")


class SuppressionResource(StreamedResource):
    email = Field("email", gettext_lazy("e-mail"))
    reason = Field(column_name=gettext_lazy("reason"))
    created_at = Field("created_at", gettext_lazy("since"))
    note = Field("note", gettext_lazy("note"))

    class Meta:
        model = Suppression
        fields = ("email", "reason", "created_at", "note")

    def dehydrate_reason(self, entry: Suppression) -> str:
        return str(entry.get_reason_display())

    def dehydrate_created_at(self, entry: Suppression) -> str:
        return date_format(timezone.localtime(entry.created_at), "SHORT_DATE_FORMAT")
