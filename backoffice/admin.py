"""The admin site: its name and its first page."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from backoffice import knocking
from mailing import guests
from mailing.errors import NotAllowed
from mailing.services.access import site_guard


class SamovarAdminSite(admin.AdminSite):
    site_title = _("Samovar")
    site_header = _("Samovar")
    index_title = _("Overview")
    site_url = None
    enable_nav_sidebar = False

    def get_urls(self) -> list[Any]:
        confirm = path("confirm-site/", self.admin_view(require_POST(confirm_site)), name="confirm_site")
        brought = [page for guest in guests.installed() for page in guest.pages()]
        pages = [path(page.route, self.admin_view(page.view), name=page.name) for page in brought]
        return [confirm, *pages, *super().get_urls()]

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().login(request, extra_context)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            knocking.remember_device(request, response, request.user.get_username())
        return response

    def app_index(  # type: ignore[override]  # the stubs know Django's own answer only
        self, request: HttpRequest, app_label: str, extra_context: object = None
    ) -> HttpResponse:
        """Django's list of one app's models; the navigation is on every page."""
        return HttpResponseRedirect(reverse("admin:index"))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from mailing.admin.site import overview

        return super().index(request, overview.context(request) | (extra_context or {}))


def confirm_site(request: HttpRequest) -> HttpResponse:
    """The answer to the banner "this looks like a copy": the data belong here now."""
    try:
        site_guard.confirm_site(by=request.user)  # type: ignore[arg-type]  # admin_view lets nobody anonymous in
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    messages.success(request, gettext("Confirmed: this installation writes to the clients now."))
    return HttpResponseRedirect(reverse("admin:index"))
