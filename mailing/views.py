"""Public pages: leaving, for clients who never log in, and the health of the installation for monitoring."""

from __future__ import annotations

from email.utils import parseaddr
from ipaddress import ip_address

from axes.helpers import get_client_ip_address
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from mailing import addresses, links
from mailing.choices import SuppressionReason
from mailing.models import Suppression
from mailing.services import operations
from mailing.services.clients import suppression

ONE_CLICK = "List-Unsubscribe"  # the field a mail program posts by itself (RFC 8058, 3.2)


@never_cache
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET only asks: mail programs and virus scanners open every link. POST leaves.

    A mail program posts without having seen the page, without cookies, and follows no redirect; only that POST
    is exempt from CSRF, everything else goes through `_page`.
    """
    email = links.email_from_token(token)
    if email is None:
        return render(request, "mailing/unsubscribe_unknown.html", {"sender": _sender()}, status=404)
    if request.method == "POST" and request.POST.get(ONE_CLICK) == "One-Click":
        suppression.unsubscribe(email)
        return HttpResponse("OK", content_type="text/plain")
    return _page(request, email)


@csrf_protect
def _page(request: HttpRequest, email: str) -> HttpResponse:
    if request.method == "POST":
        if request.POST.get("answer") == "return":
            suppression.resubscribe(email)
        elif request.POST.get("answer") == "leave":
            suppression.unsubscribe(email)
        return HttpResponseRedirect(request.path)
    reason = Suppression.objects.filter(email=email).values_list("reason", flat=True).first()
    context = {
        "masked": addresses.masked(email),
        "sender": _sender(),
        "left": reason in (SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT),
        "may_return": reason == SuppressionReason.UNSUBSCRIBED,
    }
    return render(request, "mailing/unsubscribe.html", context)


def _sender() -> str:
    """Whose letters they are, as the installation signs them: one reads several companies' letters."""
    name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return name or address


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus; there is no such page unless the settings say who may read it (docs/how-to/monitor.md)."""
    if not (settings.METRICS_TOKEN or settings.METRICS_ADDRESSES):
        raise Http404
    if not _may_read_metrics(request):
        return HttpResponse(_("This page is for monitoring. Give its token.") + "\n", "text/plain", status=403)
    return HttpResponse(operations.metrics.text(), operations.metrics.CONTENT_TYPE)


def _may_read_metrics(request: HttpRequest) -> bool:
    scheme, _blank, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme.lower() == "bearer":
        return constant_time_compare(token.strip(), settings.METRICS_TOKEN)
    try:
        address = ip_address(get_client_ip_address(request) or "")
    except ValueError:  # a socket has none
        return False
    return any(address in network for network in settings.METRICS_ADDRESSES)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when letters would leave on time, else 503; the body says why (docs/how-to/operate.md)."""
    well, body = operations.monitoring.MONITOR.answer()
    return JsonResponse(body, status=200 if well else 503)
