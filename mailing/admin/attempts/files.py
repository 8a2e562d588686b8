"""Attempts and their report as files to download: who may, in which format, and under which name."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from mailing.admin.common import parameters
from mailing.services.reports import tables

FORMATS = ("csv", "xlsx")


def may_export(request: HttpRequest) -> bool:
    return request.user.has_perm("mailing.export_attempt")


def require_export(request: HttpRequest) -> None:
    if not may_export(request):
        raise PermissionDenied


def wanted(request: HttpRequest, default: str) -> str:
    """`format` of the address; anything but a format and the default is refused."""
    found = request.GET.get("format", default)
    if found not in {*FORMATS, default}:
        parameters.refuse(request, ["format"])
    return found


def answer(table: tables.Table, wanted_format: str, name: str) -> HttpResponseBase:
    filename = f"{name}-{timezone.localdate().isoformat()}.{wanted_format}"
    pieces = tables.as_xlsx(table) if wanted_format == "xlsx" else tables.as_csv(table)
    response = StreamingHttpResponse(pieces, content_type=tables.CONTENT_TYPES[wanted_format])
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
