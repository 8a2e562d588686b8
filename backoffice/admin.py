"""The admin site: its name and its first page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, DisallowedModelAdminToField
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.options import TO_FIELD_VAR
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Field
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from backoffice import login_steps, password_reset, second_factor
from backoffice.views import bad_request
from mailing import guests, unchecked
from mailing.errors import NotAllowed, NotUnderstood
from mailing.services.access import site_guard


class SamovarAdminSite(admin.AdminSite):
    site_title = _("Samovar")
    site_header = _("Samovar")
    index_title = _("Overview")
    site_url = None
    enable_nav_sidebar = False

    def get_urls(self) -> list[Any]:
        from mailing.admin.site import first_steps, guide

        own = [
            path("confirm-site/", self.admin_view(require_POST(confirm_site)), name="confirm_site"),
            path("find/", self.admin_view(find_page), name="find"),
            path("undo/<int:pk>/", self.admin_view(undo_page), name="undo"),
        ]
        brought = [
            *guide.PAGES,
            *first_steps.PAGES,
            *(page for guest in guests.installed() for page in guest.pages()),
        ]
        pages = [path(page.route, self.admin_view(page.view), name=page.name) for page in brought]
        # Nothing here has a public page.
        stock = [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]
        steps = [
            path("login/code/", login_steps.code_page, name="login_code"),
            path("second-factor/", second_factor.page, name="second_factor"),
            path("password-reset/", password_reset.ask_page, name="password_reset"),
            path("password-reset/<uidb64>/<token>/", password_reset.SetPage.as_view(), name="password_reset_confirm"),
        ]
        return [*own, *steps, *pages, *stock]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return super().admin_view(understanding(view), cacheable)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        return cast("HttpResponse", Suggestions.as_view(admin_site=self)(request))

    def has_permission(self, request: HttpRequest) -> bool:
        """Every page of the admin asks this: the password alone is not enough where more is asked for."""
        return super().has_permission(request) and login_steps.passed(request)

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Django's, but for the page: with a second factor the password is only the first step."""
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        context = self.each_context(request) | {
            "title": gettext("Log in"),
            "subtitle": None,
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            REDIRECT_FIELD_NAME: reverse("admin:index"),
        }
        for given in (request.POST, request.GET):
            if REDIRECT_FIELD_NAME in given:
                del context[REDIRECT_FIELD_NAME]
                break
        page = login_steps.LoginPage.as_view(
            authentication_form=AdminAuthenticationForm,
            template_name="admin/login.html",
            extra_context=context | (extra_context or {}),
        )
        return page(request)  # type: ignore[return-value]  # the stubs know the base class only

    def app_index(  # type: ignore[override]  # the stubs know Django's own answer only
        self, request: HttpRequest, app_label: str, extra_context: object = None
    ) -> HttpResponse:
        """Django's list of one app's models; the navigation is on every page."""
        return HttpResponseRedirect(reverse("admin:index"))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from mailing.admin.site import overview

        return super().index(request, overview.context(request) | (extra_context or {}))


class Suggestions(AutocompleteJsonView):
    """What a box that searches offers: by a field that leads somewhere, for words that somebody may have typed."""

    def process_request(self, request: HttpRequest) -> Any:
        term, screen, field, to_field = super().process_request(request)
        if not isinstance(field, Field):
            raise PermissionDenied
        if len(term) > unchecked.LONGEST_SEARCH:
            raise NotUnderstood([("term", term)])
        return term, screen, field, to_field


def understanding(view: Callable[..., Any]) -> Callable[..., Any]:
    """What an address asks for and does not exist is the asker's mistake: a page for them, no alarm for us."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(request, *args, **kwargs)
        except NotUnderstood as refusal:
            return bad_request(request, refusal)
        except DisallowedModelAdminToField:
            return bad_request(request, NotUnderstood([(TO_FIELD_VAR, request.GET.get(TO_FIELD_VAR, ""))]))
        except DisallowedModelAdminLookup:
            return bad_request(request)

    return answered


def find_page(request: HttpRequest) -> HttpResponse:
    """Anything by a word of it (Ctrl-K). Loaded with the screens, as the overview is."""
    from backoffice import finding

    return finding.page(request)


def undo_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What the button in a message takes back."""
    from mailing.admin.site import undoing

    return undoing.page(request, pk)


def confirm_site(request: HttpRequest) -> HttpResponse:
    """The answer to the banner "this looks like a copy": the data belong here now."""
    try:
        site_guard.confirm_site(by=request.user)  # type: ignore[arg-type]  # admin_view lets nobody anonymous in
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    messages.success(request, gettext("Confirmed: this installation writes to the clients now."))
    return HttpResponseRedirect(reverse("admin:index"))
