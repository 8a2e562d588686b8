"""The export of a list: what the filter shows, as a file. Built on import-export's page, form and permission."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.admin.models import CHANGE
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from import_export.admin import ExportMixin
from import_export.forms import ExportForm
from import_export.signals import post_export

from mailing.admin.common.base import Context, SamovarModelAdmin
from mailing.admin.common.formats import EXPORT_FORMATS, ExportFormat, StreamedResource
from mailing.admin.common.pages import user_of
from mailing.formatting import num
from mailing.furniture import Button
from mailing.services.access import audit_log


class StreamedExport(ExportMixin, SamovarModelAdmin):
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

    def init_request_context_data(self, request: HttpRequest, form: Any) -> Context:
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
        self, file_format: ExportFormat, request: HttpRequest, queryset: Any, export_form: Any = None
    ) -> HttpResponseBase:
        response = file_format.response(self.export_resource().rows(queryset))
        name = f"{self.opts.model_name}-{timezone.localdate().isoformat()}.{file_format.get_extension()}"
        response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
        self._log_export(request, queryset.count())
        post_export.send(sender=None, model=self.model)
        return response

    def _log_export(self, request: HttpRequest, number: int) -> None:
        """Personal data left the house: who took how many."""
        words = ngettext("%(n)s row exported", "%(n)s rows exported", number) % {"n": num(number)}
        audit_log.record_many(self.model, user_of(request), CHANGE, str(self.list_title), words)
