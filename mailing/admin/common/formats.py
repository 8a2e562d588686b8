"""Files in and out, as django-import-export sees them: formats, and resources that are read as a stream.

<<<<<<< HEAD
Its row-by-row import was measured and left aside (docs/decisions/0012-import.md): what a file changes is decided by
`services.clients.imports`. Its forms, permissions and addresses of pages are what the import stands on; the export is
its resource, read as a stream.
=======
Its row-by-row import was measured and left aside (docs/decisions/0012-import.md): what a file changes is decided by
`services.importing`. Its forms, permissions and addresses of pages are what the import stands on; the export is its
resource, read as a stream.
>>>>>>> e4b2cf6 (Sort the documents by need; number the decisions without gaps, with one form of heading)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from import_export.formats.base_formats import Format
from import_export.resources import ModelResource

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
