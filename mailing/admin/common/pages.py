"""What views of our own pages share: who asks, by which method, and how a refusal is answered."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from mailing.errors import NotAllowed
from mailing.furniture import Words
from mailing.models import Undo
from mailing.services.access import undos

View = Callable[..., HttpResponseBase]
Decorated = TypeVar("Decorated", bound=View)

POST = method_decorator(require_POST)
GET = method_decorator(require_GET)


def forbidding(view: View) -> View:
    """A service that says "not allowed" is answered like any other page one may not open."""

    @wraps(view)
    def answered(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal

    return answered


def taking_file(right: str) -> Callable[[Decorated], Decorated]:
    """A page that takes a file from whoever has this right; all others take none (`backoffice.uploads`)."""

    def marked(view: Decorated) -> Decorated:
        view.takes_file = right  # type: ignore[attr-defined]
        return view

    return marked


def user_of(request: HttpRequest) -> User:
    """Whoever is logged in: `admin_view` lets nobody else through."""
    return cast("User", request.user)


def form_of(request: HttpRequest, form: type[Any]) -> type[Any]:
    """The same form, that knows who fills it in: as `by`."""
    return type(form.__name__, (form,), {"by": user_of(request)})


def undoable(request: HttpRequest, words: str, act: Undo | None) -> str:
    """What was done, and behind it the button that takes it back, where something can."""
    if act is None or not undos.is_open(act):
        return words
    return format_html("{} {}", words, undo(request, _("Undo"), reverse("admin:undo", args=[act.pk])))


def undo(request: HttpRequest, label: Words, url: str) -> SafeString:
    """A button inside a message, that takes back what the message says was done."""
    return format_html(
        '<form method="post" action="{}" class="button-form"><input type="hidden" name="csrfmiddlewaretoken" '
        'value="{}"><button type="submit" class="btn btn-small">{}</button></form>',
        url,
        get_token(request),
        label,
    )
