"""What our own pages of an object share: finding it, asking for the right, and answering a refusal in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mailing.admin.common.base import Context, SamovarModelAdmin
from mailing.errors import NotAllowed, Refused

View = Callable[..., HttpResponseBase]


class Pages(SamovarModelAdmin):
    def get_pages(self) -> list[tuple[str, View]]:
        """(address below the model's own, view); "<int:pk>/send/" is reversed as `self.url("send", pk)`."""
        return []

    def get_urls(self) -> list[URLPattern]:
        ours = [
            path(route, self.admin_site.admin_view(_forbidding(view)), name=self._page_name(route))
            for route, view in self.get_pages()
        ]
        return [*ours, *super().get_urls()]

    def _page_name(self, route: str) -> str:
        name = route.rstrip("/").rsplit("/", 1)[-1]
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def find(self, request: HttpRequest, pk: int) -> Any:
        """The object, for somebody who may look at it."""
        obj = self.get_object(request, str(pk))
        if obj is None:
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        return obj

    def require_add(self, request: HttpRequest) -> None:
        if not self.has_add_permission(request):
            raise PermissionDenied

    def perform(
        self,
        request: HttpRequest,
        act: Callable[[], Any],
        *,
        said: Any = "",
        back: str,
    ) -> HttpResponseRedirect:
        """Calls a service; says what was done, or the sentence of the refusal, on the page `back`."""
        try:
            result = act()
        except NotAllowed:
            raise
        except Refused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, said(result) if callable(said) else said)
        return HttpResponseRedirect(back)

    def page(self, request: HttpRequest, obj: Any, name: str, title: Any, context: Context) -> TemplateResponse:
        """A page of the object in the shell of the admin, from templates/admin/mailing/<model>/<name>.html."""
        shell = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "list_title": self.list_title,
            "title": title,
            "back": self.url("change", obj.pk),
        }
        template = f"admin/{self.opts.app_label}/{self.opts.model_name}/{name}.html"
        return TemplateResponse(request, template, shell | context)


def _forbidding(view: View) -> View:
    """A service that says "not allowed" is answered like any other page one may not open."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal

    return answered


def user_of(request: HttpRequest) -> User:
    """Whoever is logged in: `admin_view` lets nobody else through."""
    return cast("User", request.user)


def undo(request: HttpRequest, label: Any, url: str) -> SafeString:
    """A button inside a message, that takes back what the message says was done."""
    return format_html(
        '<form method="post" action="{}" class="button-form"><input type="hidden" name="csrfmiddlewaretoken" '
        'value="{}"><button type="submit" class="btn btn-small">{}</button></form>',
        url,
        get_token(request),
        label,
    )
