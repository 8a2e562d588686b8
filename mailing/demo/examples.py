"""The button on the first page of an empty demo: clients, messages and mailings to look around in."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.admin.models import ADDITION
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from mailing import demo
from mailing.demo import seeding
from mailing.formatting import num
from mailing.services.access import audit_log


@require_POST
def fill(request: HttpRequest) -> HttpResponse:
    if not demo.is_on():
        raise Http404
    if not request.user.is_superuser:
        raise PermissionDenied
    seeded = seeding.seed(clients=seeding.CLIENTS)
    said = _("Filled with examples: %(clients)s clients, %(mailings)s mailings.")
    said %= {"clients": num(seeded.clients), "mailings": num(seeded.mailings)}
    audit_log.record_many(None, request.user, ADDITION, _("Examples"), said)
    messages.success(request, said)
    return HttpResponseRedirect(reverse("admin:index"))
