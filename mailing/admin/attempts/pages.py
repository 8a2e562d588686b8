"""The pages of an attempt: its letter, its retry, its stop-list entries; and the reports over many of them."""

from __future__ import annotations

from functools import partial

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailing.admin.common import parameters
from mailing.admin.common.base import Context, SamovarModelAdmin
from mailing.admin.common.export import log_export
from mailing.admin.common.pages import GET, POST, View, user_of
from mailing.admin.messages import letter_frame
from mailing.formatting import num
from mailing.models import Attempt
from mailing.services.clients import suppression
from mailing.services.mailings import lifecycle
from mailing.services.reports import statistics, tables

FORMATS = ("csv", "xlsx")


class AttemptPages(SamovarModelAdmin[Attempt]):
    def get_pages(self) -> list[tuple[str, View]]:
        return [
            *super().get_pages(),
            ("export/", self.export_view),
            ("report/", self.report_view),
            ("<int:pk>/retry/", self.retry_view),
            ("<int:pk>/letter/", self.letter_view),
            ("<int:pk>/lift/", self.lift_view),
        ]

    @POST
    def retry_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A new attempt for those the letter did not reach; `unconfirmed=1` also for those nobody knows about."""
        attempt = self.find(request, pk)
        unconfirmed = request.POST.get("unconfirmed") == "1"
        act = partial(lifecycle.retry, attempt, by=user_of(request), unconfirmed=unconfirmed)
        return self.perform(request, act, said=_retried, back=self.url("change", pk))

    @POST
    def lift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Takes every address this attempt put on the stop list off it again."""
        attempt = self.find(request, pk)
        act = partial(suppression.lift_all_of_attempt, attempt, by=user_of(request))
        return self.perform(request, act, said=_lifted, back=self.url("change", pk))

    @GET
    def letter_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What was sent, in the sandbox."""
        return letter_frame.of_attempt(self.find(request, pk), as_text=request.GET.get("shown") == "text")

    # --- reports -------------------------------------------------------------------------------------

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("mailing.export_attempt")

    @GET
    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The attempts of the current filter as a file."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        wanted = _format(request, "csv")
        attempts = self.get_changelist_instance(request).queryset
        self._log_export(request, attempts)
        return _file(tables.attempts_table(attempts), wanted, "attempts")

    @GET
    def report_view(self, request: HttpRequest) -> HttpResponseBase:
        """One row per mailing over the attempts of the current filter: a page, or with `format` a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = _format(request, "")
        if wanted and not self.has_export_permission(request):
            raise PermissionDenied
        attempts = self.get_changelist_instance(request).queryset
        if wanted:
            self._log_export(request, attempts)
            return _file(tables.mailings_table(attempts), wanted, "mailings")
        return TemplateResponse(request, "admin/mailing/attempt/report.html", self._report(request, attempts))

    def _log_export(self, request: HttpRequest, attempts: QuerySet[Attempt]) -> None:
        log_export(self, request, attempts.count())

    def _report(self, request: HttpRequest, attempts: QuerySet[Attempt]) -> Context:
        rows = statistics.by_mailing(attempts)
        narrowed = request.GET.copy()
        narrowed.pop("format", None)
        period = {name: narrowed.get(f"started_at__{name}", "") for name in ("since", "until")}
        others = [(name, value) for name, value in narrowed.items() if not name.startswith("started_at__")]
        return {
            **self.shell(request, _("Report by mailing")),
            **period,
            "rows": rows,
            "missed": sum(row.missed for row in rows),
            "totals": statistics.totals(attempts),
            "may_export": self.has_export_permission(request),
            "query": narrowed.urlencode(),
            "kept": others,
        }


def _format(request: HttpRequest, default: str) -> str:
    wanted = request.GET.get("format", default)
    if wanted not in {*FORMATS, default}:
        parameters.refuse(request, ["format"])
    return wanted


def _file(table: tables.Table, wanted: str, name: str) -> HttpResponseBase:
    filename = f"{name}-{timezone.localdate().isoformat()}.{wanted}"
    pieces = tables.as_xlsx(table) if wanted == "xlsx" else tables.as_csv(table)
    response = StreamingHttpResponse(pieces, content_type=tables.CONTENT_TYPES[wanted])
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def _retried(attempt: Attempt) -> str:
    words = ngettext(
        "Retry for %(n)s client has begun: attempt %(attempt)s.",
        "Retry for %(n)s clients has begun: attempt %(attempt)s.",
        attempt.audience,
    )
    return words % {"n": num(attempt.audience), "attempt": attempt.pk}


def _lifted(number: int) -> str:
    words = ngettext("%(n)s address gets letters again.", "%(n)s addresses get letters again.", number)
    return words % {"n": num(number)}
