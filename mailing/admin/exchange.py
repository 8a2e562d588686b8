"""Files in and out, as django-import-export sees them: formats, and resources that map fields to columns.

Its row-by-row import was measured and left aside (docs/decisions/0014-import.md): what a file changes is decided by
`services.importing`. Its forms, permissions and addresses of pages are what the import stands on; the export is its
resource, read as a stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.fields import Field
from import_export.formats.base_formats import Format
from import_export.resources import ModelResource

from mailing.choices import SuppressionReason
from mailing.models import Client, Suppression
from mailing.tables import writing

CHUNK = 2000  # rows read at once
Rows = Iterable[Sequence[str]]


class Spreadsheet(Format):
    """The one format of imports: CSV of any kind or XLSX, recognised by its content."""

    def get_title(self) -> str:
        return "CSV, XLSX"

    def can_import(self) -> bool:
        return True


class ExportFormat(Format):
    title: ClassVar[str]
    extension: ClassVar[str]
    content_type: ClassVar[str]

    def get_title(self) -> str:
        return self.title

    def get_extension(self) -> str:
        return self.extension

    def get_content_type(self) -> str:
        return self.content_type

    def can_export(self) -> bool:
        return True

    def response(self, rows: Rows) -> HttpResponseBase:
        """The rows as a download; at no time all of them in memory."""
        raise NotImplementedError


class Csv(ExportFormat):
    title = "CSV"
    extension = "csv"
    content_type = "text/csv; charset=utf-8"

    def response(self, rows: Rows) -> HttpResponseBase:
        return StreamingHttpResponse(writing.as_csv(rows), content_type=self.content_type)


class Xlsx(ExportFormat):
    title = "XLSX (Excel)"
    extension = "xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def response(self, rows: Rows) -> HttpResponseBase:
        return StreamingHttpResponse(writing.as_xlsx(rows), content_type=self.content_type)


EXPORT_FORMATS: list[type[ExportFormat]] = [Csv, Xlsx]


class StreamedResource(ModelResource):
    def rows(self, queryset: QuerySet[Any]) -> Iterator[list[str]]:
        """Headings and rows as text, read from the database in chunks."""
        yield self.get_export_headers()
        fields = self.get_export_fields()  # once: export_resource would gather them for every row
        for row in self.filter_export(queryset).iterator(chunk_size=CHUNK):
            yield [self.export_field(field, row) for field in fields]


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

    def filter_export(self, queryset: QuerySet[Any], **kwargs: Any) -> QuerySet[Any]:
        reason = Suppression.objects.filter(email=OuterRef("email")).values("reason")
        found: QuerySet[Any] = queryset.annotate(stopped=Subquery(reason[:1]))
        return found

    def dehydrate_receives(self, client: Any) -> str:
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
