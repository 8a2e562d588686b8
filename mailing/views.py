"""Public pages: leaving, for clients who never log in, and the health of the installation for monitoring."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from mailing import addresses, links
from mailing.choices import SuppressionReason
from mailing.models import Suppression
from mailing.services.clients import suppression
from mailing.services.operations import health

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
        return render(request, "mailing/unsubscribe_unknown.html", status=404)
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
        "left": reason in (SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT),
        "may_return": reason == SuppressionReason.UNSUBSCRIBED,
    }
    return render(request, "mailing/unsubscribe.html", context)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when letters would leave on time, else 503; the body says why (docs/how-to/operate.md)."""
    well, body = health.report()
    return JsonResponse(body, status=200 if well else 503)
