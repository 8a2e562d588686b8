"""The export of a list: what its filter shows, as a file that is never whole in memory.

Built on import-export's page, form, permission and resources (docs/decisions/0012-import.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from django.contrib.admin.models import CHANGE
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from import_export.admin import ExportMixin
from import_export.formats.base_formats import Format
from import_export.forms import ExportForm
from import_export.resources import ModelResource
from import_export.signals import post_export

from mailing.admin.common.base import Context, Row, SamovarModelAdmin
from mailing.admin.common.pages import user_of
from mailing.formatting import num
from mailing.furniture import Button
from mailing.services.access import audit_log
from mailing.tables import writing

CHUNK = 2000  # rows read at once
Rows = Iterable[Sequence[str]]


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

    @staticmethod
    def write(rows: Rows) -> Iterator[bytes]:
        raise NotImplementedError

    def response(self, rows: Rows) -> HttpResponseBase:
        """The rows as a download; at no time all of them in memory."""
        return StreamingHttpResponse(self.write(rows), content_type=self.content_type)


class Csv(ExportFormat):
    title = "CSV"
    extension = "csv"
    content_type = "text/csv; charset=utf-8"
    write = staticmethod(writing.as_csv)


class Xlsx(ExportFormat):
    title = "XLSX (Excel)"
    extension = "xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    write = staticmethod(writing.as_xlsx)


EXPORT_FORMATS: list[type[ExportFormat]] = [Csv, Xlsx]


class StreamedResource(ModelResource):
    def rows(self, queryset: QuerySet[Any]) -> Iterator[list[str]]:
        """Headings and rows as text, read from the database in chunks."""
        yield self.get_export_headers()
        fields = self.get_export_fields()  # once: export_resource would gather them for every row
        for row in self.filter_export(queryset).iterator(chunk_size=CHUNK):
            yield [self.export_field(field, row) for field in fields]


class StreamedExport(ExportMixin, SamovarModelAdmin[Row]):
    """A list with `export_resource`; streams, so 100 000 rows need little memory."""

    model: Any  # import-export declares it as None
    export_resource: ClassVar[type[StreamedResource]]
    export_form_class: Any = ExportForm
    import_export_change_list_template: Any  # import-export's own must not take the place of ours

    def get_export_formats(self) -> list[type[ExportFormat]]:
        return EXPORT_FORMATS

    def get_export_resource_classes(self, request: HttpRequest) -> list[type[StreamedResource]]:
        return [self.export_resource]

    def export_button(self, request: HttpRequest) -> list[Button]:
        """The filter of the list goes along."""
        if not self.has_export_permission(request):
            return []
        url = self.url("export")
        return [Button(_("Export"), f"{url}?{request.GET.urlencode()}", icon="download")]

    def init_request_context_data(self, request: HttpRequest, form: Form) -> Context:
        context: Context = super().init_request_context_data(request, form)
        context |= {
            "title": _("Export"),
            "list_title": self.list_title,
            "number": self.get_export_queryset(request).count(),
            "columns": self.export_resource().get_export_headers(),
            "formats": list(enumerate(file_format.title for file_format in EXPORT_FORMATS)),
            "back": f"{self.url('changelist')}?{request.GET.urlencode()}",
        }
        return context

    def _do_file_export(
        self, file_format: ExportFormat, request: HttpRequest, queryset: QuerySet[Row], export_form: object = None
    ) -> HttpResponseBase:
        return exported(self, request, queryset, self.export_resource(), file_format)


def exported(
    screen: SamovarModelAdmin[Row],
    request: HttpRequest,
    queryset: QuerySet[Row],
    resource: StreamedResource,
    file_format: ExportFormat,
) -> HttpResponseBase:
    """The rows as a download; the log says who took how many, for personal data leave the house."""
    response = file_format.response(resource.rows(queryset))
    name = f"{screen.opts.model_name}-{timezone.localdate().isoformat()}.{file_format.get_extension()}"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    log_export(screen, request, queryset.count())
    post_export.send(sender=None, model=screen.model)
    return response


def log_export(screen: SamovarModelAdmin[Row], request: HttpRequest, number: int) -> None:
    """Who took how many rows."""
    words = ngettext("%(n)s row exported", "%(n)s rows exported", number) % {"n": num(number)}
    audit_log.record_many(screen.model, user_of(request), CHANGE, str(screen.list_title), words)
