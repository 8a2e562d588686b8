"""Public pages: the health of the installation for monitoring."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from mailing.services import health


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when letters would leave on time, else 503; the body says why (docs/operations.md)."""
    well, body = health.report()
    return JsonResponse(body, status=200 if well else 503)
